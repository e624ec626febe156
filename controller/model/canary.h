#pragma once
/* The Canary resource (flagger.app/v1beta1, flagger-controller.md 1) with the ACK extension (ack-extension.md), parsed
 * into a plain value with every default filled in. Strings belong to the canary's own arena. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/error.h"
#include "controller/model/words.h"

struct yaml_doc;

struct object_ref {
	const char *api_version, *kind, *name, *ns; /* "" when absent, never NULL */
};
struct pair {
	const char *key, *value;
};
struct pairs {
	const struct pair *at; /* sorted by key */
	size_t count;
};
const char *pairs_get(const struct pairs *p, const char *key); /* NULL when missing */

struct hook {
	const char *name, *url;
	enum hook_type type;
	bool mute_alert, disable_tls;
	int64_t timeout_ms;        /* flagger-interfaces.md 1.2: default 10 s; 0: none */
	const char *timeout_error; /* an unparsable timeout fails each call with this text; else NULL */
	int retries;
	struct pairs metadata;
	const char *policy; /* rollcall://gate/POLICY is answered inside the process under POLICY; else NULL */
	bool halt;          /* ACK's "flagger-default-halt": a manual release, asked as confirm-step */
};
struct metric_check {
	const char *name, *query; /* query "" when absent */
	const char *interval;     /* as written, "1m" when absent */
	bool has_threshold, has_min, has_max;
	double threshold, min, max;
	struct object_ref template_ref;
	struct pairs variables;
};
struct alert_ref {
	const char *name, *severity; /* "" counts as info (E5) */
	struct object_ref provider;
};
struct header_match {
	const char *header, *exact, *prefix, *suffix, *regex; /* NULL when absent */
};
struct analysis {
	bool present;
	int64_t interval_ms;       /* default 60 s; at least 1 s (ack-extension.md) */
	int iterations, threshold; /* threshold at least 1 */
	bool mirror;
	int mirror_weight, max_weight, step_weight, step_weight_promotion; /* max_weight 0 when unset */
	const int *step_weights;
	size_t step_weight_count;
	int primary_ready_threshold, canary_ready_threshold; /* percent, default 100 */
	const struct hook *hooks;
	size_t hook_count;
	const struct metric_check *metrics;
	size_t metric_count;
	const struct alert_ref *alerts;
	size_t alert_count;
	const struct header_match *match; /* of all entries in their order, by header name within one */
	size_t match_count;
	bool has_match;                      /* spec.analysis.match is not empty, even when it names no header */
	const char *cookie, *primary_cookie; /* names of sessionAffinity; "" none */
	/* the extension */
	int canary_replicas, max_replicas /* 0: replicas of the target */, canary_weight, step_replicas;
};
struct metadata_pair {
	struct pairs labels, annotations;
};
struct service_spec {
	const char *name; /* default: target's */
	int port;
	const char *port_name;   /* default "http" */
	const char *target_port; /* number or name as text; default: port */
	bool target_port_is_number;
	const char *app_protocol, *traffic_distribution; /* "" when absent */
	bool port_discovery, headless;
	struct metadata_pair apex, primary, canary;
	const char *const *unmanaged_annotations, *const *unmanaged_labels; /* NULL-terminated */
};

