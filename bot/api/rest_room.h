#pragma once
/* The API's inside, which the console shares. */
#include <cjson/cJSON.h>

#include "base/metrics.h"
#include "base/strbuf.h"
#include "bot/api/cidr.h"
#include "bot/api/rest.h"
#include "bot/api/values.h"

enum {
	REST_ROUTES_MAX = 64,
	REST_BODY_MAX = 64 * 1024,
	REST_ANSWER_MAX = 32 << 20,
	REST_CIDRS_MAX = 64,
	REST_STREAMS_MAX = 100
};

/* An exchange that waits for somebody's answer; x is NULL once the peer has gone. */
struct rest_call {
	struct rest *api;
	struct http_exchange *x;
	struct rest_call *next, **at;
};
struct rest_stream; /* a peer that listens to events */
struct rest {
	struct rest_options o;
	struct http_route routes[REST_ROUTES_MAX], admin[8];
	size_t route_count;
	struct cidr cidrs[REST_CIDRS_MAX];
	size_t cidr_count;
	struct rest_call *calls;
	struct rest_stream *streams;
	size_t stream_count;
	uint64_t event_id;
	char boot[24]; /* tells the events of this process from those of the one before */
	bool stopping;
	struct metric *gates, *scope_refused, *process;
};

/* ---- api.c ---- */
struct person rest_person(const struct token *t);
const struct rest_options *rest_own_options(const struct rest *a);
/* false: answered already (503): what is asked for is not known yet. */
bool rest_is_synced(struct rest *a, struct http_exchange *x);
/* NULL: no memory, answered. The owner ends it with rest_call_end, which answers whether the peer is still there. */
struct rest_call *rest_call_begin(struct rest *a, struct http_exchange *x);
struct http_exchange *rest_call_end(struct rest_call *c);
/* The same for an outcome: one that is not RC_OK is answered here. NULL: there is nothing more to say. */
struct http_exchange *rest_call_end_good(struct rest_call *c, enum result r, const struct error *why);
/* The same for a text to a person: 202 {"text": ...}. A vote_done and a bot_answer; owner is the call. */
void rest_call_said(void *owner, enum result r, const char *text);
/* Answers with what was built, or says that it was too much; finishes b. */
void rest_answer(struct http_exchange *x, int status, struct strbuf *b);
/* The body as an object whose members are all among allowed (NULL-terminated; NULL: any); NULL: answered already. An
 * empty body is an empty object. */
cJSON *rest_body(struct http_exchange *x, const char *const *allowed);

/* ---- verbs.c: of every way in ---- */
/* false: answered already. */
bool rest_verb_known(struct http_exchange *x, const char *verb);
bool rest_may_decide(struct rest *a, struct http_exchange *x);
/* Are the members of what was posted of the right types? */
bool rest_verb_good(const cJSON *body, const char *verb, struct error *e);

/* ---- one file a subject ---- */
http_handler rest_rollouts, rest_rollout, rest_rollout_approvals, rest_approvals, rest_who, rest_history, rest_outbox,
	rest_outbox_retry, rest_version;                        /* reads.c */
http_handler rest_chat;                                         /* chat.c */
http_handler rest_freezes, rest_freeze;                         /* freeze_routes.c */
http_handler rest_verb;                                         /* verbs.c */
http_handler rest_tokens, rest_token_create, rest_token_revoke; /* token_routes.c */
http_handler rest_gate_check, rest_gate_check_policy, rest_gate_approve, rest_gate_halt, rest_gate_open,
	rest_gate_close, rest_rollback_check, rest_rollback_open; /* gates.c */
http_handler rest_hooks, rest_hook_replay;                        /* hooks.c */
http_handler rest_events;                                         /* events.c */
engine_listener rest_event;
approval_listener rest_approval_event;
void rest_streams_end(struct rest *a);
http_handler rest_healthz, rest_readyz, rest_metrics; /* health.c */
