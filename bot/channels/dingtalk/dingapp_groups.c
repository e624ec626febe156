/* Roles and departments that policies name: who is in them, not older than a few minutes when a decision depends on it.
 * What cannot be told is no: a role that DingTalk does not answer for has no members. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "base/text.h"
#include "bot/channels/dingtalk/dingapp_private.h"

/* Each look costs a call of a small monthly budget. */
enum { FRESH_MS = 5 * 60 * 1000, GROUPS_MAX = 64, PAGE = 200, MEMBERS_MAX = 20000, BODY_BYTES = 128 };
#define ROLE "dingtalk:role:"
#define DEPARTMENT "dingtalk:dept:"

struct dingapp_group {
	struct dingapp *ding;
	struct dingapp_group *next;
	char *name; /* "dingtalk:role:123"; owned */
	uint64_t id;
	bool role;
	cJSON *members, *reading; /* owned */
	struct mono_ms read_at;
	bool known, asking;
};
/* Somebody waits for the groups of a person. */
struct dingapp_question {
	struct dingapp_question *next;
	char *staff; /* owned */
	void (*done)(void *owner, const char *const *groups);
	void *owner;
};

static const char *const nothing[] = { NULL };

static void group_free(struct dingapp_group *g)
{
	free(g->name);
	cJSON_Delete(g->members);
	cJSON_Delete(g->reading);
	free(g);
}

static enum result group_add(struct dingapp *d, const char *name, struct error *e)
{
	bool role = text_starts(name, ROLE);
	uint64_t id = 0;
	enum result r = text_u64(name + (role ? strlen(ROLE) : strlen(DEPARTMENT)), 1, INT64_MAX, &id, e);
	if (r != RC_OK)
		return error_in(e, r, "%s", name);
	struct dingapp_group *g = calloc(1, sizeof *g);
	char *copy = strdup(name);
	if (!g || !copy) {
		free(g);
		free(copy);
		return error_set(e, RC_EXHAUSTED, "no memory for a group of DingTalk");
	}
	*g = (struct dingapp_group){ .ding = d, .next = d->groups, .name = copy, .id = id, .role = role };
	d->groups = g;
	return RC_OK;
}

enum result dingapp_groups_create(struct dingapp *d, const char *const *names, struct error *e)
{
	enum result r = RC_OK;
	for (size_t n = 0; r == RC_OK && names && names[n]; n++)
		r = n < GROUPS_MAX
			    ? group_add(d, names[n], e)
			    : error_set(e, RC_INVALID, "more than %d groups of DingTalk in policies", GROUPS_MAX);
	return r;
}

void dingapp_groups_destroy(struct dingapp *d)
{
	loop_defer_cancel(&d->answer_questions);
	while (d->questions) { /* who waits is told all the same, so that it can end */
		struct dingapp_question *q = d->questions;
		d->questions = q->next;
		q->done(q->owner, nothing);
		free(q->staff);
		free(q);
	}
	while (d->groups) {
		struct dingapp_group *g = d->groups;
		d->groups = g->next;
		group_free(g);
	}
}

void dingapp_groups_stale(struct dingapp *d)
{
	for (struct dingapp_group *g = d->groups; g; g = g->next)
		g->known = false;
}

/* ---- answering ---- */

static bool fresh(const struct dingapp_group *g)
{
	return g->known && loop_now(g->ding->ctx.loop).v - g->read_at.v < FRESH_MS;
}

static bool has(const struct dingapp_group *g, const char *staff)
{
	const cJSON *m;
	cJSON_ArrayForEach (m, g->members)
		if (cJSON_IsString(m) && text_eq(m->valuestring, staff))
			return true;
	return false;
}

static void answer(struct dingapp *d, struct dingapp_question *q)
{
	const char *list[GROUPS_MAX + 1];
	size_t n = 0;
	for (struct dingapp_group *g = d->groups; g; g = g->next)
		if (fresh(g) && has(g, q->staff))
			list[n++] = g->name;
	list[n] = NULL;
	q->done(q->owner, list);
	free(q->staff);
	free(q);
}

static bool asking(const struct dingapp *d)
{
	for (const struct dingapp_group *g = d->groups; g; g = g->next)
		if (g->asking)
			return true;
	return false;
}

static void answer_all(void *owner)
{
	struct dingapp *d = owner;
	struct dingapp_question *list = d->questions, *q;
	d->questions = NULL; /* whoever asks from now on asks anew */
	while ((q = list)) {
		list = q->next;
		answer(d, q);
	}
}

