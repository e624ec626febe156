#include "app/demo/story.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/file.h"
#include "base/json.h"
#include "base/text.h"

enum {
	LOOK_MS = 100,
	THINK_MS = 900, /* so that somebody who watches sees the question */
	AGAIN_MS = 500,
	CALL_MS = 10000,
	PATIENCE_MS = 100 * 1000, /* for all of it */
	URL_BYTES = 256,
	ARENA_BYTES = 1 << 20
};
#define NS "default"
#define NAME "podinfo-default"
#define IMAGE "registry.cn-hangzhou.aliyuncs.com/acs/rollouts-demo"
#define GOOD "green"
#define BAD "bad-red"

struct story;
struct chapter {
	void (*begin)(struct story *s);
	bool (*over)(const struct story *s, const struct rollout *r); /* r NULL: there is no Canary yet */
	void (*end)(struct story *s);
};
struct story {
	struct story_options o;
	struct load *load; /* owned */
	struct arena *arena;
	char authorization[128];
	const struct chapter *chapter; /* the present one */
	bool was_active, stepped;      /* in this chapter */
	struct http_call *call;        /* one at a time */
	bool vote;                     /* the call is one */
	struct timer look;
	struct mono_ms began_at, asked_at; /* asked_at: a gate waits since then; 0: none does */
	bool over, well;
	char why[512]; /* not well */
	struct deferred end;
	/* what was told last */
	int weight;
	char message[512];
};

static void ended(void *owner)
{
	struct story *s = owner;
	s->o.ended(s->o.owner, s->well, s->why);
}

/* Told on a later turn, because whoever hears it may stop the story. */
static void story_end(struct story *s, bool well, const char *why)
{
	if (s->over)
		return;
	s->over = true;
	s->well = well;
	(void)text_copy(s->why, sizeof s->why, why);
	loop_defer(s->o.house->loop, &s->end, ended, s);
}

/* ---- asking the service ---- */

static void answered(void *owner, enum result r, const struct http_answer *a, const struct error *why)
{
	struct story *s = owner;
	CLEANUP(json_delete_p) cJSON *body = NULL;
	s->call = NULL;
	bool good = r == RC_OK && a->status / 100 == 2;
	if (s->vote)
		s->asked_at = loop_now(s->o.house->loop); /* one that came too early is cast again */
	if (good || s->vote)
		return;
	bool told = r == RC_OK && json_parse(a->body, a->len, &body, NULL) == RC_OK;
	story_end(s, false, r != RC_OK ? why->text : told ? json_text(body, "error", "refused") : "no answer in JSON");
}

static void post(struct story *s, const char *path, const char *type, const char *body)
{
	char url[URL_BYTES], content[64];
	struct error e;
	(void)snprintf(url, sizeof url, "http://127.0.0.1:%d%s", s->o.ground->port, path);
	(void)snprintf(content, sizeof content, "Content-Type: %s", type);
	const char *const headers[] = { s->authorization, content, NULL };
	const struct http_request q = { .method = "POST",
					.url = url,
					.headers = headers,
					.body = body,
					.body_len = strlen(body),
					.timeout_ms = CALL_MS,
					.no_proxy = true };
	http_cancel(&s->call);
	s->vote = false;
	s->call = http_send(s->o.house->http, &q, answered, s, &e);
	if (!s->call)
		story_end(s, false, e.text);
}

static void apply(struct story *s, const char *name)
{
	CLEANUP(free_p) char *text = ground_fill(s->o.ground, name);
	if (text)
		post(s, "/api/v1/apply", "application/yaml", text);
	else
		story_end(s, false, "no memory for the manifests");
}

static void release(struct story *s, const char *tag)
{
	char body[URL_BYTES];
	(void)snprintf(body, sizeof body, "{\"podinfod\":\"" IMAGE ":%s\"}", tag);
	post(s, "/api/v1/objects/deployments/" NS "/podinfo/image", "application/json", body);
}

/* ---- chapters ---- */

static void app_begin(struct story *s)
{
	screen_say(s->o.screen, SCREEN_STEP, "the application: blue, four processes behind nginx");
	apply(s, "app.yaml");
}

