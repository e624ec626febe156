#pragma once
/* The inside of the DingTalk app's channel. */
#include <cjson/cJSON.h>

#include "base/metrics.h"
#include "base/ws_client.h"
#include "bot/channels/dingtalk/dingapp.h"
#include "bot/channels/dingtalk/dingapp_error.h"
#include "bot/channels/dingtalk/dingapp_payload.h"
#include "bot/channels/seen.h"

#define DINGAPP_PREFIX "dingtalk-app:"
enum {
	DINGAPP_TIMEOUT_MS = 10000,
	DINGAPP_EVENT_KEEP_MS = 3600 * 1000,
	DINGAPP_TEXT_CHARS_MAX = 1500,
};

struct dingapp;
struct dingapp_call;
struct dingapp_group;
struct dingapp_link;
struct dingapp_question;
struct dingapp_responder;

/* What the app may call, counted from the first of the month (UTC); it outlives the process. */
struct dingapp_budget {
	int64_t used, limit;
	char month[8]; /* "2026-11" */
	int warned;    /* percent */
	struct timer save;
	bool dirty;
};
struct dingapp_stream {
	struct dingapp_link *links;
	struct timer again;
	uint64_t serial; /* of the newest link */
	int tries, short_lives;
	bool opening;
};
struct dingapp {
	struct channel channel; /* first: the bot knows no more than this */
	struct channel_context ctx;
	enum dingapp_mode mode;
	/* owned, as all texts here */
	char *client_id, *client_secret, *corp_id, *robot_code, *template, *api_url, *oapi_url, *public_url;
	char *callback_path, *callback_secret, *event_token, *event_aes_key;
	char *paths[3];
	struct http_route routes[4];
	char *token; /* of the API; "" none */
	struct mono_ms token_renew, token_end;
	bool token_asked;
	struct dingapp_call *calls; /* under way */
	struct dingapp_stream stream;
	struct dingapp_responder *responders;
	struct dingapp_group *groups;
	struct dingapp_question *questions;
	struct deferred answer_questions;
	struct seen *seen;
	struct dingapp_budget budget;
	struct timer register_again;
	int register_tries;
	struct metric *calls_metric, *month_metric, *limit_metric, *links_metric, *frames_metric, *refused_metric;
	const char *const *(*identities)(void *owner, const char *approver);
	void *identities_owner;
};
#define DINGAPP_OF(c) ((struct dingapp *)(c))

/* ---- dingapp_api.c: calls of DingTalk ---- */
struct dingapp_answer {
	enum dingapp_trouble trouble;
	const char *why;        /* for people: with the call, and what to do */
	const cJSON *body;      /* may be NULL */
	int64_t retry_after_ms; /* -1: not said */
};
/* Last word on a call. *ans lives until it returns. */
typedef void dingapp_answered(void *owner, const struct dingapp_answer *ans);
enum dingapp_auth {
	DINGAPP_TOKEN,     /* the new API: the token in a header */
	DINGAPP_OLD_TOKEN, /* the old one: in the query */
	DINGAPP_BARE,      /* the new API without one */
	DINGAPP_URL        /* path is a whole URL, and a secret; answers as the old API */
};
struct dingapp_request {
	enum dingapp_auth auth;
	const char *method, *path;
	const char *body;          /* NULL: the call fails, later: no memory */
	size_t body_len;           /* 0: body is text */
	const char *content_type;  /* NULL: JSON */
	dingapp_answered *done;    /* runs once, later (at once only without memory); not after dingapp_calls_drop */
	void (*drop)(void *owner); /* instead of done, by dingapp_calls_drop; frees owner; may be NULL */
	void *owner;
};
void dingapp_send(struct dingapp *d, const struct dingapp_request *q);
void dingapp_calls_drop(struct dingapp *d);

/* ---- dingapp_budget.c ---- */
MUST_CHECK enum result dingapp_budget_load(struct dingapp *d, struct error *e);
void dingapp_budget_count(struct dingapp *d);
void dingapp_budget_finish(struct dingapp *d);

/* ---- dingapp_stream.c ---- */
void dingapp_stream_start(struct dingapp *d);
void dingapp_stream_stop(struct dingapp *d);
/* Acknowledges a message on the connection that it came on, if that lives; response is JSON. */
void dingapp_stream_ack(struct dingapp *d, uint64_t link, const char *message_id, const char *data);

/* ---- dingapp_receive.c: what people do ---- */
/* Where an answer to DingTalk itself goes. */
struct dingapp_origin {
	uint64_t link;          /* Stream: of the connection */
	const char *message_id; /* for deduplication; of the frame, or of the content */
	bool http;              /* no connection proves the content */
};
/* data is the JSON of a callback. False: it is not acknowledged yet, its responder does that. True: at once, with
 * nothing to change. *ret_why (may be NULL) says what was wrong with it. */
bool dingapp_hear_message(struct dingapp *d, const struct dingapp_origin *from, const char *data, size_t len,
			  const char **ret_why);
bool dingapp_hear_press(struct dingapp *d, const struct dingapp_origin *from, const char *data, size_t len,
			const char **ret_why);
void dingapp_hear_event(struct dingapp *d, const char *type);

/* ---- dingapp_respond.c: answers to people ---- */
struct dingapp_reply {
	const char *channel; /* destination, whole */
	const char *staff;
	const char *session; /* sessionWebhook; "" none */
	struct wall_ms session_end;
	bool press, template;
	struct dingapp_origin from;
};
/* Copies what it needs; NULL: no memory. */
struct responder *dingapp_responder_create(struct dingapp *d, const struct dingapp_reply *reply);
void dingapp_responders_detach(struct dingapp *d);
/* https and a host of the platform; or exactly the origin of oapi_url. */
bool dingapp_session_good(const struct dingapp *d, const char *url);

/* ---- dingapp_deliver.c: the outbox's hand ---- */
void dingapp_deliver(void *channel_owner, const struct outbox_item *item, outbox_sent *done, void *owner);
/* A text to a destination, told of by nobody; fallback of dingapp_respond.c. */
void dingapp_say(struct dingapp *d, const char *channel, const char *text);
/* A text with buttons, likewise, as a plain card. */
void dingapp_offer(struct dingapp *d, const char *channel, const char *text, const struct card_button *buttons,
		   size_t count);
/* {"msgKey","msgParam",...} for a destination, and where it is posted; malloc'ed; NULL: no memory. */
char *dingapp_message_body(const struct dingapp *d, const char *channel, const char *key, const cJSON *param,
			   const char **ret_path);

/* ---- dingapp_groups.c ---- */
MUST_CHECK enum result dingapp_groups_create(struct dingapp *d, const char *const *names, struct error *e);
void dingapp_groups_destroy(struct dingapp *d);
void dingapp_groups_stale(struct dingapp *d); /* something changed over there */
void dingapp_groups_of(struct channel *c, const struct person *p, void (*done)(void *owner, const char *const *groups),
		       void *owner);

/* ---- dingapp_http.c: callbacks ---- */
MUST_CHECK enum result dingapp_http_create(struct dingapp *d, struct error *e);
void dingapp_http_register(struct dingapp *d);
