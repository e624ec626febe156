#pragma once
/* The same demo in a workspace of one's own: what rollcall has to know for that, from the environment, or asked for
 * where somebody can answer. Nothing has to be reachable from outside: Slack's Socket Mode, DingTalk's stream. */
#include <stdbool.h>

#include "base/error.h"

/* *ret: lines for the configuration, malloc'ed; "" for neither. Secrets stay in the environment, from where the
 * configuration reads them. RC_INVALID names all that is missing. */
MUST_CHECK enum result chat_prepare(bool slack, bool dingtalk, char **ret, struct error *e);
