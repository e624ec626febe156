#include "controller/cluster/embedded/lanes.h"

#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "base/crypto.h"
#include "base/json.h"
#include "base/text.h"
#include "controller/cluster/kube/path.h"

/* The store takes 16,384 transactions at a time, and others have some too. */
enum { IN_FLIGHT_MAX = 4096, OPS_MAX = 100 * 1000, OBJECT_BYTES_MAX = 3 * 512 * 1024, LANE_KEY_MAX = 1024 };

struct op {
	struct lanes *lanes;              /* NULL: gone meanwhile */
	struct op *prev, *next;           /* of its lane */
	struct op *list_prev, *list_next; /* of those on the way to the disk, or of the decided */
	struct lane *lane;                /* NULL: refused at the door */
	uint64_t call;
	enum mutation_verb verb;
	enum kind kind;
	char *ns, *name, *subresource, *manager; /* owned */
	cJSON *body;
	enum result r;
	struct error why;
	enum mutation_outcome outcome;
	struct item *item; /* to come */
};
struct lane {
	UT_hash_handle hh;
	struct lane *prev, *next; /* of the waiting ones */
	struct op *ops;           /* the first one is under way when busy */
	bool busy, waits;
	size_t key_len;
	char key[];
};

static void lane_run(struct lanes *l, struct lane *lane);

/* ---- calls: the writer may be gone when its write is not ---- */

static void pending_free(struct pending *p)
{
	free(p);
}

static void op_free(struct op *op)
{
	if (!op)
		return;
	item_destroy(op->item);
	cJSON_Delete(op->body);
	free(op->ns);
	free(op->name);
	free(op->subresource);
	free(op->manager);
	free(op);
}

/* ---- the end of an op ---- */

/* Leaves its lane; the next one is computed from what this one has left. */
static void op_leave(struct op *op)
{
	struct lanes *l = op->lanes;
	struct lane *lane = op->lane;
	l->count--;
	if (!lane)
		return;
	DL_DELETE(lane->ops, op);
	lane->busy = false;
	lane_run(l, lane);
}

/* What is told may write, cancel and want; the op is nobody's any more. */
static void op_tell(struct op *op, const struct item *was, const struct item *is)
{
	struct lanes *l = op->lanes;
	if (op->r == RC_OK && op->outcome != MUTATED_NOTHING && (was || is))
		l->published(l->owner, was, is);
	struct pending *p = calls_find(l->calls, op->call);
	const struct object *now = op->r == RC_OK && is && !text_eq(op->subresource, "binding") ? is->o : NULL;
	if (p)
		calls_finish(l->calls, p, op->r, now, &op->why);
}

static void op_end(struct op *op)
{
	struct item *was = shelf_find(op->lanes->shelf, op->kind, op->ns, op->name), *is = was;
	if (op->r == RC_OK && op->outcome == MUTATED_WRITTEN) {
		is = TAKE(op->item);
		shelf_put(op->lanes->shelf, is);
	} else if (op->r == RC_OK && op->outcome == MUTATED_REMOVED) {
		is = NULL;
		if (was)
			shelf_remove(op->lanes->shelf, was);
	}
	op_leave(op);
	op_tell(op, was, is);
	op_free(op);
}

static void tell_decided(void *owner)
{
	struct lanes *l = owner;
	struct op *list = l->decided, *op, *next;
	l->decided = NULL; /* what is decided from here on is told on another turn */
	DL_FOREACH_SAFE2(list, op, next, list_next)
	op_end(op);
}

static void op_decided(struct op *op)
{
	DL_APPEND2(op->lanes->decided, op, list_prev, list_next);
	loop_defer(op->lanes->loop, &op->lanes->tell, tell_decided, op->lanes);
}

static void lanes_go_on(struct lanes *l)
{
	while (l->waiting && l->in_flight < IN_FLIGHT_MAX) {
		struct lane *lane = l->waiting;
		DL_DELETE(l->waiting, lane);
		lane->waits = false;
		lane_run(l, lane);
	}
}

static void op_committed(void *owner, enum result r, const struct error *why)
{
	struct op *op = owner;
	struct lanes *l = op->lanes;
	if (!l) {
		op_free(op);
		return;
	}
	DL_DELETE2(l->on_disk, op, list_prev, list_next);
	l->in_flight--;
	op->r = r;
	if (r != RC_OK) {
		op->why = *why;
		error_in(&op->why, r, "%s %s/%s was not stored", kind_name(op->kind), op->ns, op->name);
	}
	op_end(op);
	lanes_go_on(l);
}

