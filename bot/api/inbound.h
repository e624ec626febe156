#pragma once
/* Webhooks in: other systems - CI, Alertmanager, Grafana, anything that sends JSON - approve, reject, promote, roll
 * back, hold, resume or annotate, as the configuration maps what they send. Who sends is proved by a signature or by a
 * token of this endpoint alone; what is done is done as "webhook:NAME", whose rights are the policies'. An id is acted
 * on once. Loop thread only. */
#include "bot/api/rest.h"

struct inbound_condition {
	const char *path;          /* "labels.severity" */
	const char *const *values; /* one of them; NULL-terminated */
};
#define INBOUND_ACTIONS(X)                                                                                             \
	X(APPROVE, "approve")                                                                                          \
	X(REJECT, "reject")                                                                                            \
	X(PROMOTE, "promote") X(ROLLBACK, "rollback") X(HOLD, "hold") X(RESUME, "resume") X(ANNOTATE, "annotate")
#define X(id, word) INBOUND_##id,
enum inbound_action { INBOUND_ACTIONS(X) INBOUND_ACTION_COUNT };
#undef X
const char *inbound_action_name(enum inbound_action a);
struct inbound_word { /* what a system calls an action */
	const char *word;
	int action;
};
enum inbound_proof { INBOUND_STANDARD, INBOUND_HUB };
/* Texts are templates: "{path}" is the value there. NULL: none. Borrowed for the inbound's life. */
struct inbound_endpoint {
	const char *name;
	int proof;                            /* of signatures */
	const char *secret, *previous_secret; /* NULL: token */
	const char *token;                    /* name of the API token that may send; NULL: signed */
	int format;                           /* of the configuration: what is filled in */
	const char *each;                     /* path of a list, each element of which is one matter */
	const char *id, *ns, *rollout, *labels, *action, *reason, *revision;
	const struct inbound_condition *when; /* all must hold; ends with a NULL path; NULL: always */
	const struct inbound_word *words;     /* ends with a NULL word; NULL: actions as they are called here */
	int64_t per_minute;
};
struct inbound;
struct inbound_options { /* all borrowed */
	struct loop *loop;
	struct store *store;
	struct engine *engine;
	struct bot *bot;
	struct rest *rest;
	struct metrics *metrics;
	const struct inbound_endpoint *endpoints; /* ends with a NULL name; NULL: none */
};
extern const struct store_migration inbound_migrations[];
MUST_CHECK enum result inbound_create(const struct inbound_options *o, struct inbound **ret, struct error *e);
/* Writes nothing any more: after the bot is gone, before the store closes. */
void inbound_stop(struct inbound *in);
void inbound_destroy(struct inbound *in); /* once the store has closed, before the API */
const struct http_route *inbound_routes(struct inbound *in);
DEFINE_CLEANUP(struct inbound, inbound_destroy)
