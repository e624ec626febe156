#include "app/house.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "app/console_detail.h"
#include "app/file.h"
#include "base/crypto.h"
#include "base/log.h"
#include "base/text.h"
#include "bot/channels/slack/slack.h"
#include "controller/cluster/embedded/embedded.h"
#include "controller/cluster/kube/kube.h"

enum { SYNC_FIRST_MS = 20, SYNC_LAST_MS = 1000, LEASE_MS = 15000, RENEW_MS = 10000, RETRY_MS = 2000 };

/* ---- the ground: data, clients, cluster ---- */

static enum result all_migrations(struct store_migration **ret, struct error *e)
{
	const struct store_migration *const lists[] = { approvals_migrations, outbox_migrations,   bot_migrations,
							tokens_migrations,    embedded_migrations, console_migrations,
							webhook_migrations,   inbound_migrations,  dingapp_migrations,
							slack_migrations };
	size_t n = 0, rooms = sizeof lists / sizeof *lists;
	for (size_t i = 0; i < rooms; i++)
		for (const struct store_migration *m = lists[i]; m->room; m++)
			n++;
	struct store_migration *all = calloc(n + 1, sizeof *all);
	if (!all)
		return error_set(e, RC_EXHAUSTED, "no memory for the database");
	n = 0;
	for (size_t i = 0; i < rooms; i++)
		for (const struct store_migration *m = lists[i]; m->room; m++)
			all[n++] = *m;
	*ret = all;
	return RC_OK;
}

enum result house_open_store(struct loop *l, const char *data_dir, char *path, size_t size, struct store **ret,
			     struct error *e)
{
	CLEANUP(free_p) struct store_migration *all = NULL;
	int n = snprintf(path, size, "%s/rollcall.db", data_dir);
	if (n < 0 || (size_t)n >= size)
		return error_set(e, RC_INVALID, "data_dir: the path is too long");
	enum result r = folder_make_private(data_dir, e);
	if (r != RC_OK)
		return error_in(e, r, "data_dir");
	r = all_migrations(&all, e);
	return r == RC_OK ? store_open(l, path, all, ret, e) : r;
}

/* So that whoever may read the data folder can use the command line at once. */
static enum result write_local_token(struct house *h, struct error *e)
{
	char token[TOKEN_MAX], path[HOUSE_PATH_MAX];
	enum result r = tokens_create(h->loop, h->store, &h->tokens, e);
	if (r == RC_OK)
		r = tokens_local(h->tokens, "local", SCOPE_ADMIN, token, e);
	if (r != RC_OK)
		return r;
	(void)snprintf(path, sizeof path, "%s/cli.token", h->config->data_dir);
	r = file_write_private(path, token, e);
	OPENSSL_cleanse(token, sizeof token);
	return r;
}

static enum result build_ground(struct house *h, struct error *e)
{
	enum result r = house_open_store(h->loop, h->config->data_dir, h->database, sizeof h->database, &h->store, e);
	if (r == RC_OK)
		r = write_local_token(h, e);
	if (r == RC_OK)
		r = http_client_create(h->loop, "rollcall/" ROLLCALL_VERSION, &h->http, e);
	return r;
}

static enum result build_cluster(struct house *h, struct error *e)
{
	const struct config *c = h->config;
	struct kube_options o = { .kubeconfig = c->cluster.kubeconfig,
				  .context = c->cluster.context,
				  .ns = c->cluster.ns,
				  .name = c->cluster.name,
				  .metrics = h->metrics };
	h->embedded = c->cluster.embedded;
	bool counted = c->node.nginx.listen || c->node.upstreams.log_socket;
	if (h->embedded && counted && !(h->traffic = traffic_create(h->metrics)))
		return error_set(e, RC_EXHAUSTED, "no memory for what nginx serves");
	enum result r = h->embedded ? embedded_create(h->loop, h->store, c->cluster.name, &h->cluster, e)
				    : kube_create(h->loop, h->http, &o, &h->cluster, e);
	return r == RC_OK ? RC_OK : error_in(e, r, "cluster");
}

/* ---- people ---- */

static const struct person *identify(void *owner, const char *user, const char *pin)
{
	const struct house *h = owner;
	return directory_identify(h->config, user, pin);
}

static const char *const *slack_identities(void *owner, const char *approver)
{
	struct house *h = owner;
	directory_identities(h->config, approver, "slack:", h->mentions);
	return h->mentions;
}

