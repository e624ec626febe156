#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "base/json.h"
#include "base/log.h"
#include "base/text.h"
#include "bot/channels/webhook/webhook_private.h"

enum {
	TIMEOUT_MS = 15000,
	ANSWER_MAX = 64 * 1024,
	BACKOFF_FIRST_MS = 1000,
	BACKOFF_LAST_MS = 3600 * 1000,
	STORE_AGAIN_MS = 2000
};

enum webhook_state webhook_verdict(enum result r, int status)
{
	if (r == RC_OK && status / 100 == 2)
		return WEBHOOK_DELIVERED;
	/* What this receiver will never take must not keep what comes behind it. */
	bool refused = status == 400 || status == 410 || status == 413 || status == 422;
	return r == RC_OK && refused ? WEBHOOK_FAILED : WEBHOOK_WAITING;
}

static void forget(struct webhook_lane *l)
{
	free(l->event);
	free(l->body);
	l->event = l->body = NULL;
}

void webhook_lane_finish(struct webhook_lane *l)
{
	timer_stop(&l->timer);
	http_cancel(&l->call);
	forget(l);
	explicit_bzero(l->keys, sizeof l->keys);
}

static void rested(void *owner)
{
	struct webhook_lane *l = owner;
	l->state = LANE_IDLE;
	webhook_lane_run(l);
}

static void rest(struct webhook_lane *l, int64_t ms)
{
	l->state = LANE_RESTS;
	timer_start(l->webhook->ctx.loop, &l->timer, ms, rested, l);
}

/* ---- what became of it ---- */

static void write_outcome(void *owner);

static void written(void *owner, enum result r, const struct error *why)
{
	struct webhook_lane *l = owner;
	if (!webhook_landed(l->webhook))
		return;
	if (r != RC_OK) { /* what was taken must not be sent again by the next start */
		log_error("webhook_outcome_not_stored", "receiver=%s why=%s", l->receiver->name, why->text);
		timer_start(l->webhook->ctx.loop, &l->timer, STORE_AGAIN_MS, write_outcome, l);
		return;
	}
	forget(l);
	rest(l, l->wait_ms);
}

static void write_outcome(void *owner)
{
	struct webhook_lane *l = owner;
	struct webhook *w = l->webhook;
	bool over = l->outcome != WEBHOOK_WAITING;
	struct store_tx *tx = store_begin(w->ctx.store);
	l->state = LANE_WRITES;
	store_exec(tx,
		   "UPDATE webhook_deliveries SET state = ?2, tries = ?3, status = ?4, why = ?5, done_at = ?6 WHERE id "
		   "= ?1",
		   "iiiisi", l->id, (int64_t)l->outcome, (int64_t)l->tries, (int64_t)l->status, l->why,
		   over ? loop_wall(w->ctx.loop).v : 0);
	w->flying++;
	store_submit(tx, written, l);
}

/* Doubles from a second to an hour, less up to a half, so that many do not come back together. */
static int64_t backoff(int tries)
{
	unsigned char byte;
	int64_t ms = BACKOFF_FIRST_MS;
	for (int i = 1; i < tries && ms < BACKOFF_LAST_MS; i++)
		ms *= 2;
	ms = ms > BACKOFF_LAST_MS ? BACKOFF_LAST_MS : ms;
	if (crypto_random(&byte, 1, NULL) != RC_OK)
		byte = 128;
	return ms / 2 + ms / 2 * byte / 255;
}

static void decide(struct webhook_lane *l, enum result r, int64_t retry_after_ms)
{
	struct webhook *w = l->webhook;
	const char *name = l->receiver->name;
	int64_t age = loop_wall(w->ctx.loop).v - l->queued_at;
	l->outcome = webhook_verdict(r, l->status);
	l->tries++;
	if (l->outcome == WEBHOOK_WAITING && age >= l->receiver->retry_ms)
		l->outcome = WEBHOOK_FAILED;
	l->wait_ms = 0;
	if (l->outcome == WEBHOOK_WAITING) {
		l->wait_ms = retry_after_ms >= 0 ? retry_after_ms : backoff(l->tries);
		l->wait_ms = l->wait_ms > BACKOFF_LAST_MS ? BACKOFF_LAST_MS : l->wait_ms;
		if (l->tries == 1 || l->tries % 10 == 0)
			log_warn("webhook_put_off", "receiver=%s event=%s tries=%d wait_ms=%lld why=%s", name, l->event,
				 l->tries, (long long)l->wait_ms, l->why);
		metric_inc(w->sent, 1, name, "put_off");
	} else if (l->outcome == WEBHOOK_FAILED) {
		log_error("webhook_failed", "receiver=%s event=%s tries=%d why=%s", name, l->event, l->tries, l->why);
		metric_inc(w->sent, 1, name, "failed");
	} else {
		metric_inc(w->sent, 1, name, "delivered");
	}
	write_outcome(l);
}

