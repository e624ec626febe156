#include "bot/channels/decide/decide.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "base/log.h"
#include "base/text.h"
#include "bot/cards/clean.h"
#include "bot/channels/decide/decide_page.h"
#include "bot/channels/seen.h"

enum {
	FORM_BYTES_MAX = 16 * 1024,
	KEY_BYTES = 32,
	COOKIE_BYTES = 18, /* 24 characters */
	NONCE_BYTES = 12,  /* 16 characters */
	COOKIE_CHARS = 24,
	NONCE_CHARS = 16,
	COOKIE_LIFE_S = 3600,
	WRONG_MAX = 5,
	WRONG_WINDOW_MS = 60 * 1000,
	WAIT_MS = 10 * 1000,
	SEEN_MAX = 10000,
	TEXT_MAX = 256,
};
#define COOKIE "rollcall_decide"

struct decide_wait;
struct decide {
	struct decide_options o;
	struct http_route routes[3];
	unsigned char key[KEY_BYTES]; /* of this process: forms do not outlive it */
	char *policy;                 /* Content-Security-Policy */
	struct seen *used, *wrong;    /* form tokens; wrong PINs */
	struct decide_wait *waits;
};
/* A POST that waits for the bot's word. */
struct decide_wait {
	struct responder responder; /* first */
	struct decide *decide;      /* NULL: the page is gone */
	struct decide_wait *next, **at;
	struct http_exchange *x; /* NULL: answered, or the browser has left */
	struct timer deadline;
	char *id;                    /* owned */
	const struct person *person; /* borrowed, lives for the process */
	enum vote_verb verb;
};

/* ---- a page as an answer ---- */

struct view {
	int status;
	const struct approval *approval;
	bool details, form;
	const char *notice, *user;
	const char *cookie; /* NULL: none is set */
	const char *csrf;
};

static void show(struct decide *d, struct http_exchange *x, const struct view *v)
{
	struct decide_page page = { .lang = d->o.lang,
				    .approval = v->approval,
				    .details = v->details,
				    .form = v->form,
				    .csrf = v->csrf,
				    .user = v->user,
				    .notice = v->notice,
				    .now = loop_wall(d->o.loop) };
	char *html = decide_page_html(&page);
	if (!html) {
		http_respond_error(x, 503, NULL, "no memory for the page");
		return;
	}
	char cookie[256] = "";
	bool secure = text_starts(d->o.public_url, "https://");
	if (v->cookie)
		(void)snprintf(cookie, sizeof cookie,
			       "Set-Cookie: " COOKIE "=%s; Path=/; Max-Age=%d; HttpOnly; SameSite=Strict%s", v->cookie,
			       COOKIE_LIFE_S, secure ? "; Secure" : "");
	const char *headers[] = { d->policy,
				  "Cache-Control: no-store",
				  "Referrer-Policy: no-referrer",
				  "X-Content-Type-Options: nosniff",
				  "X-Frame-Options: DENY",
				  "X-Robots-Tag: noindex",
				  *cookie ? cookie : NULL,
				  NULL };
	http_respond(x, v->status, "text/html; charset=utf-8", html, strlen(html), headers);
	free(html);
}

static const char *words(const struct decide *d, struct http_exchange *x, const char *key)
{
	return card_words(d->o.lang, key, http_arena(x), NULL);
}

/* ---- form tokens: bound to the cookie, the request and this process; each is good for one POST ---- */

static bool is_token(const char *s, size_t len)
{
	return s && strlen(s) == len &&
	       strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") == len;
}

static bool csrf_mac(const struct decide *d, const char *cookie, const char *id, const char *nonce,
		     char hex[SHA256_HEX])
{
	char text[TEXT_MAX];
	unsigned char mac[SHA256_BYTES];
	int n = snprintf(text, sizeof text, "%s\n%s\n%.64s", cookie, nonce, id);
	if (n < 0 || (size_t)n >= sizeof text ||
	    crypto_hmac_sha256(d->key, sizeof d->key, text, (size_t)n, mac, NULL) != RC_OK)
		return false;
	crypto_hex(mac, sizeof mac, hex);
	return true;
}

/* "NONCE.MAC"; "" without memory or randomness: such a form is refused when it comes back. */
static const char *csrf_make(const struct decide *d, const char *cookie, const char *id, struct arena *a)
{
	char nonce[NONCE_CHARS + 8], mac[SHA256_HEX];
	if (crypto_token(NONCE_BYTES, nonce, sizeof nonce, NULL) != RC_OK || !csrf_mac(d, cookie, id, nonce, mac))
		return "";
	const char *csrf = arena_printf(a, "%s.%s", nonce, mac);
	return csrf ? csrf : "";
}

