#pragma once
/* DingTalk group robot: signed webhook out; decisions by links to a confirm page of ours that knows who decides
 * (dingtalk.md 1-4). */
#include "bot/channels/channel.h"

struct dingtalk_robot {
	const char *name;    /* channel is "dingtalk:NAME" */
	const char *url;     /* https://oapi.dingtalk.com/robot/send?access_token=... */
	const char *secret;  /* "SEC..."; "" when the robot has no signing */
	const char *keyword; /* text that must occur; "" none */
};
/* Someone who may decide on the confirm page: PIN hashed with the store's key; see config identities. */
struct dingtalk_options {
	const struct dingtalk_robot *robots; /* ends with a NULL name */
	const char *public_url;              /* base of the links: "https://rollcall.example.com" */
	/* Whose PIN is this? Constant time; NULL: nobody's. Lives for the process. */
	const struct person *(*identify)(void *owner, const char *user, const char *pin);
	void *identify_owner;
};
MUST_CHECK enum result dingtalk_create(const struct channel_context *ctx, const struct dingtalk_options *o,
				       struct channel **ret, struct error *e);