static const char *const *dingtalk_identities(void *owner, const char *approver)
{
	struct house *h = owner;
	directory_identities(h->config, approver, "dingtalk:", h->mentions);
	return h->mentions;
}

static const char *robot_secret(void *owner, const char *url)
{
	const struct house *h = owner;
	return directory_robot_secret(h->config, url);
}

static struct channel_context context_of(struct house *h)
{
	return (struct channel_context){ .loop = h->loop,
					 .http = h->http,
					 .store = h->store,
					 .approvals = h->approvals,
					 .ears = bot_ears(&h->ears),
					 .lang = h->config->language,
					 .metrics = h->metrics };
}

static enum result build_slack(struct house *h, struct channel **ret, struct error *e)
{
	const struct config *c = h->config;
	struct channel_context ctx = context_of(h);
	struct slack_options o = { .bot_token = c->slack.bot_token,
				   .app_token = c->slack.app_token,
				   .connections = (int)c->slack.connections,
				   .guests = c->slack.guests,
				   .client_id = c->slack.client_id,
				   .client_secret = c->slack.client_secret,
				   .refresh_token = c->slack.refresh_token,
				   .signing_secrets = { c->slack.signing_secret, c->slack.previous_signing_secret },
				   .api_url = c->slack.api_url,
				   .path = c->slack.path,
				   .team = c->slack.team ? c->slack.team : "",
				   .app = c->slack.app,
				   .usergroups = slack_usergroups(c->policies, c->arena),
				   .identities = slack_identities,
				   .identities_owner = h };
	size_t room = sizeof o.response_hosts / sizeof *o.response_hosts - 1;
	for (size_t i = 0; c->slack.response_hosts && c->slack.response_hosts[i] && i < room; i++)
		o.response_hosts[i] = c->slack.response_hosts[i];
	return slack_create(&ctx, &o, ret, e);
}

static enum result build_dingtalk(struct house *h, struct channel **ret, struct error *e)
{
	struct channel_context ctx = context_of(h);
	struct dingtalk_options o = { .robots = h->config->dingtalk.robots };
	return dingtalk_create(&ctx, &o, ret, e);
}

static enum result build_teams(struct house *h, struct channel **ret, struct error *e)
{
	struct channel_context ctx = context_of(h);
	struct teams_options o = { .flows = h->config->teams.flows };
	return teams_create(&ctx, &o, ret, e);
}

static enum result build_webhooks(struct house *h, struct error *e)
{
	const struct config *c = h->config;
	struct channel_context ctx = context_of(h);
	struct webhook_options o = { .receivers = c->webhooks,
				     .egress = { .allow = c->controller.egress.allow,
						 .private_too = c->controller.egress.private } };
	return webhook_create(&ctx, &o, &h->webhooks, e);
}

static enum result build_dingtalk_app(struct house *h, struct channel **ret, struct error *e)
{
	const struct config *c = h->config;
	struct channel_context ctx = context_of(h);
	struct dingapp_options o = { .client_id = c->dingtalk.app.client_id,
				     .client_secret = c->dingtalk.app.client_secret,
				     .corp_id = c->dingtalk.app.corp_id,
				     .robot_code = c->dingtalk.app.robot_code,
				     .template = c->dingtalk.app.card_template,
				     .mode = (enum dingapp_mode)c->dingtalk.app.mode,
				     .api_url = c->dingtalk.app.api_url,
				     .oapi_url = c->dingtalk.app.oapi_url,
				     .public_url = c->public_url,
				     .callback_path = c->dingtalk.app.callback_path,
				     .callback_secret = c->dingtalk.app.callback_secret,
				     .event_token = c->dingtalk.app.event_token,
				     .event_aes_key = c->dingtalk.app.event_aes_key,
				     .month_calls = c->dingtalk.app.month_calls,
				     .groups = dingapp_group_names(c->policies, c->arena),
				     .identities = dingtalk_identities,
				     .identities_owner = h };
	return dingapp_create(&ctx, &o, ret, e);
}

/* Where the links of platforms without callbacks lead. */
static enum result build_page(struct house *h, struct error *e)
{
	struct decide_options o = { .loop = h->loop,
				    .desk = decide_desk_of(h->approvals, identify, h),
				    .ears = bot_ears(&h->ears),
				    .public_url = h->config->public_url ? h->config->public_url : "",
				    .lang = h->config->language };
	return decide_create(&o, &h->page, e);
}

