/* User groups that policies name: who is in them, not older than a minute when a decision depends on it. What cannot be
 * told is no: a group that Slack does not answer for has no members. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "base/text.h"
#include "bot/channels/slack/slack_private.h"

enum { FRESH_MS = 60 * 1000, GROUPS_MAX = 64, FORM_BYTES_MAX = 256 };

/* Somebody waits for the groups of a person. */
struct slack_question {
	struct slack_question *next;
	char *user; /* owned */
	void (*done)(void *owner, const char *const *groups);
	void *owner;
};

static const char *const nothing[] = { NULL };

static void group_free(struct slack_group *g)
{
	free(g->id);
	free(g->name);
	cJSON_Delete(g->members);
	free(g);
}

static enum result group_add(struct slack *s, const char *id, struct error *e)
{
	struct slack_group *g = calloc(1, sizeof *g);
	if (!g)
		return error_set(e, RC_EXHAUSTED, "no memory for a user group");
	g->slack = s;
	g->id = strdup(id);
	g->name = malloc(strlen(id) + sizeof "slack:");
	if (!g->id || !g->name) {
		group_free(g);
		return error_set(e, RC_EXHAUSTED, "no memory for a user group");
	}
	memcpy(g->name, "slack:", 6);
	memcpy(g->name + 6, id, strlen(id) + 1);
	g->next = s->groups;
	s->groups = g;
	return RC_OK;
}

enum result slack_groups_create(struct slack *s, const char *const *ids, struct error *e)
{
	enum result r = RC_OK;
	size_t n = 0;
	for (; r == RC_OK && ids && ids[n]; n++)
		r = n < GROUPS_MAX ? group_add(s, ids[n], e)
				   : error_set(e, RC_INVALID, "more than %d user groups in policies", GROUPS_MAX);
	return r;
}

void slack_groups_destroy(struct slack *s)
{
	loop_defer_cancel(&s->answer_questions);
	while (s->questions) { /* who waits is told all the same, so that it can end */
		struct slack_question *q = s->questions;
		s->questions = q->next;
		q->done(q->owner, nothing);
		free(q->user);
		free(q);
	}
	while (s->groups) {
		struct slack_group *g = s->groups;
		s->groups = g->next;
		group_free(g);
	}
}

static bool fresh(const struct slack_group *g)
{
	return g->known && loop_now(g->slack->ctx.loop).v - g->read_at.v < FRESH_MS;
}

static bool has(const struct slack_group *g, const char *user)
{
	const cJSON *m;
	cJSON_ArrayForEach (m, g->members)
		if (cJSON_IsString(m) && text_eq(m->valuestring, user))
			return true;
	return false;
}

static void answer(struct slack *s, struct slack_question *q)
{
	const char *list[GROUPS_MAX + 1];
	size_t n = 0;
	for (struct slack_group *g = s->groups; g; g = g->next)
		if (fresh(g) && has(g, q->user))
			list[n++] = g->name;
	list[n] = NULL;
	q->done(q->owner, list);
	free(q->user);
	free(q);
}

static bool asking(const struct slack *s)
{
	for (const struct slack_group *g = s->groups; g; g = g->next)
		if (g->asking)
			return true;
	return false;
}

static void answer_all(void *owner)
{
	struct slack *s = owner;
	struct slack_question *list = s->questions, *q;
	s->questions = NULL; /* whoever asks from now on asks anew */
	while ((q = list)) {
		list = q->next;
		answer(s, q);
	}
}

static void group_read(void *owner, const struct slack_answer *ans)
{
	struct slack_group *g = owner;
	struct slack *s = g->slack;
	g->asking = false;
	const cJSON *users = json_at(ans->body, "users");
	cJSON_Delete(g->members);
	g->members = ans->r == RC_OK && cJSON_IsArray(users) ? cJSON_Duplicate(users, true) : NULL;
	g->known = g->members != NULL;
	g->read_at = loop_now(s->ctx.loop);
	if (!g->known)
		log_warn("user_group_unknown", "group=%s why=%s", g->id, ans->why);
	if (!asking(s))
		loop_defer(s->ctx.loop, &s->answer_questions, answer_all, s);
}

static void group_ask(struct slack_group *g)
{
	struct strbuf form;
	strbuf_init(&form, FORM_BYTES_MAX);
	strbuf_add(&form, "usergroup=");
	strbuf_add_urlencoded(&form, g->id, strlen(g->id));
	if (*g->slack->team) {
		strbuf_add(&form, "&team_id=");
		strbuf_add_urlencoded(&form, g->slack->team, strlen(g->slack->team));
	}
	g->asking = true;
	slack_send(g->slack, &(struct slack_request){ .as = SLACK_FORM_BODY,
						      .method = "usergroups.users.list",
						      .body = form.overflow ? NULL : form.s,
						      .done = group_read,
						      .owner = g });
	strbuf_finish(&form);
}

void slack_groups_of(struct channel *c, const struct person *p, void (*done)(void *owner, const char *const *groups),
		     void *owner)
{
	struct slack *s = SLACK_OF(c);
	struct slack_question *q = calloc(1, sizeof *q);
	char *user = strdup(p->id);
	if (!q || !user) {
		free(q);
		free(user);
		done(owner, nothing);
		return;
	}
	*q = (struct slack_question){ .next = s->questions, .user = user, .done = done, .owner = owner };
	s->questions = q;
	for (struct slack_group *g = s->groups; g; g = g->next)
		if (!fresh(g) && !g->asking)
			group_ask(g);
	if (!asking(s))
		loop_defer(s->ctx.loop, &s->answer_questions, answer_all, s);
}

const char *const *slack_usergroups(const struct policy *policies, struct arena *a)
{
	const char **list = arena_alloc(a, GROUPS_MAX + 1, sizeof *list);
	size_t n = 0;
	for (const struct policy *p = policies; list && p->name; p++)
		for (int i = -1; i < RIGHT_COUNT; i++) {
			const char *const *who = i < 0 ? p->approvers : p->rights[i];
			for (; who && *who && n < GROUPS_MAX; who++) {
				bool there = !text_starts(*who, "slack:S");
				for (size_t k = 0; k < n && !there; k++)
					there = text_eq(list[k], *who + 6);
				if (!there)
					list[n++] = *who + 6;
			}
		}
	return list;
}