/* ---- computing and storing ---- */

static struct store_tx *op_transaction(const struct op *op, const char *json, int64_t version)
{
	const char *kind = kind_name(op->kind);
	struct store_tx *tx = store_begin(op->lanes->store);
	if (op->outcome == MUTATED_WRITTEN)
		store_exec(tx,
			   "INSERT INTO cluster_objects (kind, ns, name, version, json) VALUES (?, ?, ?, ?, ?)"
			   " ON CONFLICT (kind, ns, name) DO UPDATE SET version = excluded.version, json = "
			   "excluded.json",
			   "sssis", kind, op->ns, op->name, version, json);
	else
		store_exec(tx, "DELETE FROM cluster_objects WHERE kind = ? AND ns = ? AND name = ?", "sss", kind,
			   op->ns, op->name);
	store_exec(tx, "UPDATE cluster_version SET version = max(version, ?)", "i", version);
	return tx;
}

static enum result op_compute(struct op *op, struct store_tx **ret, struct error *e)
{
	struct lanes *l = op->lanes;
	char uid[37] = "";
	struct item *was = shelf_find(l->shelf, op->kind, op->ns, op->name);
	CLEANUP(json_delete_p) cJSON *current = was ? item_tree(was) : NULL;
	CLEANUP(json_delete_p) cJSON *made = NULL;
	if (was && !current)
		return error_set(e, RC_EXHAUSTED, "no memory for an object");
	struct mutation m = { op->verb, op->kind,    op->ns, op->name,       op->subresource,
			      op->body, op->manager, uid,    l->version + 1, loop_wall(l->loop) };
	enum result r = was ? RC_OK : crypto_uuid(uid, e);
	if (r == RC_OK)
		r = mutation_run(&m, current, was ? was->o->template_manager : "", &op->outcome, &made, e);
	if (r != RC_OK || op->outcome == MUTATED_NOTHING)
		return r;
	CLEANUP(free_p) char *json = made ? json_print(made) : NULL;
	if (made && (!json || strlen(json) > OBJECT_BYTES_MAX))
		return error_set(e, json ? RC_INVALID : RC_EXHAUSTED, "%s %s/%s: %s", kind_name(op->kind), op->ns,
				 op->name, json ? "larger than 1.5 MiB" : "no memory");
	r = made ? item_create(op->kind, made, &op->item, e) : RC_OK;
	if (r != RC_OK)
		return r;
	struct store_tx *tx = op_transaction(op, json, m.version);
	if (!tx)
		return error_set(e, RC_EXHAUSTED, "no memory for the transaction");
	l->version = m.version;
	*ret = tx;
	return RC_OK;
}

static void op_begin(struct op *op)
{
	struct lanes *l = op->lanes;
	struct store_tx *tx = NULL;
	op->r = op_compute(op, &tx, &op->why);
	if (!tx) {
		op_decided(op);
		return;
	}
	DL_APPEND2(l->on_disk, op, list_prev, list_next);
	l->in_flight++;
	store_submit(tx, op_committed, op);
}

/* ---- lanes ---- */

static void lane_run(struct lanes *l, struct lane *lane)
{
	if (lane->busy || lane->waits)
		return;
	if (!lane->ops) {
		HASH_DEL(l->all, lane);
		free(lane);
	} else if (l->in_flight >= IN_FLIGHT_MAX) {
		lane->waits = true;
		DL_APPEND(l->waiting, lane);
	} else {
		lane->busy = true;
		op_begin(lane->ops);
	}
}

static struct lane *lane_get(struct lanes *l, const struct op *op)
{
	char key[LANE_KEY_MAX];
	struct lane *lane = NULL;
	size_t ns_size = strlen(op->ns) + 1, name_len = strlen(op->name), len = 1 + ns_size + name_len;
	if (len >= sizeof key)
		return NULL;
	key[0] = (char)('A' + (int)op->kind);
	memcpy(key + 1, op->ns, ns_size);
	memcpy(key + 1 + ns_size, op->name, name_len);
	HASH_FIND(hh, l->all, key, len, lane);
	if (lane || !(lane = calloc(1, sizeof *lane + len)))
		return lane;
	memcpy(lane->key, key, len);
	lane->key_len = len;
	HASH_ADD_KEYPTR(hh, l->all, lane->key, lane->key_len, lane);
	return lane;
}