static enum result build_channels(struct house *h, struct error *e)
{
	size_t n = 0;
	enum result r = RC_OK;
	if (h->config->slack.bot_token) {
		r = build_slack(h, &h->channels[n], e);
		n += r == RC_OK;
	}
	if (r == RC_OK && h->config->dingtalk.robots) {
		r = build_dingtalk(h, &h->channels[n], e);
		n += r == RC_OK;
	}
	if (r == RC_OK && h->config->dingtalk.app.client_id) {
		r = build_dingtalk_app(h, &h->channels[n], e);
		n += r == RC_OK;
	}
	if (r == RC_OK && h->config->teams.flows)
		r = build_teams(h, &h->channels[n], e);
	n += h->channels[n] != NULL;
	if (r == RC_OK && h->config->webhooks) {
		r = build_webhooks(h, e);
		h->channels[n] = h->webhooks;
	}
	return r == RC_OK ? build_page(h, e) : r;
}

/* ---- the program ---- */

/* One machine has no Prometheus unless it is told of one. */
static const char *metrics_server_of(const struct config *c)
{
	if (c->controller.metrics_server)
		return c->controller.metrics_server;
	return c->cluster.embedded ? "" : "http://prometheus:9090";
}

static enum result build_engine(struct house *h, struct error *e)
{
	const struct config *c = h->config;
	h->controller = (struct controller_options){
		.provider = "nginx", /* the only word that the configuration takes */
		.selector_labels = c->controller.selector_labels,
		.include_label_prefixes = c->controller.include_label_prefix,
		.ingress_annotations_prefix = c->controller.ingress_annotations_prefix,
		.track_configs = c->controller.config_tracking,
		.metrics_server = metrics_server_of(c),
		.event_webhook = c->controller.event_webhook ? c->controller.event_webhook : "",
		.cluster_name = h->cluster->name,
		.one_machine = c->cluster.embedded,
	};
	struct engine_options o = { .loop = h->loop,
				    .cluster = h->cluster,
				    .http = h->http,
				    .metrics = h->metrics,
				    .traffic = h->traffic,
				    .controller = &h->controller,
				    .gatekeeper = approvals_gatekeeper(h->approvals),
				    .egress_allow = c->controller.egress.allow,
				    .egress_private = c->controller.egress.private,
				    .dingtalk_robot_hosts = c->dingtalk.robot_hosts,
				    .dingtalk_secret = robot_secret,
				    .dingtalk_owner = h };
	enum result r = engine_create(&o, &h->engine, e);
	if (r == RC_OK)
		approvals_set_engine(h->approvals, h->engine);
	return r;
}

static enum result build_bot(struct house *h, struct error *e)
{
	const struct config *c = h->config;
	struct bot_options o = { .loop = h->loop,
				 .store = h->store,
				 .engine = h->engine,
				 .approvals = h->approvals,
				 .outbox = h->outbox,
				 .metrics = h->metrics,
				 .channels = h->channels,
				 .users = c->users,
				 .routes = c->routes,
				 .langs = c->languages,
				 .lang = c->language,
				 .words = c->words,
				 .public_url = c->public_url ? c->public_url : "",
				 .console_url = c->public_url && c->console.enabled ? c->public_url : "" };
	enum result r = bot_create(&o, &h->bot, e);
	h->ears = h->bot; /* what comes before the cluster has been read is kept */
	return r;
}

static bool is_ready(void *owner, const char **ret_why)
{
	const struct house *h = owner;
	bool synced = engine_synced(h->engine), leading = engine_leading(h->engine);
	*ret_why = !synced ? "the cluster is still being read" : !leading ? "another replica leads" : "";
	return synced && leading;
}

static enum result build_api(struct house *h, struct error *e)
{
	struct rest_options o = { .loop = h->loop,
				  .store = h->store,
				  .engine = h->engine,
				  .approvals = h->approvals,
				  .outbox = h->outbox,
				  .bot = h->bot,
				  .tokens = h->tokens,
				  .metrics = h->metrics,
				  .webhooks = h->webhooks,
				  .gate_cidrs = h->config->gates.allow_cidrs,
				  .gates_open = h->config->gates.open,
				  .people = h->config->console.people,
				  .ready = is_ready,
				  .owner = h };
	enum result r = rest_create(&o, &h->api, e);
	struct inbound_options in = { .loop = h->loop,
				      .store = h->store,
				      .engine = h->engine,
				      .bot = h->bot,
				      .rest = h->api,
				      .metrics = h->metrics,
				      .endpoints = h->config->inbound };
	return r == RC_OK ? inbound_create(&in, &h->inbound, e) : r;
}

