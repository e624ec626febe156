#include "bot/channels/webhook/webhook.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "base/log.h"
#include "base/text.h"
#include "bot/channels/webhook/webhook_private.h"
#include "bot/labels.h"

enum { ARENA_BYTES = 1 << 20, TRIM_MS = 600 * 1000, ID_BYTES = 64 };

bool webhook_landed(struct webhook *w)
{
	w->flying--;
	if (!w->destroyed)
		return true;
	if (!w->flying) {
		free(w->lanes);
		free(w);
	}
	return false;
}

/* ---- who wants it ---- */

static bool wants_type(const struct webhook_receiver *r, const char *type)
{
	if (!r->events || !*r->events)
		return true;
	for (const char *const *p = r->events; *p; p++)
		if (fnmatch(*p, type, 0) == 0)
			return true;
	return false;
}

static bool wants(const struct webhook_receiver *r, const struct webhook_event *ev)
{
	if (!wants_type(r, ev->type) || (r->ns && fnmatch(r->ns, ev->ns, 0) != 0))
		return false;
	return labels_have(ev->rollout ? ev->rollout->labels : "", r->labels);
}

/* How many receivers get it. */
static size_t put_all(struct webhook *w, struct store_tx *tx, const struct webhook_event *ev)
{
	CLEANUP(free_p) char *body = NULL;
	size_t n = 0;
	for (size_t i = 0; i < w->lane_count; i++) {
		if (!wants(w->lanes[i].receiver, ev))
			continue;
		if (!body)
			body = webhook_event_json(ev);
		if (!body) {
			log_error("webhook_event_lost", "type=%s subject=%s/%s why=%s", ev->type, ev->ns, ev->name,
				  "no memory, or too large");
			return n;
		}
		webhook_put(&w->lanes[i], tx, ev, body);
		n++;
	}
	return n;
}

static void run_all(struct webhook *w)
{
	for (size_t i = 0; i < w->lane_count; i++)
		webhook_lane_run(&w->lanes[i]);
}

/* ---- the engine speaks ---- */

static void known_free(struct webhook *w, struct webhook_known *k)
{
	HASH_DEL(w->known, k); /* NOLINT: the analyzer does not know uthash */
	free(k->uid);
	free(k);
}

/* NULL: no memory. */
static struct webhook_known *known_of(struct webhook *w, const char *uid)
{
	struct webhook_known *k;
	HASH_FIND_STR(w->known, uid, k);
	if (k)
		return k;
	k = calloc(1, sizeof *k);
	char *copy = k ? strdup(uid) : NULL;
	if (!copy) {
		free(k);
		return NULL;
	}
	k->uid = copy;
	HASH_ADD_KEYPTR(hh, w->known, k->uid, strlen(k->uid), k);
	return k;
}

/* Is it news to systems? The engine tells of every write; of those, what can be seen. */
static bool is_news(struct webhook *w, const struct rollout_event *ev, bool *ret_waiting)
{
	const struct rollout *r = ev->rollout;
	struct webhook_known *k = known_of(w, r->uid);
	uint64_t digest = webhook_digest(r);
	*ret_waiting = r->gate.waiting && !(k && k->waiting);
	if (!k)
		return true;
	bool first = !k->digest, same = k->digest == digest;
	k->digest = digest;
	k->waiting = r->gate.waiting;
	if (ev->news == NEWS_GONE)
		known_free(w, k);
	return ev->news != NEWS_CHANGED || (!same && (!first || r->active));
}

/* The same key gives the same id, also after a restart, and a receiver gets an id once. */
static bool event_id(const struct rollout_event *ev, char id[ID_BYTES])
{
	char hex[SHA256_HEX];
	struct strbuf b;
	if (text_empty(ev->key)) {
		(void)snprintf(id, ID_BYTES, "evt_");
		return crypto_token(18, id + 4, ID_BYTES - 4, NULL) == RC_OK;
	}
	strbuf_init(&b, 8192);
	strbuf_addf(&b, "%s\n%d\n%s", ev->rollout->uid, (int)ev->news, ev->key);
	bool ok = !b.overflow && crypto_sha256_hex(b.s, b.len, hex, NULL) == RC_OK;
	strbuf_finish(&b);
	(void)snprintf(id, ID_BYTES, "evt_%.32s", ok ? hex : "");
	return ok;
}

static void stored(void *owner, enum result r, const struct error *why)
{
	struct webhook *w = owner;
	if (!webhook_landed(w))
		return;
	if (r != RC_OK)
		log_error("webhook_event_lost", "why=%s", why->text);
	else
		run_all(w);
}

