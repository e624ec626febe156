#pragma once
/* The inside of the Slack channel. */
#include <cjson/cJSON.h>

#include "bot/channels/seen.h"
#include "bot/channels/slack/slack.h"
#include "bot/channels/slack/slack_error.h"
#include "bot/channels/slack/slack_payload.h"
#include "bot/channels/slack/slack_render.h"

enum { SLACK_HOSTS_MAX = 4, SLACK_TIMEOUT_MS = 10000, SLACK_PACES_MAX = 24 };

struct slack_call;
struct slack_responder;
struct slack_group;
struct slack_question;
struct slack_sockets;
struct slack_person;
struct slack_home;
struct slack_token;

/* A method that must not be called for a while. */
struct slack_pace {
	char method[48]; /* "" free */
	struct mono_ms until;
};

/* May our app read messages back? Learnt by trying. */
enum slack_history { HISTORY_UNKNOWN, HISTORY_YES, HISTORY_NO };

struct slack {
	struct channel channel; /* first: the bot knows no more than this */
	struct channel_context ctx;
	char *authorization;     /* owned, as all texts here: "Authorization: Bearer xoxb-..." */
	char *app_authorization; /* xapp-..., for opening sockets; NULL: requests come over HTTP */
	char *secrets[2];
	char *api_url, *path;
	char *team, *app, *bot_user; /* "" until known */
	char *enterprise;            /* of an Enterprise Grid; "" none */
	bool org_wide;               /* installed for all of its workspaces */
	bool team_configured;
	char *hosts[SLACK_HOSTS_MAX + 1];
	struct http_route routes[3];
	struct slack_call *calls; /* under way */
	struct slack_pace paces[SLACK_PACES_MAX];
	struct metric *requests;
	struct slack_responder *responders;
	struct slack_ack *acks;
	int64_t patience_ms; /* 0: as long as Slack lets us */
	struct slack_group *groups;
	struct slack_person *people;
	struct slack_home *homes;
	struct slack_home *home_busy; /* being drawn */
	struct timer home_timer;
	bool guests; /* may act as well: nobody is looked up */
	struct slack_question *questions;
	struct deferred answer_questions;
	struct slack_token *token;     /* owned; NULL: it does not rotate */
	struct slack_sockets *sockets; /* owned; NULL: not begun, or over HTTP */
	int connections;               /* that are wanted */
	struct seen *seen;
	struct timer auth_again;
	int auth_tries;
	enum slack_history history;
	slack_identities *identities;
	void *identities_owner;
};
#define SLACK_OF(c) ((struct slack *)(c))

/* ---- slack_api.c: the Web API ---- */
struct slack_answer {
	enum result r;     /* OK: "ok":true; INVALID: Slack refused; UNREACHABLE: no answer, or none that says either */
	const char *error; /* Slack's word: "channel_not_found"; "" */
	const char *why;   /* for people: with the method, and what scope is needed */
	const cJSON *body; /* may be NULL */
	int64_t retry_after_ms; /* -1: not said */
};
/* Last word on a call. *ans lives until it returns. */
typedef void slack_answered(void *owner, const struct slack_answer *ans);
enum slack_body {
	SLACK_JSON,
	SLACK_FORM_BODY,
	SLACK_BARE, /* JSON to a whole URL, without our token */
	SLACK_BYTES /* a file to a whole URL, without our token */
};
struct slack_request {
	enum slack_body as;
	const char *method;        /* "chat.postMessage"; for the last two the URL, which is a secret */
	bool as_app;               /* with the app's token, not the bot's */
	bool as_nobody;            /* with none */
	const char *body;          /* NULL: the call fails */
	size_t len;                /* of SLACK_BYTES */
	slack_answered *done;      /* runs once, later (at once only without memory); not after slack_calls_drop */
	void (*drop)(void *owner); /* instead of done, by slack_calls_drop; frees owner; may be NULL */
	void *owner;
};
/* A method that Slack has told to slow down is not called before its time: the call fails as Slack would let it. */
void slack_send(struct slack *s, const struct slack_request *q);
void slack_calls_drop(struct slack *s);

/* ---- slack_receive.c: the request URL ---- */
void slack_receive(void *owner, struct http_exchange *x);
void slack_probe(void *owner, struct http_exchange *x); /* GET */

/* "Authorization: Bearer TOKEN"; malloc'ed. */
char *slack_bearer(const char *token);

/* ---- slack_token.c: token rotation ---- */
/* ready: once there is a token to begin with, at once or later. On failure slack_token_destroy frees what there is. */
MUST_CHECK enum result slack_token_begin(struct slack *s, const struct slack_options *o, void (*ready)(struct slack *s),
					 struct error *e);
