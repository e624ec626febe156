#include <string.h>

#include "base/text.h"
#include "bot/approvals/request.h"

const struct store_migration approvals_migrations[] = {
	{ "approvals", 1,
	  "CREATE TABLE approvals (id TEXT PRIMARY KEY, cluster TEXT NOT NULL, ns TEXT NOT NULL, name TEXT NOT NULL,"
	  " uid TEXT NOT NULL, revision TEXT NOT NULL, type TEXT NOT NULL, step INTEGER NOT NULL, weight INTEGER NOT "
	  "NULL,"
	  " state INTEGER NOT NULL, over INTEGER NOT NULL, policy TEXT NOT NULL, requested_by TEXT NOT NULL,"
	  " old_image TEXT NOT NULL, new_image TEXT NOT NULL, opened_at INTEGER NOT NULL, decided_at INTEGER NOT NULL,"
	  " deadline_at INTEGER NOT NULL, decided_by TEXT NOT NULL, reason TEXT NOT NULL) WITHOUT ROWID;"
	  "CREATE INDEX approvals_rollout ON approvals (uid, opened_at);"
	  "CREATE TABLE votes (id INTEGER PRIMARY KEY AUTOINCREMENT, request TEXT NOT NULL REFERENCES approvals (id),"
	  " platform TEXT NOT NULL, team TEXT NOT NULL, person TEXT NOT NULL, name TEXT NOT NULL, user TEXT NOT NULL,"
	  " verb INTEGER NOT NULL, reason TEXT NOT NULL, at INTEGER NOT NULL, via TEXT NOT NULL, event_id TEXT,"
	  " message_id TEXT NOT NULL);"
	  "CREATE INDEX votes_request ON votes (request);"
	  "CREATE UNIQUE INDEX votes_event ON votes (via, event_id) WHERE event_id IS NOT NULL;"
	  "CREATE TABLE approval_key (id INTEGER PRIMARY KEY CHECK (id = 1), key BLOB NOT NULL);" },
	{ "audit", 1,
	  "CREATE TABLE audit (seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, actor TEXT NOT NULL, identity TEXT NOT "
	  "NULL,"
	  " action TEXT NOT NULL, object TEXT NOT NULL, request TEXT NOT NULL, outcome TEXT NOT NULL, reason TEXT NOT "
	  "NULL,"
	  " detail TEXT NOT NULL, hash TEXT NOT NULL);"
	  "CREATE INDEX audit_object ON audit (object, seq);"
	  "CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'the audit is "
	  "append-only'); END;"
	  /* INSERT OR REPLACE removes rows without asking the trigger below. */
	  "CREATE TRIGGER audit_no_replace BEFORE INSERT ON audit WHEN EXISTS (SELECT 1 FROM audit WHERE seq >= "
	  "NEW.seq)"
	  " BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;"
	  "CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'the audit is "
	  "append-only'); END;" },
	{ "freezes", 1,
	  "CREATE TABLE freezes (name TEXT PRIMARY KEY, by TEXT NOT NULL, reason TEXT NOT NULL, at INTEGER NOT NULL)"
	  " WITHOUT ROWID;" },
	{ NULL, 0, NULL },
};

struct loading {
	struct approvals *approvals;
	bool no_memory;
};

static char *column(sqlite3_stmt *st, int i)
{
	const char *s = (const char *)sqlite3_column_text(st, i);
	return strdup(s ? s : "");
}

static bool load_request(void *owner, sqlite3_stmt *st)
{
	struct loading *l = owner;
	struct approvals *a = l->approvals;
	const char *id = (const char *)sqlite3_column_text(st, 0), *uid = (const char *)sqlite3_column_text(st, 4);
	int state = sqlite3_column_int(st, 9);
	if (state < 0 || state >= REQ_STATE_COUNT)
		return true; /* written by a program that knew other states */
	struct request *q = id && uid ? request_create(a, id, uid) : NULL;
	if (!q) {
		l->no_memory = true;
		return false;
	}
	q->cluster = column(st, 1);
	q->ns = column(st, 2);
	q->name = column(st, 3);
	q->revision = column(st, 5);
	if (hook_type_parse((const char *)sqlite3_column_text(st, 6), &q->type, NULL) != RC_OK)
		q->over = true; /* written by a program that knew other gates */
	q->step = sqlite3_column_int(st, 7);
	q->weight = sqlite3_column_int(st, 8);
	q->state = (enum req_state)state;
	q->over = q->over || sqlite3_column_int(st, 10) != 0;
	q->policy_name = column(st, 11);
	q->policy = approvals_policy(a, q->policy_name ? q->policy_name : "");
	q->requested_by = column(st, 12);
	q->old_image = column(st, 13);
	q->new_image = column(st, 14);
	q->opened_at.v = sqlite3_column_int64(st, 15);
	q->decided_at.v = sqlite3_column_int64(st, 16);
	q->deadline_at.v = sqlite3_column_int64(st, 17);
	q->decided_by = column(st, 18);
	q->reason = column(st, 19);
	q->stored = true;
	l->no_memory = !q->cluster || !q->ns || !q->name || !q->revision || !q->policy_name || !q->requested_by ||
		       !q->old_image || !q->new_image || !q->decided_by || !q->reason;
	return !l->no_memory;
}

