#include "bot/channels/dingtalk/dingapp_error.h"

#include <stddef.h>

#include "base/text.h"

enum { WAIT_MS = 2000, MINUTE_MS = 60 * 1000 };

#define RENEW "a new access token is fetched"
#define KEYS "check dingtalk.app.client_id and client_secret"
#define RELEASE "release a version of the app in the developer console, and publish its card template"
#define ROBOT "check dingtalk.app.robot_code, and that the app has the robot ability"
#define SCOPE "grant the app the permission in the developer console"
#define MEMBER "add the robot to the group, and check the conversation's id in routes"
#define SAFE "the content filter refused it"

/* clang-format off */
static const struct {
	const char *begins;
	enum dingapp_trouble trouble;
	int64_t retry_after_ms;
	const char *remedy;
} codes[] = {
	{ "InvalidAuthentication",                              DINGAPP_TOKEN_DEAD, -1, RENEW },
	{ "invalid.accessToken",                                DINGAPP_TOKEN_DEAD, -1, RENEW },
	{ "invalidClientIdOrSecret",                            DINGAPP_CREDENTIAL, -1, KEYS },
	{ "authFailed",                                         DINGAPP_CREDENTIAL, -1, KEYS },
	{ "Forbidden.AccessDenied.AccessTokenPermissionDenied", DINGAPP_SETUP,      -1, SCOPE },
	{ "permission.checkFailed",                             DINGAPP_SETUP,      -1, SCOPE },
	{ "Forbidden.AccessDenied.Q",                           DINGAPP_SLOW, WAIT_MS, "" },
	{ "Throttling",                                         DINGAPP_SLOW, WAIT_MS, "" },
	{ "flowControl",                                        DINGAPP_SLOW, WAIT_MS, "" },
	{ "Forbidden.AccessDenied",                             DINGAPP_SETUP,      -1, SCOPE },
	{ "invalidParameter.robotCode",                         DINGAPP_SETUP,      -1, ROBOT },
	{ "robot.not.found",                                    DINGAPP_SETUP,      -1, ROBOT },
	{ "chatbot.notFound",                                   DINGAPP_SETUP,      -1, ROBOT },
	{ "cardInstance.wrong",                                 DINGAPP_SETUP,      -1, RELEASE },
	{ "template.stopped",                                   DINGAPP_SETUP,      -1, RELEASE },
	{ "param.cardTemplateIdEmpty",                          DINGAPP_SETUP,      -1, "check dingtalk.app.card_template" },
	{ "bot.stopped",                                        DINGAPP_PLACE,      -1, "the robot is switched off" },
	{ "invalid.openConversationId",                         DINGAPP_PLACE,      -1, MEMBER },
	{ "miss.openConversationId",                            DINGAPP_PLACE,      -1, MEMBER },
	{ "group.disbanded",                                    DINGAPP_PLACE,      -1, "the group was dissolved" },
	{ "param.userIdNotExist",                               DINGAPP_PLACE,      -1, "nobody has this staff id" },
	{ "param.openSpaceModelInvalid",                        DINGAPP_PLACE,      -1, MEMBER },
	{ "param.contentUnsafe",                                DINGAPP_CONTENT,    -1, SAFE },
	{ "invalidParameter.msgParam",                          DINGAPP_CONTENT,    -1, "" },
	{ "card.notExist",                                      DINGAPP_GONE,       -1, "" },
	{ "param.outTrackIdRepeat",                             DINGAPP_REPEATED,   -1, "" },
	{ "unknown.send.result",                                DINGAPP_UNKNOWN,    -1, "" },
	{ "ServiceUnavailable",                                 DINGAPP_UNKNOWN,    -1, "" },
	{ "unknownError",                                       DINGAPP_UNKNOWN,    -1, "" },
	{ "system.error",                                       DINGAPP_UNKNOWN,    -1, "" },
};
static const struct {
	int64_t code;
	enum dingapp_trouble trouble;
	int64_t retry_after_ms;
	const char *remedy;
} old_codes[] = {
	{ 0,      DINGAPP_FINE,       -1, "" },
	{ -1,     DINGAPP_UNKNOWN,    -1, "" },
	{ 88,     DINGAPP_SLOW,       MINUTE_MS, "" },
	{ 40014,  DINGAPP_TOKEN_DEAD, -1, RENEW },
	{ 42001,  DINGAPP_TOKEN_DEAD, -1, RENEW },
	{ 40001,  DINGAPP_CREDENTIAL, -1, KEYS },
	{ 40089,  DINGAPP_CREDENTIAL, -1, KEYS },
	{ 40096,  DINGAPP_CREDENTIAL, -1, KEYS },
	{ 60011,  DINGAPP_SETUP,      -1, SCOPE },
	{ 60121,  DINGAPP_PLACE,      -1, "nobody has this id" },
	{ 300001, DINGAPP_GONE,       -1, "the session has ended" },
	{ 310000, DINGAPP_GONE,       -1, "the session has ended" },
	{ 130101, DINGAPP_SLOW,       10 * MINUTE_MS, "" },
	{ 410100, DINGAPP_SLOW,       MINUTE_MS, "" },
	{ 430101, DINGAPP_CONTENT,    -1, SAFE },
	{ 430102, DINGAPP_CONTENT,    -1, SAFE },
	{ 430103, DINGAPP_CONTENT,    -1, SAFE },
	{ 430104, DINGAPP_CONTENT,    -1, SAFE },
	{ 460101, DINGAPP_CONTENT,    -1, "" },
};
/* clang-format on */

struct dingapp_meaning dingapp_meaning_of(int status, const char *code)
{
	for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
		if (text_starts(code, codes[i].begins))
			return (struct dingapp_meaning){ codes[i].trouble, codes[i].remedy, codes[i].retry_after_ms };
	if (status == 429)
		return (struct dingapp_meaning){ DINGAPP_SLOW, "", WAIT_MS };
	if (status >= 500 || !*code)
		return (struct dingapp_meaning){ DINGAPP_UNKNOWN, "", -1 };
	return (struct dingapp_meaning){ status == 401 ? DINGAPP_TOKEN_DEAD : DINGAPP_REFUSED, "", -1 };
}

struct dingapp_meaning dingapp_old_meaning_of(int64_t errcode, int64_t sub_code)
{
	/* 88 is also how the old API says what sub_code says better */
	int64_t code = errcode == 88 && sub_code ? sub_code : errcode;
	for (size_t i = 0; i < sizeof old_codes / sizeof *old_codes; i++)
		if (old_codes[i].code == code)
			return (struct dingapp_meaning){ old_codes[i].trouble, old_codes[i].remedy,
							 old_codes[i].retry_after_ms };
	if (code >= 90002 && code <= 90018)
		return (struct dingapp_meaning){ DINGAPP_SLOW, "", MINUTE_MS };
	return (struct dingapp_meaning){ DINGAPP_REFUSED, "", -1 };
}
