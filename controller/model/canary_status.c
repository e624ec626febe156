#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "controller/model/canary.h"

/* Adds members and remembers that one did not fit, so that it is asked once. */
struct printer {
	cJSON *object; /* borrowed */
	bool failed;
};

static void put(struct printer *p, const char *name, cJSON *value)
{
	if (value && cJSON_AddItemToObject(p->object, name, value))
		return;
	cJSON_Delete(value);
	p->failed = true;
}

static void put_int(struct printer *p, const char *name, int value)
{
	put(p, name, cJSON_CreateNumber(value));
}

static void put_count(struct printer *p, const char *name, int value)
{
	if (value != 0)
		put_int(p, name, value);
}

static void put_text(struct printer *p, const char *name, const char *value)
{
	if (!text_empty(value))
		put(p, name, cJSON_CreateString(value));
}

static void put_true(struct printer *p, const char *name, bool value)
{
	if (value)
		put(p, name, cJSON_CreateTrue());
}

static void put_time(struct printer *p, const char *name, struct wall_ms t)
{
	char buf[32];
	if (t.v == 0)
		return;
	wall_print(t, buf);
	put(p, name, cJSON_CreateString(buf));
}

static void put_time_ms(struct printer *p, const char *name, struct wall_ms t)
{
	char buf[32];
	if (t.v == 0)
		return;
	wall_print_ms(t, buf);
	put(p, name, cJSON_CreateString(buf));
}

/* Hands the finished object to the parent; one without members is left out. */
static void put_object(struct printer *parent, const char *name, struct printer *p)
{
	if (p->failed || !p->object || !p->object->child) {
		parent->failed = parent->failed || p->failed || !p->object;
		cJSON_Delete(p->object);
		return;
	}
	put(parent, name, p->object);
}

static void put_request(struct printer *parent, const struct request_done *request)
{
	struct printer p = { .object = cJSON_CreateObject() };
	put_text(&p, "id", request->id);
	put_text(&p, "verb", request->verb);
	put_text(&p, "outcome", request->outcome);
	put_text(&p, "message", request->message);
	put_object(parent, "request", &p);
}

static void put_own(struct printer *parent, const struct own_status *own)
{
	struct printer p = { .object = cJSON_CreateObject() };
	put_text(&p, "revision", own->revision);
	put_text(&p, "promoted", own->promoted);
	put_text(&p, "oldImage", own->old_image);
	put_text(&p, "newImage", own->new_image);
	put_text(&p, "requestedBy", own->requested_by);
	put_count(&p, "step", own->step);
	put_count(&p, "weight", own->weight);
	put_true(&p, "paused", own->paused);
	put_true(&p, "skipRest", own->skip_rest);
	if (own->wanted_weight >= 0)
		put_int(&p, "wantedWeight", own->wanted_weight);
	put_true(&p, "postPending", own->post_pending);
	put_true(&p, "completing", own->completing);
	put_true(&p, "sourceAtPromoted", own->source_at_promoted);
	put_true(&p, "returning", own->returning);
	put_text(&p, "failedWhy", own->failed_why);
	put_count(&p, "run", own->run);
	put_text(&p, "gate", own->gate == HOOK_ROLLOUT ? "" : hook_type_name(own->gate));
	put_true(&p, "held", own->held);
	put_true(&p, "skipGates", own->skip_gates);
	put_count(&p, "maxReplicas", own->max_replicas);
	put_count(&p, "nextWeight", own->next_weight);
	put_true(&p, "targetServes", own->target_serves);
	put_true(&p, "fallingBack", own->falling_back);
	put_count(&p, "leaving", own->leaving);
	put_time_ms(&p, "startedAt", own->started_at);
	put_time_ms(&p, "changedAt", own->changed_at);
	put_request(&p, &own->request);
	put_object(parent, "rollcall", &p);
}

static void put_configs(struct printer *parent, const struct canary_status *s)
{
	if (!s->has_tracked_configs)
		return;
	struct printer p = { .object = cJSON_CreateObject() };
	for (size_t i = 0; i < s->tracked_configs.count && !p.failed; i++)
		put(&p, s->tracked_configs.at[i].key, cJSON_CreateString(s->tracked_configs.at[i].value));
	parent->failed = parent->failed || p.failed;
	put(parent, "trackedConfigs", p.object); /* an empty map is not the same as none */
}

static void put_condition(struct printer *parent, const struct canary_status *s)
{
	if (!s->has_condition)
		return;
	cJSON *list = cJSON_CreateArray();
	struct printer p = { .object = cJSON_CreateObject() };
	put(&p, "type", cJSON_CreateString("Promoted"));
	put(&p, "status", cJSON_CreateString(s->condition_status ? s->condition_status : ""));
	put_time(&p, "lastUpdateTime", s->condition_updated);
	put_time(&p, "lastTransitionTime", s->condition_changed);
	put_text(&p, "reason", s->condition_reason);
	put_text(&p, "message", s->condition_message);
	if (!list || !p.object || !cJSON_AddItemToArray(list, p.object)) {
		cJSON_Delete(p.object);
		cJSON_Delete(list);
		parent->failed = true;
		return;
	}
	parent->failed = parent->failed || p.failed;
	put(parent, "conditions", list);
}

cJSON *canary_status_print(const struct canary_status *s)
{
	struct printer p = { .object = cJSON_CreateObject() };
	put(&p, "phase", cJSON_CreateString(phase_name(s->phase)));
	put_int(&p, "failedChecks", s->failed_checks);
	put_int(&p, "canaryWeight", s->weight);
	put_int(&p, "iterations", s->iterations);
	put_text(&p, "previousSessionAffinityCookie", s->previous_session_cookie);
	put_text(&p, "sessionAffinityCookie", s->session_cookie);
	put_text(&p, "primarySessionAffinityCookie", s->primary_session_cookie);
	put_configs(&p, s);
	put_text(&p, "lastAppliedSpec", s->last_applied_spec);
	put_text(&p, "lastPromotedSpec", s->last_promoted_spec);
	put_time(&p, "lastTransitionTime", s->last_transition);
	put_condition(&p, s);
	put_own(&p, &s->own);
	if (!p.failed)
		return p.object;
	cJSON_Delete(p.object);
	return NULL;
}
