#pragma once
/* Requests to one API server: credentials, a rate limit, retries, the meaning of answers, and whether it can be
 * reached. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/http_client.h"
#include "base/loop.h"
#include "base/strbuf.h"
#include "controller/cluster/kube/backoff.h"
#include "controller/cluster/kube/credentials.h"
#include "controller/cluster/kube/status.h"

struct api;
struct metrics;

struct api_request {
	const char *method;         /* "GET" when NULL */
	const char *path;           /* with its query; copied */
	struct api_subject subject; /* for texts and metrics; copied */
	const char *body;           /* copied; NULL: none */
	const char *content_type;   /* constant; of the body; NULL: application/json */
	int64_t timeout_ms;         /* of one try; 0: 15 s */
	int64_t retry_ms;           /* further tries begin for so long; 0: one try */
	bool write;                 /* goes out only while we lead */
	bool urgent;                /* passes by the rate limit */
	/* A stream instead of a body, without time limit: only called for 200; false ends it (RC_INVALID). */
	bool (*on_data)(void *owner, const char *data, size_t len);
};
struct api_answer {
	int status; /* 0: none came */
	const char *body;
	size_t len;
	int64_t retry_after_ms; /* -1: not said */
	bool uncertain;         /* an earlier try may have been carried out */
};
/* r is RC_OK for 2xx; else what status_result says, with answer as far as there is one. In it the owner may start the
 * call anew. */
typedef void api_done(void *owner, enum result r, const struct api_answer *answer, const struct error *why);

/* Embedded in its owner, all fields are the api's; zeroed is idle. */
struct api_call {
	struct api *api; /* NULL: idle */
	struct api_call *prev, *next;
	bool queued;  /* waits for the rate limit, or for others to be answered */
	bool counted; /* is one of those in flight */
	char *text;   /* owned: path and subject in one piece */
	char *body;
	struct api_request q;
	api_done *done;
	void *owner;
	struct http_call *http;
	struct identity *identity;
	struct credentials_wait credentials;
	struct timer again;
	struct backoff backoff;
	struct mono_ms began;
	bool renewed, uncertain, stopped;
	struct strbuf refusal; /* of a stream that is not 200 */
};

struct api_options {
	struct loop *loop;
	struct http_client *http; /* borrowed, as all here */
	const struct kubeconfig *config;
	struct metrics *metrics; /* NULL: none */
	int64_t retry_min_ms, retry_max_ms;
	bool (*may_write)(void *owner); /* NULL: always */
	void (*reachable)(void *owner); /* again, after it was not */
	void *owner;
};
MUST_CHECK enum result api_create(const struct api_options *o, struct api **ret, struct error *e);
void api_destroy(struct api *a); /* every call must be stopped or done; NULL is fine */

/* done runs exactly once, on a later turn, unless stopped. */
void api_start(struct api *a, struct api_call *c, const struct api_request *q, api_done *done, void *owner);
void api_stop(struct api_call *c); /* idle is fine */
bool api_active(const struct api_call *c);
/* v 0: reachable, as far as we know. */
struct wall_ms api_unreachable_since(const struct api *a);
DEFINE_CLEANUP(struct api, api_destroy)