/* ---- reading ---- */

static void group_ask(struct dingapp_group *g);

static void group_over(struct dingapp_group *g, bool known, const char *why)
{
	struct dingapp *d = g->ding;
	cJSON_Delete(g->members);
	g->members = known ? TAKE(g->reading) : NULL;
	cJSON_Delete(g->reading);
	g->reading = NULL;
	g->known = known;
	g->asking = false;
	g->read_at = loop_now(d->ctx.loop);
	if (!known)
		log_warn("dingtalk_group_unknown", "group=%s why=%s", g->name, why);
	if (!asking(d))
		loop_defer(d->ctx.loop, &d->answer_questions, answer_all, d);
}

static bool take(struct dingapp_group *g, const cJSON *list)
{
	const cJSON *one;
	cJSON_ArrayForEach (one, list) {
		const char *id = cJSON_IsString(one) ? one->valuestring : json_text(one, "userid", "");
		if (*id && !cJSON_AddItemToArray(g->reading, cJSON_CreateString(id)))
			return false;
	}
	return cJSON_GetArraySize(g->reading) <= MEMBERS_MAX;
}

static void group_read(void *owner, const struct dingapp_answer *ans)
{
	struct dingapp_group *g = owner;
	const cJSON *list = json_at(ans->body, g->role ? "result.list" : "result.userid_list");
	if (ans->trouble != DINGAPP_FINE || !cJSON_IsArray(list))
		group_over(g, false, ans->why);
	else if (!take(g, list))
		group_over(g, false, "too many members, or no memory");
	else if (g->role && json_bool(ans->body, "result.hasMore", false) && cJSON_GetArraySize(list))
		group_ask(g);
	else
		group_over(g, true, "");
}

static void group_ask(struct dingapp_group *g)
{
	char body[BODY_BYTES];
	unsigned long long id = g->id;
	if (g->role)
		(void)snprintf(body, sizeof body, "{\"role_id\":%llu,\"offset\":%d,\"size\":%d}", id,
			       cJSON_GetArraySize(g->reading), PAGE);
	else
		(void)snprintf(body, sizeof body, "{\"dept_id\":%llu}", id);
	dingapp_send(g->ding,
		     &(struct dingapp_request){ .auth = DINGAPP_OLD_TOKEN,
						.method = "POST",
						.path = g->role ? "/topapi/role/simplelist" : "/topapi/user/listid",
						.body = g->reading ? body : NULL,
						.done = group_read,
						.owner = g });
}

static void group_begin(struct dingapp_group *g)
{
	g->asking = true;
	g->reading = cJSON_CreateArray();
	group_ask(g);
}

void dingapp_groups_of(struct channel *c, const struct person *p, void (*done)(void *owner, const char *const *groups),
		       void *owner)
{
	struct dingapp *d = DINGAPP_OF(c);
	struct dingapp_question *q = calloc(1, sizeof *q);
	char *staff = strdup(p->id);
	/* the same staff id means somebody else in another organisation */
	if (!q || !staff || (!text_empty(p->team) && !text_eq(p->team, d->corp_id))) {
		free(q);
		free(staff);
		done(owner, nothing);
		return;
	}
	*q = (struct dingapp_question){ .next = d->questions, .staff = staff, .done = done, .owner = owner };
	d->questions = q;
	for (struct dingapp_group *g = d->groups; g; g = g->next)
		if (!fresh(g) && !g->asking)
			group_begin(g);
	if (!asking(d))
		loop_defer(d->ctx.loop, &d->answer_questions, answer_all, d);
}

const char *const *dingapp_group_names(const struct policy *policies, struct arena *a)
{
	const char **list = arena_alloc(a, GROUPS_MAX + 2, sizeof *list);
	size_t n = 0;
	for (const struct policy *p = policies; list && p->name; p++)
		for (int i = -1; i < RIGHT_COUNT; i++) {
			const char *const *who = i < 0 ? p->approvers : p->rights[i];
			for (; who && *who && n <= GROUPS_MAX; who++) {
				bool there = !text_starts(*who, ROLE) && !text_starts(*who, DEPARTMENT);
				for (size_t k = 0; k < n && !there; k++)
					there = text_eq(list[k], *who);
				if (!there)
					list[n++] = *who;
			}
		}
	return list;
}