static enum result build_objects(struct house *h, struct error *e)
{
	struct objects_options o = {
		.loop = h->loop, .store = h->store, .rest = h->api, .cluster = h->cluster, .embedded = h->embedded
	};
	enum result r = objects_create(&o, &h->objects, e);
	struct hands_options own = { .config = h->config,
				     .loop = h->loop,
				     .http = h->http,
				     .cluster = h->cluster,
				     .traffic = h->traffic,
				     .metrics = h->metrics };
	if (r == RC_OK && o.embedded)
		r = machine_create(&own, &h->machine, e);
	return r;
}

static struct wall_ms unreachable_since(void *owner)
{
	const struct house *h = owner;
	return cluster_unreachable_since(h->cluster);
}

static void rollout_detail(void *owner, const struct rollout *r, struct strbuf *b)
{
	const struct house *h = owner;
	console_detail(h->cluster, objects_view(h->objects), r, b);
}

static enum result build_console(struct house *h, struct error *e)
{
	const struct config *c = h->config;
	struct console_options o = { .rest = h->api,
				     .public_url = c->public_url ? c->public_url : "",
				     .secure = c->listen.tls.cert || c->listen.behind_proxy ||
					       text_starts(c->public_url ? c->public_url : "", "https://"),
				     .people = c->console.people,
				     .unreachable_since = unreachable_since,
				     .detail = rollout_detail,
				     .owner = h };
	return c->console.enabled ? console_create(&o, &h->console, e) : RC_OK;
}

static void add_process_metrics(struct house *h)
{
	metric_set(metrics_add(h->metrics, METRIC_GAUGE, "rollcall_build_info", "Version that runs.", "version", NULL),
		   1, ROLLCALL_VERSION);
	metric_set(
		metrics_add(h->metrics, METRIC_GAUGE, "process_start_time_seconds", "Start, in Unix time.", "", NULL),
		(double)loop_wall(h->loop).v / 1000);
	h->reloads = metrics_add(h->metrics, METRIC_COUNTER, "rollcall_config_reloads_total",
				 "Configurations read again.", "outcome", NULL);
}

enum result house_build(struct house *h, const char *file, struct config *config, struct error *e)
{
	*h = (struct house){ .file = file, .config = config, .configs = { config }, .config_count = 1 };
	enum result r = loop_create(&h->loop, e);
	if (r != RC_OK)
		return r;
	h->metrics = metrics_create();
	if (!h->metrics)
		return error_set(e, RC_EXHAUSTED, "no memory for the metrics");
	add_process_metrics(h);
	r = build_ground(h, e);
	if (r == RC_OK)
		r = build_cluster(h, e);
	struct approvals_options ao = { .loop = h->loop,
					.store = h->store,
					.policies = config->policies,
					.freezes = config->freezes,
					.metrics = h->metrics };
	if (r == RC_OK)
		r = approvals_create(&ao, &h->approvals, e);
	if (r == RC_OK)
		r = outbox_create(h->loop, h->store, h->metrics, &h->outbox, e);
	if (r == RC_OK)
		r = build_channels(h, e);
	if (r == RC_OK)
		r = build_engine(h, e);
	if (r == RC_OK)
		r = build_bot(h, e);
	if (r == RC_OK)
		r = build_api(h, e);
	if (r == RC_OK)
		r = build_console(h, e);
	return r == RC_OK ? build_objects(h, e) : r;
}

/* ---- opening ---- */

static size_t count_routes(const struct http_route *r)
{
	size_t n = 0;
	while (r && r[n].path)
		n++;
	return n;
}

static const struct http_route *channel_routes(struct channel *c)
{
	return c->ops->routes ? c->ops->routes(c) : NULL;
}

static enum result listen_on(struct house *h, const struct config_address *at, const struct http_route *routes,
			     bool tls, struct http_server **ret, struct error *e)
{
	const struct config *c = h->config;
	struct http_server_options o = { .host = at->host,
					 .port = at->port,
					 .cert_file = tls ? c->listen.tls.cert : NULL,
					 .key_file = tls ? c->listen.tls.key : NULL };
	enum result r = http_server_create(h->loop, &o, routes, ret, e);
	return r == RC_OK ? RC_OK : error_in(e, r, "listen");
}

