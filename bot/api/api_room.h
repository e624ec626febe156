#pragma once
/* The API's inside. */
#include <cjson/cJSON.h>

#include "base/metrics.h"
#include "base/strbuf.h"
#include "bot/api/api.h"
#include "bot/api/cidr.h"

enum {
	API_ROUTES_MAX = 40,
	API_BODY_MAX = 64 * 1024,
	API_ANSWER_MAX = 32 << 20,
	API_CIDRS_MAX = 64,
	API_STREAMS_MAX = 100
};

/* An exchange that waits for somebody's answer; x is NULL once the peer has gone. */
struct api_call {
	struct api *api;
	struct http_exchange *x;
	struct api_call *next, **at;
};
struct api_stream; /* a peer that listens to events */
struct api {
	struct api_options o;
	struct http_route routes[API_ROUTES_MAX], admin[8];
	size_t route_count;
	struct cidr cidrs[API_CIDRS_MAX];
	size_t cidr_count;
	struct api_call *calls;
	struct api_stream *streams;
	size_t stream_count;
	uint64_t event_id;
	char boot[24]; /* tells the events of this process from those of the one before */
	bool stopping;
	struct metric *gates, *scope_refused, *process;
};

/* ---- api.c ---- */
/* NULL: answered already (401, 403). */
const struct token *api_admit(struct api *a, struct http_exchange *x, enum token_scope needs);
struct person api_person(const struct token *t);
/* false: answered already (503): what is asked for is not known yet. */
bool api_is_synced(struct api *a, struct http_exchange *x);
/* NULL: no memory, answered. The owner ends it with api_call_end, which answers whether the peer is still there. */
struct api_call *api_call_begin(struct api *a, struct http_exchange *x);
struct http_exchange *api_call_end(struct api_call *c);
/* Answers with what was built, or says that it was too much; finishes b. */
void api_answer(struct http_exchange *x, int status, struct strbuf *b);
/* The body as an object whose members are all among allowed (NULL-terminated; NULL: any); NULL: answered already. An
 * empty body is an empty object. */
cJSON *api_body(struct http_exchange *x, const char *const *allowed);

/* ---- values.c ---- */
void api_add_rollout(struct strbuf *b, const struct rollout *r);
void api_add_approval(struct strbuf *b, const struct approval *a);

/* ---- one file a subject ---- */
http_handler api_rollouts, api_rollout, api_rollout_approvals, api_approvals, api_who, api_history, api_outbox,
	api_outbox_retry, api_version;                       /* reads.c */
http_handler api_verb;                                       /* verbs.c */
http_handler api_tokens, api_token_create, api_token_revoke; /* token_routes.c */
http_handler api_gate_check, api_gate_check_policy, api_gate_approve, api_gate_halt, api_gate_open, api_gate_close,
	api_rollback_check, api_rollback_open; /* gates.c */
http_handler api_events;                       /* events.c */
engine_listener api_event;
void api_streams_end(struct api *a);
http_handler api_healthz, api_readyz, api_metrics; /* health.c */
