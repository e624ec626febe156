#pragma once
/* DingTalk group robot: signed webhook out; decisions by links to the confirm page (bot/channels/decide). A robot's
 * messages have no ids: nothing can be edited, what changed is a new message. */
#include "bot/channels/channel.h"

struct dingtalk_robot {
	const char *name;    /* channel is "dingtalk:NAME" */
	const char *url;     /* https://oapi.dingtalk.com/robot/send?access_token=... */
	const char *secret;  /* "SEC..."; "" when the robot has no signing */
	const char *keyword; /* text that must occur; "" none */
	/* Phone numbers and staff ids to be mentioned by a short text beside each question, NULL-terminated; NULL none.
	 */
	const char *const *at_mobiles, *const *at_users;
};
struct dingtalk_options {
	const struct dingtalk_robot *robots; /* ends with a NULL name; borrowed for the channel's life */
};
extern const struct channel_ops dingtalk_ops;
MUST_CHECK enum result dingtalk_create(const struct channel_context *ctx, const struct dingtalk_options *o,
				       struct channel **ret, struct error *e);
