#include "controller/alerts/alerts.h"

#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "base/json.h"
#include "base/log.h"
#include "base/strbuf.h"
#include "base/text.h"

enum {
	TIMEOUT_MS = 5000,
	TRIES_MAX = 3,
	PAUSE_FIRST_MS = 1000,
	WAITING_MAX = 100, /* for one receiver */
	ANSWER_MAX = 64 * 1024,
	URL_MAX = 8192,
};

/* One on its way or waiting for the one before it to the same receiver. */
struct post {
	struct alerts *alerts;
	char *url, *body, *token, *sign, *proxy, *name; /* owned; url, token and sign are secrets */
	bool slack_api;
	int tries;
	struct http_call *call;
	struct timer again;
	struct deferred failed;
	struct post *next; /* in the order of coming */
};
struct alerts {
	struct hooks_options o;
	struct post *posts, *last;
};

static void post_free(struct post *p)
{
	if (!p)
		return;
	http_cancel(&p->call);
	timer_stop(&p->again);
	loop_defer_cancel(&p->failed);
	crypto_free_secret(p->url);
	crypto_free_secret(p->token);
	crypto_free_secret(p->sign);
	free(p->body);
	free(p->proxy);
	free(p->name);
	free(p);
}

enum result alerts_create(const struct hooks_options *o, struct alerts **ret, struct error *e)
{
	struct alerts *s = calloc(1, sizeof *s);
	if (!s)
		return error_set(e, RC_EXHAUSTED, "no memory for alerts");
	s->o = *o;
	*ret = s;
	return RC_OK;
}

void alerts_destroy(struct alerts *s)
{
	if (!s)
		return;
	while (s->posts) {
		struct post *p = s->posts;
		s->posts = p->next;
		post_free(p);
	}
	free(s);
}

/* ---- one call ---- */

static void post_send(void *owner);

static bool is_first(const struct post *p)
{
	for (const struct post *other = p->alerts->posts; other != p; other = other->next)
		if (text_eq(other->url, p->url))
			return false;
	return true;
}

static void over(struct post *p)
{
	struct alerts *s = p->alerts;
	struct post **at = &s->posts, *before = NULL;
	while (*at != p) {
		before = *at;
		at = &(*at)->next;
	}
	*at = p->next;
	if (s->last == p)
		s->last = before;
	for (struct post *other = *at; other; other = other->next)
		if (text_eq(other->url, p->url)) {
			timer_start(s->o.loop, &other->again, 0, post_send, other);
			break;
		}
	post_free(p);
}

/* Slack says 200 to what it refuses. NULL: it is well. */
static const char *refusal(const struct post *p, const struct http_answer *a, char *buf, size_t size)
{
	CLEANUP(json_delete_p) cJSON *j = NULL;
	if (a->status < 200 || a->status > 299) {
		(void)snprintf(buf, size, "status %d", a->status);
		return buf;
	}
	if ((!p->slack_api && !*p->sign) || json_parse(a->body, a->len, &j, NULL) != RC_OK)
		return NULL;
	const char *error = json_text(j, "error", "");
	int64_t code = json_int(j, "errcode", 0);
	if (p->slack_api && !json_bool(j, "ok", true))
		(void)snprintf(buf, size, "%.100s", error);
	else if (code)
		(void)snprintf(buf, size, "errcode %lld", (long long)code);
	else
		return NULL;
	return buf;
}

static void give_up(struct post *p, const char *why)
{
	log_warn("alert_not_sent", "provider=%s tries=%d why=%.200s", p->name, p->tries, why);
	over(p);
}

static void answered(void *owner, enum result r, const struct http_answer *a, const struct error *why)
{
	struct post *p = owner;
	char buf[128];
	p->call = NULL;
	const char *wrong = r == RC_OK ? refusal(p, a, buf, sizeof buf) : why->text;
	bool passing = r == RC_UNREACHABLE || (r == RC_OK && (a->status == 429 || a->status >= 500));
	if (!wrong)
		over(p);
	else if (passing && p->tries < TRIES_MAX)
		timer_start(p->alerts->o.loop, &p->again, (int64_t)PAUSE_FIRST_MS << p->tries, post_send, p);
	else
		give_up(p, wrong);
}

static void failed(void *owner)
{
	give_up(owner, "it could not be called");
}

static bool may_connect(void *owner, const char *host, const struct sockaddr *address)
{
	const struct alerts *s = owner;
	return egress_allowed(&s->o, host, address);
}