static enum result open_servers(struct house *h, struct error *e)
{
	const struct http_route *lists[HOUSE_CHANNELS_MAX + 5] = { rest_routes(h->api), objects_routes(h->objects),
								   decide_routes(h->page), inbound_routes(h->inbound) };
	size_t n = 4, total = 0;
	if (h->console)
		lists[n++] = console_routes(h->console);
	for (struct channel *const *c = h->channels; *c; c++)
		lists[n++] = channel_routes(*c);
	for (size_t i = 0; i < n; i++)
		total += count_routes(lists[i]);
	CLEANUP(free_p) struct http_route *all = calloc(total + 1, sizeof *all);
	if (!all)
		return error_set(e, RC_EXHAUSTED, "no memory for the routes");
	struct http_route *to = all;
	for (size_t i = 0; i < n; i++)
		for (const struct http_route *r = lists[i]; r && r->path; r++)
			*to++ = *r;
	enum result r = listen_on(h, &h->config->listen.address, all, true, &h->server, e);
	if (r == RC_OK)
		r = listen_on(h, &h->config->listen.admin, rest_admin_routes(h->api), false, &h->admin, e);
	return r;
}

static void led(void *owner, bool leading)
{
	const struct house *h = owner;
	log_info(leading ? "leading" : "not_leading", "identity=%s", h->identity);
	if (leading && h->engine)
		engine_wake_all(h->engine);
}

static enum result stand_for_election(struct house *h, struct error *e)
{
	const struct config *c = h->config;
	char host[64] = "", id[37];
	if (!c->cluster.election.enabled)
		return RC_OK;
	(void)gethostname(host, sizeof host - 1);
	enum result r = crypto_uuid(id, e);
	if (r != RC_OK)
		return r;
	(void)snprintf(h->identity, sizeof h->identity, "%s_%s", host, id);
	struct leadership l = { .lease_ns = c->cluster.election.ns,
				.lease_name = c->cluster.election.name,
				.identity = h->identity,
				.lease_ms = LEASE_MS,
				.renew_deadline_ms = RENEW_MS,
				.retry_ms = RETRY_MS,
				.changed = led,
				.owner = h };
	cluster_lead(h->cluster, &l);
	return RC_OK;
}

/* The bot says nothing of a cluster that it has not seen: it starts when the cache is full. */
static void look_for_sync(void *owner)
{
	struct house *h = owner;
	if (!engine_synced(h->engine)) {
		h->sync_wait_ms = h->sync_wait_ms * 2 < SYNC_LAST_MS ? h->sync_wait_ms * 2 : SYNC_LAST_MS;
		timer_start(h->loop, &h->sync, h->sync_wait_ms, look_for_sync, h);
		return;
	}
	bot_start(h->bot);
	if (h->console)
		console_start(h->console);
	log_info("synced", "cluster=%s", h->cluster->name);
}

static void recorded(void *owner, enum result r, const struct error *why)
{
	(void)owner;
	if (r != RC_OK)
		log_error("audit_failed", "why=%s", why->text);
}

void house_record(struct house *h, const char *action, const char *outcome, const char *reason)
{
	struct store_tx *tx = store_begin(h->store);
	struct audit_row row = { .actor = "rollcall",
				 .identity = "",
				 .action = action,
				 .object = h->cluster ? h->cluster->name : "",
				 .request = "",
				 .outcome = outcome,
				 .reason = reason,
				 .detail = "{\"version\":\"" ROLLCALL_VERSION "\"}" };
	audit_append(tx, loop_wall(h->loop), &row);
	store_submit(tx, recorded, NULL);
}

enum result house_open(struct house *h, struct error *e)
{
	enum result r = open_servers(h, e);
	if (r == RC_OK)
		r = stand_for_election(h, e);
	if (r == RC_OK)
		r = outbox_start(h->outbox, e);
	if (r != RC_OK)
		return r;
	house_record(h, "start", "ok", "");
	engine_start(h->engine);
	objects_start(h->objects);
	if (h->machine)
		machine_start(h->machine);
	h->sync_wait_ms = SYNC_FIRST_MS;
	timer_start(h->loop, &h->sync, h->sync_wait_ms, look_for_sync, h);
	log_info("serving", "address=%s port=%d admin_port=%d cluster=%s version=%s", h->config->listen.address.host,
		 http_server_port(h->server), http_server_port(h->admin), h->cluster->name, ROLLCALL_VERSION);
	return RC_OK;
}