static bool csrf_good(struct decide *d, const char *cookie, const char *id, const char *csrf)
{
	char nonce[NONCE_CHARS + 1], mac[SHA256_HEX];
	if (!is_token(cookie, COOKIE_CHARS) || !csrf || strlen(csrf) != NONCE_CHARS + 1 + SHA256_HEX - 1)
		return false;
	memcpy(nonce, csrf, NONCE_CHARS);
	nonce[NONCE_CHARS] = '\0';
	return is_token(nonce, NONCE_CHARS) && csrf_mac(d, cookie, id, nonce, mac) &&
	       crypto_equal_text(mac, csrf + NONCE_CHARS + 1) &&
	       seen_first(d->used, nonce, loop_now(d->o.loop), (int64_t)COOKIE_LIFE_S * 1000);
}

/* The browser's cookie when it has a sound one, so that two open pages do not spoil each other. */
static const char *cookie_for(struct http_exchange *x)
{
	const char *given = http_cookie(x, COOKIE);
	if (is_token(given, COOKIE_CHARS))
		return given;
	char fresh[COOKIE_CHARS + 8];
	if (crypto_token(COOKIE_BYTES, fresh, sizeof fresh, NULL) != RC_OK)
		return "";
	const char *kept = arena_strdup(http_arena(x), fresh);
	return kept ? kept : "";
}

/* ---- what the link is about ---- */

struct about {
	const char *id;
	bool token_good;
	const struct approval *approval; /* NULL: unknown */
};

static struct about about_of(struct decide *d, struct http_exchange *x)
{
	struct about w = { .id = "" };
	char *path = arena_strdup(http_arena(x), http_param(x, "token"));
	char *tilde = path ? strchr(path, '~') : NULL;
	if (!tilde)
		return w;
	*tilde = '\0';
	w.id = path;
	w.token_good = d->o.desk.token_good(d->o.desk.owner, path, "decide", tilde + 1);
	w.approval = d->o.desk.find(d->o.desk.owner, path, http_arena(x));
	return w;
}

static bool may_decide(const struct decide *d, const struct approval *ap)
{
	return d->o.desk.identify && ap->policy && text_eq(ap->policy->link_identity, "pin");
}

/* Who decided, when, why: the answer of a link that is dead. */
static const char *how_it_ended(struct decide *d, struct http_exchange *x, const struct approval *ap)
{
	struct arena *a = http_arena(x);
	const char *key = arena_printf(a, "decide.closed.%s", req_state_name(ap->state));
	const char *text = words(d, x, key ? key : "");
	bool decided = ap->state == REQ_APPROVED || ap->state == REQ_REJECTED;
	if (decided && !text_empty(ap->decided_by))
		text = arena_printf(a, "%s\n%s", text,
				    card_words(d->o.lang, "decide.by", a, "who", ap->decided_by, "time",
					       clean_time(a, ap->decided_at, (struct wall_ms){ 0 }), NULL));
	if (text && decided && !text_empty(ap->reason))
		text = arena_printf(a, "%s\n%s", text, card_words(d->o.lang, "decide.why", a, "why", ap->reason, NULL));
	return text ? text : "";
}

/* Unknown, over or expired: nothing can be decided. status_over is what a decided request answers with. */
static bool dead(struct decide *d, struct http_exchange *x, const struct about *w, int status_over)
{
	struct view v = { .notice = "", .user = "", .csrf = "" };
	if (!w->approval) {
		v.status = 404;
		v.notice = words(d, x, "decide.unknown");
	} else if (w->approval->state != REQ_OPEN) {
		v.status = status_over;
		v.approval = w->approval;
		v.details = w->token_good;
		v.notice = how_it_ended(d, x, w->approval);
	} else if (!w->token_good) {
		v.status = 410;
		v.notice = words(d, x, "decide.expired");
	} else {
		return false;
	}
	show(d, x, &v);
	return true;
}

/* The page of an open request, with a fresh form. */
static void show_open(struct decide *d, struct http_exchange *x, const struct about *w, int status, const char *notice,
		      const char *user)
{
	bool form = may_decide(d, w->approval);
	const char *cookie = form ? cookie_for(x) : NULL;
	if (!form && !*notice)
		notice = words(d, x, "decide.nobody");
	show(d, x,
	     &(struct view){ .status = status,
			     .approval = w->approval,
			     .details = true,
			     .form = form,
			     .notice = notice,
			     .user = user ? user : "",
			     .cookie = cookie,
			     .csrf = cookie ? csrf_make(d, cookie, w->id, http_arena(x)) : "" });
}

static void decide_get(void *owner, struct http_exchange *x)
{
	struct decide *d = owner;
	struct about w = about_of(d, x);
	if (!dead(d, x, &w, 200))
		show_open(d, x, &w, 200, "", "");
}

