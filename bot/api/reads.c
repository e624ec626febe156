/* What can be looked at. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "bot/api/rest_room.h"
#include "bot/approvals/freezes.h"

enum { ARENA_BYTES = 64 << 20, HISTORY_MAX = 1000, HISTORY_USUAL = 50 };

void rest_version(void *owner, struct http_exchange *x)
{
	struct rest *a = owner;
	if (rest_admit(a, x, SCOPE_READ))
		http_respond_json(x, 200, "{\"version\":\"" ROLLCALL_VERSION "\"}\n");
}

/* ---- rollouts ---- */

void rest_rollouts(void *owner, struct http_exchange *x)
{
	struct rest *a = owner;
	if (!rest_admit(a, x, SCOPE_READ) || !rest_is_synced(a, x))
		return;
	CLEANUP(arena_destroy_p) struct arena *arena = arena_create(ARENA_BYTES);
	const char *ns = http_query(x, "ns");
	if (ns && !*ns)
		ns = NULL;
	size_t n = 0;
	const struct rollout *const *list = arena ? engine_list(a->o.engine, ns, arena, &n) : NULL;
	struct strbuf b;
	strbuf_init(&b, REST_ANSWER_MAX);
	strbuf_add(&b, "{\"rollouts\":[");
	for (size_t i = 0; list && i < n; i++) {
		strbuf_add(&b, i ? "," : "");
		rest_add_rollout(&b, list[i]);
	}
	strbuf_add(&b, "]}");
	rest_answer(x, 200, &b);
}

/* NULL: answered already. */
static const struct rollout *asked_for(struct rest *a, struct http_exchange *x)
{
	if (!rest_admit(a, x, SCOPE_READ) || !rest_is_synced(a, x))
		return NULL;
	const char *ns = http_param(x, "ns"), *name = http_param(x, "name");
	const struct rollout *r = engine_find(a->o.engine, ns, name, http_arena(x));
	if (!r)
		http_respond_error(x, 404, "`rollcall list -A` shows them", "there is no rollout \"%.80s\" in %.80s",
				   name, ns);
	return r;
}

void rest_rollout(void *owner, struct http_exchange *x)
{
	const struct rollout *r = asked_for(owner, x);
	if (!r)
		return;
	struct strbuf b;
	strbuf_init(&b, REST_ANSWER_MAX);
	rest_add_rollout(&b, r);
	rest_answer(x, 200, &b);
}

/* ---- approvals ---- */

static void answer_approvals(struct http_exchange *x, const struct approval *const *list, size_t n)
{
	struct strbuf b;
	strbuf_init(&b, REST_ANSWER_MAX);
	strbuf_add(&b, "{\"approvals\":[");
	for (size_t i = 0; list && i < n; i++) {
		strbuf_add(&b, i ? "," : "");
		rest_add_approval(&b, list[i]);
	}
	strbuf_add(&b, "]}");
	rest_answer(x, 200, &b);
}

void rest_rollout_approvals(void *owner, struct http_exchange *x)
{
	struct rest *a = owner;
	const struct rollout *r = asked_for(a, x);
	CLEANUP(arena_destroy_p) struct arena *arena = r ? arena_create(ARENA_BYTES) : NULL;
	size_t n = 0;
	/* Those of this run, also when it is over: who decided is asked afterwards too. */
	const struct approval *const *list =
		arena ? approvals_of_run(a->o.approvals, r->uid, r->revision, r->started_at, arena, &n) : NULL;
	if (r)
		answer_approvals(x, list, n);
}

void rest_approvals(void *owner, struct http_exchange *x)
{
	struct rest *a = owner;
	if (!rest_admit(a, x, SCOPE_READ))
		return;
	CLEANUP(arena_destroy_p) struct arena *arena = arena_create(ARENA_BYTES);
	size_t n = 0;
	const struct approval *const *list = arena ? approvals_of(a->o.approvals, NULL, "", arena, &n) : NULL;
	answer_approvals(x, list, n);
}

static void add_names(struct strbuf *b, const char *key, const char *const *names)
{
	strbuf_addf(b, "\"%s\":[", key);
	for (size_t i = 0; names && names[i]; i++) {
		strbuf_add(b, i ? "," : "");
		strbuf_add_json(b, names[i]);
	}
	strbuf_addc(b, ']');
}

static void add_rights(struct strbuf *b, const struct policy *p)
{
	static const struct {
		enum right right;
		const char *name;
	} rights[] = { { RIGHT_PROMOTE, "promote" },
		       { RIGHT_ROLLBACK, "rollback" },
		       { RIGHT_PAUSE, "pause" },
		       { RIGHT_COMPLETE, "complete" },
		       { RIGHT_WEIGHT, "weight" } };
	strbuf_add(b, ",\"rights\":{");
	for (size_t i = 0; i < sizeof rights / sizeof *rights; i++) {
		const char *const *list = p->rights[rights[i].right];
		strbuf_add(b, i ? "," : "");
		add_names(b, rights[i].name, list ? list : p->approvers);
	}
	strbuf_addc(b, ',');
	add_names(b, "override", p->rights[RIGHT_OVERRIDE]);
	strbuf_addc(b, '}');
}

