#include <string.h>

#include "controller/model/build.h"
#include "controller/model/schema.h"

static struct request_done build_request_done(struct build *b, const cJSON *v)
{
	return (struct request_done){
		.id = build_text(b, v, "id", ""),
		.verb = build_text(b, v, "verb", ""),
		.outcome = build_text(b, v, "outcome", ""),
		.message = build_text(b, v, "message", ""),
	};
}

static enum hook_type build_gate(const cJSON *own)
{
	enum hook_type gate = HOOK_ROLLOUT; /* none */
	const char *word = cJSON_GetStringValue(member(own, "gate"));
	return word && hook_type_parse(word, &gate, NULL) == RC_OK ? gate : HOOK_ROLLOUT;
}

static struct own_status build_own(struct build *b, const cJSON *v)
{
	return (struct own_status){
		.revision = build_text(b, v, "revision", ""),
		.promoted = build_text(b, v, "promoted", ""),
		.old_image = build_text(b, v, "oldImage", ""),
		.new_image = build_text(b, v, "newImage", ""),
		.requested_by = build_text(b, v, "requestedBy", ""),
		.step = build_int(v, "step", 0),
		.weight = build_int(v, "weight", 0),
		.paused = build_bool(v, "paused"),
		.skip_rest = build_bool(v, "skipRest"),
		.wanted_weight = build_int(v, "wantedWeight", -1),
		.post_pending = build_bool(v, "postPending"),
		.completing = build_bool(v, "completing"),
		.source_at_promoted = build_bool(v, "sourceAtPromoted"),
		.returning = build_bool(v, "returning"),
		.failed_why = build_text(b, v, "failedWhy", ""),
		.run = build_int(v, "run", 0),
		.gate = build_gate(v),
		.held = build_bool(v, "held"),
		.skip_gates = build_bool(v, "skipGates"),
		.max_replicas = build_int(v, "maxReplicas", 0),
		.next_weight = build_int(v, "nextWeight", 0),
		.target_serves = build_bool(v, "targetServes"),
		.falling_back = build_bool(v, "fallingBack"),
		.leaving = build_int(v, "leaving", 0),
		.started_at = build_time(v, "startedAt"),
		.changed_at = build_time(v, "changedAt"),
		.request = build_request_done(b, member(v, "request")),
	};
}

static const cJSON *promoted_condition(const cJSON *status)
{
	const cJSON *list = member(status, "conditions");
	for (const cJSON *c = cJSON_IsArray(list) ? list->child : NULL; c; c = c->next) {
		const char *type = cJSON_GetStringValue(member(c, "type"));
		if (type && strcmp(type, "Promoted") == 0)
			return c;
	}
	return NULL;
}

struct canary_status build_status(struct build *b, const cJSON *status)
{
	enum phase phase = PHASE_NONE;
	const char *word = cJSON_GetStringValue(member(status, "phase"));
	if (word && phase_parse(word, &phase, NULL) != RC_OK)
		phase = PHASE_NONE; /* canary_parse has refused it before */
	const cJSON *configs = member(status, "trackedConfigs");
	const cJSON *condition = promoted_condition(status);
	return (struct canary_status){
		.phase = phase,
		.failed_checks = build_int(status, "failedChecks", 0),
		.weight = build_int(status, "canaryWeight", 0),
		.iterations = build_int(status, "iterations", 0),
		.tracked_configs = build_pairs(b, configs),
		.has_tracked_configs = cJSON_IsObject(configs),
		.last_applied_spec = build_text(b, status, "lastAppliedSpec", ""),
		.last_promoted_spec = build_text(b, status, "lastPromotedSpec", ""),
		.last_transition = build_time(status, "lastTransitionTime"),
		.has_condition = condition != NULL,
		.condition_status = build_text(b, condition, "status", ""),
		.condition_reason = build_text(b, condition, "reason", ""),
		.condition_message = build_text(b, condition, "message", ""),
		.condition_updated = build_time(condition, "lastUpdateTime"),
		.condition_changed = build_time(condition, "lastTransitionTime"),
		.session_cookie = build_text(b, status, "sessionAffinityCookie", ""),
		.previous_session_cookie = build_text(b, status, "previousSessionAffinityCookie", ""),
		.primary_session_cookie = build_text(b, status, "primarySessionAffinityCookie", ""),
		.own = build_own(b, member(status, "rollcall")),
	};
}
