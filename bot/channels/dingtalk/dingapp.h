#pragma once
/* DingTalk enterprise app: its robot in groups and one to one, interactive cards whose buttons come back, over Stream
 * Mode or HTTP callbacks (dingtalk.md 5-16). A destination is "dingtalk-app:CONVERSATION" ("cidAbC==") or
 * "dingtalk-app:@STAFFID"; people are "dingtalk:STAFFID", as those of group robots, their groups "dingtalk:role:ID" and
 * "dingtalk:dept:ID". */
#include "bot/channels/channel.h"

enum dingapp_mode { DINGAPP_STREAM, DINGAPP_HTTP };
struct dingapp_options {
	const char *client_id, *client_secret;
	const char *corp_id;    /* the only organisation whose people may act */
	const char *robot_code; /* "": the client id */
	const char *template;   /* "....schema"; "": StandardCard, which needs nothing set up */
	enum dingapp_mode mode;
	const char *api_url, *oapi_url; /* without a slash at the end */
	const char *public_url;         /* DINGAPP_HTTP: where DingTalk reaches us */
	/* DINGAPP_HTTP: "/dingtalk/SECRET"; below it robot, card and events. A secret: signatures there do not cover
	 * the content. */
	const char *callback_path;
	const char *callback_secret;             /* signs card callbacks; "": the client secret */
	const char *event_token, *event_aes_key; /* of the encrypted event callback; "": none */
	int64_t month_calls;                     /* what the organisation may call a month; 0: no limit */
	/* "dingtalk:role:ID" and "dingtalk:dept:ID" that policies mention, see dingapp_group_names; NULL none. */
	const char *const *groups;
	/* Whom "user:lin" or "group:sre" means, as "dingtalk:STAFF"s, for mentions; may be NULL. */
	const char *const *(*identities)(void *owner, const char *approver);
	void *identities_owner;
};
extern const struct channel_ops dingapp_ops;
extern const struct store_migration dingapp_migrations[];
/* Copies the options (owners are borrowed). */
MUST_CHECK enum result dingapp_create(const struct channel_context *ctx, const struct dingapp_options *o,
				      struct channel **ret, struct error *e);
/* The groups of DingTalk in the policies (which end with a NULL name); NULL: no memory. */
const char *const *dingapp_group_names(const struct policy *policies, struct arena *a);