/* ---- the decision ---- */

/* Browsers write "null" on a page with no-referrer; a stranger's form cannot bring the Strict cookie along then. */
static bool origin_good(const struct decide *d, const struct http_exchange *x)
{
	const char *origin = http_header(x, "origin"), *site = http_header(x, "sec-fetch-site");
	if (http_header_repeated(x, "origin") || (site && !text_eq(site, "same-origin") && !text_eq(site, "none")))
		return false;
	if (!origin || text_eq(origin, "null"))
		return true;
	const char *host = strstr(d->o.public_url, "://");
	size_t len = host ? (size_t)(host + 3 - d->o.public_url) + strcspn(host + 3, "/") : 0;
	return len && strlen(origin) == len && strncmp(origin, d->o.public_url, len) == 0;
}

static const char *wrong_key(struct http_exchange *x, const char *kind, const char *of)
{
	const char *key = arena_printf(http_arena(x), "%s:%.120s", kind, of);
	return key ? key : kind;
}

static bool too_many_wrong(struct decide *d, struct http_exchange *x, const char *user)
{
	struct mono_ms now = loop_now(d->o.loop);
	const char *peer_key = wrong_key(x, "peer", http_peer(x)->address), *user_key = wrong_key(x, "user", user);
	return seen_count(d->wrong, peer_key, now, WRONG_WINDOW_MS, false) >= WRONG_MAX ||
	       seen_count(d->wrong, user_key, now, WRONG_WINDOW_MS, false) >= WRONG_MAX;
}

static void count_wrong(struct decide *d, struct http_exchange *x, const char *user)
{
	struct mono_ms now = loop_now(d->o.loop);
	(void)seen_count(d->wrong, wrong_key(x, "peer", http_peer(x)->address), now, WRONG_WINDOW_MS, true);
	(void)seen_count(d->wrong, wrong_key(x, "user", user), now, WRONG_WINDOW_MS, true);
	log_warn("pin_refused", "peer=%s", http_peer(x)->address);
}

static void wait_free(struct decide_wait *w)
{
	timer_stop(&w->deadline);
	if (w->at) {
		*w->at = w->next;
		if (w->next)
			w->next->at = w->at;
	}
	free(w->id);
	free(w);
}

static void browser_left(void *owner)
{
	struct decide_wait *w = owner;
	w->x = NULL;
}

static struct http_exchange *take_exchange(struct decide_wait *w)
{
	struct http_exchange *x = TAKE(w->x);
	timer_stop(&w->deadline);
	if (x)
		http_on_close(x, NULL, NULL);
	return x;
}

static void took_too_long(void *owner)
{
	struct decide_wait *w = owner;
	struct decide *d = w->decide;
	struct http_exchange *x = take_exchange(w);
	if (x)
		show(d, x,
		     &(struct view){ .status = 202, .notice = words(d, x, "decide.late"), .user = "", .csrf = "" });
}

/* Does the record have this vote? */
static bool counted(const struct decide_wait *w, const struct approval *ap)
{
	for (size_t i = ap->vote_count; i > 0; i--)
		if (person_same(&ap->votes[i - 1].person, w->person))
			return ap->votes[i - 1].verb == w->verb;
	return false;
}

static void decide_say(struct responder *responder, const char *text, bool in_channel)
{
	(void)in_channel;
	struct decide_wait *w = (struct decide_wait *)responder;
	struct decide *d = w->decide;
	struct http_exchange *x = d ? take_exchange(w) : NULL;
	if (x) {
		const struct approval *ap = d->o.desk.find(d->o.desk.owner, w->id, http_arena(x));
		int status = ap && counted(w, ap) ? 200 : ap && ap->state != REQ_OPEN ? 409 : 403;
		show(d, x,
		     &(struct view){ .status = status,
				     .approval = ap,
				     .details = true,
				     .notice = text ? text : words(d, x, "decide.late"),
				     .user = "",
				     .csrf = "" });
	}
	wait_free(w);
}

static struct decide_wait *wait_create(struct decide *d, struct http_exchange *x, const char *id,
				       const struct person *person, enum vote_verb verb)
{
	struct decide_wait *w = calloc(1, sizeof *w);
	char *copy = strdup(id);
	if (!w || !copy) {
		free(w);
		free(copy);
		return NULL;
	}
	*w = (struct decide_wait){ .responder = { .say = decide_say },
				   .decide = d,
				   .next = d->waits,
				   .at = &d->waits,
				   .x = x,
				   .id = copy,
				   .person = person,
				   .verb = verb };
	if (w->next)
		w->next->at = &w->next;
	d->waits = w;
	http_on_close(x, browser_left, w);
	timer_start(d->o.loop, &w->deadline, WAIT_MS, took_too_long, w);
	return w;
}

