#include "bot/approvals/freezes.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/text.h"
#include "bot/approvals/audit.h"
#include "bot/approvals/freeze.h"
#include "bot/approvals/request.h"

enum { ARENA_BYTES = 1 << 20, NAMES_MAX = 64 };

static const struct freeze everything = { .name = FREEZE_EVERYTHING };

/* ---- which there are ---- */

static const struct freeze *find(const struct approvals *a, const char *name)
{
	for (const struct freeze *f = a->o.freezes; f && f->name; f++)
		if (text_eq(f->name, name))
			return f;
	return text_eq(name, FREEZE_EVERYTHING) ? &everything : NULL;
}

static struct freeze_switch *switch_of(const struct approvals *a, const char *name)
{
	struct freeze_switch *s = a->switches;
	while (s && !text_eq(s->name, name))
		s = s->next;
	return s;
}

void approvals_set_freezes(struct approvals *a, const struct freeze *freezes)
{
	a->o.freezes = freezes;
}

/* ---- switches ---- */

static void switch_free(struct freeze_switch *s)
{
	if (!s)
		return;
	free(s->name);
	free(s->by);
	free(s->reason);
	free(s);
}

static struct freeze_switch *switch_create(const char *name, const char *by, const char *reason, struct wall_ms at)
{
	struct freeze_switch *s = calloc(1, sizeof *s);
	if (!s)
		return NULL;
	*s = (struct freeze_switch){ .name = strdup(name), .by = strdup(by), .reason = strdup(reason), .since = at };
	if (s->name && s->by && s->reason)
		return s;
	switch_free(s);
	return NULL;
}

static void switch_remove(struct approvals *a, const char *name)
{
	struct freeze_switch **at = &a->switches;
	while (*at && !text_eq((*at)->name, name))
		at = &(*at)->next;
	struct freeze_switch *s = *at;
	if (!s)
		return;
	*at = s->next;
	switch_free(s);
}

static void switch_put(struct approvals *a, struct freeze_switch *s)
{
	switch_remove(a, s->name);
	s->next = a->switches;
	a->switches = s;
}

void freezes_finish(struct approvals *a)
{
	while (a->switches)
		switch_remove(a, a->switches->name);
}

static bool load_switch(void *owner, sqlite3_stmt *st)
{
	struct approvals *a = owner;
	const char *name = (const char *)sqlite3_column_text(st, 0), *by = (const char *)sqlite3_column_text(st, 1);
	const char *reason = (const char *)sqlite3_column_text(st, 2);
	struct freeze_switch *s = switch_create(name ? name : "", by ? by : "", reason ? reason : "",
						(struct wall_ms){ sqlite3_column_int64(st, 3) });
	if (s)
		switch_put(a, s);
	a->switches_lost = a->switches_lost || !s;
	return s != NULL;
}

/* A freeze that was forgotten would let something through: without memory for it there is no start. */
enum result freezes_load(struct approvals *a, struct error *e)
{
	enum result r =
		store_load(a->o.store, "SELECT name, by, reason, at FROM freezes ORDER BY name", load_switch, a, e);
	return r == RC_OK && a->switches_lost ? error_set(e, RC_EXHAUSTED, "no memory for the freezes") : r;
}

/* ---- what holds ---- */

static struct freeze_state state_of(const struct approvals *a, const struct freeze *f)
{
	struct freeze_state s = { .name = f->name, .by = "", .reason = "" };
	const struct freeze_switch *w = switch_of(a, f->name);
	s.holds = freeze_holds(f, a->o.clock->wall(a->o.clock), &s.until);
	if (!w)
		return s;
	s.holds = s.switched = true;
	s.until.v = 0;
	s.by = w->by;
	s.reason = w->reason;
	s.since = w->since;
	return s;
}

const struct freeze_state *approvals_freezes(struct approvals *a, struct arena *arena)
{
	size_t n = 0, kept = 0;
	while (a->o.freezes && a->o.freezes[n].name)
		n++;
	struct freeze_state *list = arena_alloc(arena, n + 2, sizeof *list);
	if (!list)
		return NULL;
	list[kept++] = state_of(a, find(a, FREEZE_EVERYTHING));
	for (size_t i = 0; i < n; i++)
		if (!text_eq(a->o.freezes[i].name, FREEZE_EVERYTHING))
			list[kept++] = state_of(a, &a->o.freezes[i]);
	for (size_t i = 0; i < kept; i++) {
		list[i].name = arena_strdup(arena, list[i].name);
		list[i].by = arena_strdup(arena, list[i].by);
		list[i].reason = arena_strdup(arena, list[i].reason);
		if (!list[i].name || !list[i].by || !list[i].reason)
			return NULL;
	}
	return list;
}

static bool tell(const struct approvals *a, const char *name, char *buf, size_t size)
{
	char until[32];
	const struct freeze *f = find(a, name);
	if (!f)
		return false;
	const struct freeze_state s = state_of(a, f);
	if (!s.holds)
		return false;
	wall_print(s.until, until);
	if (s.switched)
		(void)snprintf(buf, size, "the freeze %s holds: %s switched it on%s%.200s", name, s.by,
			       *s.reason ? ": " : "", s.reason);
	else if (s.until.v)
		(void)snprintf(buf, size, "the freeze %s holds until %s", name, until);
	else
		(void)snprintf(buf, size, "the freeze %s holds", name);
	return true;
}

bool approvals_frozen(struct approvals *a, const struct policy *p, char *buf, size_t size)
{
	if (tell(a, FREEZE_EVERYTHING, buf, size))
		return true;
	for (const char *const *f = p ? p->freezes : NULL; f && *f; f++)
		if (tell(a, *f, buf, size))
			return true;
	return false;
}

