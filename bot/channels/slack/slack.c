#include "bot/channels/slack/slack.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "base/json.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/text.h"
#include "bot/channels/slack/slack_private.h"

enum {
	BODY_BYTES_MAX = 1024 * 1024,
	SEEN_MAX = 50000,
	AUTH_BACKOFF_MAX_MS = 60 * 1000,
	AUTH_DEAD_MS = 5 * 60 * 1000,
	CONNECTIONS = 2,
	/* about one message a second in a channel, several hundred a minute in the workspace, fifty updates a minute
	 * for the app (slack.md 13) */
	SPACING_MS = 1000,
	PER_MINUTE = 240,
	UPDATES_PER_MINUTE = 50,
};

/* ---- who we are ---- */

static void auth(void *owner);

static void auth_later(struct slack *s, int64_t delay_ms)
{
	unsigned char dice = 0;
	(void)!crypto_random(&dice, sizeof dice, NULL);
	timer_start(s->ctx.loop, &s->auth_again, delay_ms + delay_ms * dice / 1024, auth, s);
}

static int64_t backoff(int tries)
{
	int64_t ms = 1000;
	while (tries-- > 1 && ms < AUTH_BACKOFF_MAX_MS)
		ms *= 2;
	return ms < AUTH_BACKOFF_MAX_MS ? ms : AUTH_BACKOFF_MAX_MS;
}

static void learn(char **field, const char *value)
{
	char *copy = *value && !**field ? strdup(value) : NULL;
	if (!copy)
		return;
	free(*field);
	*field = copy;
}

static void auth_answered(void *owner, const struct slack_answer *ans)
{
	struct slack *s = owner;
	if (ans->r != RC_OK) {
		enum slack_trouble t = slack_trouble_of(ans->error);
		bool dead = t == TROUBLE_CREDENTIAL || t == TROUBLE_SETUP;
		if (dead)
			log_error("slack_token_refused", "why=%s", ans->why);
		else
			log_warn("slack_unreachable", "why=%s", ans->why);
		auth_later(s, dead ? AUTH_DEAD_MS : backoff(++s->auth_tries));
		return;
	}
	const char *team = json_text(ans->body, "team_id", "");
	if (*s->team && !text_eq(s->team, team))
		log_error("slack_wrong_workspace", "token=%s configured=%s", team, s->team);
	learn(&s->team, team);
	learn(&s->bot_user, json_text(ans->body, "user_id", ""));
	learn(&s->enterprise, json_text(ans->body, "enterprise_id", ""));
	s->org_wide = json_bool(ans->body, "is_enterprise_install", false);
	learn(&s->app, json_text(ans->body, "app_id", ""));
	log_info("slack_ready", "team=%s bot=%s", s->team, s->bot_user);
	slack_sockets_start(s);
}

static void auth(void *owner)
{
	struct slack *s = owner;
	slack_send(
		s,
		&(struct slack_request){
			.as = SLACK_FORM_BODY, .method = "auth.test", .body = "", .done = auth_answered, .owner = s });
}

/* ---- the channel ---- */

static char *render_card(struct channel *c, const struct card *card, struct error *e)
{
	(void)c;
	char *body = NULL;
	return slack_render_card(card, &body, e) == RC_OK ? body : NULL;
}

static char *render_ask(struct channel *c, const struct card *card, const char *const *who_may, struct error *e)
{
	struct slack *s = SLACK_OF(c);
	char *body = NULL;
	return slack_render_ask(card, who_may, s->identities, s->identities_owner, &body, e) == RC_OK ? body : NULL;
}

static char *render_text(struct channel *c, const char *text, struct error *e)
{
	(void)c;
	char *body = NULL;
	return slack_render_text(text, &body, e) == RC_OK ? body : NULL;
}

static char *render_chart(struct channel *c, const void *png, size_t len, const char *alt, struct error *e)
{
	(void)c;
	char *body = NULL;
	return slack_render_chart(png, len, alt, &body, e) == RC_OK ? body : NULL;
}

static const struct http_route *routes(struct channel *c)
{
	return SLACK_OF(c)->routes;
}

static void slack_destroy(struct channel *c)
{
	if (!c)
		return;
	struct slack *s = SLACK_OF(c);
	timer_stop(&s->auth_again);
	slack_sockets_destroy(s);
	slack_calls_drop(s);
	slack_token_destroy(s);
	slack_acks_finish(s);
	slack_responders_detach(s);
	slack_homes_destroy(s);
	slack_groups_destroy(s);
	slack_people_destroy(s);
	seen_destroy(s->seen);
	crypto_free_secret(s->authorization);
	crypto_free_secret(s->app_authorization);
	crypto_free_secret(s->secrets[0]);
	crypto_free_secret(s->secrets[1]);
	for (size_t i = 0; i < SLACK_HOSTS_MAX; i++)
		free(s->hosts[i]);
	free(s->api_url);
	free(s->path);
	free(s->team);
	free(s->app);
	free(s->bot_user);
	free(s->enterprise);
	free(s);
}