static void heard(void *owner, const struct rollout_event *news)
{
	struct webhook *w = owner;
	char id[ID_BYTES];
	bool waiting = false;
	if (w->destroyed || !is_news(w, news, &waiting) || !event_id(news, id))
		return;
	struct webhook_event ev = { .id = id,
				    .type = webhook_rollout_type(news->news, waiting),
				    .at = loop_wall(w->ctx.loop),
				    .cluster = news->rollout->cluster,
				    .ns = news->rollout->ns,
				    .name = news->rollout->name,
				    .rollout = news->rollout,
				    .news = news };
	struct store_tx *tx = store_begin(w->ctx.store);
	if (!put_all(w, tx, &ev)) {
		store_abandon(tx);
		return;
	}
	w->flying++;
	store_submit(tx, stored, w);
}

/* ---- the approvals speak ---- */

static void recorded(void *owner, struct store_tx *tx, enum approval_news news, const struct approval *after)
{
	struct webhook *w = owner;
	char id[ID_BYTES] = "evt_";
	CLEANUP(arena_destroy_p) struct arena *a = arena_create(ARENA_BYTES);
	if (!a || crypto_token(18, id + 4, sizeof id - 4, NULL) != RC_OK) {
		log_error("webhook_event_lost", "subject=%s/%s why=%s", after->ns, after->name, "no memory");
		return;
	}
	struct webhook_event ev = { .id = id,
				    .type = webhook_approval_type(news),
				    .at = loop_wall(w->ctx.loop),
				    .cluster = after->cluster,
				    .ns = after->ns,
				    .name = after->name,
				    .rollout = engine_find_uid(w->engine, after->uid, a),
				    .approval = after };
	(void)put_all(w, tx, &ev);
}

static void committed(void *owner, enum approval_news news, const struct approval *a)
{
	(void)news;
	(void)a;
	run_all(owner);
}

/* ---- life ---- */

static void begin(void *owner)
{
	run_all(owner);
}

static void trim(void *owner)
{
	struct webhook *w = owner;
	webhook_trim(w);
	timer_start(w->ctx.loop, &w->trim, TRIM_MS, trim, w);
}

static void webhook_listen(struct channel *c, struct engine *g)
{
	struct webhook *w = WEBHOOK_OF(c);
	w->engine = g;
	engine_listen(g, heard, w);
	approvals_record(w->ctx.approvals, recorded, w);
	approvals_listen(w->ctx.approvals, committed, w);
	timer_start(w->ctx.loop, &w->start, 0, begin, w);
	timer_start(w->ctx.loop, &w->trim, TRIM_MS, trim, w);
}

/* What the store still owes is answered to the rest. */
static void webhook_destroy(struct channel *c)
{
	if (!c)
		return;
	struct webhook *w = WEBHOOK_OF(c);
	approvals_forget(w->ctx.approvals, w);
	timer_stop(&w->start);
	timer_stop(&w->trim);
	for (size_t i = 0; i < w->lane_count; i++)
		webhook_lane_finish(&w->lanes[i]);
	struct webhook_known *k, *next;
	HASH_ITER (hh, w->known, k, next) {
		known_free(w, k);
	}
	w->destroyed = true;
	w->flying++;
	(void)webhook_landed(w);
}

const struct channel_ops webhook_ops = {
	.platform = "webhook",
	.listen = webhook_listen,
	.destroy = webhook_destroy,
};

static void webhook_destroy_p(struct channel **c)
{
	webhook_destroy(*c);
}

static enum result lane_init(struct webhook *w, struct webhook_lane *l, const struct webhook_receiver *r,
			     struct error *e)
{
	*l = (struct webhook_lane){ .webhook = w, .receiver = r };
	enum result res = webhook_key_parse(r->secret, &l->keys[0], e);
	if (res == RC_OK && r->previous_secret)
		res = webhook_key_parse(r->previous_secret, &l->keys[1], e);
	log_redact(r->url);
	return res == RC_OK ? RC_OK : error_in(e, res, "webhook %s", r->name);
}

enum result webhook_create(const struct channel_context *ctx, const struct webhook_options *o, struct channel **ret,
			   struct error *e)
{
	size_t n = 0;
	while (o->receivers[n].name)
		n++;
	struct webhook *w = calloc(1, sizeof *w);
	if (!w)
		return error_set(e, RC_EXHAUSTED, "no memory for webhooks");
	w->channel.ops = &webhook_ops;
	w->ctx = *ctx;
	w->egress = o->egress;
	CLEANUP(webhook_destroy_p) struct channel *c = &w->channel;
	w->lanes = calloc(n + 1, sizeof *w->lanes);
	if (!w->lanes)
		return error_set(e, RC_EXHAUSTED, "no memory for webhooks");
	for (; w->lane_count < n; w->lane_count++) {
		enum result r = lane_init(w, &w->lanes[w->lane_count], &o->receivers[w->lane_count], e);
		if (r != RC_OK)
			return r;
	}
	w->sent = metrics_add(ctx->metrics, METRIC_COUNTER, "rollcall_webhooks_sent_total", "Events sent to receivers.",
			      "receiver,outcome", NULL);
	*ret = TAKE(c);
	return RC_OK;
}
