#pragma once
/* The words of a rollout that every room speaks: phases and the places where it asks. */
#include "base/error.h"

/* The word in the API, and what people read in zh (ack-extension.md, status words). */
#define PHASES(X)                                                                                                      \
	X(NONE, "", "")                                                                                                \
	X(INITIALIZING, "Initializing", "初始化中")                                                                    \
	X(INITIALIZED, "Initialized", "初始化完毕")                                                                    \
	X(WAITING, "Waiting", "等待确认")                                                                              \
	X(PROGRESSING, "Progressing", "发布中")                                                                        \
	X(WAITING_PROMOTION, "WaitingPromotion", "等待全量")                                                           \
	X(PROMOTING, "Promoting", "全量中")                                                                            \
	X(FINALISING, "Finalising", "收尾中")                                                                          \
	X(SUCCEEDED, "Succeeded", "发布完成")                                                                          \
	X(FAILED, "Failed", "已回滚")                                                                                  \
	X(TERMINATING, "Terminating", "回收中")                                                                        \
	X(TERMINATED, "Terminated", "已回收")
#define X(id, name, zh) PHASE_##id,
enum phase { PHASES(X) PHASE_COUNT };
#undef X
const char *phase_name(enum phase p);
const char *phase_name_zh(enum phase p);
MUST_CHECK enum result phase_parse(const char *name, enum phase *ret, struct error *e);

/* STEP is ours (approvals.md 1): asked before every weight; no webhook type of Flagger's. */
#define HOOK_TYPES(X)                                                                                                  \
	X(ROLLOUT, "rollout")                                                                                          \
	X(CONFIRM_ROLLOUT, "confirm-rollout")                                                                          \
	X(PRE_ROLLOUT, "pre-rollout")                                                                                  \
	X(CONFIRM_TRAFFIC_INCREASE, "confirm-traffic-increase")                                                        \
	X(CONFIRM_STEP, "confirm-step")                                                                                \
	X(CONFIRM_PROMOTION, "confirm-promotion")                                                                      \
	X(POST_ROLLOUT, "post-rollout")                                                                                \
	X(ROLLBACK, "rollback")                                                                                        \
	X(EVENT, "event")
#define X(id, name) HOOK_##id,
enum hook_type { HOOK_TYPES(X) HOOK_TYPE_COUNT };
#undef X
const char *hook_type_name(enum hook_type t);
MUST_CHECK enum result hook_type_parse(const char *name, enum hook_type *ret, struct error *e); /* "" is rollout */
