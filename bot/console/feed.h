#pragma once
/* Server-sent events: each is rendered once for everybody who listens. A client that comes back with the id of the last
 * event it has seen is given what it missed; when that is too long ago, it is given everything anew. One that does not
 * keep up is closed. */
#include "base/http_server.h"
#include "base/metrics.h"
#include "base/strbuf.h"
#include "bot/console/ring.h"

struct feed;
struct feed_options {
	struct loop *loop;
	struct metrics *metrics;
	/* The data of a "snapshot" event: everything, as one line of JSON. */
	void (*snapshot)(void *owner, struct strbuf *b);
	/* Asked now and then: may the listener of that tag (feed_open) still listen? */
	bool (*admits)(void *owner, const char *tag);
	/* Runs before each heartbeat: what nobody tells of, such as a cluster that is gone. */
	void (*beat)(void *owner);
	void *owner;
};
enum { FEED_TAG_MAX = 72 };
MUST_CHECK enum result feed_create(const struct feed_options *o, struct feed **ret, struct error *e);
void feed_destroy(struct feed *f); /* ends all streams; NULL is fine */
void feed_stop(struct feed *f);    /* the same, and no new ones */
/* Answers the exchange: a stream, or 503 when too many listen. seen: the last event id, NULL none. */
void feed_open(struct feed *f, struct http_exchange *x, const char *tag, const char *seen);
/* json: one line. */
void feed_put(struct feed *f, const char *event, const char *json, size_t len);
/* Is it worth rendering an event: does anybody listen, or may anybody come back? */
bool feed_is_heard(const struct feed *f);
DEFINE_CLEANUP(struct feed, feed_destroy)
