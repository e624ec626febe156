#pragma once
/* DingTalk group robot: signed webhook out; decisions by links to a confirm page of ours that knows who decides
 * (dingtalk.md 1-4). A robot's messages have no ids: nothing can be edited, what changed is a new message. */
#include "bot/channels/channel.h"

struct dingtalk_robot {
	const char *name;    /* channel is "dingtalk:NAME" */
	const char *url;     /* https://oapi.dingtalk.com/robot/send?access_token=... */
	const char *secret;  /* "SEC..."; "" when the robot has no signing */
	const char *keyword; /* text that must occur; "" none */
	/* Phone numbers to be mentioned by a short text beside each question, NULL-terminated; NULL none. */
	const char *const *at_mobiles;
};
/* Someone who may decide on the confirm page: PIN hashed with the store's key; see config identities. */
struct dingtalk_options {
	const struct dingtalk_robot *robots; /* ends with a NULL name; borrowed for the channel's life */
	const char *public_url;              /* base of the links: "https://rollcall.example.com"; borrowed too */
	/* Whose PIN is this? Constant time; NULL: nobody's. Lives for the process. */
	const struct person *(*identify)(void *owner, const char *user, const char *pin);
	void *identify_owner;
};
extern const struct channel_ops dingtalk_ops;
/* The links that cards carry are PUBLIC_URL/decide/REQUEST~TOKEN, with a token of approvals_token for the verb "decide"
 * and the channel DINGTALK_LINK; what the page decides comes to the bot's ears from that channel. */
#define DINGTALK_LINK "link"
MUST_CHECK enum result dingtalk_create(const struct channel_context *ctx, const struct dingtalk_options *o,
				       struct channel **ret, struct error *e);
