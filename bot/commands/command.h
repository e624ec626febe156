#pragma once
/* What people type, parsed: pure. One table gives names and aliases in both languages. */
#include <stdbool.h>

#include "base/arena.h"
#include "base/error.h"
#include "bot/cards/card.h"

/* X(id, name, aliases); arguments and help: args.NAME and help.NAME of templates/text.LANG */
#define COMMANDS(X)                                                                                                    \
	X(LIST, "list", "ls,列表")                                                                                     \
	X(STATUS, "status", "show,状态")                                                                               \
	X(WATCH, "watch", "关注")                                                                                      \
	X(UNWATCH, "unwatch", "取消关注")                                                                              \
	X(APPROVE, "approve", "ok,lgtm,批准,同意")                                                                     \
	X(REJECT, "reject", "deny,拒绝")                                                                               \
	X(PROMOTE, "promote", "ship,全量")                                                                             \
	X(ROLLBACK, "rollback", "abort,回滚")                                                                          \
	X(PAUSE, "pause", "暂停")                                                                                      \
	X(RESUME, "resume", "继续")                                                                                    \
	X(RESTART, "restart", "retry,重试")                                                                            \
	X(WEIGHT, "weight", "流量")                                                                                    \
	X(COMPLETE, "complete", "finish,完成")                                                                         \
	X(HISTORY, "history", "历史")                                                                                  \
	X(WHO, "who", "谁")                                                                                            \
	X(FREEZE, "freeze", "封网")                                                                                    \
	X(SUBSCRIBE, "subscribe", "sub,订阅")                                                                          \
	X(UNSUBSCRIBE, "unsubscribe", "unsub,退订")                                                                    \
	X(HELP, "help", "?,帮助")
#define X(id, name, aliases) COMMAND_##id,
enum command_id { COMMANDS(X) COMMAND_COUNT };
#undef X

struct command {
	enum command_id id;
	const char *name;      /* of the rollout, a pattern, a namespace; "" when the command has none */
	const char *selector;  /* "-l team=shop": all that have these labels, instead of a name; "" */
	const char *phase;     /* COMMAND_LIST: "-phase Progressing"; "" */
	bool yes;              /* "--yes": several at once, asked and answered */
	const char *reason;    /* the rest of the line; "" */
	int weight;            /* COMMAND_WEIGHT */
	bool override_gates;   /* a word "override" or "--override" */
	bool on;               /* COMMAND_FREEZE with a name: switch it on, or off */
	enum command_id about; /* COMMAND_HELP: COMMAND_COUNT for all */
};
const char *command_name(enum command_id id);
/* RC_INVALID: e says what is wrong and the nearest command or the usage line; nothing else happens. */
MUST_CHECK enum result command_parse(const char *line, struct arena *a, struct command *ret, struct error *e);
/* "approve NAME [reason]"; in Chinese "批准 (approve) 名称 [原因]". */
const char *command_usage(enum command_id id, enum card_lang lang, struct arena *a);
const char *command_help(enum command_id about, enum card_lang lang, struct arena *a);
/* May it be about several rollouts at once? */
bool command_takes_selector(enum command_id id);
