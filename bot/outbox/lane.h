#pragma once
/* The outbox's inside: one lane a destination, one item in flight a lane, so that nothing overtakes. */
#include <uthash.h>

#include "bot/outbox/outbox.h"

enum {
	RATE_WINDOW_MS = 60000,
	RATE_MAX = 256, /* a minute; a higher limit is this one */
	STORE_RETRY_MS = 2000,
	TROUBLE_AFTER_MS = 600000,
	POSTED_MAX = 20000,
	DEAD_MAX = 1000 /* dead letters kept on disk */
};

/* Times of the last sends, to keep a limit per minute. */
struct rate {
	int limit; /* 0: none */
	int at;
	int64_t sent_ms[RATE_MAX];
};
/* How long until one more is allowed and keep others still would be; 0: now. */
int64_t rate_wait(const struct rate *r, int64_t now_ms, int keep);
void rate_use(struct rate *r, int64_t now_ms);

struct platform {
	char prefix[32];
	int64_t spacing_ms;
	int per_minute_channel;
	struct rate rate;    /* of all that is sent */
	struct rate updates; /* of cards in place */
	int64_t paused_until_ms;
	int64_t failing_since_ms; /* nothing has arrived since; 0: it does */
	bool told;                /* of its trouble */
	outbox_deliver *deliver;
	void *owner;
};
struct row {
	uint64_t id;
	enum outbox_kind kind;
	char *subject, *body, *key; /* owned */
	bool urgent, maybe_sent, dead;
	uint64_t mark;   /* row under which an earlier card of this subject may have been posted; 0 its own */
	int tries, gone; /* gone: how often its card was said to be gone */
	char *why;       /* owned; NULL */
	struct row *next;
};
struct lane {
	char *channel; /* owned */
	struct outbox *outbox;
	struct platform *platform; /* NULL: nobody delivers there */
	struct row *rows, *last;   /* waiting, in order of id */
	struct row *flying;        /* also in rows */
	bool posting;              /* as a new message */
	bool told;                 /* that it refuses */
	struct rate rate;
	int64_t not_before_ms;
	struct timer timer;
	UT_hash_handle hh;
};
struct posted {
	char *key;        /* "CHANNEL\nSUBJECT"; owned */
	char *message_id; /* owned */
	int64_t at_ms;    /* wall */
	UT_hash_handle hh;
};
/* An outcome that could not be written yet: what was sent must not be sent again by the next start. */
struct owed {
	struct outbox *outbox;
	uint64_t row;
	char *channel, *subject, *message_id; /* owned; message_id NULL: none to remember */
	int64_t at_ms;
	bool flying;
	struct owed *prev, *next;
};
struct outbox {
	struct loop *loop;
	struct store *store;
	struct platform platforms[8];
	size_t platform_count;
	struct lane *lanes;
	struct posted *posted;
	uint64_t seen; /* highest row read */
	int read_rows; /* at once */
	bool reading, read_again, started, stopped;
	struct owed *owed;
	struct timer again; /* what the store could not do */
	outbox_troubled *troubled;
	void *trouble_owner;
	int64_t trouble_after_ms;
	struct metric *sent, *failed;
};

/* ---- lane.c ---- */
struct lane *lane_of(struct outbox *o, const char *channel);
void lane_add(struct lane *l, struct row *r); /* takes r */
void lane_run(struct lane *l);                /* sends what may be sent now, else arms the timer */
void lane_destroy(struct lane *l);
void row_free(struct row *r);
/* ---- rows.c: what is on disk ---- */
void rows_read(struct outbox *o);
void rows_sent(struct outbox *o, const struct lane *l, const struct row *r, const char *message_id);
/* The card stands, but with an older content: the row stays. */
void rows_posted(struct outbox *o, const struct lane *l, const struct row *r, const char *message_id);
void rows_dead(struct outbox *o, const struct row *r, const char *why);
void rows_alive(struct outbox *o, uint64_t id);
/* Marks that a try is about to be made; then runs done. */
void rows_trying(struct outbox *o, const struct row *r, store_done *done, void *owner);
void posted_set(struct outbox *o, const char *channel, const char *subject, const char *message_id, int64_t at_ms);
void owed_free(struct owed *w);
MUST_CHECK enum result rows_load_posted(struct outbox *o, struct error *e);
