#pragma once
/* The configuration: read from YAML by one table (config_keys.c) that also says what each key means, so that the
 * parser, `check` and config.example.yaml cannot disagree. A value once read does not change; all strings are in its
 * arena. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "bot/api/inbound.h"
#include "bot/approvals/freeze.h"
#include "bot/approvals/policy.h"
#include "bot/bot.h"
#include "bot/channels/dingtalk/dingapp.h"
#include "bot/channels/dingtalk/dingtalk.h"
#include "bot/channels/teams/teams.h"
#include "bot/channels/webhook/webhook.h"
#include "controller/model/canary.h"
#include "controller/node/node.h"

struct yaml_doc;

/* "127.0.0.1:8484", "[::1]:8484"; port 0: any free one. */
struct config_address {
	const char *text, *host;
	int port;
};
struct config_policy { /* as written; config_rules.c makes a struct policy of it */
	const char *name;
	const char *const *approvers,
		*const *promote, *const *rollback, *const *pause, *const *complete, *const *weight, *const *override;
	int64_t quorum, reject_quorum;
	bool distinct, self_approval;
	const char *const *require_reason;
	int64_t timeout_ms;
	int on_timeout, on_reject, link_identity; /* index of the word */
	const int64_t *remind_ms;
	int64_t escalate_ms;
	const char *escalate_to;
	const char *const *freezes;
};
struct config_freeze {
	const char *name;
	const char *const *days, *const *dates, *const *by;
	const char *from, *to, *utc_offset;
};
struct config_user {
	const char *name;
	const char *const *identities, *const *groups;
	const char *pin, *pin_sha256; /* NULL: none */
};
struct config_route {
	const char *ns, *labels;
	const char *const *channels;
};
struct config_language {
	const char *channel;
	int lang;
};
struct config_words {
	const char *file;
	int lang;
	const char *const *channels;
};
struct config {
	struct arena *arena; /* owned; holds everything below */
	struct {
		struct config_address address, admin;
		bool behind_proxy;
		struct {
			const char *cert, *key;
		} tls;
	} listen;
	const char *public_url, *data_dir; /* public_url: NULL none */
	struct {
		int level, format;
	} log;
	struct {
		bool embedded;
		const char *kubeconfig, *context, *ns, *name;
		struct {
			bool enabled;
			const char *ns, *name;
		} election;
	} cluster;
	struct {
		int provider;
		const char *const *selector_labels, *const *include_label_prefix;
		const char *ingress_annotations_prefix, *metrics_server, *event_webhook;
		bool config_tracking;
		struct {
			const char *const *allow;
			bool private;
		} egress;
	} controller;
	struct {
		const char *bot_token, *app_token, *signing_secret, *previous_signing_secret;
		const char *client_id, *client_secret, *refresh_token;
		const char *api_url, *path, *team, *app;
		int64_t connections;
		bool guests;
		const char *const *response_hosts;
	} slack; /* bot_token NULL: not configured */
	struct {
		const struct dingtalk_robot *robots; /* ends with a NULL name; NULL: not configured */
		const char *const *robot_hosts;
		struct {
			const char *client_id, *client_secret, *corp_id, *robot_code, *card_template, *api_url,
				*oapi_url;
			int mode;
			const char *callback_path, *callback_secret, *event_token, *event_aes_key;
			int64_t month_calls;
		} app; /* client_id NULL: not configured */
	} dingtalk;
	struct {
		const struct teams_flow *flows; /* ends with a NULL name; NULL: not configured */
	} teams;
	const struct webhook_receiver *webhooks; /* ends with a NULL name; NULL: none */
	const struct inbound_endpoint *inbound;  /* likewise */
	struct {
		bool open;
		const char *const *allow_cidrs;
	} gates;
	struct {
		bool enabled;
		const char *const *people; /* NULL: none */
	} console;
	struct { /* for `rollcall node`, and cluster.embedded */
		const char *name, *addresses;
		bool commands;
		const struct node_image *images; /* ends with a NULL pattern */
		struct {
			const char *listen, *binary, *ingress_class; /* listen NULL: no nginx */
			int64_t workers;
			bool close_client_connections;
		} nginx;
		struct {
			const char *dir, *pid_file, *log_socket; /* dir NULL: not configured */
			const char *const *test, *const *reload;
		} upstreams;
	} node;
	/* as written */
	const struct config_policy *policies_written;
	const struct config_freeze *freezes_written;
	const struct config_user *users_written;
	const struct config_route *routes_written;
	const struct config_language *languages_written;
	const struct config_words *words_written;
	/* as the rooms want them; each ends with a NULL name */
	const struct policy *policies; /* one named "default" is always there */
	const struct freeze *freezes;
	const struct directory_user *users;
	const struct person *persons; /* the users, as somebody who shows a PIN */
	const struct bot_route *routes;
	const struct bot_channel_lang *languages;
	enum card_lang language; /* of channels that name none */
	const struct bot_words *words;
};

/* file NULL: the defaults. Every mistake goes to findings, with its place; RC_INVALID when there was one. Only what
 * keeps the file from being examined at all (not there, no YAML) is told in e, as "FILE...: why". Every secret goes to
 * log_redact. */
MUST_CHECK enum result config_load(const char *file, struct config **ret, struct findings *f, struct error *e);
/* The same of a document that has been read. */
MUST_CHECK enum result config_read(const struct yaml_doc *doc, struct config **ret, struct findings *f,
				   struct error *e);
void config_free(struct config *c); /* wipes its secrets; NULL is fine */
DEFINE_CLEANUP(struct config, config_free)
const char *config_log_level(const struct config *c);
const char *config_log_format(const struct config *c);
/* Every key with its default and what it means: the text of config.example.yaml. malloc'ed; NULL: no memory. */
char *config_example(void);
/* "0.0.0.0:8484" and the like: reachable from other machines. */
bool config_is_public(const struct config_address *a);
