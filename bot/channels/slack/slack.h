#pragma once
/* Slack over HTTP: request URLs in, Web API out (slack.md). */
#include "bot/channels/channel.h"

struct slack_options {
	const char *bot_token;
	const char *signing_secrets[2]; /* second one NULL or the old one while it rotates */
	const char *api_url;            /* "https://slack.com/api/" */
	const char *response_hosts[4];  /* hosts a response_url may have; NULL-terminated; default hooks.slack.com */
	const char *path;               /* where Slack posts: "/slack/events" */
	const char *team;               /* allowed workspace; "" the bot's own, learnt by auth.test */
};
MUST_CHECK enum result slack_create(const struct channel_context *ctx, const struct slack_options *o,
				    struct channel **ret, struct error *e);
