/* Who asks: cookies, the list of people, and whether a request comes from a page of ours. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <openssl/crypto.h>

#include "base/crypto.h"
#include "base/json.h"
#include "base/text.h"
#include "bot/console/console_room.h"

enum { COOKIE_MAX = 256 };

/* ---- where a request comes from ---- */

/* "host:port" of an URL. */
static const char *authority_of(const char *url)
{
	const char *slashes = url ? strstr(url, "://") : NULL;
	return slashes ? slashes + 3 : "";
}

static bool same_authority(const char *a, const char *b)
{
	size_t n = strcspn(a, "/"), m = strcspn(b, "/");
	return n && n == m && strncasecmp(a, b, n) == 0;
}

/* Browsers name the page that sends: it is ours when it was fetched from where the request goes to. */
static bool is_our_page(const struct console *c, struct http_exchange *x)
{
	const char *origin = http_header(x, "origin"), *site = http_header(x, "sec-fetch-site");
	const char *host = http_header(x, "host");
	if (!origin || (site && !text_eq(site, "same-origin")))
		return false;
	if (!text_empty(c->o.public_url) && same_authority(authority_of(origin), authority_of(c->o.public_url)))
		return true;
	return host && same_authority(authority_of(origin), host);
}

static bool is_loopback_name(const char *host)
{
	static const char *const names[] = { "localhost", "127.0.0.1", "[::1]" };
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		size_t n = strlen(names[i]);
		if (strncasecmp(host, names[i], n) == 0 && (host[n] == ':' || !host[n]))
			return true;
	}
	return false;
}

/* Where people are chosen without a secret, a name of somebody else's that leads to 127.0.0.1 must open nothing. */
static bool is_our_name(const struct console *c, struct http_exchange *x)
{
	const char *host = http_header(x, "host");
	if (!c->o.people)
		return true;
	return host && (is_loopback_name(host) ||
			(!text_empty(c->o.public_url) && same_authority(host, authority_of(c->o.public_url))));
}

static void refuse(struct console *c, struct http_exchange *x, int status, const char *why, const char *text)
{
	metric_inc(c->refused, 1, why);
	http_respond_error(x, status, NULL, "%s", text);
}

/* ---- who ---- */

bool door_admit(struct console *c, struct http_exchange *x, enum token_scope needs, struct visitor *ret)
{
	struct visitor v;
	if (!is_our_name(c, x)) {
		refuse(c, x, 403, "host", "this is not how the console is reached: use 127.0.0.1 or public_url");
		return false;
	}
	if (!sessions_find(c->sessions, http_cookie(x, CONSOLE_COOKIE), &v)) {
		refuse(c, x, 401, "unknown", "sign in first");
		return false;
	}
	if (v.scope < needs) {
		metric_inc(c->refused, 1, "scope");
		http_respond_error(x, 403, NULL, "token \"%s\" has the scope %s, and this needs %s", v.name,
				   token_scope_name(v.scope), token_scope_name(needs));
		return false;
	}
	*ret = v;
	return true;
}

bool door_admit_change(struct console *c, struct http_exchange *x, enum token_scope needs, struct visitor *ret)
{
	char csrf[SESSION_CSRF_MAX];
	const char *given = http_header(x, "x-rollcall-csrf");
	if (!is_our_page(c, x)) {
		refuse(c, x, 403, "origin", "only a page of this console may do this");
		return false;
	}
	if (!door_admit(c, x, needs, ret))
		return false;
	sessions_csrf(http_cookie(x, CONSOLE_COOKIE), csrf);
	if (*csrf && given && crypto_equal_text(csrf, given))
		return true;
	refuse(c, x, 403, "csrf", "this page is of another session: load it again");
	return false;
}

struct person door_person(const struct visitor *v)
{
	if (v->kind == SESSION_CHOSEN)
		return (struct person){
			.platform = "console", .team = "", .id = v->name, .name = v->name, .user = v->name
		};
	return (struct person){ .platform = "token", .team = "", .id = v->name, .name = v->name, .user = "" };
}

/* ---- what somebody may, for the buttons: each use is judged again ---- */

