#pragma once
/* One call of the HTTP client as a curl easy handle: what http_client.c (the multi handle) and http_call.c (options,
 * callbacks, verdict) know of each other. Nobody else includes this. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <curl/curl.h>

#include "base/error.h"
#include "base/http_client.h"
#include "base/loop.h"
#include "base/strbuf.h"

/* queued: waits to be handed to curl, which cannot be called from its own callbacks; running: curl's; done: waits for
 * its callback; due: its callback comes in this turn; kept: its owner uses the connection; delivered: in its callback;
 * cancelled: to be freed, curl may still call us for it */
enum call_state {
	CALL_QUEUED,
	CALL_RUNNING,
	CALL_DONE,
	CALL_DUE,
	CALL_KEPT,
	CALL_DELIVERED,
	CALL_CANCELLED,
	CALL_STATE_COUNT
};

struct http_call {
	struct http_client *client; /* borrowed, as the loop and every owner below */
	struct loop *loop;
	struct http_call *prev, *next;
	enum call_state state; /* which of the client's lists it is in; changed by call_move alone */
	http_done *cb;
	void *owner;

	CURL *easy;
	struct curl_slist *headers;
	char origin[336]; /* "GET https://host:port": all that errors say of the URL */
	char reason[CURL_ERROR_SIZE];
	long max_redirects;
	http_egress *egress;
	void *egress_owner;
	bool (*on_data)(void *owner, int status, const char *data, size_t len);
	void *on_data_owner;

	struct timer idle;
	int64_t idle_ms;
	struct mono_ms last_byte; /* 0: none yet */
	curl_off_t uploaded;

	size_t header_bytes;
	bool head_over; /* its empty line has arrived: curl takes a head that is cut for an answer */
	struct strbuf body;
	bool refused;      /* by the egress policy, an address at least */
	bool not_followed; /* a redirect that the rules do not follow: the answer is its head */
	bool stopped;      /* by on_data */
	bool connect_only; /* curl keeps the connection for as long as it has the handle */
	int status;
	enum result result;
	struct error why;
};

/* Builds call->easy from q. On failure the call can only be destroyed. */
MUST_CHECK enum result http_call_prepare(struct http_call *call, const struct http_request *q, const char *user_agent,
					 struct error *e);
/* What curl's code means to the caller; fills status, result and why. */
void http_call_judge(struct http_call *call, CURLcode code);
/* Not while curl holds the handle. */
void http_call_destroy(struct http_call *call);
