#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "bot/channels/dingtalk/dingtalk_private.h"

enum { BLOCKED_MS = 10 * 60 * 1000, SLOW_MS = 60 * 1000, BUSY_MS = 5 * 1000 };

/* clang-format off */
static const struct {
	int code;
	enum result r;
	int64_t retry_after_ms;
	bool plain_instead;
	const char *remedy;
} codes[] = {
	{ 0,      RC_OK,          -1,         false, "" },
	{ -1,     RC_UNREACHABLE, -1,         false, "" },
	{ 88,     RC_UNREACHABLE, BUSY_MS,    false, "" },
	{ 90018,  RC_UNREACHABLE, BUSY_MS,    false, "" },
	{ 130101, RC_UNREACHABLE, BLOCKED_MS, false, "the robot is blocked for ten minutes" },
	{ 410100, RC_UNREACHABLE, SLOW_MS,    false, "" },
	{ 310000, RC_INVALID,     -1,         false, "check the robot's security settings: keyword, signing secret, address list" },
	{ 300001, RC_INVALID,     -1,         false, "the access token of the robot's address is wrong" },
	{ 660026, RC_INVALID,     -1,         false, "the robot was deleted, or its access token is wrong" },
	{ 400101, RC_INVALID,     -1,         false, "the robot was deleted, or its access token is wrong" },
	{ 400102, RC_INVALID,     -1,         false, "the robot is switched off" },
	{ 400013, RC_INVALID,     -1,         false, "the group was dissolved" },
	{ 400105, RC_INVALID,     -1,         false, "" },
	{ 400106, RC_INVALID,     -1,         false, "" },
	{ 43004,  RC_INVALID,     -1,         false, "" },
	{ 40035,  RC_INVALID,     -1,         true,  "" },
	{ 430101, RC_INVALID,     -1,         true,  "" },
	{ 430102, RC_INVALID,     -1,         true,  "" },
	{ 430103, RC_INVALID,     -1,         true,  "" },
	{ 430104, RC_INVALID,     -1,         true,  "" },
	{ 460101, RC_INVALID,     -1,         true,  "" },
};
/* clang-format on */

static void say(struct dingtalk_outcome *o, long long code, const char *message, const char *remedy)
{
	char shown[TEXT_SHOWN];
	(void)snprintf(o->why, sizeof o->why, "robot/send: errcode %lld %.120s%s%s", code,
		       text_show(message, strlen(message), shown), *remedy ? "; " : "", remedy);
}

void dingtalk_outcome(int status, const char *body, size_t len, struct dingtalk_outcome *ret)
{
	CLEANUP(json_delete_p) cJSON *j = NULL;
	*ret = (struct dingtalk_outcome){ .r = RC_CONFLICT, .retry_after_ms = -1 };
	(void)snprintf(ret->why, sizeof ret->why, "robot/send: HTTP %d, no answer that says whether it was taken",
		       status);
	if (status == 429)
		*ret = (struct dingtalk_outcome){ .r = RC_UNREACHABLE,
						  .retry_after_ms = SLOW_MS,
						  .why = "robot/send: HTTP 429" };
	if (status < 200 || status >= 500 || status == 429 || json_parse(body, len, &j, NULL) != RC_OK)
		return;
	if (!json_at(j, "errcode")) {
		/* the limiter in front of the service */
		if (json_int(j, "status", 0) == 1111) {
			ret->r = RC_UNREACHABLE;
			ret->retry_after_ms = BLOCKED_MS;
			say(ret, 130101, "too fast", "the robot is blocked for ten minutes");
		}
		return;
	}
	int64_t code = json_int(j, "errcode", -1);
	ret->r = RC_INVALID; /* what is not known will not get better */
	const char *remedy = "";
	for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
		if (codes[i].code == code) {
			ret->r = codes[i].r;
			ret->retry_after_ms = codes[i].retry_after_ms;
			ret->plain_instead = codes[i].plain_instead;
			remedy = codes[i].remedy;
		}
	say(ret, (long long)code, json_text(j, "errmsg", ""), remedy);
}
