#pragma once
/* The moves of a rollout: start, wait, restart, cancel, roll back, promote, end (T3-T15). Each one adds its effects,
 * its words and its status. With the extension on, what concerns replicas and the apex is in extension.c. */
#include "controller/core/draft.h"
#include "controller/core/gates.h"

/* T15 left the traffic on the canary because the primary has no pod: whatever comes next runs and is promoted where
 * the traffic is (E2). */
bool run_stranded(const struct draft *t);
void run_begin(struct draft *t); /* a run of what the target has now: our own fields; nothing is written yet */
void run_start(struct draft *t);
void run_scale_up(struct draft *t);                                          /* plain: the canary from zero (4.8) */
void run_wait(struct draft *t, const struct gate *g, enum gate_outcome why); /* before the start */
void run_refuse(struct draft *t, const char *why); /* before the start: Failed, nothing moved */
/* Somebody rejected it at this gate: says so, then the run ends as Failed, before its start or after. */
void run_reject(struct draft *t, const struct gate *g);
void run_restart(struct draft *t);
void run_cancel(struct draft *t);
void run_withdraw(struct draft *t); /* cancelled before the start */
void run_rollback(struct draft *t, const char *why);
void run_promote(struct draft *t); /* the gates have opened */
void run_succeed(struct draft *t); /* status and last words */
void run_promotion_failed(struct draft *t, const char *why);
void run_say_completed(struct draft *t);

/* Only the status of those ends, for extension.c. */
void run_end_failed(struct draft *t);
void run_end_cancelled(struct draft *t);
/* The new revision is known; people decide about it before it gets a pod. */
void run_ask_again(struct draft *t);
bool run_people_confirm(const struct canary *c); /* is there a confirm-rollout gate answered by people? */
