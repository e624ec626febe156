#pragma once
/* The autoscaler of the target and its copy for the primary (flagger-controller.md 4.9): a HorizontalPodAutoscaler, or
 * a ScaledObject of KEDA. What a Canary without autoscalerRef does here is nothing. */
#include "controller/plan.h"

void scaler_wants(const struct plan *p, void (*want)(void *owner, enum kind kind, const char *ns, const char *name),
		  void *owner);
/* Fills scaler and scaler_min; a missing one is o->configs_error, if there is none yet. */
MUST_CHECK enum result scaler_observe(const struct plan *p, struct observed *o, struct error *e);
MUST_CHECK enum result scaler_effect(struct plan *p, enum effect_kind kind, struct error *e);
/* Kind and name of the copy; false: there is none. */
bool scaler_copy(const struct plan *p, enum kind *ret_kind, const char **ret_name);
