#pragma once
/* Slack: request URLs or Socket Mode in, Web API out (slack.md). */
#include "bot/channels/channel.h"

struct slack_options {
	const char *bot_token;
	const char *app_token; /* "xapp-...": Socket Mode; "" or NULL: over HTTP */
	int connections;       /* that Socket Mode keeps open; 0: two */
	/* For an app whose tokens rotate; "" or NULL: they do not. bot_token is then the first one, of no importance.
	 */
	const char *client_id, *client_secret, *refresh_token;
	const char *signing_secrets[2]; /* for HTTP; second one NULL or the old one while it rotates */
	const char *api_url;            /* "https://slack.com/api/" */
	/* Hosts a response_url may have, NULL-terminated; none: hooks.slack.com. The origin of api_url always may. */
	const char *response_hosts[4];
	const char *path;    /* where Slack posts: "/slack/events" */
	const char *team;    /* allowed workspace; "" the bot's own, learnt by auth.test */
	const char *app;     /* own app id, "A012"; "" or NULL: learnt from Slack's answers, the signature stands for it
				until then */
	bool guests;         /* guests and people of other workspaces may act too */
	int64_t patience_ms; /* until something is acknowledged that is not dealt with yet; 0: 2 s of Slack's 3 */
	/* User groups that policies mention ("S012"), NULL-terminated, see slack_usergroups; NULL none. */
	const char *const *usergroups;
	/* Whom "user:lin" or "group:sre" means, as "slack:U012"s, for mentions; may be NULL. */
	const char *const *(*identities)(void *owner, const char *approver);
	void *identities_owner;
};
extern const struct channel_ops slack_ops;
extern const struct store_migration slack_migrations[];
/* Copies the options (owners are borrowed). */
MUST_CHECK enum result slack_create(const struct channel_context *ctx, const struct slack_options *o,
				    struct channel **ret, struct error *e);
/* The "S012" of every "slack:S012" in the policies (which end with a NULL name); NULL: no memory. */
const char *const *slack_usergroups(const struct policy *policies, struct arena *a);
