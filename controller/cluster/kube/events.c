#include "controller/cluster/kube/events.h"

#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "base/crypto.h"
#include "base/text.h"
#include "controller/cluster/kube/bucket.h"
#include "controller/cluster/kube/event_body.h"

enum {
	SAID_MAX = 1024,    /* texts whose count can still be raised */
	BUDGETS_MAX = 1024, /* objects */
	BUDGET_BURST = 25,
	BUDGET_ONE_US = 10 * 1000 * 1000,
	EVENT_RETRY_MS = 10 * 1000,
	BODY_MAX_BYTES = 256 * 1024
};

static const struct api_group core = { "", "v1" };

/* A text without a key that was said about an object. One request at a time; what is recorded meanwhile waits. */
struct said {
	UT_hash_handle hh; /* in the order of their last use */
	char hash[SHA256_HEX];
	char name[EVENT_NAME_MAX];
	unsigned count;
	bool there; /* the Event exists, as far as we know */
	struct record *busy, *waiting;
};
struct budget {
	UT_hash_handle hh;
	struct bucket bucket;
	char uid[];
};
struct record {
	struct pending pending; /* first */
	struct record *prev, *next;
	struct events *ev;
	struct said *said; /* NULL: it has a key, or is refused */
	struct api_call call;
	struct timer refuse;
	struct error refusal;
	char *ns, *body; /* owned */
	char name[EVENT_NAME_MAX];
};
struct events {
	const struct write_doors *d;
	char *instance;
	struct said *said;
	struct budget *budgets;
};

static void record_next(struct said *s);

/* ---- one record's end ---- */

static void record_release(struct pending *p)
{
	struct record *r = (struct record *)p;
	struct said *s = r->said;
	api_stop(&r->call);
	timer_stop(&r->refuse);
	if (s && s->busy == r) {
		s->busy = NULL;
		record_next(s);
	} else if (s) {
		DL_DELETE(s->waiting, r);
	}
	free(r->ns);
	free(r->body);
	free(r);
}

static void record_finish(struct record *r, enum result result, const struct error *why)
{
	calls_finish(r->ev->d->calls, &r->pending, result, NULL, why);
}

static void record_refuse(void *owner)
{
	struct record *r = owner;
	record_finish(r, r->refusal.code, &r->refusal);
}

/* ---- requests ---- */

static void event_send(struct record *r, const char *method, const char *name, const char *body, api_done *done)
{
	struct strbuf path;
	bool patch = *name != '\0';
	strbuf_init(&path, 4096);
	path_add(&path, &core, "events", r->ns, name, NULL);
	struct api_request q = {
		.method = method,
		.path = path.overflow ? "/" : path.s,
		.subject = { patch ? "patch" : "create", "events", r->ns, name },
		.body = body,
		.content_type = patch ? "Content-Type: application/merge-patch+json" : NULL,
		.retry_ms = EVENT_RETRY_MS,
		.write = true,
	};
	api_start(r->ev->d->api, &r->call, &q, done, r);
	strbuf_finish(&path);
}

static void created(void *owner, enum result result, const struct api_answer *answer, const struct error *why)
{
	struct record *r = owner;
	if (answer->status == 409)
		result = RC_OK; /* the name says it all: it was said before */
	if (r->said && result == RC_OK)
		r->said->there = true;
	record_finish(r, result, why);
}

static void event_create(struct record *r)
{
	if (r->said)
		memcpy(r->said->name, r->name, sizeof r->name);
	event_send(r, "POST", "", r->body, created);
}

static void counted(void *owner, enum result result, const struct api_answer *answer, const struct error *why)
{
	struct record *r = owner;
	(void)answer;
	if (result == RC_NOT_FOUND) { /* servers forget Events after an hour */
		r->said->there = false;
		r->said->count = 1;
		event_create(r);
		return;
	}
	record_finish(r, result, why);
}

static void event_count(struct record *r)
{
	struct strbuf body;
	strbuf_init(&body, 1024);
	event_count_add(&body, ++r->said->count, loop_wall(r->ev->d->loop));
	event_send(r, "PATCH", r->said->name, body.overflow ? "{}" : body.s, counted);
	strbuf_finish(&body);
}

/* ---- texts that were said ---- */

static void record_next(struct said *s)
{
	struct record *r = s->waiting;
	if (!r)
		return;
	DL_DELETE(s->waiting, r);
	s->busy = r;
	if (s->there)
		event_count(r);
	else
		event_create(r);
}

/* The oldest that nothing is in flight for makes place. */
static bool said_make_room(struct events *ev)
{
	struct said *s, *next;
	if (HASH_COUNT(ev->said) < SAID_MAX)
		return true;
	HASH_ITER (hh, ev->said, s, next) {
		if (s->busy || s->waiting)
			continue;
		HASH_DEL(ev->said, s);
		free(s);
		return true;
	}
	return false;
}

static enum result said_hash(const struct cluster_event *q, char ret[SHA256_HEX], struct error *e)
{
	struct strbuf b;
	strbuf_init(&b, BODY_MAX_BYTES);
	strbuf_addf(&b, "%s\n%s\n%s\n%s", q->uid ? q->uid : "", q->warning ? "Warning" : "Normal", q->reason,
		    q->message);
	enum result r = b.overflow ? error_set(e, RC_INVALID, "an Event's text is too long")
				   : crypto_sha256_hex(b.s, b.len, ret, e);
	strbuf_finish(&b);
	return r;
}

