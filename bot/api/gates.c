/* The gates of a stock Flagger's load tester (flagger-interfaces.md 2.2), answered by what people decided. A gate is
 * open for the revision, type and step that were approved and for nothing else; asking opens the question. */
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "bot/api/rest_room.h"

static const char plain[] = "text/plain; charset=utf-8";

static void answer(struct rest *a, struct http_exchange *x, bool open)
{
	metric_inc(a->gates, 1, open ? "open" : "closed");
	http_respond_text(x, open ? 200 : 403, plain, open ? "Approved" : "Forbidden");
}

/* A token, an address that is allowed, or a door that was left open on purpose. */
static bool may_ask(struct rest *a, struct http_exchange *x)
{
	if (a->o.gates_open)
		return true;
	for (size_t i = 0; i < a->cidr_count; i++)
		if (cidr_holds(&a->cidrs[i], http_peer(x)->address))
			return true;
	return rest_admit(a, x, SCOPE_READ) != NULL;
}

/* The rollout that the payload names. NULL: answered already. */
static const struct rollout *named(struct rest *a, struct http_exchange *x, const cJSON *payload)
{
	const struct rollout *r = engine_find(a->o.engine, json_text(payload, "namespace", ""),
					      json_text(payload, "name", ""), http_arena(x));
	if (!r)
		answer(a, x, false);
	return r;
}

/* Only for the place where the rollout stands now: a caller that is early or late gets a no, and asks again. */
static void check(struct rest *a, struct http_exchange *x, const char *policy)
{
	if (!may_ask(a, x))
		return;
	CLEANUP(json_delete_p) cJSON *payload = rest_body(x, NULL);
	const struct rollout *r = payload ? named(a, x, payload) : NULL;
	if (!r)
		return;
	if (!r->gate.waiting || !engine_synced(a->o.engine)) {
		answer(a, x, false);
		return;
	}
	struct rollout_gate gate = r->gate;
	if (*policy)
		gate.policy = policy;
	const char *by = "";
	struct gatekeeper keeper = approvals_gatekeeper(a->o.approvals);
	answer(a, x, keeper.ask(keeper.owner, r, &gate, &by) == GATE_OPEN);
}

void rest_gate_check(void *owner, struct http_exchange *x)
{
	check(owner, x, "");
}

void rest_gate_check_policy(void *owner, struct http_exchange *x)
{
	check(owner, x, http_param(x, "policy"));
}

void rest_gate_approve(void *owner, struct http_exchange *x)
{
	(void)owner;
	http_respond_text(x, 200, plain, "OK");
}

void rest_gate_halt(void *owner, struct http_exchange *x)
{
	(void)owner;
	http_respond_text(x, 403, plain, "Forbidden");
}

static void done(void *owner, enum result r, const char *text)
{
	struct http_exchange *x = rest_call_end(owner);
	struct error e;
	if (!x)
		return;
	if (r == RC_OK) {
		http_respond(x, 202, NULL, "", 0, NULL);
		return;
	}
	(void)error_set(&e, r, "%s", text);
	http_respond_result(x, &e);
}

/* A verb by payload: somebody's script says it, so somebody's token must. */
static void act(struct rest *a, struct http_exchange *x, const char *verb)
{
	const struct token *t = rest_admit(a, x, SCOPE_DECIDE);
	if (!t || !rest_is_synced(a, x))
		return;
	CLEANUP(json_delete_p) cJSON *payload = rest_body(x, NULL);
	if (!payload)
		return;
	struct rest_call *c = rest_call_begin(a, x);
	if (!c)
		return;
	const char *name = arena_printf(http_arena(x), "%s/%s", json_text(payload, "namespace", ""),
					json_text(payload, "name", ""));
	struct bot_ask ask = { .person = rest_person(t), .verb = verb, .name = name ? name : "", .via = "api" };
	bot_do(a->o.bot, &ask, done, c);
}

void rest_gate_open(void *owner, struct http_exchange *x)
{
	act(owner, x, "approve");
}

/* An approval is for one revision, so there is nothing to take back: scripts that close after each release go on. */
void rest_gate_close(void *owner, struct http_exchange *x)
{
	if (rest_admit(owner, x, SCOPE_DECIDE))
		http_respond(x, 202, NULL, "", 0, NULL);
}

/* 2xx rolls back: when people have said no to this revision. */
void rest_rollback_check(void *owner, struct http_exchange *x)
{
	struct rest *a = owner;
	if (!may_ask(a, x))
		return;
	CLEANUP(json_delete_p) cJSON *payload = rest_body(x, NULL);
	const struct rollout *r = payload ? named(a, x, payload) : NULL;
	if (!r)
		return;
	size_t n = 0;
	bool rejected = false;
	const struct approval *const *list = approvals_of(a->o.approvals, r->uid, r->revision, http_arena(x), &n);
	for (size_t i = 0; list && i < n; i++)
		rejected = rejected ||
			   (list[i]->state == REQ_REJECTED && list[i]->policy && !list[i]->policy->hold_on_reject);
	answer(a, x, rejected);
}

void rest_rollback_open(void *owner, struct http_exchange *x)
{
	act(owner, x, "rollback");
}