/* The time is part of a robot's signature: each try has its own. */
static bool address_of(const struct post *p, struct strbuf *url)
{
	strbuf_add(url, p->url);
	if (*p->sign)
		return hook_sign_robot(url, p->sign, loop_wall(p->alerts->o.loop));
	return !url->overflow;
}

static void post_send(void *owner)
{
	struct post *p = owner;
	char bearer[1024];
	const char *headers[3] = { "Content-Type: application/json" };
	struct strbuf url;
	strbuf_init(&url, URL_MAX);
	if (*p->token && snprintf(bearer, sizeof bearer, "Authorization: Bearer %s", p->token) < (int)sizeof bearer)
		headers[1] = bearer;
	p->tries++;
	struct error e;
	if (address_of(p, &url))
		p->call = http_send(p->alerts->o.http,
				    &(struct http_request){ .method = "POST",
							    .url = url.s,
							    .headers = headers,
							    .body = p->body,
							    .body_len = strlen(p->body),
							    .timeout_ms = TIMEOUT_MS,
							    .max_body_bytes = ANSWER_MAX,
							    .proxy = *p->proxy ? p->proxy : NULL,
							    .egress = may_connect,
							    .egress_owner = p->alerts },
				    answered, p, &e);
	explicit_bzero(bearer, sizeof bearer);
	explicit_bzero(url.s, url.len);
	strbuf_finish(&url);
	if (!p->call)
		loop_defer(p->alerts->o.loop, &p->failed, failed, p);
}

/* ---- sending ---- */

/* Discord takes Slack's shape at an address of its own. */
static char *url_of(const struct alert_provider *to)
{
	struct strbuf b;
	strbuf_init(&b, URL_MAX);
	size_t path = strcspn(to->url, "?#");
	bool add = text_eq(to->type, "discord") && (path < 6 || strncmp(to->url + path - 6, "/slack", 6) != 0);
	strbuf_addn(&b, to->url, path);
	strbuf_add(&b, add ? "/slack" : "");
	strbuf_add(&b, to->url + path);
	char *url = strbuf_take(&b);
	strbuf_finish(&b);
	return url;
}

static size_t waiting_for(const struct alerts *s, const char *url)
{
	size_t n = 0;
	for (const struct post *p = s->posts; p; p = p->next)
		n += text_eq(p->url, url);
	return n;
}

static struct post *post_create(struct alerts *s, const struct alert_provider *to, const char *name, const char *body)
{
	struct post *p = calloc(1, sizeof *p);
	if (!p)
		return NULL;
	bool slack = text_eq(to->type, "slack") && *to->token;
	*p = (struct post){ .alerts = s,
			    .url = url_of(to),
			    .body = strdup(body),
			    .token = strdup(text_eq(to->type, "slack") ? to->token : ""),
			    .sign = strdup(text_eq(to->type, "dingtalk") ? to->sign : ""),
			    .proxy = strdup(to->proxy),
			    .name = strdup(name),
			    .slack_api = slack };
	if (p->url && p->body && p->token && p->sign && p->proxy && p->name)
		return p;
	post_free(p);
	return NULL;
}

static void send_one(struct alerts *s, const struct plan *plan, const struct alert_ref *ref, const struct alert *al)
{
	struct alert_provider to;
	struct error e;
	if (alert_provider_find(plan, ref, &to, &e) != RC_OK) {
		log_warn("alert_not_sent", "canary=%s/%s why=%s", plan->canary->ns, plan->canary->name, e.text);
		return;
	}
	const char *body = alert_payload(plan, &to, al);
	struct post *p = body ? post_create(s, &to, ref->provider.name, body) : NULL;
	if (!p || waiting_for(s, p->url) >= WAITING_MAX) {
		log_warn("alert_not_sent", "canary=%s/%s provider=%s why=%s", plan->canary->ns, plan->canary->name,
			 ref->provider.name, p ? "too many wait for this receiver" : "no memory");
		post_free(p);
		return;
	}
	if (s->last)
		s->last->next = p;
	else
		s->posts = p;
	s->last = p;
	if (is_first(p))
		timer_start(s->o.loop, &p->again, 0, post_send, p);
}

void alerts_send(struct alerts *s, const struct plan *p, const struct alert *al)
{
	const struct analysis *an = &p->canary->analysis;
	for (size_t i = 0; i < an->alert_count; i++)
		if (alert_passes(an->alerts[i].severity, al->severity) && !text_empty(an->alerts[i].provider.name))
			send_one(s, p, &an->alerts[i], al);
}