/* Through the same ears as a press in a chat, with a token of its own. */
static void tell(struct decide *d, struct http_exchange *x, const struct about *w, const struct person *person,
		 enum vote_verb verb)
{
	struct arena *a = http_arena(x);
	const char *word = verb == VOTE_APPROVE ? "approve" : "reject", *reason = http_form(x, "reason");
	char token[160];
	struct error e;
	enum result r = d->o.desk.token(d->o.desk.owner, w->id, word, token, sizeof token, &e);
	const char *value = r == RC_OK ? arena_printf(a, "v1.%s.%s.%s", w->id, word, token) : NULL;
	const char *event = arena_printf(a, "decide:%.16s", http_form(x, "csrf"));
	struct decide_wait *wait = value && event ? wait_create(d, x, w->id, person, verb) : NULL;
	if (!wait) {
		show_open(d, x, w, 503, words(d, x, "decide.busy"), http_form(x, "user"));
		return;
	}
	struct interaction in = { .person = *person,
				  .channel = DECIDE_LINK,
				  .message_id = "",
				  .thread_id = "",
				  .event_id = event,
				  .value = value,
				  .text = reason ? reason : "",
				  .form = true,
				  .responder = &wait->responder };
	d->o.ears.interaction(d->o.ears.owner, &in);
}

static void decide_post(void *owner, struct http_exchange *x)
{
	struct decide *d = owner;
	struct about w = about_of(d, x);
	const char *user = http_form(x, "user"), *pin = http_form(x, "pin"), *verb = http_form(x, "verb");
	user = user ? user : "";
	bool approve = text_eq(verb, "approve");
	if (dead(d, x, &w, 409))
		return;
	if (!origin_good(d, x) || !csrf_good(d, http_cookie(x, COOKIE), w.id, http_form(x, "csrf"))) {
		log_warn("decide_forged", "peer=%s", http_peer(x)->address);
		show_open(d, x, &w, 403, words(d, x, "decide.forged"), "");
		return;
	}
	if (!approve && !text_eq(verb, "reject")) {
		show_open(d, x, &w, 400, words(d, x, "decide.forged"), user);
		return;
	}
	if (!may_decide(d, w.approval)) {
		show_open(d, x, &w, 403, words(d, x, "decide.nobody"), "");
		return;
	}
	if (too_many_wrong(d, x, user)) {
		show_open(d, x, &w, 429, words(d, x, "decide.slow_down"), user);
		return;
	}
	const struct person *person = d->o.desk.identify(d->o.desk.identify_owner, user, pin ? pin : "");
	if (!person) {
		count_wrong(d, x, user);
		show_open(d, x, &w, 403, words(d, x, "decide.wrong"), user);
		return;
	}
	tell(d, x, &w, person, approve ? VOTE_APPROVE : VOTE_REJECT);
}

/* ---- life ---- */

enum result decide_create(const struct decide_options *o, struct decide **ret, struct error *e)
{
	CLEANUP(decide_destroy_p) struct decide *d = calloc(1, sizeof *d);
	if (!d)
		return error_set(e, RC_EXHAUSTED, "no memory for the confirm page");
	d->o = *o;
	d->policy = decide_page_policy();
	d->used = seen_create(SEEN_MAX);
	d->wrong = seen_create(SEEN_MAX);
	if (!d->policy || !d->used || !d->wrong)
		return error_set(e, RC_EXHAUSTED, "no memory for the confirm page");
	enum result r = crypto_random(d->key, sizeof d->key, e);
	if (r != RC_OK)
		return error_in(e, r, "confirm page");
	d->routes[0] = (struct http_route){ "GET", "/decide/{token}", 0, decide_get, d };
	d->routes[1] = (struct http_route){ "POST", "/decide/{token}", FORM_BYTES_MAX, decide_post, d };
	*ret = TAKE(d);
	return RC_OK;
}

void decide_destroy(struct decide *d)
{
	if (!d)
		return;
	while (d->waits) {
		struct decide_wait *w = d->waits;
		struct http_exchange *x = take_exchange(w);
		if (x)
			http_respond_error(x, 503, "open the link again in a moment", "the service is stopping");
		d->waits = w->next;
		w->decide = NULL; /* its responder is still the bot's */
		w->at = NULL;
		w->next = NULL;
	}
	free(d->policy);
	seen_destroy(d->used);
	seen_destroy(d->wrong);
	explicit_bzero(d->key, sizeof d->key);
	free(d);
}

const struct http_route *decide_routes(struct decide *d)
{
	return d->routes;
}