void rest_who(void *owner, struct http_exchange *x)
{
	struct rest *a = owner;
	const struct rollout *r = asked_for(a, x);
	if (!r)
		return;
	const struct policy *p = approvals_policy(a->o.approvals, r->policy);
	if (!p) {
		http_respond_error(x, 404, "write it under policies in the configuration",
				   "there is no policy \"%.80s\"; nobody may decide", r->policy);
		return;
	}
	struct strbuf b;
	strbuf_init(&b, REST_ANSWER_MAX);
	strbuf_add(&b, "{\"policy\":");
	strbuf_add_json(&b, p->name);
	strbuf_addf(&b, ",\"quorum\":%d,", p->quorum);
	add_names(&b, "approvers", p->approvers);
	add_rights(&b, p);
	char frozen[384] = "";
	(void)approvals_frozen(a->o.approvals, p, frozen, sizeof frozen);
	strbuf_add(&b, ",\"frozen\":");
	strbuf_add_json(&b, frozen);
	size_t n = 0;
	const struct approval *const *list = approvals_of(a->o.approvals, r->uid, r->revision, http_arena(x), &n);
	strbuf_add(&b, ",\"approvals\":[");
	for (size_t i = 0; list && i < n; i++) {
		strbuf_add(&b, i ? "," : "");
		rest_add_approval(&b, list[i]);
	}
	strbuf_add(&b, "]}");
	rest_answer(x, 200, &b);
}

/* ---- history ---- */

static void history_read(void *owner, enum result r, const char *json_array, const struct error *why)
{
	struct http_exchange *x = rest_call_end_good(owner, r, why);
	if (!x)
		return;
	struct strbuf b;
	strbuf_init(&b, REST_ANSWER_MAX);
	strbuf_add(&b, "{\"history\":");
	strbuf_add(&b, json_array);
	strbuf_addc(&b, '}');
	rest_answer(x, 200, &b);
}

void rest_history(void *owner, struct http_exchange *x)
{
	struct rest *a = owner;
	uint64_t limit = HISTORY_USUAL;
	struct error e;
	const char *object = http_query(x, "object"), *asked = http_query(x, "limit");
	if (!rest_admit(a, x, SCOPE_READ))
		return;
	if (asked && text_u64(asked, 1, HISTORY_MAX, &limit, &e) != RC_OK) {
		(void)error_in(&e, RC_INVALID, "limit");
		http_respond_result(x, &e);
		return;
	}
	struct rest_call *c = rest_call_begin(a, x);
	if (!c)
		return;
	/* "ns/name" or "cluster/ns/name" */
	store_read(
		a->o.store,
		"SELECT seq, strftime('%Y-%m-%dT%H:%M:%fZ', at / 1000.0, 'unixepoch') AS at, actor, identity, action,"
		" object, request, outcome, reason FROM (SELECT * FROM audit WHERE ?1 = '' OR object = ?1"
		" OR substr(object, instr(object, '/') + 1) = ?1 ORDER BY seq DESC LIMIT ?2) ORDER BY seq",
		"si", history_read, c, object ? object : "", (int64_t)limit);
}

/* ---- outbox ---- */

void rest_outbox(void *owner, struct http_exchange *x)
{
	struct rest *a = owner;
	if (!rest_admit(a, x, SCOPE_READ))
		return;
	CLEANUP(free_p) char *rows = outbox_json(a->o.outbox);
	struct strbuf b;
	strbuf_init(&b, REST_ANSWER_MAX);
	strbuf_add(&b, "{\"outbox\":");
	strbuf_add(&b, rows ? rows : "[]");
	strbuf_addc(&b, '}');
	rest_answer(x, rows ? 200 : 503, &b);
}

/* Row "all": every dead letter. */
void rest_outbox_retry(void *owner, struct http_exchange *x)
{
	struct rest *a = owner;
	const char *row = http_param(x, "row");
	uint64_t number = 0;
	struct error e;
	if (!rest_admit(a, x, SCOPE_ADMIN))
		return;
	if (!text_eq(row, "all") && text_u64(row, 1, INT64_MAX, &number, &e) != RC_OK) {
		(void)error_in(&e, RC_INVALID, "row");
		http_respond_result(x, &e);
		return;
	}
	outbox_retry(a->o.outbox, number);
	http_respond_json(x, 202, "{\"text\":\"will be tried again\"}\n");
}
