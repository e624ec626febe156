/* Who acts: a full member of our workspace, or somebody whom Slack lets in without being one. Slack is asked
 * (users.info) at most once in a while; what it does not tell is no, but for a short outage the last answer stands. */
#include <stdlib.h>
#include <string.h>

#include <uthash.h>

#include "base/json.h"
#include "base/log.h"
#include "base/strbuf.h"
#include "base/text.h"
#include "bot/channels/slack/slack_private.h"

enum {
	FRESH_MS = 5 * 60 * 1000,
	STALE_MS = 60 * 60 * 1000,
	PEOPLE_MAX = 20000,
	WAITING_MAX = 1000,
	NAME_BYTES = 128,
	FORM_BYTES_MAX = 256,
};

/* Somebody waits for an answer about a person. */
struct slack_asker {
	struct slack_asker *next;
	slack_person_known *done;
	void (*drop)(void *owner);
	void *owner;
};
struct slack_person {
	struct slack *slack;
	char *id; /* owned */
	char name[NAME_BYTES];
	const char *refusal; /* key of a text; "" welcome; NULL not known yet */
	struct mono_ms read_at;
	bool asking;
	struct slack_asker *askers; /* owned */
	UT_hash_handle hh;          /* in the order of their coming */
};

static void person_forget(struct slack *s, struct slack_person *p)
{
	HASH_DEL(s->people, p);
	while (p->askers) {
		struct slack_asker *k = p->askers;
		p->askers = k->next;
		k->drop(k->owner);
		free(k);
	}
	free(p->id);
	free(p);
}

void slack_people_destroy(struct slack *s)
{
	while (s->people)
		person_forget(s, s->people);
}

/* ---- what Slack says of somebody ---- */

/* Of another workspace, though Slack shows him to us: a shared channel, another enterprise. */
static bool is_stranger(const struct slack *s, const cJSON *user)
{
	const char *home = json_text(user, "enterprise_user.enterprise_id", "");
	if (json_bool(user, "is_stranger", false))
		return true;
	if (*s->enterprise && *home)
		return !text_eq(home, s->enterprise);
	const char *team = json_text(user, "team_id", "");
	return *team && !text_eq(team, s->team) && !text_eq(team, s->enterprise);
}

static const char *refusal_of(const struct slack *s, const cJSON *user)
{
	if (json_bool(user, "deleted", false))
		return "person.gone";
	if (json_bool(user, "is_bot", false))
		return "person.bot";
	if (is_stranger(s, user))
		return "person.stranger";
	if (json_bool(user, "is_restricted", false) || json_bool(user, "is_ultra_restricted", false))
		return "person.guest";
	return "";
}

static const char *refusal_of_error(const char *error)
{
	if (text_eq(error, "user_not_found") || text_eq(error, "user_not_visible"))
		return "person.stranger";
	return slack_trouble_of(error) == TROUBLE_SETUP ? "person.setup" : "person.unknown";
}

static void tell_all(struct slack_person *p, const char *refusal)
{
	struct slack_asker *list = p->askers, *k;
	char name[NAME_BYTES];
	(void)text_copy(name, sizeof name, p->name);
	p->askers = NULL;
	while ((k = list)) {
		list = k->next;
		k->done(k->owner, refusal, name);
		free(k);
	}
}

static void person_read(void *owner, const struct slack_answer *ans)
{
	struct slack_person *p = owner;
	struct slack *s = p->slack;
	struct mono_ms now = loop_now(s->ctx.loop);
	const cJSON *user = json_at(ans->body, "user");
	p->asking = false;
	if (ans->r == RC_OK && cJSON_IsObject(user)) {
		p->refusal = refusal_of(s, user);
		p->read_at = now;
		(void)text_copy(p->name, sizeof p->name, json_text(user, "name", ""));
		tell_all(p, p->refusal);
		return;
	}
	bool unheard = ans->r == RC_UNREACHABLE || slack_trouble_of(ans->error) == TROUBLE_SLOW;
	bool stands = unheard && p->refusal && now.v - p->read_at.v < STALE_MS;
	if (stands) {
		tell_all(p, p->refusal);
		return;
	}
	log_warn("slack_person_unknown", "user=%s why=%s", p->id, ans->why);
	tell_all(p, refusal_of_error(ans->error));
}

/* ---- asking ---- */

static void make_room(struct slack *s)
{
	struct slack_person *p, *next;
	HASH_ITER (hh, s->people, p, next) {
		if (HASH_COUNT(s->people) < PEOPLE_MAX)
			return;
		if (!p->asking && !p->askers)
			person_forget(s, p);
	}
}

static struct slack_person *person_add(struct slack *s, const char *id)
{
	make_room(s);
	struct slack_person *p = calloc(1, sizeof *p);
	char *copy = p ? strdup(id) : NULL;
	if (!copy) {
		free(p);
		return NULL;
	}
	p->slack = s;
	p->id = copy;
	HASH_ADD_KEYPTR(hh, s->people, p->id, strlen(p->id), p);
	return p;
}

static void person_ask(struct slack_person *p)
{
	struct strbuf form;
	strbuf_init(&form, FORM_BYTES_MAX);
	strbuf_add(&form, "user=");
	strbuf_add_urlencoded(&form, p->id, strlen(p->id));
	p->asking = true;
	slack_send(p->slack, &(struct slack_request){ .as = SLACK_FORM_BODY,
						      .method = "users.info",
						      .body = form.overflow ? NULL : form.s,
						      .done = person_read,
						      .owner = p });
	strbuf_finish(&form);
}

static bool too_many_wait(const struct slack_person *p)
{
	size_t n = 0;
	for (const struct slack_asker *k = p->askers; k; k = k->next)
		n++;
	return n >= WAITING_MAX;
}

void slack_person_ask(struct slack *s, const char *id, slack_person_known *done, void (*drop)(void *owner), void *owner)
{
	struct slack_person *p;
	if (s->guests) {
		done(owner, "", "");
		return;
	}
	HASH_FIND_STR(s->people, id, p);
	if (p && p->refusal && loop_now(s->ctx.loop).v - p->read_at.v < FRESH_MS) {
		done(owner, p->refusal, p->name);
		return;
	}
	if (!p)
		p = person_add(s, id);
	struct slack_asker *k = p && !too_many_wait(p) ? calloc(1, sizeof *k) : NULL;
	if (!k) {
		done(owner, "person.unknown", "");
		return;
	}
	*k = (struct slack_asker){ .done = done, .drop = drop, .owner = owner };
	struct slack_asker **last = &p->askers;
	while (*last)
		last = &(*last)->next;
	*last = k;
	if (!p->asking)
		person_ask(p);
}
