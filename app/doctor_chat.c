/* The doctor in the chats: is the token taken, are the scopes there, does a signed click arrive at the service. Nothing
 * is posted. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "app/doctor.h"
#include "base/crypto.h"
#include "base/json.h"
#include "base/strbuf.h"
#include "base/text.h"
#include "bot/channels/dingtalk/dingtalk_private.h"

enum { URL_BYTES = 4096, AUTHORIZATION_BYTES = 1024, LIST_BYTES = 256 };

/* The answer as an object; NULL: it is none. */
static cJSON *object_of(const struct doctor_answer *a)
{
	cJSON *v = NULL;
	if (a->r != RC_OK || json_parse(a->body, strlen(a->body), &v, NULL) != RC_OK)
		return NULL;
	return v;
}

/* ---- Slack ---- */

static bool has_scope(const char *list, const char *scope)
{
	size_t n = strlen(scope);
	for (const char *p = list; *p; p += strcspn(p, ","), p += strspn(p, ", "))
		if (strncmp(p, scope, n) == 0 && (p[n] == ',' || p[n] == '\0' || p[n] == ' '))
			return true;
	return false;
}

static bool names_usergroups(const struct config *c)
{
	for (const struct policy *p = c->policies; p->name; p++)
		for (const char *const *a = p->approvers; a && *a; a++)
			if (text_starts(*a, "slack:S"))
				return true;
	return false;
}

static void slack_scopes(struct doctor *d, const char *scopes)
{
	const struct {
		const char *scope;
		bool wanted;
	} needs[] = { { "chat:write", true },
		      { "commands", true },
		      { "users:read", !d->config->slack.guests },
		      { "usergroups:read", names_usergroups(d->config) } };
	struct strbuf missing;
	if (!*scopes)
		return; /* not said: an old proxy in between */
	strbuf_init(&missing, LIST_BYTES);
	for (size_t i = 0; i < sizeof needs / sizeof *needs; i++)
		if (needs[i].wanted && !has_scope(scopes, needs[i].scope))
			strbuf_addf(&missing, "%s%s", missing.len ? ", " : "", needs[i].scope);
	doctor_say(d, missing.len ? HEALTH_BAD : HEALTH_GOOD, "Slack scopes",
		   missing.len ? "add them under OAuth & Permissions, and install the app again" : "",
		   missing.len ? "missing: %s" : "%s all there", missing.s);
	strbuf_finish(&missing);
}

static void ask_slack(struct doctor *d, const char *method, const char *token, struct doctor_answer *ret)
{
	char url[URL_BYTES], authorization[AUTHORIZATION_BYTES];
	const char *base = d->config->slack.api_url;
	(void)snprintf(url, sizeof url, "%s%s%s", base, text_ends(base, "/") ? "" : "/", method);
	(void)snprintf(authorization, sizeof authorization, "Authorization: Bearer %s", token);
	const char *headers[] = { authorization, "Content-Type: application/x-www-form-urlencoded", NULL };
	struct http_request q = { .method = "POST", .url = url, .headers = headers, .body = "", .body_len = 0 };
	doctor_ask(d, &q, ret);
	OPENSSL_cleanse(authorization, sizeof authorization);
}

static const char *slack_remedy(const char *error)
{
	if (text_eq(error, "invalid_auth") || text_eq(error, "not_authed") || text_eq(error, "token_revoked"))
		return "copy the token of the installed app again (OAuth & Permissions, or App-Level Tokens)";
	if (text_eq(error, "account_inactive"))
		return "the app was removed from the workspace: install it again";
	if (text_eq(error, "missing_scope"))
		return "add the scope, and install the app again";
	return "look the error up in Slack's documentation of the method";
}