const struct channel_ops slack_ops = {
	.platform = "slack",
	.render_card = render_card,
	.render_ask = render_ask,
	.render_text = render_text,
	.render_chart = render_chart,
	.deliver = slack_deliver,
	.groups = slack_groups_of,
	.routes = routes,
	.changed = slack_homes_changed,
	.destroy = slack_destroy,
	.spacing_ms = SPACING_MS,
	.per_minute = PER_MINUTE,
	.updates_per_minute = UPDATES_PER_MINUTE,
};

static void channel_destroy_p(struct channel **c)
{
	slack_destroy(*c);
}

static enum result check(const struct slack_options *o, struct error *e)
{
	if (text_empty(o->bot_token))
		return error_set(e, RC_INVALID, "slack: the bot token is missing");
	if (text_empty(o->signing_secrets[0]) && text_empty(o->signing_secrets[1]) && text_empty(o->app_token))
		return error_set(e, RC_INVALID,
				 "slack: the signing secret is missing (or an app token for Socket Mode)");
	if (!text_empty(o->refresh_token) && (text_empty(o->client_id) || text_empty(o->client_secret)))
		return error_set(e, RC_INVALID, "slack: a refresh token needs client_id and client_secret");
	if (!text_starts(o->api_url, "https://") && !text_starts(o->api_url, "http://"))
		return error_set(e, RC_INVALID, "slack: the API address must begin with https://");
	if (!text_ends(o->api_url, "/"))
		return error_set(e, RC_INVALID, "slack: the API address must end with a slash, as in %s",
				 "https://slack.com/api/");
	if (text_empty(o->path) || *o->path != '/')
		return error_set(e, RC_INVALID, "slack: the path of the request URL must begin with a slash");
	return RC_OK;
}

static char *copy(const char *s)
{
	return strdup(s ? s : "");
}

static bool copy_options(struct slack *s, const struct slack_options *o)
{
	bool by_socket = !text_empty(o->app_token);
	s->authorization = slack_bearer(o->bot_token);
	s->app_authorization = by_socket ? slack_bearer(o->app_token) : NULL;
	s->connections = o->connections > 0 ? o->connections : CONNECTIONS;
	s->secrets[0] = copy(o->signing_secrets[0]);
	s->secrets[1] = copy(o->signing_secrets[1]);
	s->api_url = copy(o->api_url);
	s->path = copy(o->path);
	s->team = copy(o->team);
	s->app = copy(o->app);
	s->bot_user = copy("");
	s->enterprise = copy("");
	s->team_configured = !text_empty(o->team);
	s->hosts[0] = copy(o->response_hosts[0] ? o->response_hosts[0] : "hooks.slack.com");
	for (size_t i = 1; i < SLACK_HOSTS_MAX && o->response_hosts[0] && o->response_hosts[i]; i++)
		s->hosts[i] = copy(o->response_hosts[i]);
	s->guests = o->guests;
	s->patience_ms = o->patience_ms;
	s->identities = o->identities;
	s->identities_owner = o->identities_owner;
	return s->authorization && (s->app_authorization || !by_socket) && s->enterprise && s->secrets[0] &&
	       s->secrets[1] && s->api_url && s->path && s->team && s->app && s->bot_user && s->hosts[0];
}

static void begin(struct slack *s)
{
	auth(s);
}

enum result slack_create(const struct channel_context *ctx, const struct slack_options *o, struct channel **ret,
			 struct error *e)
{
	enum result r = check(o, e);
	if (r != RC_OK)
		return r;
	struct slack *s = calloc(1, sizeof *s);
	if (!s)
		return error_set(e, RC_EXHAUSTED, "no memory for the Slack channel");
	CLEANUP(channel_destroy_p) struct channel *c = &s->channel;
	s->channel.ops = &slack_ops;
	s->ctx = *ctx;
	s->seen = seen_create(SEEN_MAX);
	s->requests = metrics_add(ctx->metrics, METRIC_COUNTER, "rollcall_slack_requests_total",
				  "Calls of Slack's Web API, by Slack's own word for what became of them.",
				  "method,outcome", NULL);
	if (!s->seen || !copy_options(s, o))
		return error_set(e, RC_EXHAUSTED, "no memory for the Slack channel");
	r = slack_groups_create(s, o->usergroups, e);
	if (r != RC_OK)
		return r;
	if (!s->app_authorization) {
		s->routes[0] = (struct http_route){ "POST", s->path, BODY_BYTES_MAX, slack_receive, s };
		s->routes[1] = (struct http_route){ "GET", s->path, 0, slack_probe, s };
	}
	log_redact(o->bot_token);
	if (s->app_authorization)
		log_redact(o->app_token);
	if (!text_empty(o->refresh_token))
		r = slack_token_begin(s, o, begin, e);
	else
		begin(s);
	if (r != RC_OK)
		return r;
	*ret = TAKE(c);
	return RC_OK;
}
