#include "bot/channels/dingtalk/dingapp.h"

#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "base/log.h"
#include "base/text.h"
#include "bot/channels/dingtalk/dingapp_private.h"
#include "bot/channels/dingtalk/dingapp_render.h"

enum {
	SEEN_MAX = 50000,
	/* about twenty calls a second are allowed for cards, but a month has few (dingtalk.md 7, 19) */
	SPACING_MS = 500,
	PER_MINUTE_GROUP = 60,
	PER_MINUTE = 600,
};

/* ---- drawing ---- */

static char *draw(struct channel *c, const struct card *card, const struct dingapp_look *look, struct error *e)
{
	char *body = NULL;
	struct dingapp_look full = *look;
	full.template = *DINGAPP_OF(c)->template != '\0';
	return dingapp_render_card(card, &full, &body, e) == RC_OK ? body : NULL;
}

static char *render_card(struct channel *c, const struct card *card, struct error *e)
{
	return draw(c, card, &(struct dingapp_look){ 0 }, e);
}

struct mentions {
	const char *list[DINGAPP_MENTIONS_MAX + 1];
	size_t count;
	bool all; /* everybody who may is in the list */
};

static bool is_group(const char *identity)
{
	return text_starts(identity, "dingtalk:role:") || text_starts(identity, "dingtalk:dept:");
}

static void mention(struct mentions *m, const char *identity)
{
	const char *staff = identity + strlen("dingtalk:");
	for (size_t i = 0; i < m->count; i++)
		if (text_eq(m->list[i], staff))
			return;
	if (m->count < DINGAPP_MENTIONS_MAX)
		m->list[m->count++] = staff;
	else
		m->all = false;
}

static void mention_approver(const struct dingapp *d, const char *approver, struct mentions *m)
{
	if (text_starts(approver, "dingtalk:") && !is_group(approver)) {
		mention(m, approver);
	} else if (d->identities && (text_starts(approver, "user:") || text_starts(approver, "group:"))) {
		for (const char *const *i = d->identities(d->identities_owner, approver); i && *i; i++)
			mention(m, *i);
	} else if (!text_starts(approver, "slack:") && !text_starts(approver, "token:")) {
		m->all = false; /* a role, a department, anybody */
	}
}

static char *render_ask(struct channel *c, const struct card *card, const char *const *who_may, struct error *e)
{
	struct dingapp *d = DINGAPP_OF(c);
	struct mentions m = { .all = true };
	for (const char *const *who = who_may; who && *who; who++)
		mention_approver(d, *who, &m);
	struct dingapp_look look = { .at = m.count ? m.list : NULL, .only_them = m.count && m.all };
	return draw(c, card, &look, e);
}

static char *render_text(struct channel *c, const char *text, struct error *e)
{
	(void)c;
	char *body = NULL;
	return dingapp_render_text(text, &body, e) == RC_OK ? body : NULL;
}

static char *render_chart(struct channel *c, const void *png, size_t len, const char *alt, struct error *e)
{
	(void)c;
	char *body = NULL;
	return dingapp_render_chart(png, len, alt, &body, e) == RC_OK ? body : NULL;
}

/* ---- the channel ---- */

static const struct http_route *routes(struct channel *c)
{
	return DINGAPP_OF(c)->routes;
}

static void dingapp_destroy(struct channel *c)
{
	if (!c)
		return;
	struct dingapp *d = DINGAPP_OF(c);
	timer_stop(&d->register_again);
	dingapp_stream_stop(d);
	dingapp_calls_drop(d);
	dingapp_responders_detach(d);
	dingapp_groups_destroy(d);
	dingapp_budget_finish(d);
	seen_destroy(d->seen);
	crypto_free_secret(d->token);
	crypto_free_secret(d->client_secret);
	crypto_free_secret(d->callback_path);
	crypto_free_secret(d->callback_secret);
	crypto_free_secret(d->event_token);
	crypto_free_secret(d->event_aes_key);
	for (size_t i = 0; i < sizeof d->paths / sizeof *d->paths; i++)
		crypto_free_secret(d->paths[i]);
	free(d->client_id);
	free(d->corp_id);
	free(d->robot_code);
	free(d->template);
	free(d->api_url);
	free(d->oapi_url);
	free(d->public_url);
	free(d);
}

const struct channel_ops dingapp_ops = {
	.platform = "dingtalk-app",
	.people = "dingtalk",
	.render_card = render_card,
	.render_ask = render_ask,
	.render_text = render_text,
	.render_chart = render_chart,
	.deliver = dingapp_deliver,
	.groups = dingapp_groups_of,
	.routes = routes,
	.destroy = dingapp_destroy,
	.spacing_ms = SPACING_MS,
	.per_minute = PER_MINUTE,
	.per_minute_channel = PER_MINUTE_GROUP,
};

/* ---- life ---- */

static enum result check_http(const struct dingapp_options *o, struct error *e)
{
	if (o->mode != DINGAPP_HTTP)
		return RC_OK;
	if (text_empty(o->public_url))
		return error_set(e, RC_INVALID, "dingtalk: HTTP callbacks need public_url");
	if (text_empty(o->callback_path) || *o->callback_path != '/' || strlen(o->callback_path) < 17)
		return error_set(e, RC_INVALID,
				 "dingtalk: the callback path must begin with a slash and hold a secret of 16 "
				 "characters or more");
	if (!text_empty(o->event_token) && (text_empty(o->event_aes_key) || strlen(o->event_aes_key) != 43))
		return error_set(e, RC_INVALID, "dingtalk: the event key must have 43 characters");
	return RC_OK;
}

