#pragma once
/* The record: append-only rows, each chained to the one before by SHA-256(previous hash || canonical row) (approvals.md
 * 7). */
#include "base/clock.h"
#include "base/store.h"

struct audit_row {
	const char *actor;    /* "lin.wei", "slack:U012", "rollcall" */
	const char *identity; /* platform identity, "slack:T01/U012"; "" */
	const char *action; /* "vote.approve", "request.opened", "verb.promote", "refused", "start", "config.changed" */
	const char *object; /* "cluster/ns/name" */
	const char *request; /* approval or verb id; "" */
	const char *outcome; /* "ok", "refused", ... */
	const char *reason;  /* "" */
	const char *detail;  /* JSON object text; "" */
};
/* Adds the row to a transaction; sequence and hash are computed on the writer thread, inside it. */
void audit_append(struct store_tx *tx, struct wall_ms at, const struct audit_row *row);
/* A row as it is stored. Lives until the visitor returns. */
struct audit_line {
	int64_t seq;
	struct wall_ms at;
	struct audit_row row;
	const char *hash;
};
typedef void audit_visitor(void *owner, const struct audit_line *line);
/* Walks the whole chain. visit (NULL is fine) gets each row once it is known to be whole. RC_OK: *ret_rows rows are
 * whole; RC_INVALID names the first broken row. Opens the database by itself, read only: for the command line. */
MUST_CHECK enum result audit_verify(const char *database, audit_visitor *visit, void *owner, int64_t *ret_rows,
				    struct error *e);
