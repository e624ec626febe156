/* App Home: what waits for the person who looks at it, drawn anew when that changes. One call at a time, so that many
 * pages are no burst. */
#include <stdlib.h>
#include <string.h>

#include <uthash.h>

#include "base/log.h"
#include "base/text.h"
#include "bot/channels/slack/slack_private.h"

enum {
	PAUSE_MS = 1000,               /* several changes become one page */
	KEEP_MS = 12 * 60 * 60 * 1000, /* who has not looked for so long opens it again first */
	HOMES_MAX = 2000,
	ARENA_BYTES = 64 * 1024,
	LOOK_BYTES_MAX = 256 * 1024,
	AGAIN_MS = 30 * 1000,
};

struct slack_home {
	struct slack *slack;
	char *user;       /* owned */
	char *look;       /* owned; of the page that stands there, without its buttons' secrets; NULL not known */
	char refusal[32]; /* key of the text instead of questions; "" */
	struct mono_ms looked_at;
	bool stale;        /* the page is to be drawn */
	bool gone;         /* the channel is; to be freed when it is told */
	UT_hash_handle hh; /* in the order of looking, the oldest first */
};

static void pump(void *owner);

static void home_free(struct slack_home *h)
{
	free(h->user);
	free(h->look);
	free(h);
}

static void home_forget(struct slack *s, struct slack_home *h)
{
	HASH_DEL(s->homes, h);
	if (s->home_busy == h) {
		h->gone = true; /* somebody owes it an answer */
		s->home_busy = NULL;
		return;
	}
	home_free(h);
}

void slack_homes_destroy(struct slack *s)
{
	timer_stop(&s->home_timer);
	while (s->homes)
		home_forget(s, s->homes);
}

/* ---- one page ---- */

static void next_page(struct slack *s, int64_t pause_ms)
{
	timer_start(s->ctx.loop, &s->home_timer, pause_ms, pump, s);
}

static void page_over(struct slack_home *h, int64_t pause_ms)
{
	h->slack->home_busy = NULL;
	next_page(h->slack, pause_ms);
}

static void published(void *owner, const struct slack_answer *ans)
{
	struct slack_home *h = owner;
	int64_t pause = 0;
	if (ans->r != RC_OK) {
		log_warn("slack_home_not_drawn", "user=%s why=%s", h->user, ans->why);
		free(h->look);
		h->look = NULL;
		h->stale = ans->r == RC_UNREACHABLE || slack_trouble_of(ans->error) == TROUBLE_SLOW;
		pause = ans->retry_after_ms > AGAIN_MS ? ans->retry_after_ms : AGAIN_MS;
	}
	page_over(h, pause);
}

static void dropped(void *owner)
{
	struct slack_home *h = owner;
	if (h->gone)
		home_free(h);
	else
		h->slack->home_busy = NULL; /* it is freed with the others */
}

/* What a person would see change; the buttons' tokens change every time. malloc'ed. */
static char *look_of(const struct card *const *cards, size_t count, const char *note)
{
	struct strbuf b;
	strbuf_init(&b, LOOK_BYTES_MAX);
	strbuf_add(&b, note);
	for (size_t i = 0; i < count; i++)
		strbuf_addf(&b, "\n%s", cards[i]->plain);
	char *look = strbuf_take(&b);
	strbuf_finish(&b);
	return look;
}

static void publish(struct slack_home *h, const struct card *const *cards, size_t count, const char *note)
{
	struct slack *s = h->slack;
	char *look = look_of(cards, count, note), *page = NULL;
	struct error e;
	if (look && text_eq(look, h->look)) {
		free(look);
		page_over(h, 0);
		return;
	}
	free(h->look);
	h->look = look;
	if (slack_render_home(h->user, cards, count, note, s->ctx.lang, &page, &e) != RC_OK) {
		log_error("slack_home_not_drawn", "user=%s why=%s", h->user, e.text);
		page_over(h, 0);
		return;
	}
	slack_send(s, &(struct slack_request){ .as = SLACK_JSON,
					       .method = "views.publish",
					       .body = page,
					       .done = published,
					       .drop = dropped,
					       .owner = h });
	free(page);
}

static void told(void *owner, const struct card *const *cards, size_t count)
{
	struct slack_home *h = owner;
	if (h->gone) {
		home_free(h);
		return;
	}
	if (!cards && !*h->refusal) {
		h->stale = true;
		page_over(h, AGAIN_MS);
		return;
	}
	CLEANUP(arena_destroy_p) struct arena *a = arena_create(ARENA_BYTES);
	publish(h, cards, count, a && *h->refusal ? card_words(h->slack->ctx.lang, h->refusal, a, NULL) : "");
}

static void draw(struct slack_home *h)
{
	struct slack *s = h->slack;
	struct person who = { .platform = "slack",
			      .team = *s->enterprise ? s->enterprise : s->team,
			      .id = h->user,
			      .name = h->user,
			      .user = "" };
	char channel[128];
	(void)snprintf(channel, sizeof channel, "slack:%s", h->user);
	h->stale = false;
	s->home_busy = h;
	if (*h->refusal || !s->ctx.ears.waiting)
		told(h, NULL, 0);
	else
		s->ctx.ears.waiting(s->ctx.ears.owner, &who, channel, told, h);
}

static void pump(void *owner)
{
	struct slack *s = owner;
	struct slack_home *h, *next;
	struct mono_ms now = loop_now(s->ctx.loop);
	if (s->home_busy)
		return;
	HASH_ITER (hh, s->homes, h, next) {
		if (now.v - h->looked_at.v > KEEP_MS || HASH_COUNT(s->homes) > HOMES_MAX)
			home_forget(s, h);
		else if (h->stale) {
			draw(h);
			return;
		}
	}
}

/* ---- when ---- */

void slack_home_opened(struct slack *s, const char *user, const char *refusal)
{
	struct slack_home *h;
	HASH_FIND_STR(s->homes, user, h);
	if (h) {
		HASH_DEL(s->homes, h); /* to the end: looked at last */
	} else {
		h = calloc(1, sizeof *h);
		char *copy = h ? strdup(user) : NULL;
		if (!copy) {
			free(h);
			return;
		}
		*h = (struct slack_home){ .slack = s, .user = copy };
	}
	HASH_ADD_KEYPTR(hh, s->homes, h->user, strlen(h->user), h);
	(void)text_copy(h->refusal, sizeof h->refusal, refusal);
	h->looked_at = loop_now(s->ctx.loop);
	h->stale = true;
	pump(s);
}

void slack_homes_changed(struct channel *c)
{
	struct slack *s = SLACK_OF(c);
	struct slack_home *h, *next;
	bool any = false;
	HASH_ITER (hh, s->homes, h, next) {
		h->stale = any = true;
	}
	if (any && !timer_active(&s->home_timer))
		next_page(s, PAUSE_MS);
}
