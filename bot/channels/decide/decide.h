#pragma once
/* The confirm page that links in chats lead to, for platforms without callbacks. GET shows and never changes anything;
 * POST decides, for the person whom a personal PIN names. Owns its exchanges; loop thread only. */
#include "base/http_server.h"
#include "bot/channels/channel.h"

/* What the page needs of the approvals; a seam, so that it can be tested alone. */
struct decide_desk {
	const struct approval *(*find)(void *owner, const char *id, struct arena *a);
	bool (*token_good)(void *owner, const char *id, const char *verb, const char *token);
	enum result (*token)(void *owner, const char *id, const char *verb, char *buf, size_t size, struct error *e);
	void *owner;
	const struct person *(*identify)(void *owner, const char *user,
					 const char *pin); /* NULL: nobody can be named */
	void *identify_owner;
};
struct decide_options {
	struct loop *loop;
	struct decide_desk desk;
	struct bot_ears ears;
	const char *public_url; /* borrowed; its origin is the only one that may post */
	enum card_lang lang;
};
/* The links that cards carry are PUBLIC_URL/decide/REQUEST~TOKEN, with a token of approvals_token for the verb "decide"
 * and this channel; what the page decides comes to the bot's ears from it. */
#define DECIDE_LINK "link"
/* The desk that the approvals are. identify: whose PIN is this? Constant time; NULL: nobody's. Lives for the process.
 */
struct decide_desk decide_desk_of(struct approvals *approvals,
				  const struct person *(*identify)(void *owner, const char *user, const char *pin),
				  void *identify_owner);
struct decide;
MUST_CHECK enum result decide_create(const struct decide_options *o, struct decide **ret, struct error *e);
void decide_destroy(struct decide *d); /* exchanges that wait are answered with 503 */
const struct http_route *decide_routes(struct decide *d);
DEFINE_CLEANUP(struct decide, decide_destroy)
