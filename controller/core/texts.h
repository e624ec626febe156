#pragma once
/* Every text of an event or an alert, as one table (flagger-controller.md 2.2-2.6). {canary} is NAME.NS, {target} and
 * {source} are their workloads with .NS, {kind} the target's kind, {1} {2} {3} come from the caller.
 *
 * X(id, N|W, payload phase of event hooks, part of the key, text)
 * Phase NONE: the present one. Key NULL: chatter, may repeat each interval; all others are said once a run and ordinal.
 */
#include "controller/core/decision.h"

#define N false
#define W true
/* clang-format off */
#define TEXTS(X) \
	X(TROUBLE,            W, NONE, NULL, "{1}") \
	X(SUSPENDED,          N, NONE, NULL, "skipping canary run as object is suspended") \
	X(SHARED_TARGET,      W, NONE, "shared-target", "another Canary has the same target {target}") \
	X(NO_MIRROR,          W, NONE, "no-mirror", "Traffic mirroring is not supported by the {1} provider, ignoring it") \
	X(NO_MATCH,           W, NONE, NULL, "A/B testing is not supported when using the kubernetes provider") \
	X(NO_WEIGHTS,         W, NONE, NULL, "Progressive traffic is not supported when using the kubernetes provider") \
	X(TEN_ITERATIONS,     W, NONE, NULL, "Setting canaryAnalysis.iterations: 10") \
	X(EXTENSION_OFF,      W, NONE, "extension-off", "analysis.{1} has no effect without the annotation alicloud.canary.extension.switch: 'true'") \
	X(PROVIDERS_FINE,     N, NONE, NULL, "all the metrics providers are available!") \
	X(PROVIDERS_MISSING,  W, NONE, NULL, "Error checking metric providers: {1}") \
	X(SOURCE_NOT_READY,   W, NONE, NULL, "{source} not ready: {1}") \
	X(TARGET_NOT_READY,   W, NONE, NULL, "canary deployment {target} not ready: {1}") \
	X(NO_POD_FOR_TRAFFIC, W, NONE, NULL, "Halt {canary} traffic stays where it is, {1} has no available pod") \
	X(INITIALIZED,        N, INITIALIZED, "initialized", "Initialization done! {canary}") \
	\
	X(ROLLOUT_CONFIRMED,  N, NONE, "confirm-rollout-passed", "Confirm-rollout check {1} passed") \
	X(ROLLOUT_WAITS,      W, NONE, "confirm-rollout", "Halt {canary} advancement waiting for approval {1}") \
	X(TRAFFIC_CONFIRMED,  N, NONE, "confirm-traffic-increase-passed", "Confirm-traffic-increase check {1} passed") \
	X(TRAFFIC_WAITS,      W, NONE, NULL, "Halt {canary} advancement waiting for traffic increase approval {1}") \
	X(STEP_CONFIRMED,     N, NONE, "confirm-step-passed", "Confirm-step check {1} passed") \
	X(STEP_WAITS,         W, NONE, "confirm-step", "Halt {canary} advancement waiting for step approval {1}") \
	X(PROMOTION_CONFIRMED, N, NONE, "confirm-promotion-passed", "Confirm-promotion check {1} passed") \
	X(PROMOTION_WAITS,    W, NONE, "confirm-promotion", "Halt {canary} advancement waiting for promotion approval {1}") \
	X(GATE_HELD,          W, NONE, "held", "Halt {canary} advancement, {1} was rejected{2} and is held") \
	X(GATE_REJECTED,      W, NONE, "rejected", "Rolling back {canary} {1} was rejected{2}") \
	\
	X(STARTED,            N, PROGRESSING, "started", "New revision detected! Scaling up {target}") \
	X(RESTARTED,          N, NONE, "restarted", "New revision detected! Restarting analysis for {target}") \
	X(CANCELLED,          N, SUCCEEDED, "cancelled", "Rollout of {canary} cancelled, {target} was set back to the promoted revision") \
	X(ANALYSIS_STARTS,    N, NONE, "analysis", "Starting canary analysis for {target}") \
	X(PRE_PASSED,         N, NONE, "pre-rollout-passed", "Pre-rollout check {1} passed") \
	X(PRE_FAILED,         W, NONE, "check", "Halt {canary} advancement pre-rollout check {1} failed {2}") \
	X(HOOK_FAILED,        W, NONE, "check", "Halt {canary} advancement external check {1} failed {2}") \
	X(RATE_MISSING,       W, NONE, "check", "Halt advancement no values found for {1} metric request-success-rate probably {target} is not receiving traffic: {2}") \
	X(RATE_LOW,           W, NONE, "check", "Halt {canary} advancement success rate {1}% < {2}%") \
	X(RATE_HIGH,          W, NONE, "check", "Halt {canary} advancement success rate {1}% > {2}%") \
	X(DURATION_MISSING,   W, NONE, "check", "Halt advancement no values found for {1} metric request-duration probably {target} is not receiving traffic") \
	X(DURATION_LOW,       W, NONE, "check", "Halt {canary} advancement request duration {1} < {2}") \
	X(DURATION_HIGH,      W, NONE, "check", "Halt {canary} advancement request duration {1} > {2}") \
	X(BUILTIN_FAILED,     W, NONE, "check", "Prometheus query failed: {1}") \
	X(INLINE_MISSING,     W, NONE, "check", "Halt advancement no values found for metric: {1}") \
	X(INLINE_FAILED,      W, NONE, "check", "Prometheus query failed for {1}: {2}") \
	X(METRIC_LOW,         W, NONE, "check", "Halt {canary} advancement {1} {2} < {3}") \
	X(METRIC_HIGH,        W, NONE, "check", "Halt {canary} advancement {1} {2} > {3}") \
	X(TEMPLATE_MISSING,   W, NONE, "check", "Halt advancement no values found for custom metric: {1}: {2}") \
	X(TEMPLATE_FAILED,    W, NONE, "check", "{1}") \
	X(METRIC_UNUSABLE,    W, NONE, "check", "Metric query failed for no usable metrics template and query were configured") \
	X(ADVANCED_WEIGHT,    N, NONE, "advance", "Advance {canary} canary weight {1}") \
	X(ADVANCED_ITERATION, N, NONE, "iteration", "Advance {canary} canary iteration {1}/{2}") \
	X(ALL_TO_CANARY,      N, NONE, "all-to-canary", "Routing all traffic to canary") \
	X(UNMIRRORED,         N, NONE, "all-to-canary", "Stop traffic mirroring and route all traffic to canary") \
	\
	X(COPYING,            N, NONE, "copying", "Copying {target} template spec to {source}") \
	X(PROMOTING,          N, NONE, "promoting", "Promoting {target}: all traffic to the new revision") \
	X(ALL_TO_PRIMARY,     N, NONE, "all-to-primary", "Routing all traffic to primary") \
	X(ADVANCED_PRIMARY,   N, NONE, "advance-primary", "Advance {canary} primary weight {1}") \
	X(POST_PASSED,        N, NONE, "post-rollout-passed", "Post-rollout check {1} passed") \
	X(POST_FAILED,        W, NONE, "post-rollout-failed", "Post-rollout hook {1} failed {2}") \
	X(COMPLETED,          N, SUCCEEDED, "completed", "Promotion completed! Scaling down {target}") \
	X(COMPLETED_SKIPPED,  N, SUCCEEDED, "completed", "Promotion completed! Canary analysis was skipped for {target}") \
	X(COMPLETED_SERVES,   N, SUCCEEDED, "completed", "Promotion completed! {target} serves the new revision") \
	\
	X(THRESHOLD_REACHED,  W, NONE, "threshold", "Rolling back {canary} failed checks threshold reached {1}") \
	X(NOT_SIGNALING,      N, NONE, NULL, "Rollback hook {1} not signaling a rollback") \
	X(ROLLBACK_PASSED,    W, NONE, "rollback-passed", "Rollback check {1} passed") \
	X(ROLLBACK_INVOKED,   W, NONE, "rollback", "Rolling back {canary} manual webhook invoked") \
	X(ROLLBACK_BY,        W, NONE, "rollback-by", "Rolling back {canary} {1}: {2}") \
	X(ROLLBACK_DELETED,   W, NONE, "rollback-deleted", "Rolling back {canary} before it is deleted") \
	X(FAILED,             W, FAILED, "failed", "Canary failed! Scaling down {canary}") \
	X(PROMOTION_FAILED,   W, NONE, "promotion-failed", "Promotion of {target} failed, primary not ready: {1}") \
	X(TERMINATING,        N, NONE, "terminating", "Terminating canary {canary}") \
	X(NOT_READY_TO_LEAVE, W, NONE, NULL, "canary not ready during finalizing: {1}") \
	X(TERMINATED,         N, NONE, "terminated", "Terminated canary {canary}")