/* ---- the door ---- */

static enum result door_check(const struct lane_write *w, struct error *e)
{
	const char *name = w->name ? w->name : "", *ns = w->ns ? w->ns : "";
	char shown[TEXT_SHOWN];
	if (!path_segment_ok(name) || strlen(name) > 253)
		return error_set(e, RC_INVALID, "%s \"%s\": not a name of an object", kind_name(w->kind),
				 text_show(name, strlen(name), shown));
	if (!text_is_dns_label(ns))
		return error_set(e, RC_INVALID, "%s %s: not a namespace: \"%s\"", kind_name(w->kind), name,
				 text_show(ns, strlen(ns), shown));
	if (w->verb != MUTATE_DELETE && !w->body && !w->tree)
		return error_set(e, RC_INVALID, "%s %s: a write without a body", kind_name(w->kind), name);
	return RC_OK;
}

static enum result op_read(struct op *op, const struct lane_write *w, struct error *e)
{
	enum result r = door_check(w, e);
	if (r != RC_OK)
		return r;
	if (op->lanes->count >= OPS_MAX)
		return error_set(e, RC_EXHAUSTED, "%d writes wait already", OPS_MAX);
	op->ns = strdup(w->ns);
	op->name = strdup(w->name);
	op->subresource = strdup(w->subresource ? w->subresource : "");
	op->manager = strdup(w->manager ? w->manager : "");
	op->body = w->tree ? cJSON_Duplicate(w->tree, true) : NULL;
	if (!op->ns || !op->name || !op->subresource || !op->manager || (w->tree && !op->body))
		return error_set(e, RC_EXHAUSTED, "no memory for a write");
	if (w->body && !w->tree)
		r = json_parse(w->body, strlen(w->body), &op->body, e);
	return r == RC_OK ? RC_OK : error_in(e, r, "%s %s/%s", kind_name(w->kind), w->ns, w->name);
}

static struct op *op_create(struct lanes *l, cluster_done *done, void *owner, uint64_t *ret_call)
{
	struct op *op = calloc(1, sizeof *op);
	struct pending *p = calloc(1, sizeof *p);
	if (!op || !p) {
		free(op);
		free(p);
		*ret_call = calls_add_exhausted(l->calls, done, owner);
		return NULL;
	}
	op->lanes = l;
	op->call = *ret_call = calls_add(l->calls, p, pending_free, done, owner);
	l->count++;
	return op;
}

uint64_t lanes_refuse(struct lanes *l, const struct error *why, cluster_done *done, void *owner)
{
	uint64_t call;
	struct op *op = op_create(l, done, owner, &call);
	if (op) {
		op->why = *why;
		op->r = why->code;
		op_decided(op);
	}
	return call;
}

uint64_t lanes_write(struct lanes *l, const struct lane_write *w, cluster_done *done, void *owner)
{
	uint64_t call;
	struct op *op = op_create(l, done, owner, &call);
	if (!op)
		return call;
	op->verb = w->verb;
	op->kind = w->kind;
	op->r = op_read(op, w, &op->why);
	op->lane = op->r == RC_OK ? lane_get(l, op) : NULL;
	if (op->r == RC_OK && !op->lane)
		op->r = error_set(&op->why, RC_EXHAUSTED, "no memory for a write");
	if (op->r != RC_OK) {
		op_decided(op);
		return call;
	}
	DL_APPEND(op->lane->ops, op);
	lane_run(l, op->lane);
	return call;
}

void lanes_finish(struct lanes *l)
{
	struct lane *lane, *next;
	struct op *op, *after;
	loop_defer_cancel(&l->tell);
	DL_FOREACH_SAFE2(l->decided, op, after, list_next)
	{
		if (op->lane)
			DL_DELETE(op->lane->ops, op);
		op_free(op);
	}
	DL_FOREACH_SAFE2(l->on_disk, op, after, list_next)
	{
		DL_DELETE(op->lane->ops, op);
		op->lanes = NULL; /* op_committed frees it */
	}
	HASH_ITER (hh, l->all, lane, next) {
		DL_FOREACH_SAFE(lane->ops, op, after)
		op_free(op);
		HASH_DEL(l->all, lane);
		free(lane);
	}
}