static void slack_bot(struct doctor *d)
{
	struct doctor_answer a;
	ask_slack(d, "auth.test", d->config->slack.bot_token, &a);
	CLEANUP(json_delete_p) cJSON *answer = object_of(&a);
	const char *error = json_text(answer, "error", "not as Slack does");
	if (a.r != RC_OK) {
		doctor_say(d, HEALTH_BAD, "Slack",
			   "does this machine reach the internet, or is there a proxy to be named?", "%s", a.why.text);
	} else if (!json_bool(answer, "ok", false)) {
		doctor_say(d, HEALTH_BAD, "Slack", slack_remedy(error), "answers %d: %.80s", a.status, error);
	} else {
		doctor_say(d, HEALTH_GOOD, "Slack", "", "%.80s in %.80s", json_text(answer, "user", "the bot"),
			   json_text(answer, "team", "its workspace"));
		doctor_compare_clocks(d, "Slack", &a);
		slack_scopes(d, a.scopes);
	}
	doctor_answer_finish(&a);
}

static void slack_socket(struct doctor *d)
{
	struct doctor_answer a;
	ask_slack(d, "apps.connections.open", d->config->slack.app_token, &a);
	CLEANUP(json_delete_p) cJSON *answer = object_of(&a);
	const char *error = json_text(answer, "error", "not as Slack does");
	if (a.r == RC_OK && json_bool(answer, "ok", false))
		doctor_say(d, HEALTH_GOOD, "Socket Mode", "", "Slack opens connections to this app");
	else if (a.r == RC_OK)
		doctor_say(d, HEALTH_BAD, "Socket Mode", slack_remedy(error), "answers %d: %.80s", a.status, error);
	doctor_answer_finish(&a);
}

/* As Slack signs what it sends: if this comes back, a press of a button will be taken too. */
static enum result sign(const char *secret, const char *timestamp, const char *body, char *buf, size_t size)
{
	struct strbuf base;
	unsigned char mac[SHA256_BYTES];
	char hex[SHA256_HEX];
	strbuf_init(&base, URL_BYTES);
	strbuf_addf(&base, "v0:%s:%s", timestamp, body);
	enum result r = crypto_hmac_sha256(secret, strlen(secret), base.s, base.len, mac, NULL);
	crypto_hex(mac, sizeof mac, hex);
	(void)snprintf(buf, size, "X-Slack-Signature: v0=%s", hex);
	strbuf_finish(&base);
	return r;
}

static void slack_click(struct doctor *d)
{
	static const char body[] =
		"{\"type\":\"url_verification\",\"token\":\"doctor\",\"challenge\":\"rollcall-doctor\"}";
	const struct config *c = d->config;
	char url[URL_BYTES], at[64], signature[128];
	struct doctor_answer a;
	if (!c->public_url) {
		doctor_say(d, HEALTH_WARNING, "signed click", "set public_url to where Slack reaches this service",
			   "not tried: public_url is not set");
		return;
	}
	long long now_s = (long long)(clock_system()->wall(clock_system()).v / 1000);
	(void)snprintf(url, sizeof url, "%s%s", c->public_url, c->slack.path);
	(void)snprintf(at, sizeof at, "X-Slack-Request-Timestamp: %lld", now_s);
	if (sign(c->slack.signing_secret, at + strlen("X-Slack-Request-Timestamp: "), body, signature,
		 sizeof signature) != RC_OK)
		return;
	const char *headers[] = { "Content-Type: application/json", at, signature, NULL };
	struct http_request q = {
		.method = "POST", .url = url, .headers = headers, .body = body, .body_len = strlen(body)
	};
	doctor_ask(d, &q, &a);
	bool good = a.r == RC_OK && a.status == 200 && strstr(a.body, "rollcall-doctor");
	if (good)
		doctor_say(d, HEALTH_GOOD, "signed click", "", "%s%s takes what Slack would send", c->public_url,
			   c->slack.path);
	else if (a.r == RC_OK)
		doctor_say(d, HEALTH_BAD, "signed click",
			   "the service must have the same signing_secret, and whatever stands in front must pass the "
			   "body on untouched",
			   "%s%s answers %d", c->public_url, c->slack.path, a.status);
	else
		doctor_say(d, HEALTH_BAD, "signed click", "public_url must lead to the running service", "%s",
			   a.why.text);
	doctor_answer_finish(&a);
}

/* ---- DingTalk ---- */

