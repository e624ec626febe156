#pragma once
/* The alerts of a Canary to its AlertProviders (flagger-interfaces.md 4): who gets it, in which shape, sent in order a
 * receiver. */
#include "base/arena.h"
#include "controller/hooks/hooks.h"
#include "controller/plan.h"

/* Says which objects alerts need: the providers, and their Secrets once those are known. */
void alerts_wants(const struct plan *p, void (*want)(void *owner, enum kind kind, const char *ns, const char *name),
		  void *owner);

/* ---- one receiver, pure ---- */

struct alert_provider {
	const char *type; /* "slack", "msteams", "discord", "rocket", "gchat", "dingtalk" */
	const char *url, *channel, *username;
	const char *token; /* Slack; secret; "" none */
	const char *sign;  /* DingTalk: the robot's secret; "" none */
	const char *proxy; /* "" none */
};
/* From the cache. RC_NOT_FOUND, RC_INVALID: why says what is missing and where. */
MUST_CHECK enum result alert_provider_find(const struct plan *p, const struct alert_ref *ref,
					   struct alert_provider *ret, struct error *e);
/* Does an alert of this severity pass "info", "warn", "error"? "" is info. */
bool alert_passes(const char *least, enum severity severity);
/* The body in the provider's own shape. NULL: no memory. */
const char *alert_payload(const struct plan *p, const struct alert_provider *to, const struct alert *al);

/* ---- sending ---- */

struct alerts;
MUST_CHECK enum result alerts_create(const struct hooks_options *o, struct alerts **ret, struct error *e);
void alerts_destroy(struct alerts *s); /* what waits is not sent */
/* To every provider that spec.analysis.alerts names for its severity. Tried three times; what does not arrive is logged
 * and never holds a rollout. */
void alerts_send(struct alerts *s, const struct plan *p, const struct alert *al);
DEFINE_CLEANUP(struct alerts, alerts_destroy)