static bool app_serves(const struct story *s, const struct rollout *r)
{
	(void)r;
	return load_flows(s->load);
}

static void app_end(struct story *s)
{
	screen_say(s->o.screen, SCREEN_GOOD, "blue answers; from now on %d requests a second, none may be lost",
		   LOAD_A_SECOND);
}

static void canary_begin(struct story *s)
{
	screen_say(s->o.screen, SCREEN_STEP,
		   "its canary: 20 %% steps, asks before the release and before the promotion");
	apply(s, "canary.yaml");
}

static bool canary_is_ready(const struct story *s, const struct rollout *r)
{
	(void)s;
	return r && r->phase == PHASE_INITIALIZED;
}

static void canary_end(struct story *s)
{
	screen_say(s->o.screen, SCREEN_GOOD, "the canary is ready: podinfo-primary has the traffic");
}

static void good_begin(struct story *s)
{
	screen_say(s->o.screen, SCREEN_STEP, "release " GOOD);
	release(s, GOOD);
}

static bool good_is_out(const struct story *s, const struct rollout *r)
{
	return s->was_active && r && !r->active && r->phase == PHASE_SUCCEEDED && load_share(s->load, GOOD) == 100;
}

static void good_end(struct story *s)
{
	screen_say(s->o.screen, SCREEN_GOOD, GOOD " is promoted, and answers everything");
}

static void bad_begin(struct story *s)
{
	screen_say(s->o.screen, SCREEN_STEP, "release " BAD ", which answers every third request with an error");
	release(s, BAD);
}

static bool bad_is_back(const struct story *s, const struct rollout *r)
{
	return s->was_active && r && !r->active && r->phase == PHASE_FAILED && load_share(s->load, GOOD) == 100;
}

static void bad_end(struct story *s)
{
	screen_say(s->o.screen, SCREEN_GOOD, BAD " was rolled back by its metric, " GOOD " answers everything");
}

static const struct chapter by_hand[] = {
	{ app_begin, app_serves, app_end },
	{ canary_begin, canary_is_ready, canary_end },
	{ 0 },
};
static const struct chapter by_itself[] = {
	{ app_begin, app_serves, app_end },
	{ canary_begin, canary_is_ready, canary_end },
	{ good_begin, good_is_out, good_end },
	{ bad_begin, bad_is_back, bad_end },
	{ 0 },
};

/* ---- looking ---- */

static void vote(struct story *s, const struct rollout *r)
{
	int64_t now = loop_now(s->o.house->loop).v;
	if (!r->gate.waiting || r->gate.foreign) {
		s->asked_at.v = 0;
		s->vote = s->vote && s->call;
		return;
	}
	if (!s->asked_at.v) {
		s->asked_at.v = now;
		screen_say(s->o.screen, SCREEN_ASKS, "%s: somebody has to approve", hook_type_name(r->gate.type));
	}
	if (s->call || now - s->asked_at.v < (s->vote ? AGAIN_MS : THINK_MS))
		return;
	screen_say(s->o.screen, SCREEN_GOOD, "lin.wei approves %s", hook_type_name(r->gate.type));
	post(s, "/api/v1/rollouts/" NS "/" NAME "/approve", "application/json",
	     "{\"via\":\"cli\",\"reason\":\"looks good\"}");
	s->vote = true;
}

static const char *rate_of(const struct rollout *r)
{
	for (size_t i = 0; i < r->check_count; i++)
		if (text_eq(r->checks[i].name, "request-success-rate") && r->checks[i].measured)
			return r->checks[i].value;
	return "";
}

static void tell_weight(struct story *s, const struct rollout *r)
{
	char bar[SCREEN_BAR];
	const char *rate = s->stepped ? rate_of(r) : ""; /* else it is of the release before */
	if (r->canary.weight == 0) {
		screen_say(s->o.screen, SCREEN_STEP, "%s   0 %%   the stable version has all of the traffic",
			   screen_bar(0, bar));
		return;
	}
	screen_say(s->o.screen, SCREEN_STEP, "%s %3d %%   pods %d new, %d stable%s%s%s",
		   screen_bar(r->canary.weight, bar), r->canary.weight, r->canary.available, r->stable.available,
		   *rate ? "   success rate " : "", rate, *rate ? " %" : "");
	s->stepped = true;
}