enum result approvals_may_pass(const struct policy *p, const struct person *who, const char *reason, struct error *e)
{
	enum result r = policy_allows(p, who, RIGHT_OVERRIDE, e);
	if (r == RC_OK && text_empty(reason))
		r = error_set(e, RC_REFUSED, "going past a freeze wants a reason");
	return r;
}

/* ---- switching ---- */

struct freeze_call {
	struct approvals *approvals;
	struct freeze_switch *fresh; /* owned; NULL: it is switched off */
	char *name;                  /* owned */
	enum result r;
	char text[512];
	struct deferred soon;
	vote_done *done;
	void *owner;
};

static void call_free(struct freeze_call *c)
{
	if (!c)
		return;
	switch_free(c->fresh);
	free(c->name);
	free(c);
}

static void answered(void *owner)
{
	struct freeze_call *c = owner;
	c->approvals->flying--;
	c->done(c->owner, c->r, c->text);
	call_free(c);
}

static void stored(void *owner, enum result r, const struct error *why)
{
	struct freeze_call *c = owner;
	struct approvals *a = c->approvals;
	if (r != RC_OK && c->r == RC_OK) {
		c->r = r;
		(void)snprintf(c->text, sizeof c->text, "not switched: it could not be recorded (%.400s)", why->text);
	} else if (c->r == RC_OK && c->fresh) {
		switch_put(a, TAKE(c->fresh));
	} else if (c->r == RC_OK) {
		switch_remove(a, c->name);
		if (tell(a, c->name, c->text, sizeof c->text)) {
			size_t n = strlen(c->text);
			(void)snprintf(c->text + n, sizeof c->text - n,
				       " by the clock; only the switch was taken back");
		}
	}
	answered(c);
}

static void audit(struct freeze_call *c, const struct freeze_ask *q, struct store_tx *tx)
{
	char identity[256];
	const struct person *p = &q->person;
	(void)snprintf(identity, sizeof identity, "%s:%s%s%s", p->platform, p->team ? p->team : "",
		       text_empty(p->team) ? "" : "/", p->id);
	struct audit_row row = { .actor = person_actor(p),
				 .identity = identity,
				 .action = q->on ? "freeze.on" : "freeze.off",
				 .object = c->name,
				 .request = "",
				 .outcome = c->r == RC_OK ? "ok" : "refused",
				 .reason = c->r == RC_OK ? q->reason : c->text,
				 .detail = "" };
	audit_append(tx, c->approvals->o.clock->wall(c->approvals->o.clock), &row);
}

static enum result may_switch(const struct approvals *a, const struct freeze_ask *q, struct error *e)
{
	static const char *const operator[] = { "token:local", NULL };
	const struct freeze *f = find(a, q->name);
	const char *names[NAMES_MAX + 2] = { FREEZE_EVERYTHING };
	for (size_t i = 0; a->o.freezes && a->o.freezes[i].name && i < NAMES_MAX; i++)
		names[i + 1] = a->o.freezes[i].name;
	if (!f) {
		const char *near = text_nearest(q->name, names);
		return error_set(e, RC_NOT_FOUND, "there is no freeze \"%.60s\"%s%s%s", q->name,
				 near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
	}
	if (!policy_names(f->by ? f->by : operator, & q->person))
		return error_set(e, RC_REFUSED, "you may not switch the freeze %s; `by` under freezes says who may",
				 q->name);
	if (q->on && text_empty(q->reason))
		return error_set(e, RC_REFUSED, "switching a freeze on wants a reason");
	return RC_OK;
}

/* Stored, and only then it holds or ends. */
static void write_switch(struct freeze_call *c, const struct freeze_ask *q)
{
	struct approvals *a = c->approvals;
	struct store_tx *tx = store_begin(a->o.store);
	if (c->r == RC_OK && q->on)
		store_exec(tx, "INSERT OR REPLACE INTO freezes (name, by, reason, at) VALUES (?1,?2,?3,?4)", "sssi",
			   c->name, c->fresh->by, c->fresh->reason, c->fresh->since.v);
	else if (c->r == RC_OK)
		store_exec(tx, "DELETE FROM freezes WHERE name = ?1", "s", c->name);
	audit(c, q, tx);
	store_submit(tx, stored, c);
}

void approvals_freeze(struct approvals *a, const struct freeze_ask *q, vote_done *done, void *owner)
{
	struct error e;
	struct freeze_call *c = calloc(1, sizeof *c);
	if (!c) {
		done(owner, RC_EXHAUSTED, "no memory for this now, try again");
		return;
	}
	*c = (struct freeze_call){ .approvals = a, .done = done, .owner = owner, .name = strdup(q->name) };
	a->flying++;
	c->r = may_switch(a, q, &e);
	if (c->r == RC_OK && q->on)
		c->fresh = switch_create(q->name, person_actor(&q->person), q->reason, a->o.clock->wall(a->o.clock));
	if (!c->name || (c->r == RC_OK && q->on && !c->fresh))
		c->r = error_set(&e, RC_EXHAUSTED, "no memory for this now, try again");
	if (a->stopped)
		c->r = error_set(&e, RC_UNREACHABLE, "rollcall is being stopped, ask again in a minute");
	if (c->r == RC_OK)
		(void)snprintf(c->text, sizeof c->text, "the freeze %s is %s", q->name, q->on ? "on" : "off");
	else
		(void)snprintf(c->text, sizeof c->text, "%s", e.text);
	if (c->r == RC_EXHAUSTED || a->stopped)
		loop_defer(a->o.loop, &c->soon, answered, c);
	else
		write_switch(c, q);
}
