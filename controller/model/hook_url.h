#pragma once
/* What the address of a webhook says. Inside the model only. */
#include <stdbool.h>

#include "base/error.h"

enum { HOOK_URL_TEXT = 256 };
struct hook_url {
	char scheme[16];
	char host[HOOK_URL_TEXT]; /* lower case */
	char port[8];             /* "" when it is the scheme's own */
	char path[HOOK_URL_TEXT];
	bool has_query;
};
/* RC_INVALID with what is wrong; the text never holds the address itself: it may carry a token. */
MUST_CHECK enum result hook_url_parse(const char *text, struct hook_url *ret, struct error *e);
/* The policy of rollcall://gate/POLICY; NULL when it is no such address. */
const char *hook_url_policy(const struct hook_url *u);
bool hook_url_is_dingtalk_robot(const struct hook_url *u);
/* http://localhost:9090/gate/halt, the address of ACK's that always says no */
bool hook_url_is_halt(const struct hook_url *u);