/* A message of no known type: the robot looks at token and signature first, and posts nothing. */
static void robot(struct doctor *d, const struct dingtalk_robot *b)
{
	static const char body[] = "{\"msgtype\":\"rollcall_doctor\"}";
	static const char *const headers[] = { "Content-Type: application/json", NULL };
	char name[32];
	struct doctor_answer a;
	int64_t now = clock_system()->wall(clock_system()).v;
	char *url = *b->secret ? dingtalk_signed_url(b->url, b->secret, now) : strdup(b->url);
	(void)snprintf(name, sizeof name, "DingTalk %.20s", b->name);
	struct http_request q = {
		.method = "POST", .url = url ? url : "", .headers = headers, .body = body, .body_len = strlen(body)
	};
	doctor_ask(d, &q, &a);
	crypto_free_secret(url);
	CLEANUP(json_delete_p) cJSON *answer = object_of(&a);
	int code = (int)json_int(answer, "errcode", -1);
	const char *said = json_text(answer, "errmsg", "");
	if (a.r != RC_OK)
		doctor_say(d, HEALTH_BAD, name,
			   "does this machine reach the internet, or is there a proxy to be named?", "%s", a.why.text);
	else if (!answer || code == -1)
		doctor_say(d, HEALTH_BAD, name, "look at the robot's url", "answers %d, and not as DingTalk does",
			   a.status);
	else if (strstr(said, "token") || code == 300001 || code == 300005)
		doctor_say(d, HEALTH_BAD, name, "copy the robot's webhook address again", "errcode %d: %.120s", code,
			   said);
	else if (code == 310000 && !strstr(said, "keywords"))
		doctor_say(d, HEALTH_BAD, name,
			   "its security settings want a signature (secret: SEC...) or this address on their list",
			   "errcode %d: %.120s", code, said);
	else
		doctor_say(d, HEALTH_GOOD, name, "", "the robot takes its token%s", *b->secret ? " and signature" : "");
	doctor_answer_finish(&a);
}

static void app(struct doctor *d)
{
	char url[URL_BYTES];
	struct strbuf body;
	struct doctor_answer a;
	static const char *const headers[] = { "Content-Type: application/json", NULL };
	(void)snprintf(url, sizeof url, "%s/v1.0/oauth2/accessToken", d->config->dingtalk.app.api_url);
	strbuf_init(&body, URL_BYTES);
	strbuf_add(&body, "{\"appKey\":");
	strbuf_add_json(&body, d->config->dingtalk.app.client_id);
	strbuf_add(&body, ",\"appSecret\":");
	strbuf_add_json(&body, d->config->dingtalk.app.client_secret);
	strbuf_addc(&body, '}');
	struct http_request q = {
		.method = "POST", .url = url, .headers = headers, .body = body.s, .body_len = body.len
	};
	doctor_ask(d, &q, &a);
	CLEANUP(json_delete_p) cJSON *answer = object_of(&a);
	if (a.r != RC_OK)
		doctor_say(d, HEALTH_BAD, "DingTalk app",
			   "does this machine reach the internet, or is there a proxy to be named?", "%s", a.why.text);
	else if (*json_text(answer, "accessToken", ""))
		doctor_say(d, HEALTH_GOOD, "DingTalk app", "", "its id and secret are taken");
	else
		doctor_say(d, HEALTH_BAD, "DingTalk app", "copy client_id and client_secret of the app again",
			   "answers %d: %.120s", a.status, json_text(answer, "message", ""));
	doctor_answer_finish(&a);
	if (body.s)
		OPENSSL_cleanse(body.s, body.len);
	strbuf_finish(&body);
}

void doctor_chat(struct doctor *d)
{
	const struct config *c = d->config;
	if (c->slack.bot_token) {
		slack_bot(d);
		if (!text_empty(c->slack.app_token))
			slack_socket(d);
		else if (c->slack.signing_secret)
			slack_click(d);
	}
	for (const struct dingtalk_robot *b = c->dingtalk.robots; b && b->name; b++)
		robot(d, b);
	if (c->dingtalk.app.client_id)
		app(d);
}
