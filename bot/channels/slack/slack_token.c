/* Token rotation (slack.md 1): an access token lives for twelve hours and is replaced before its end, with a refresh
 * token that Slack takes once. The new pair is on disk before it is used: what is lost cannot be asked for again. */
#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "base/json.h"
#include "base/log.h"
#include "base/strbuf.h"
#include "base/text.h"
#include "bot/channels/slack/slack_private.h"

enum {
	FORM_BYTES_MAX = 4096,
	EARLY_MS = 2 * 60 * 60 * 1000, /* before its end */
	SHORTEST_MS = 60 * 1000,
	BACKOFF_MS = 5 * 1000,
	BACKOFF_MAX_MS = 5 * 60 * 1000,
};

/* seed: hash of the refresh token in the configuration. Another one there begins anew. */
const struct store_migration slack_migrations[] = {
	{ "slack", 1,
	  "CREATE TABLE slack_token (seed TEXT PRIMARY KEY, access TEXT NOT NULL, refresh TEXT NOT NULL,"
	  " until INTEGER NOT NULL) WITHOUT ROWID;" },
	{ NULL, 0, NULL },
};

struct slack_token {
	struct slack *slack;
	char *client_id, *client_secret, *refresh; /* owned, as the pair below */
	char *next_access, *next_refresh;          /* being written down */
	int64_t next_until_ms;                     /* wall */
	char seed[SHA256_HEX];
	bool known; /* the access token is of a pair that was given to us */
	bool busy;
	bool gone; /* the channel is; to be freed when the store has answered */
	int tries;
	struct timer timer;
	void (*ready)(struct slack *s); /* once there is a token to begin with; NULL afterwards */
};

static void refresh_token(void *owner);

static void token_free(struct slack_token *t)
{
	free(t->client_id);
	crypto_free_secret(t->client_secret);
	crypto_free_secret(t->refresh);
	crypto_free_secret(t->next_access);
	crypto_free_secret(t->next_refresh);
	free(t);
}

void slack_token_destroy(struct slack *s)
{
	struct slack_token *t = TAKE(s->token);
	if (!t)
		return;
	timer_stop(&t->timer);
	t->gone = true;
	if (!t->next_access) /* else the store owes it an answer */
		token_free(t);
}

/* ---- what is used ---- */

static void use_until(struct slack_token *t, int64_t until_ms)
{
	struct slack *s = t->slack;
	int64_t left = until_ms - loop_wall(s->ctx.loop).v - EARLY_MS;
	t->known = true;
	t->tries = 0;
	timer_start(s->ctx.loop, &t->timer, left > SHORTEST_MS ? left : SHORTEST_MS, refresh_token, t);
}

static void set_authorization(struct slack *s, const char *access)
{
	char *header = slack_bearer(access);
	if (!header) {
		log_error("slack_token_not_used", "why=no memory");
		return;
	}
	crypto_free_secret(s->authorization);
	s->authorization = header;
	log_redact(access);
}

/* Disk or no disk: the old pair is dead at Slack, so that the new one is used in any case. */
static void written(void *owner, enum result r, const struct error *why)
{
	struct slack_token *t = owner;
	if (t->gone) {
		token_free(t);
		return;
	}
	struct slack *s = t->slack;
	if (r != RC_OK)
		log_error("slack_token_not_stored",
			  "why=%s what=after a restart the refresh token of the configuration no longer works",
			  why->text);
	set_authorization(s, t->next_access);
	crypto_free_secret(t->next_access);
	crypto_free_secret(t->refresh);
	t->refresh = t->next_refresh;
	t->next_access = t->next_refresh = NULL;
	t->busy = false;
	use_until(t, t->next_until_ms);
	log_info("slack_token_refreshed", "hours=%lld",
		 (long long)((t->next_until_ms - loop_wall(s->ctx.loop).v) / 3600000));
	void (*ready)(struct slack *) = t->ready;
	t->ready = NULL;
	if (ready)
		ready(s);
}

/* ---- asking for another ---- */

static void refused(struct slack_token *t, const char *why, bool dead)
{
	int64_t pause = BACKOFF_MS;
	for (int i = 0; i < t->tries && pause < BACKOFF_MAX_MS; i++)
		pause *= 2;
	t->tries++;
	t->busy = false;
	if (dead)
		log_error("slack_token_not_refreshed", "why=%s", why);
	else
		log_warn("slack_token_not_refreshed", "why=%s", why);
	timer_start(t->slack->ctx.loop, &t->timer, dead || pause > BACKOFF_MAX_MS ? BACKOFF_MAX_MS : pause,
		    refresh_token, t);
}