/* A name of its own for each time that it is said anew: an older Event of the same text may still be there. */
static enum result said_name(const struct cluster_event *q, const char *hash, char ret[EVENT_NAME_MAX], struct error *e)
{
	char nonce[32];
	char seed[SHA256_HEX + sizeof nonce];
	enum result r = crypto_token(12, nonce, sizeof nonce, e);
	if (r != RC_OK)
		return r;
	snprintf(seed, sizeof seed, "%s%s", hash, nonce);
	return event_name(q, seed, ret, e);
}

static enum result said_get(struct events *ev, const struct cluster_event *q, struct said **ret, struct error *e)
{
	char hash[SHA256_HEX] = "";
	struct said *s = NULL;
	enum result r = said_hash(q, hash, e);
	if (r != RC_OK)
		return r;
	HASH_FIND_STR(ev->said, hash, s);
	if (s) {
		HASH_DEL(ev->said, s); /* to the end of the order */
	} else if (said_make_room(ev) && (s = calloc(1, sizeof *s))) {
		memcpy(s->hash, hash, sizeof hash);
		s->count = 1;
	} else {
		return error_set(e, RC_EXHAUSTED, "too many Events in flight");
	}
	HASH_ADD_STR(ev->said, hash, s);
	*ret = s;
	return RC_OK;
}

/* ---- the budget ---- */

static bool budget_take(struct events *ev, const char *uid)
{
	struct budget *b;
	int64_t now = loop_now(ev->d->loop).v;
	size_t size = strlen(uid) + 1;
	HASH_FIND_STR(ev->budgets, uid, b);
	if (b)
		return bucket_take(&b->bucket, now);
	if (HASH_COUNT(ev->budgets) >= BUDGETS_MAX) {
		struct budget *oldest = ev->budgets;
		HASH_DEL(ev->budgets, oldest);
		free(oldest);
	}
	b = calloc(1, sizeof *b + size);
	if (!b)
		return true;
	memcpy(b->uid, uid, size);
	bucket_init(&b->bucket, BUDGET_BURST, BUDGET_ONE_US, now);
	HASH_ADD_STR(ev->budgets, uid, b);
	return bucket_take(&b->bucket, now);
}

/* ---- the door ---- */

static enum result record_write(struct record *r, const struct cluster_event *q, const char *name, struct error *e)
{
	struct strbuf b;
	strbuf_init(&b, BODY_MAX_BYTES);
	event_body_add(&b, q, name, r->ev->instance, loop_wall(r->ev->d->loop));
	r->body = strbuf_take(&b);
	strbuf_finish(&b);
	return r->body ? RC_OK : error_set(e, RC_EXHAUSTED, "no memory for an Event");
}

static enum result record_keyed(struct record *r, const struct cluster_event *q, struct error *e)
{
	enum result ok = event_name(q, q->key, r->name, e);
	if (ok == RC_OK)
		ok = record_write(r, q, r->name, e);
	if (ok == RC_OK)
		event_create(r);
	return ok;
}

static enum result record_counted(struct record *r, const struct cluster_event *q, struct error *e)
{
	struct said *s = NULL;
	if (!budget_take(r->ev, q->uid ? q->uid : ""))
		return error_set(e, RC_EXHAUSTED, "too many Events about %s %s", q->kind, q->name);
	enum result ok = said_get(r->ev, q, &s, e);
	if (ok == RC_OK)
		ok = said_name(q, s->hash, r->name, e);
	if (ok == RC_OK)
		ok = record_write(r, q, r->name, e);
	if (ok != RC_OK)
		return ok;
	r->said = s;
	DL_APPEND(s->waiting, r);
	if (!s->busy)
		record_next(s);
	return RC_OK;
}

uint64_t events_record(struct events *ev, const struct cluster_event *q, cluster_done *done, void *owner)
{
	struct record *r = calloc(1, sizeof *r);
	if (!r)
		return calls_add_exhausted(ev->d->calls, done, owner);
	r->ev = ev;
	r->ns = strdup(text_empty(q->ns) ? "default" : q->ns);
	uint64_t id = calls_add(ev->d->calls, &r->pending, record_release, done, owner);
	enum result ok = r->ns ? RC_OK : error_set(&r->refusal, RC_EXHAUSTED, "no memory for an Event");
	if (ok == RC_OK)
		ok = q->key ? record_keyed(r, q, &r->refusal) : record_counted(r, q, &r->refusal);
	if (ok != RC_OK)
		timer_start(ev->d->loop, &r->refuse, 0, record_refuse, r);
	return id;
}

enum result events_create(const struct write_doors *d, const char *instance, struct events **ret, struct error *e)
{
	struct events *ev = calloc(1, sizeof *ev);
	char *copy = strdup(instance);
	if (!ev || !copy) {
		free(ev);
		free(copy);
		return error_set(e, RC_EXHAUSTED, "no memory for Events");
	}
	ev->d = d;
	ev->instance = copy;
	*ret = ev;
	return RC_OK;
}

void events_destroy(struct events *ev)
{
	if (!ev)
		return;
	while (ev->said) {
		struct said *s = ev->said;
		HASH_DEL(ev->said, s);
		free(s);
	}
	while (ev->budgets) {
		struct budget *b = ev->budgets;
		HASH_DEL(ev->budgets, b);
		free(b);
	}
	free(ev->instance);
	free(ev);
}