/* X(id, severity, with metadata, part of the key (NULL: each time), text) */
#define ALERTS(X) \
	X(INITIALIZED,     INFO,  true,  "initialized", "New {kind} detected, initialization completed.") \
	X(STARTED,         INFO,  true,  "started", "New revision detected, progressing canary analysis.") \
	X(ROLLOUT_WAITS,   WARN,  false, "confirm-rollout", "Canary is waiting for approval.") \
	X(TRAFFIC_WAITS,   WARN,  false, NULL, "Canary traffic increase is waiting for approval.") \
	X(PROMOTION_WAITS, WARN,  false, "confirm-promotion", "Canary promotion is waiting for approval.") \
	X(ROLLBACK_HOOK,   WARN,  false, "rollback", "Rolling back manual webhook invoked") \
	X(THRESHOLD,       ERROR, false, "threshold", "Failed checks threshold reached {1}") \
	X(DEADLINE,        ERROR, false, "deadline", "Progress deadline exceeded {1}") \
	X(ROLLED_BACK,     ERROR, false, "rolled-back", "Rolled back: {1}") \
	X(PROMOTION_FAILED, ERROR, false, "promotion-failed", "Promotion failed, primary not ready: {1}") \
	X(SUCCEEDED,       INFO,  false, "succeeded", "Canary analysis completed successfully, promotion finished.") \
	X(SKIPPED,         INFO,  false, "succeeded", "Canary analysis was skipped, promotion finished.")
/* clang-format on */

#define X(id, warning, phase, key, text) TEXT_##id,
enum text_id { TEXTS(X) TEXT_COUNT };
#undef X
#define X(id, severity, meta, key, text) ALERT_##id,
enum alert_id { ALERTS(X) ALERT_COUNT };
#undef X
#undef N
#undef W

struct event_text {
	bool warning;
	enum phase phase;
	const char *key, *text;
};
struct alert_text {
	enum severity severity;
	bool with_metadata;
	const char *key, *text;
};
extern const struct event_text event_texts[TEXT_COUNT];
extern const struct alert_text alert_texts[ALERT_COUNT];

struct placeholder {
	const char *name, *value; /* "{canary}"; NULL value is "" */
};
/* Fills the placeholders in; a name that is not in the list stays as it is. NULL: no memory. */
char *text_fill(struct arena *a, const char *text, const struct placeholder *list, size_t count);
