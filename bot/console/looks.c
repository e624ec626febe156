/* What can be looked at beside the event stream. */
#include <string.h>

#include "base/text.h"
#include "bot/console/console_room.h"
#include "bot/console/value.h"

enum { AUDIT_USUAL = 100, AUDIT_MAX = 500 };

/* NULL: answered already. */
static const struct rollout *asked_for(struct console *c, struct http_exchange *x)
{
	struct visitor unused;
	if (!door_admit(c, x, SCOPE_READ, &unused) || !rest_is_synced(c->o.rest, x))
		return NULL;
	const char *ns = http_param(x, "ns"), *name = http_param(x, "name");
	const struct rollout *r = engine_find(c->api->engine, ns, name, http_arena(x));
	if (!r)
		http_respond_error(x, 404, NULL, "there is no rollout \"%.80s\" in %.80s", name, ns);
	return r;
}

void look_rollout(void *owner, struct http_exchange *x)
{
	struct console *c = owner;
	const struct rollout *r = asked_for(c, x);
	if (!r)
		return;
	size_t n = 0;
	const struct approval *const *list =
		approvals_of_run(c->api->approvals, r->uid, r->revision, r->started_at, http_arena(x), &n);
	struct strbuf b;
	strbuf_init(&b, REST_ANSWER_MAX);
	strbuf_add(&b, "{\"rollout\":");
	value_rollout(&b, r);
	strbuf_addf(&b, ",\"run\":%lld,\"approvals\":[", (long long)journal_run(c->journal, r->uid));
	for (size_t i = 0; list && i < n; i++) {
		strbuf_add(&b, i ? "," : "");
		rest_add_approval(&b, list[i]);
	}
	strbuf_addc(&b, ']');
	if (c->o.detail)
		c->o.detail(c->o.owner, r, &b);
	strbuf_addc(&b, '}');
	rest_answer(x, 200, &b);
}

/* ---- out of the store ---- */

static void answer_rows(struct rest_call *call, enum result r, const char *key, const char *rows,
			const struct error *why)
{
	struct http_exchange *x = rest_call_end_good(call, r, why);
	if (!x)
		return;
	struct strbuf b;
	strbuf_init(&b, REST_ANSWER_MAX);
	strbuf_addf(&b, "{\"%s\":", key);
	strbuf_add(&b, rows);
	strbuf_addc(&b, '}');
	rest_answer(x, 200, &b);
}

static void runs_read(void *owner, enum result r, const char *rows, const struct error *why)
{
	answer_rows(owner, r, "runs", rows, why);
}

void look_runs(void *owner, struct http_exchange *x)
{
	struct console *c = owner;
	const struct rollout *r = asked_for(c, x);
	struct rest_call *call = r ? rest_call_begin(c->o.rest, x) : NULL;
	if (!call)
		return;
	journal_flush(c->journal);
	store_read(c->api->store,
		   "SELECT run, revision, started_at AS startedAt, ended_at AS endedAt, phase, old_image AS oldImage,"
		   " new_image AS newImage, requested_by AS by FROM console_runs WHERE uid = ?1 ORDER BY run DESC",
		   "s", runs_read, call, r->uid);
}

static void points_read(void *owner, enum result r, const char *rows, const struct error *why)
{
	answer_rows(owner, r, "points", rows, why);
}

void look_run(void *owner, struct http_exchange *x)
{
	struct console *c = owner;
	struct visitor unused;
	uint64_t run = 0;
	struct error e;
	if (!door_admit(c, x, SCOPE_READ, &unused))
		return;
	if (text_u64(http_param(x, "run"), 1, INT64_MAX, &run, &e) != RC_OK) {
		http_respond_error(x, 404, NULL, "there is no such run");
		return;
	}
	struct rest_call *call = rest_call_begin(c->o.rest, x);
	if (!call)
		return;
	journal_flush(c->journal);
	store_read(c->api->store, "SELECT point FROM console_points WHERE run = ?1 ORDER BY id", "i", points_read, call,
		   (int64_t)run);
}

static void audit_read(void *owner, enum result r, const char *rows, const struct error *why)
{
	answer_rows(owner, r, "audit", rows, why);
}

/* A number of the query, or otherwise when it is missing; false: answered already. */
static bool number(struct http_exchange *x, const char *name, uint64_t max, int64_t otherwise, int64_t *ret)
{
	const char *text = http_query(x, name);
	uint64_t n = 0;
	struct error e;
	*ret = otherwise;
	if (!text)
		return true;
	if (text_u64(text, 0, max, &n, &e) != RC_OK) {
		(void)error_in(&e, RC_INVALID, "%s", name);
		http_respond_result(x, &e);
		return false;
	}
	*ret = (int64_t)n;
	return true;
}

#define AUDIT_COLUMNS "SELECT seq, at, actor, identity, action, object, outcome, reason FROM audit WHERE "
#define AUDIT_RANGE " seq < ?2 AND at >= ?3 AND at <= ?4 ORDER BY seq DESC LIMIT ?5"

/* ?object=CLUSTER/NS/NAME&before=SEQ&from=MS&to=MS&limit=N, the newest first. */
void look_audit(void *owner, struct http_exchange *x)
{
	struct console *c = owner;
	struct visitor unused;
	int64_t before, from, to, limit;
	const char *object = http_query(x, "object");
	if (!door_admit(c, x, SCOPE_READ, &unused) || !number(x, "before", INT64_MAX, INT64_MAX, &before) ||
	    !number(x, "from", INT64_MAX, 0, &from) || !number(x, "to", INT64_MAX, INT64_MAX, &to) ||
	    !number(x, "limit", AUDIT_MAX, AUDIT_USUAL, &limit))
		return;
	struct rest_call *call = rest_call_begin(c->o.rest, x);
	if (!call)
		return;
	/* two texts, because only one of them can use the index */
	store_read(c->api->store,
		   text_empty(object) ? AUDIT_COLUMNS "?1 = ''  AND" AUDIT_RANGE
				      : AUDIT_COLUMNS "object = ?1 AND" AUDIT_RANGE,
		   "siiii", audit_read, call, object ? object : "", before, from, to, limit);
}