/* The answer to a verb, kept in status.rollcall.request so that it happens once (core.md). */
struct request_done {
	const char *id, *verb, *outcome, *message; /* outcome: "done" or "refused"; "" when there was none */
};
/* status.rollcall: what Flagger's status has no field for. Zero is "nothing yet". */
struct own_status {
	const char *revision;              /* hash of the revision being rolled out or last rolled out */
	const char *promoted;              /* hash of the revision that serves as stable */
	const char *old_image, *new_image; /* "a=x,b=y" when there are several containers */
	const char *requested_by;          /* who caused the revision; "" unknown */
	int step;                          /* steps taken in this run */
	int weight;                        /* the real weight of the canary, also where Flagger's field says 0 (E13) */
	bool paused;                       /* by the verb */
	bool skip_rest;                    /* verb promote: what is left of the analysis is skipped */
	int wanted_weight;                 /* verb weight: -1 none */
	bool post_pending;                 /* post-rollout hooks of the finished run are still to be called */
	bool completing;                   /* verb complete or DELETE */
	bool source_at_promoted;           /* extension: the source carries the promoted template */
	bool returning;                    /* extension: a new revision waits until the source has the traffic back */
	const char *failed_why;            /* text of the last failure; "" */
	int run;                           /* rollouts begun: part of keys, so that a second run is said again */
	enum hook_type gate;               /* gate at which Progressing stands; 0 (HOOK_ROLLOUT): at none */
	bool held;                         /* that a gate's rejection is held has been said */
	bool skip_gates;                   /* verb promote with override_gates */
	int max_replicas;                  /* extension: the whole, as found at the beginning */
	int next_weight;                   /* extension: decided, its pods are awaited; 0 none */
	bool target_serves;                /* extension: the apex leads to the target */
	bool falling_back; /* extension: rolled back, the source is awaited before it takes the traffic */
	int leaving;       /* Terminating: how far (core/leave.c) */
	struct wall_ms started_at, changed_at; /* 0 unknown */
	struct request_done request;
};
struct canary_status {
	enum phase phase;
	int failed_checks, weight, iterations;
	struct pairs tracked_configs;
	bool has_tracked_configs;
	const char *last_applied_spec, *last_promoted_spec; /* "" when absent */
	struct wall_ms last_transition;                     /* 0 when absent */
	bool has_condition;
	const char *condition_status, *condition_reason, *condition_message;
	struct wall_ms condition_updated, condition_changed;
	/* "name=value", "" when absent */
	const char *session_cookie, *previous_session_cookie, *primary_session_cookie;
	struct own_status own;
};
/* A verb somebody asked for: annotation rollcall.dev/request (core.md, "A request"). */
struct request {
	const char *id, *verb, *by, *at, *revision, *reason;
	int weight; /* verb weight: 0..100, else -1 */
	bool override_gates;
};
struct canary {
	struct arena *arena; /* owned */
	const char *ns, *name, *uid, *resource_version;
	int64_t generation;
	bool deleting;
	struct pairs labels, annotations;
	const char *const *finalizers; /* NULL-terminated */

	const char *provider; /* "" when absent: the controller's default */
	const char *metrics_server;
	struct object_ref target, autoscaler, ingress, route, upstream, source /* extension: sourceRef */;
	struct service_spec service;
	struct analysis analysis;
	int progress_deadline_s; /* default 600 */
	bool skip_analysis /* also when there is no analysis */, revert_on_deletion, suspend;

	bool extension;          /* annotation alicloud.canary.extension.switch: 'true' */
	const char *source_name; /* sourceRef.name, else "<target>-primary" */
	const char *const *distinguish_labels, *const *general_labels; /* extension; NULL-terminated */
	const char *policy;                                            /* annotation rollcall.dev/policy; "" */
	bool gates[HOOK_TYPE_COUNT]; /* annotation rollcall.dev/gates and rollcall.dev/steps: manual */
	bool has_request;
	struct request request;
	struct canary_status status;
};

/* Builds the value from an API object. Mistakes that make it unusable are errors; the first one is told in e, all of
 * them come from canary_check. *ret is owned by the caller. */
MUST_CHECK enum result canary_parse(const cJSON *object, struct canary **ret, struct error *e);
void canary_free(struct canary *c);
DEFINE_CLEANUP(struct canary, canary_free)

/* One mistake or warning in a manifest. */
struct finding {
	bool warning;
	unsigned line, column; /* 0 when the object did not come from a file */
	char field[128];       /* "spec.analysis.stepWeight" */
	char text[384];        /* what, the value, what is allowed, a suggestion */
};
struct findings {
	struct finding *at;
	size_t count, cap;
	size_t errors;
};
void findings_finish(struct findings *f);
/* Every mistake in a Canary (unknown fields with a suggestion, types, ranges, combinations, the table of
 * flagger-controller.md 1.2-1.4 and 3.1, the extension's warnings). doc gives places; NULL for objects of the API. */
MUST_CHECK enum result canary_check(const cJSON *object, const struct yaml_doc *doc, struct findings *f,
				    struct error *e);

/* The status as the API wants it: the whole "status" object, with every field of Flagger's that must be present. What
 * is at its default is left out, so write it whole or as a diff. NULL strings count as "". Flagger's times are cut to
 * seconds, ours keep milliseconds. NULL: no memory. The caller owns it. */
cJSON *canary_status_print(const struct canary_status *s);
/* Condition "Promoted" of a phase (flagger-controller.md 1.6); kind: targetRef.kind. */
void phase_condition(enum phase p, const char *kind, struct arena *a, const char **ret_status,
		     const char **ret_message);
/* canary | ab-testing | blue-green */
const char *canary_strategy(const struct canary *c);
