#pragma once
/* What people type (approvals.md 6), parsed: pure. One table gives names, aliases in both languages, arguments, help.
 */
#include <stdbool.h>

#include "base/arena.h"
#include "base/error.h"

#define COMMANDS(X)                                                                                                    \
	X(LIST, "list", "ls,列表", "[namespace]", "rollouts, those that wait for somebody first")                      \
	X(STATUS, "status", "show,状态", "NAME", "where a rollout stands")                                             \
	X(APPROVE, "approve", "ok,lgtm,批准,同意", "NAME [reason]", "vote for what a rollout waits for")               \
	X(REJECT, "reject", "deny,拒绝", "NAME reason", "vote against it")                                             \
	X(PROMOTE, "promote", "ship,全量", "NAME", "skip what is left of the analysis and promote")                    \
	X(ROLLBACK, "rollback", "abort,回滚", "NAME [reason]", "all traffic back to the stable version, at once")      \
	X(PAUSE, "pause", "暂停", "NAME", "hold at this weight")                                                       \
	X(RESUME, "resume", "继续", "NAME", "go on")                                                                   \
	X(RESTART, "restart", "retry,重试", "NAME", "analyse a failed revision again")                                 \
	X(WEIGHT, "weight", "流量", "NAME PERCENT", "manual release: this weight now")                                 \
	X(COMPLETE, "complete", "finish,完成", "NAME", "give everything back and remove the Canary")                   \
	X(HISTORY, "history", "历史", "[NAME]", "who did what")                                                        \
	X(WHO, "who", "谁", "NAME", "who may decide, who has")                                                         \
	X(HELP, "help", "?,帮助", "[command]", "this")
#define X(id, name, aliases, args, help) COMMAND_##id,
enum command_id { COMMANDS(X) COMMAND_COUNT };
#undef X

struct command {
	enum command_id id;
	const char *name;      /* of the rollout; "" when the command has none */
	const char *reason;    /* the rest of the line; "" */
	int weight;            /* COMMAND_WEIGHT */
	bool override_gates;   /* a word "override" or "--override" */
	enum command_id about; /* COMMAND_HELP: COMMAND_COUNT for all */
};
const char *command_name(enum command_id id);
/* RC_INVALID: e says what is wrong and the nearest command or the usage line; nothing else happens. */
MUST_CHECK enum result command_parse(const char *line, struct arena *a, struct command *ret, struct error *e);
/* Help in the words of the table; zh: with the Chinese aliases first. */
const char *command_help(enum command_id about, bool zh, struct arena *a);
