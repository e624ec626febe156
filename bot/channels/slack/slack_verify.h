#pragma once
/* Is a request Slack's? Signature v0 over the raw body, both secrets of a rotation, in a window of 300 s on both sides
 * (slack.md 2). Pure. */
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum { SLACK_WINDOW_S = 300 };
/* secrets: NULL or "" is none. The texts of e are for the log: they hold nothing of the request. */
MUST_CHECK enum result slack_verify(const char *const secrets[2], const char *timestamp, const char *signature,
				    const char *body, size_t len, int64_t now_s, struct error *e);