static void tell_changes(struct story *s, const struct rollout *r)
{
	if (r->canary.weight != s->weight && r->active)
		tell_weight(s, r);
	s->weight = r->canary.weight;
	/* What the engine complains of is part of the story: why a release is rolled back. */
	if (!r->gate.waiting && !text_eq(r->message, s->message) &&
	    (text_starts(r->message, "Halt ") || text_starts(r->message, "Rolling back ")))
		screen_say(s->o.screen, SCREEN_BAD, "%s", r->message);
	(void)text_copy(s->message, sizeof s->message, r->message);
}

static const char *color_of(const char *images)
{
	const char *colon = strrchr(images, ':');
	return colon ? colon + 1 : images;
}

static void paint(struct story *s, const struct rollout *r)
{
	struct load_counts n = load_counts(s->load);
	char bar[SCREEN_BAR], share[SCREEN_LINE / 2] = "";
	const char *color = r ? color_of(r->canary.images) : "";
	int percent = load_share(s->load, color);
	if (r && r->active && percent >= 0)
		(void)snprintf(share, sizeof share, "%s %3d %%   %.20s answers %d %%   ",
			       screen_bar(r->canary.weight, bar), r->canary.weight, color, percent);
	screen_now(s->o.screen, "    %s%llu requests, %llu lost", share, (unsigned long long)n.answered,
		   (unsigned long long)(n.failed - n.excused));
}

static void begin(struct story *s)
{
	s->was_active = s->stepped = false;
	if (s->chapter->begin)
		s->chapter->begin(s);
	else
		story_end(s, true, "");
}

static void look(void *owner)
{
	struct story *s = owner;
	struct house *h = s->o.house;
	timer_start(h->loop, &s->look, LOOK_MS, look, s);
	arena_reset(s->arena);
	const struct rollout *r = engine_find(h->engine, NS, NAME, s->arena);
	if (r) {
		s->was_active = s->was_active || r->active;
		tell_changes(s, r);
		if (s->o.releases && !s->over)
			vote(s, r);
	}
	paint(s, r);
	if (s->over || s->call)
		return;
	if (s->chapter->over(s, r)) {
		s->chapter->end(s);
		s->chapter++;
		begin(s);
	} else if (loop_now(h->loop).v - s->began_at.v > PATIENCE_MS) {
		story_end(s, false, "it does not go on");
	}
}

/* ---- life ---- */

static enum result read_token(struct story *s, struct error *e)
{
	CLEANUP(free_p) char *token = NULL;
	char path[GROUND_PATH + 16];
	size_t len = 0;
	(void)snprintf(path, sizeof path, "%s/cli.token", s->o.ground->folder);
	enum result r = file_load(path, &token, &len, e);
	if (r == RC_OK)
		(void)snprintf(s->authorization, sizeof s->authorization, "Authorization: Bearer %.*s",
			       (int)strcspn(token, "\r\n"), token);
	return r;
}

enum result story_start(const struct story_options *o, struct story **ret, struct error *e)
{
	struct story *s = calloc(1, sizeof *s);
	if (!s)
		return error_set(e, RC_EXHAUSTED, "no memory for the demo");
	s->o = *o;
	s->arena = arena_create(ARENA_BYTES);
	s->load = load_start(o->house->loop, o->house->http, o->ground->web_port);
	s->began_at = loop_now(o->house->loop);
	s->chapter = o->releases ? by_itself : by_hand;
	enum result r = s->arena && s->load ? read_token(s, e) : error_set(e, RC_EXHAUSTED, "no memory for the demo");
	if (r != RC_OK) {
		story_stop(s);
		return r;
	}
	timer_start(o->house->loop, &s->look, LOOK_MS, look, s);
	begin(s);
	*ret = s;
	return RC_OK;
}

const struct load *story_load(const struct story *s)
{
	return s->load;
}

void story_stop(struct story *s)
{
	if (!s)
		return;
	timer_stop(&s->look);
	loop_defer_cancel(&s->end);
	http_cancel(&s->call);
	load_stop(s->load);
	arena_destroy(s->arena);
	free(s);
}