static bool load_vote(void *owner, sqlite3_stmt *st)
{
	struct loading *l = owner;
	const char *id = (const char *)sqlite3_column_text(st, 0);
	struct request *q = id ? request_find(l->approvals, id) : NULL;
	if (!q)
		return true;
	struct vote v = { .person = { .platform = (const char *)sqlite3_column_text(st, 1),
				      .team = (const char *)sqlite3_column_text(st, 2),
				      .id = (const char *)sqlite3_column_text(st, 3),
				      .name = (const char *)sqlite3_column_text(st, 4),
				      .user = (const char *)sqlite3_column_text(st, 5) },
			  .verb = (enum vote_verb)sqlite3_column_int(st, 6),
			  .reason = (const char *)sqlite3_column_text(st, 7),
			  .at = { sqlite3_column_int64(st, 8) },
			  .via = (const char *)sqlite3_column_text(st, 9) };
	l->no_memory = !request_hold_vote(q, &v);
	if (!l->no_memory)
		request_count_vote(q);
	return !l->no_memory;
}

/* What is open, decided for a rollout that goes on, or young enough that somebody may still press its buttons. */
#define RECENT "over = 0 OR state = 0 OR id IN (SELECT id FROM approvals ORDER BY opened_at DESC LIMIT 1000)"

enum result requests_load(struct approvals *a, struct error *e)
{
	struct loading l = { .approvals = a };
	enum result r =
		store_load(a->o.store,
			   "SELECT id, cluster, ns, name, uid, revision, type, step, weight, state, over, policy,"
			   " requested_by, old_image, new_image, opened_at, decided_at, deadline_at, decided_by,"
			   " reason FROM approvals WHERE " RECENT " ORDER BY opened_at",
			   load_request, &l, e);
	if (r == RC_OK && !l.no_memory)
		r = store_load(a->o.store,
			       "SELECT request, platform, team, person, name, user, verb, reason, at, via FROM votes"
			       " WHERE request IN (SELECT id FROM approvals WHERE " RECENT ") ORDER BY id",
			       load_vote, &l, e);
	/* Half of what was decided is not what was decided. */
	return r == RC_OK && l.no_memory ? error_set(e, RC_EXHAUSTED, "no memory for the requests on disk") : r;
}

void requests_insert(struct store_tx *tx, const struct request *q)
{
	store_exec(
		tx,
		"INSERT INTO approvals (id, cluster, ns, name, uid, revision, type, step, weight, state, over, policy,"
		" requested_by, old_image, new_image, opened_at, decided_at, deadline_at, decided_by, reason)"
		" VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?18,?19,?20)",
		"sssssssiiiissssiiiss", q->id, q->cluster, q->ns, q->name, q->uid, q->revision, hook_type_name(q->type),
		(int64_t)q->step, (int64_t)q->weight, (int64_t)q->state, (int64_t)q->over, q->policy_name,
		q->requested_by, q->old_image, q->new_image, q->opened_at.v, q->decided_at.v, q->deadline_at.v,
		q->decided_by ? q->decided_by : "", q->reason ? q->reason : "");
}

void requests_update(struct store_tx *tx, const struct request *q)
{
	store_exec(tx,
		   "UPDATE approvals SET state = ?2, over = ?3, decided_at = ?4, decided_by = ?5, reason = ?6 WHERE id "
		   "= ?1",
		   "siiiss", q->id, (int64_t)q->state, (int64_t)q->over, q->decided_at.v,
		   q->decided_by ? q->decided_by : "", q->reason ? q->reason : "");
}

void requests_insert_vote(struct store_tx *tx, const struct request *q, const struct vote *v, const char *event_id,
			  const char *message_id)
{
	store_exec(tx,
		   "INSERT INTO votes (request, platform, team, person, name, user, verb, reason, at, via, event_id,"
		   " message_id) VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12)",
		   "ssssssisisss", q->id, v->person.platform, v->person.team, v->person.id, v->person.name,
		   v->person.user, (int64_t)v->verb, v->reason, v->at.v, v->via, text_empty(event_id) ? NULL : event_id,
		   message_id ? message_id : "");
}