/* Slack no longer takes the token. */
void slack_token_expired(struct slack *s);
void slack_token_destroy(struct slack *s);

/* ---- slack_hear.c: what people do, whichever way it came ---- */
/* 0: ours; else an HTTP status and why not. */
int slack_foreign(const struct slack *s, const struct slack_inbound *in, const char **why);
/* What must be the answer to it at once, so that nothing else happens; malloc'ed JSON; NULL: nothing. */
char *slack_form_answer(const struct slack *s, const struct slack_inbound *in, struct arena *a);
/* Tells whom it concerns, unless it was heard before. id: of the request, for what has none of its own. Takes ack (may
 * be NULL): it is sent once the matter has been dealt with. */
void slack_hear(struct slack *s, const struct slack_inbound *in, const char *id, struct slack_ack *ack);

/* ---- slack_ack.c: telling Slack that something has arrived ---- */
struct slack_ack;
typedef void slack_ack_send(void *place, const char *text); /* text NULL: it will not be dealt with */
/* Sent by slack_ack_now or when Slack would give up. place: who waits, until it is forgotten. NULL: no memory, and sent
 * at once. */
struct slack_ack *slack_ack_create(struct slack *s, void *place, slack_ack_send *send, const char *text);
void slack_ack_forget(void *ack); /* who waited has gone */
void slack_acks_forget(struct slack *s, const void *place);
void slack_ack_now(struct slack_ack **ack); /* frees it; NULL is fine */
void slack_acks_finish(struct slack *s);    /* none has been dealt with; their owners still call slack_ack_now */

/* ---- slack_people.c: who may act at all ---- */
/* refusal: key of the text that says why not; "" welcome. name: their handle; "" not known. Live until it returns. */
typedef void slack_person_known(void *owner, const char *refusal, const char *name);
/* done runs once, at once when it is known; drop instead when the channel goes before. */
void slack_person_ask(struct slack *s, const char *id, slack_person_known *done, void (*drop)(void *owner),
		      void *owner);
void slack_people_destroy(struct slack *s);

/* ---- slack_home.c: App Home ---- */
void slack_home_opened(struct slack *s, const char *user, const char *refusal);
void slack_homes_changed(struct channel *c);
void slack_homes_destroy(struct slack *s);

/* ---- slack_socket.c: Socket Mode ---- */
/* Begins to open connections; again: nothing happens. */
void slack_sockets_start(struct slack *s);
void slack_sockets_destroy(struct slack *s);

/* ---- slack_address.c: where we may go at Slack's word ---- */
/* https, and a host of ours; or exactly the origin of api_url. */
bool slack_response_url_good(const struct slack *s, const char *url);
/* https or wss to Slack, or where api_url is. */
bool slack_address_good(const struct slack *s, const char *url);

/* ---- slack_respond.c: answers to people ---- */
/* Copies what it needs; NULL: no memory. Takes ack (and sets it NULL), which is sent when it is answered. */
struct responder *slack_responder_create(struct slack *s, const struct slack_inbound *in, struct slack_ack **ack);
void slack_responders_detach(struct slack *s);

/* ---- slack_upload.c: pictures ---- */
struct slack_picture {
	const char *base64;
	const char *name; /* of the file; letters, digits, dots and dashes */
	const char *alt;
	const char *channel, *thread_ts;
};
/* posted: it may stand in the channel, whatever ans says; else nobody can have seen it. */
typedef void slack_uploaded(void *owner, const struct slack_answer *ans, bool posted);
/* Copies. done once; drop instead when the channel goes before. */
void slack_upload(struct slack *s, const struct slack_picture *p, slack_uploaded *done, void (*drop)(void *owner),
		  void *owner);

/* ---- slack_deliver.c: the outbox's hand ---- */
void slack_deliver(void *channel_owner, const struct outbox_item *item, outbox_sent *done, void *owner);

/* ---- slack_groups.c ---- */
/* A user group that policies name, and who is in it. */
struct slack_group {
	struct slack *slack;
	struct slack_group *next;
	char *id;   /* "S012"; owned */
	char *name; /* "slack:S012"; owned */
	cJSON *members;
	struct mono_ms read_at;
	bool known, asking;
};
MUST_CHECK enum result slack_groups_create(struct slack *s, const char *const *ids, struct error *e);
void slack_groups_destroy(struct slack *s);
void slack_groups_of(struct channel *c, const struct person *p, void (*done)(void *owner, const char *const *groups),
		     void *owner);