static void add_policy(struct strbuf *b, const struct policy *p, const struct person *who)
{
	static const struct {
		enum right right;
		const char *name;
	} rights[] = { { RIGHT_APPROVE, "approve" },  { RIGHT_PROMOTE, "promote" },   { RIGHT_ROLLBACK, "rollback" },
		       { RIGHT_PAUSE, "pause" },      { RIGHT_COMPLETE, "complete" }, { RIGHT_WEIGHT, "weight" },
		       { RIGHT_OVERRIDE, "override" } };
	strbuf_add_json(b, p->name);
	strbuf_add(b, ":{");
	for (size_t i = 0; i < sizeof rights / sizeof *rights; i++)
		strbuf_addf(b, "%s\"%s\":%s", i ? "," : "", rights[i].name,
			    policy_allows(p, who, rights[i].right, NULL) == RC_OK ? "true" : "false");
	strbuf_addf(b, ",\"quorum\":%d,\"reasons\":[%s", p->quorum, p->reason_approve ? "\"approve\"" : "");
	if (p->reason_reject)
		strbuf_addf(b, "%s\"reject\"", p->reason_approve ? "," : "");
	if (p->reason_rollback)
		strbuf_addf(b, "%s\"rollback\"", p->reason_approve || p->reason_reject ? "," : "");
	strbuf_add(b, "]}");
}

static void add_visitor(struct console *c, struct strbuf *b, const struct visitor *v, struct http_exchange *x)
{
	char csrf[SESSION_CSRF_MAX];
	struct person who = door_person(v);
	bot_recognise(c->api->bot, &who, http_arena(x));
	sessions_csrf(http_cookie(x, CONSOLE_COOKIE), csrf);
	strbuf_add(b, ",\"person\":{\"name\":");
	strbuf_add_json(b, person_actor(&who));
	strbuf_add(b, ",\"identity\":");
	strbuf_add_json(b, arena_printf(http_arena(x), "%s:%s", who.platform, who.id));
	strbuf_addf(b, ",\"scope\":\"%s\",\"csrf\":\"%s\"},\"policies\":{", token_scope_name(v->scope), csrf);
	for (const struct policy *p = approvals_policies(c->api->approvals), *first = p; p && p->name; p++) {
		strbuf_add(b, p == first ? "" : ",");
		add_policy(b, p, &who);
	}
	strbuf_addc(b, '}');
}

void door_session(void *owner, struct http_exchange *x)
{
	struct console *c = owner;
	struct visitor v;
	if (!is_our_name(c, x)) {
		refuse(c, x, 403, "host", "this is not how the console is reached: use 127.0.0.1 or public_url");
		return;
	}
	struct strbuf b;
	strbuf_init(&b, REST_ANSWER_MAX);
	strbuf_add(&b, "{\"version\":\"" ROLLCALL_VERSION "\"");
	if (c->o.people) {
		strbuf_add(&b, ",\"people\":[");
		for (const char *const *p = c->o.people; *p; p++) {
			strbuf_add(&b, p == c->o.people ? "" : ",");
			strbuf_add_json(&b, *p);
		}
		strbuf_addc(&b, ']');
	}
	if (sessions_find(c->sessions, http_cookie(x, CONSOLE_COOKIE), &v))
		add_visitor(c, &b, &v, x);
	strbuf_addc(&b, '}');
	rest_answer(x, 200, &b);
}

/* ---- in and out ---- */

static void answer_cookie(const struct console *c, struct http_exchange *x, const char *secret, int64_t life_ms)
{
	char cookie[COOKIE_MAX];
	(void)snprintf(cookie, sizeof cookie,
		       "Set-Cookie: " CONSOLE_COOKIE "=%s; Path=/; Max-Age=%lld; HttpOnly; SameSite=Strict%s", secret,
		       (long long)(life_ms / 1000), c->o.secure ? "; Secure" : "");
	const char *const headers[] = { cookie, "Cache-Control: no-store", NULL };
	http_respond(x, 200, "application/json", "{}\n", 3, headers);
	OPENSSL_cleanse(cookie, sizeof cookie);
}

void door_sign_in(void *owner, struct http_exchange *x)
{
	static const char *const members[] = { "token", "person", NULL };
	struct console *c = owner;
	char secret[SESSION_SECRET_MAX];
	struct error e;
	if (!is_our_page(c, x) || !is_our_name(c, x)) {
		refuse(c, x, 403, "origin", "only a page of this console may do this");
		return;
	}
	CLEANUP(json_delete_p) cJSON *body = rest_body(x, members);
	if (!body)
		return;
	const char *person = json_text(body, "person", "");
	enum result r = *person ? sessions_begin_chosen(c->sessions, person, secret, &e)
				: sessions_begin_token(c->sessions, json_text(body, "token", ""), secret, &e);
	if (r == RC_OK)
		answer_cookie(c, x, secret, SESSION_LIFE_MS);
	else
		refuse(c, x, r == RC_REFUSED ? 403 : 503, "sign-in", e.text);
	OPENSSL_cleanse(secret, sizeof secret);
}

void door_sign_out(void *owner, struct http_exchange *x)
{
	struct console *c = owner;
	struct visitor v;
	if (!door_admit_change(c, x, SCOPE_READ, &v))
		return;
	sessions_end(c->sessions, http_cookie(x, CONSOLE_COOKIE));
	answer_cookie(c, x, "", 0);
}
