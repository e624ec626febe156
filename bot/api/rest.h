#pragma once
/* REST for the command line and other programs (/api/v1), the gates that a stock Flagger polls, health and metrics.
 * Loop thread only. */
#include "base/cleanup.h"
#include "base/http_server.h"
#include "bot/api/tokens.h"
#include "bot/bot.h"

struct rest;
struct rest_options { /* all borrowed, and outlive the API */
	struct loop *loop;
	struct store *store;
	struct engine *engine;
	struct approvals *approvals;
	struct outbox *outbox;
	struct bot *bot;
	struct tokens *tokens;
	struct metrics *metrics;
	struct channel *webhooks;      /* NULL: none are configured */
	const char *const *gate_cidrs; /* addresses that may ask gates without a token; NULL-terminated; NULL none */
	bool gates_open;               /* anybody may ask */
	const char *const *people;     /* whom an admin may be in /api/v1/chat; NULL-terminated; NULL nobody */
	/* Is everything up that a decision needs? false: *ret_why says what is missing, for people. */
	bool (*ready)(void *owner, const char **ret_why);
	void *owner;
};
MUST_CHECK enum result rest_create(const struct rest_options *o, struct rest **ret, struct error *e);
/* Ends the event streams, which would otherwise keep a server from closing. */
void rest_stop(struct rest *a);
/* After the servers have closed and the bot is gone. */
void rest_destroy(struct rest *a);
/* For the public port, and for the admin port; both end with a NULL path. */
const struct http_route *rest_routes(struct rest *a);
const struct http_route *rest_admin_routes(struct rest *a);
/* For routes of others beside these: who asks. NULL: answered already (401, 403). */
const struct token *rest_admit(struct rest *a, struct http_exchange *x, enum token_scope needs);
DEFINE_CLEANUP(struct rest, rest_destroy)
