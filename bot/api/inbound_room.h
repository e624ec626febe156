#pragma once
/* The inside of webhooks in. */
#include <cjson/cJSON.h>

#include "base/metrics.h"
#include "bot/api/inbound.h"
#include "bot/api/rest_room.h"

enum { INBOUND_ITEMS_MAX = 50, INBOUND_JOBS_MAX = 100, INBOUND_BODY_MAX = 1 << 20, INBOUND_ID_MAX = 256 };

/* ---- inbound_map.c: what a body asks for. Pure. ---- */
struct inbound_item {
	bool ignored;  /* nothing is meant, and that is fine; why says so */
	enum result r; /* RC_INVALID: why says what is wrong */
	const char *why;
	const char *id; /* "" none */
	enum inbound_action action;
	const char *ns, *rollout, *labels, *reason, *revision; /* "" none; either rollout or labels */
};
/* Items live in the arena. RC_INVALID: the body as a whole is not of the shape that the endpoint maps. */
MUST_CHECK enum result inbound_map(const struct inbound_endpoint *p, const cJSON *body, struct arena *a,
				   struct inbound_item **ret, size_t *ret_count, struct error *e);

/* ---- inbound_proof.c ---- */
/* Who sends, by headers and body. *ret_id: what the sender calls this message, "" unknown; in the exchange's arena.
 * false: answered already. */
bool inbound_proved(struct rest *rest, const struct inbound_endpoint *p, struct wall_ms now, struct http_exchange *x,
		    const char **ret_id);

/* ---- inbound_ids.c: what has been acted on ---- */
enum inbound_claim { CLAIM_NEW, CLAIM_BUSY, CLAIM_DONE };
/* text: of CLAIM_DONE what the answer was; lives until the callback returns. */
typedef void inbound_claimed(void *owner, enum result r, enum inbound_claim claim, const char *text,
			     const struct error *why);
void inbound_claim(struct store *s, const char *endpoint, const char *id, const char *boot, struct wall_ms now,
		   inbound_claimed *done, void *owner);
/* done: it is answered and must not happen again; else it may be tried again. */
void inbound_settle(struct store *s, const char *endpoint, const char *id, bool done_for_good, const char *text,
		    store_done *done, void *owner);
void inbound_forget_old(struct store *s, struct wall_ms now);