static void write_down(struct slack_token *t)
{
	struct store_tx *tx = store_begin(t->slack->ctx.store);
	store_exec(tx, "INSERT OR REPLACE INTO slack_token (seed, access, refresh, until) VALUES (?, ?, ?, ?)", "sssi",
		   t->seed, t->next_access, t->next_refresh, t->next_until_ms);
	store_submit(tx, written, t);
}

static void answered(void *owner, const struct slack_answer *ans)
{
	struct slack_token *t = owner;
	const char *access = json_text(ans->body, "access_token", ""),
		   *refresh = json_text(ans->body, "refresh_token", "");
	int64_t life_s = json_int(ans->body, "expires_in", 0);
	if (ans->r != RC_OK || !*access || !*refresh || life_s <= 0) {
		refused(t, ans->r != RC_OK ? ans->why : "oauth.v2.access gave no tokens",
			slack_trouble_of(ans->error) == TROUBLE_CREDENTIAL);
		return;
	}
	t->next_access = strdup(access);
	t->next_refresh = strdup(refresh);
	t->next_until_ms = loop_wall(t->slack->ctx.loop).v + life_s * 1000;
	log_redact(refresh);
	if (t->next_access && t->next_refresh) {
		write_down(t);
		return;
	}
	crypto_free_secret(t->next_access);
	crypto_free_secret(t->next_refresh);
	t->next_access = t->next_refresh = NULL;
	refused(t, "no memory", false);
}

static void add_field(struct strbuf *form, const char *name, const char *value)
{
	strbuf_addf(form, "%s%s=", form->len ? "&" : "", name);
	strbuf_add_urlencoded(form, value, strlen(value));
}

static void refresh_token(void *owner)
{
	struct slack_token *t = owner;
	struct strbuf form;
	strbuf_init(&form, FORM_BYTES_MAX);
	add_field(&form, "client_id", t->client_id);
	add_field(&form, "client_secret", t->client_secret);
	add_field(&form, "grant_type", "refresh_token");
	add_field(&form, "refresh_token", t->refresh);
	t->busy = true;
	slack_send(t->slack, &(struct slack_request){ .as = SLACK_FORM_BODY,
						      .method = "oauth.v2.access",
						      .as_nobody = true,
						      .body = form.overflow ? NULL : form.s,
						      .done = answered,
						      .owner = t });
	if (form.cap)
		crypto_wipe(form.s, form.cap);
	strbuf_finish(&form);
}

void slack_token_expired(struct slack *s)
{
	struct slack_token *t = s->token;
	if (!t || t->busy)
		return;
	timer_stop(&t->timer);
	refresh_token(t);
}

/* ---- beginning ---- */

static bool row_read(void *owner, sqlite3_stmt *st)
{
	struct slack_token *t = owner;
	const char *seed = (const char *)sqlite3_column_text(st, 0), *access = (const char *)sqlite3_column_text(st, 1),
		   *refresh = (const char *)sqlite3_column_text(st, 2);
	if (!text_eq(seed, t->seed) || !access || !refresh)
		return true;
	char *copy = strdup(refresh);
	if (!copy)
		return false;
	crypto_free_secret(t->refresh);
	t->refresh = copy;
	log_redact(refresh);
	set_authorization(t->slack, access);
	use_until(t, sqlite3_column_int64(st, 3));
	return false;
}

enum result slack_token_begin(struct slack *s, const struct slack_options *o, void (*ready)(struct slack *s),
			      struct error *e)
{
	struct slack_token *t = calloc(1, sizeof *t);
	if (!t)
		return error_set(e, RC_EXHAUSTED, "no memory for the Slack token");
	s->token = t;
	*t = (struct slack_token){ .slack = s,
				   .client_id = strdup(o->client_id),
				   .client_secret = strdup(o->client_secret),
				   .refresh = strdup(o->refresh_token),
				   .ready = ready };
	if (!t->client_id || !t->client_secret || !t->refresh)
		return error_set(e, RC_EXHAUSTED, "no memory for the Slack token");
	log_redact(o->client_secret);
	log_redact(o->refresh_token);
	enum result r = crypto_sha256_hex(o->refresh_token, strlen(o->refresh_token), t->seed, e);
	if (r == RC_OK)
		r = store_load(s->ctx.store, "SELECT seed, access, refresh, until FROM slack_token", row_read, t, e);
	if (r != RC_OK)
		return error_in(e, r, "the Slack token");
	if (!t->known) {
		refresh_token(t);
		return RC_OK;
	}
	t->ready = NULL;
	ready(s);
	return RC_OK;
}
