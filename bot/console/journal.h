#pragma once
/* What happened to each rollout, run by run, on disk: where it stood whenever that changed, and what was said. For one
 * time axis with weights, metrics and events, and for looking at runs that are over. What is decided is in the audit
 * and not here. A record for the eye: when the disk is full it has gaps, and nothing else waits for it. Loop thread
 * only. */
#include "base/cleanup.h"
#include "base/loop.h"
#include "base/metrics.h"
#include "base/store.h"
#include "controller/engine.h"

struct journal;
struct journal_note {
	int64_t run;       /* its number */
	const char *point; /* JSON; lives until the next call */
	size_t len;
};
enum { JOURNAL_RUNS_KEPT = 50, JOURNAL_POINTS_MAX = 4000 };

MUST_CHECK enum result journal_create(struct loop *l, struct store *store, struct metrics *metrics,
				      struct journal **ret, struct error *e);
void journal_destroy(struct journal *j);
/* Notes what is new in it; false: nothing is, or nothing is being rolled out. */
bool journal_hear(struct journal *j, const struct rollout_event *ev, struct journal_note *ret);
/* The number of the present or last run; 0: none. */
int64_t journal_run(const struct journal *j, const char *uid);
void journal_flush(struct journal *j); /* to the store, now */
DEFINE_CLEANUP(struct journal, journal_destroy)
