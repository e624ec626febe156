#include "controller/cluster/embedded/recorder.h"

#include <stdlib.h>

#include <utlist.h>

#include "base/crypto.h"
#include "base/strbuf.h"
#include "base/text.h"

enum { TEXT_MAX_BYTES = 64 * 1024 };
#define KEPT "10000"

struct note {
	struct pending pending; /* first */
	struct recorder *recorder;
	struct note *prev, *next;
	struct ticket *ticket; /* NULL: not on its way to the disk */
	struct timer refuse;
	struct error refusal;
};
/* What the store gives back; its note may be gone. */
struct ticket {
	struct note *note;
};

static void note_release(struct pending *p)
{
	struct note *n = (struct note *)p;
	if (n->ticket)
		n->ticket->note = NULL;
	timer_stop(&n->refuse);
	DL_DELETE(n->recorder->notes, n);
	free(n);
}

static void note_refuse(void *owner)
{
	struct note *n = owner;
	calls_finish(n->recorder->calls, &n->pending, n->refusal.code, NULL, &n->refusal);
}

static void note_stored(void *owner, enum result r, const struct error *why)
{
	struct ticket *t = owner;
	struct note *n = t->note;
	if (n) {
		n->ticket = NULL;
		calls_finish(n->recorder->calls, &n->pending, r, NULL, why);
	}
	free(t);
}

/* The same for the same key; without one, for the same text. */
static enum result identity(const struct cluster_event *ev, char ret[SHA256_HEX], struct error *e)
{
	struct strbuf b;
	strbuf_init(&b, TEXT_MAX_BYTES);
	strbuf_addf(&b, "%s\n", ev->uid ? ev->uid : "");
	if (ev->key)
		strbuf_addf(&b, "key\n%s", ev->key);
	else
		strbuf_addf(&b, "text\n%s\n%s\n%s", ev->warning ? "Warning" : "Normal", ev->reason, ev->message);
	enum result r = b.overflow ? error_set(e, RC_INVALID, "an Event's text is too long")
				   : crypto_sha256_hex(b.s, b.len, ret, e);
	strbuf_finish(&b);
	return r;
}

static enum result submit(struct note *n, const struct cluster_event *ev, struct error *e)
{
	struct recorder *r = n->recorder;
	char id[SHA256_HEX];
	enum result ok = identity(ev, id, e);
	if (ok != RC_OK)
		return ok;
	struct ticket *t = calloc(1, sizeof *t);
	struct store_tx *tx = t ? store_begin(r->store) : NULL;
	if (!tx) {
		free(t);
		return error_set(e, RC_EXHAUSTED, "no memory for an Event");
	}
	t->note = n;
	n->ticket = t;
	int64_t now = loop_wall(r->loop).v;
	const char *ns = text_empty(ev->ns) ? "default" : ev->ns;
	store_exec(tx,
		   "INSERT INTO cluster_events (id, ns, kind, name, uid, type, reason, message, count, first_ms, "
		   "last_ms, keyed) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 1, ?9, ?9, ?10)"
		   " ON CONFLICT (id) DO UPDATE SET count = count + 1, last_ms = excluded.last_ms WHERE keyed = 0",
		   "ssssssssii", id, ns, ev->kind, ev->name, ev->uid ? ev->uid : "", ev->warning ? "Warning" : "Normal",
		   ev->reason, ev->message, now, (int64_t)(ev->key != NULL));
	store_exec(tx, "DELETE FROM cluster_events WHERE seq <= (SELECT max(seq) FROM cluster_events) - " KEPT, "");
	store_submit(tx, note_stored, t);
	return RC_OK;
}

uint64_t recorder_record(struct recorder *r, const struct cluster_event *ev, cluster_done *done, void *owner)
{
	struct note *n = calloc(1, sizeof *n);
	if (!n)
		return calls_add_exhausted(r->calls, done, owner);
	n->recorder = r;
	DL_APPEND(r->notes, n);
	uint64_t call = calls_add(r->calls, &n->pending, note_release, done, owner);
	if (submit(n, ev, &n->refusal) != RC_OK)
		timer_start(r->loop, &n->refuse, 0, note_refuse, n);
	return call;
}

void recorder_read(struct recorder *r, const char *ns, const char *name, store_rows *done, void *owner)
{
	store_read(r->store,
		   "SELECT seq, ns, kind, name, type, reason, message, count, first_ms, last_ms FROM (SELECT * FROM "
		   "cluster_events WHERE (?1 IS NULL OR ns = ?1) AND (?2 IS NULL OR name = ?2) ORDER BY last_ms DESC, "
		   "seq DESC LIMIT 200) ORDER BY last_ms, seq",
		   "ss", done, owner, ns, name);
}

void recorder_init(struct recorder *r, struct loop *l, struct store *store, struct calls *calls)
{
	*r = (struct recorder){ .loop = l, .store = store, .calls = calls };
}

void recorder_finish(struct recorder *r)
{
	while (r->notes)
		calls_cancel(r->calls, r->notes->pending.id);
}