static enum result check(const struct dingapp_options *o, struct error *e)
{
	if (text_empty(o->client_id) || text_empty(o->client_secret))
		return error_set(e, RC_INVALID, "dingtalk: the app's client id or client secret is missing");
	if (text_empty(o->corp_id))
		return error_set(e, RC_INVALID, "dingtalk: the organisation's id (corp_id) is missing");
	if (!text_empty(o->template) && !text_ends(o->template, ".schema"))
		return error_set(e, RC_INVALID, "dingtalk: a card template's id ends with .schema");
	const char *const urls[] = { o->api_url, o->oapi_url };
	for (size_t i = 0; i < 2; i++)
		if (!text_starts(urls[i], "https://") && !text_starts(urls[i], "http://"))
			return error_set(e, RC_INVALID, "dingtalk: the API's address must begin with https://");
	return check_http(o, e);
}

static char *copy(const char *s)
{
	return strdup(s ? s : "");
}

static bool copy_options(struct dingapp *d, const struct dingapp_options *o)
{
	d->mode = o->mode;
	d->client_id = copy(o->client_id);
	d->client_secret = copy(o->client_secret);
	d->corp_id = copy(o->corp_id);
	d->robot_code = copy(text_empty(o->robot_code) ? o->client_id : o->robot_code);
	d->template = copy(o->template);
	d->api_url = copy(o->api_url);
	d->oapi_url = copy(o->oapi_url);
	d->public_url = copy(o->public_url);
	d->callback_path = copy(o->callback_path);
	d->callback_secret = copy(o->callback_secret);
	d->event_token = copy(o->event_token);
	d->event_aes_key = copy(o->event_aes_key);
	d->identities = o->identities;
	d->identities_owner = o->identities_owner;
	d->budget.limit = o->month_calls;
	return d->client_id && d->client_secret && d->corp_id && d->robot_code && d->template && d->api_url &&
	       d->oapi_url && d->public_url && d->callback_path && d->callback_secret && d->event_token &&
	       d->event_aes_key;
}

static void add_metrics(struct dingapp *d)
{
	struct metrics *m = d->ctx.metrics;
	d->calls_metric = metrics_add(m, METRIC_COUNTER, "rollcall_dingtalk_calls_total", "Calls of DingTalk's API.",
				      "call,outcome", NULL);
	d->month_metric = metrics_add(m, METRIC_GAUGE, "rollcall_dingtalk_month_calls",
				      "Calls of DingTalk's API since the first of the month.", "", NULL);
	d->limit_metric = metrics_add(m, METRIC_GAUGE, "rollcall_dingtalk_month_limit",
				      "Calls that the organisation has a month; 0: no limit.", "", NULL);
	d->links_metric = metrics_add(m, METRIC_GAUGE, "rollcall_dingtalk_stream_connections",
				      "Connections of Stream Mode that are open.", "", NULL);
	d->frames_metric = metrics_add(m, METRIC_COUNTER, "rollcall_dingtalk_stream_frames_total",
				       "Frames of Stream Mode that came.", "type", NULL);
	d->refused_metric = metrics_add(m, METRIC_COUNTER, "rollcall_dingtalk_refused_total",
					"Callbacks that were refused.", "why", NULL);
}

static void redact(const struct dingapp *d)
{
	const char *const secrets[] = { d->client_secret, d->callback_path, d->callback_secret, d->event_token,
					d->event_aes_key };
	for (size_t i = 0; i < sizeof secrets / sizeof *secrets; i++)
		if (*secrets[i])
			log_redact(secrets[i]);
}

static void channel_destroy_p(struct channel **c)
{
	dingapp_destroy(*c);
}

enum result dingapp_create(const struct channel_context *ctx, const struct dingapp_options *o, struct channel **ret,
			   struct error *e)
{
	enum result r = check(o, e);
	if (r != RC_OK)
		return r;
	struct dingapp *d = calloc(1, sizeof *d);
	if (!d)
		return error_set(e, RC_EXHAUSTED, "no memory for the DingTalk app");
	CLEANUP(channel_destroy_p) struct channel *c = &d->channel;
	d->channel.ops = &dingapp_ops;
	d->ctx = *ctx;
	d->seen = seen_create(SEEN_MAX);
	if (!d->seen || !copy_options(d, o))
		return error_set(e, RC_EXHAUSTED, "no memory for the DingTalk app");
	add_metrics(d);
	redact(d);
	r = dingapp_groups_create(d, o->groups, e);
	if (r == RC_OK)
		r = dingapp_budget_load(d, e);
	if (r == RC_OK && d->mode == DINGAPP_HTTP)
		r = dingapp_http_create(d, e);
	if (r != RC_OK)
		return r;
	if (d->mode == DINGAPP_STREAM)
		dingapp_stream_start(d);
	else if (*d->template)
		dingapp_http_register(d);
	*ret = TAKE(c);
	return RC_OK;
}