static void answered(void *owner, enum result r, const struct http_answer *a, const struct error *why)
{
	struct webhook_lane *l = owner;
	l->call = NULL;
	l->status = r == RC_OK ? a->status : 0;
	if (r != RC_OK)
		(void)snprintf(l->why, sizeof l->why, "%.250s", why->text);
	else if (webhook_verdict(r, a->status) == WEBHOOK_DELIVERED)
		l->why[0] = '\0';
	else
		(void)snprintf(l->why, sizeof l->why, "HTTP %d%s", a->status,
			       a->status / 100 == 3 ? ": redirects are not followed" : "");
	decide(l, r, r == RC_OK ? http_answer_retry_after(a, loop_wall(l->webhook->ctx.loop)) : -1);
}

/* ---- sending ---- */

static bool may_connect(void *owner, const char *host, const struct sockaddr *address)
{
	const struct webhook *w = owner;
	return egress_allows(&w->egress, host, address);
}

/* Both keys while one replaces the other. */
static bool sign(const struct webhook_lane *l, int64_t seconds, char *header, size_t size)
{
	int at = snprintf(header, size, "webhook-signature:");
	for (size_t i = 0; i < 2; i++) {
		char one[WEBHOOK_SIGNATURE_MAX];
		if (!l->keys[i].len)
			continue;
		if (webhook_sign(&l->keys[i], l->event, seconds, l->body, strlen(l->body), one, NULL) != RC_OK)
			return false;
		at += snprintf(header + at, size - (size_t)at, " %s", one);
	}
	return true;
}

static void post(struct webhook_lane *l)
{
	struct webhook *w = l->webhook;
	char id[96], timestamp[64], signature[2 * WEBHOOK_SIGNATURE_MAX + 32];
	int64_t seconds = loop_wall(w->ctx.loop).v / 1000;
	const char *headers[] = { "Content-Type: application/cloudevents+json; charset=utf-8", id, timestamp, signature,
				  NULL };
	(void)snprintf(id, sizeof id, "webhook-id: %s", l->event);
	(void)snprintf(timestamp, sizeof timestamp, "webhook-timestamp: %lld", (long long)seconds);
	struct http_request q = { .method = "POST",
				  .url = l->receiver->url,
				  .headers = headers,
				  .body = l->body,
				  .body_len = strlen(l->body),
				  .timeout_ms = TIMEOUT_MS,
				  .max_body_bytes = ANSWER_MAX,
				  .egress = may_connect,
				  .egress_owner = w };
	l->state = LANE_SENDS;
	if (sign(l, seconds, signature, sizeof signature))
		l->call = http_send(w->ctx.http, &q, answered, l, NULL);
	if (!l->call) { /* no memory: as if nothing had been tried */
		forget(l);
		rest(l, STORE_AGAIN_MS);
	}
}

static void next_read(void *owner, enum result r, const char *rows, const struct error *why)
{
	struct webhook_lane *l = owner;
	if (!webhook_landed(l->webhook))
		return;
	CLEANUP(json_delete_p) cJSON *list = NULL;
	if (r != RC_OK || json_parse(rows, strlen(rows), &list, NULL) != RC_OK) {
		log_error("webhooks_unreadable", "receiver=%s why=%s", l->receiver->name,
			  r != RC_OK ? why->text : "no memory");
		rest(l, STORE_AGAIN_MS);
		return;
	}
	const cJSON *row = cJSON_GetArrayItem(list, 0);
	l->state = LANE_IDLE;
	if (!row) {
		if (l->more)
			webhook_lane_run(l);
		return;
	}
	l->id = json_int(row, "id", 0);
	l->queued_at = json_int(row, "queued_at", 0);
	l->tries = (int)json_int(row, "tries", 0);
	l->event = strdup(json_text(row, "event_id", ""));
	l->body = strdup(json_text(row, "body", ""));
	if (l->event && l->body) {
		post(l);
		return;
	}
	forget(l);
	rest(l, STORE_AGAIN_MS);
}

void webhook_lane_run(struct webhook_lane *l)
{
	struct webhook *w = l->webhook;
	if (w->destroyed)
		return;
	l->more = l->state != LANE_IDLE;
	if (l->more)
		return;
	l->state = LANE_READS;
	w->flying++;
	store_read(
		w->ctx.store,
		"SELECT id, queued_at, tries, event_id, body FROM webhook_deliveries WHERE receiver = ?1 AND state = 0"
		" ORDER BY id LIMIT 1",
		"s", next_read, l, l->receiver->name);
}
