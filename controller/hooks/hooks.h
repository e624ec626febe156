#pragma once
/* Calling the webhooks of a Canary (flagger-interfaces.md 1): payload, time-outs, retries, verdict. */
#include "base/arena.h"
#include "base/http_client.h"
#include "controller/core/decision.h"

struct hooks;     /* what all calls share */
struct hook_call; /* one hook being asked; owned by hooks */

struct hooks_options {
	struct loop *loop;
	struct http_client *http;
	const char *const *egress_allow; /* see engine_options */
	bool egress_private;
	const char *const *dingtalk_hosts; /* besides oapi.dingtalk.com: the body sent there is metadata.data itself */
	const char *(*dingtalk_secret)(void *owner, const char *url); /* NULL: unsigned */
	void *dingtalk_owner;
};
struct hook_ask {
	const struct canary *canary;
	const struct hook *hook;
	enum phase phase;
	const char *key; /* Idempotency-Key; NULL none */
	/* event hooks only: */
	const char *event_message;
	bool event_warning;
	struct wall_ms at;
};
/* verdict: YES for a status up to 202, ABORT for one of metadata["rollcall.dev/abort-on"], NO for other answers, ERROR
 * when there was none. text: the body, or "POST URL giving up after N attempt(s)". Runs once, later. */
typedef void hook_done(void *owner, enum verdict verdict, const char *text);

MUST_CHECK enum result hooks_create(const struct hooks_options *o, struct hooks **ret, struct error *e);
void hooks_destroy(struct hooks *h); /* no callback runs after */
/* Copies what it needs. NULL: no memory. */
struct hook_call *hook_start(struct hooks *h, const struct hook_ask *ask, hook_done *done, void *owner);
void hook_cancel(struct hook_call **call);

/* The body (flagger-interfaces.md 1.2; a DingTalk robot's: ack-extension.md, "The webhook of the walk-through"). Pure.
 * NULL when the arena is full. */
const char *hook_payload(const struct hook_ask *ask, bool dingtalk_robot, struct arena *a);
/* Adds what a DingTalk robot that signs wants to its URL; false: no memory. */
struct strbuf;
bool hook_sign_robot(struct strbuf *url, const char *secret, struct wall_ms now);
/* May this address be called (security.md 3)? */
bool egress_allowed(const struct hooks_options *o, const char *host, const struct sockaddr *address);
