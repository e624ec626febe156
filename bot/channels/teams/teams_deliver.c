/* The outbox's hand: one item is one call of the flow. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "bot/channels/teams/teams_private.h"

enum { TIMEOUT_MS = 15000, ANSWER_BYTES_MAX = 64 * 1024 };

struct teams_sending {
	struct teams *teams;
	struct teams_sending *next, **at;
	struct http_call *call;
	struct deferred failed;
	struct teams_outcome early; /* of what is not sent at all */
	uint64_t row;
	outbox_sent *done;
	void *owner;
};

static void sending_free(struct teams_sending *w)
{
	http_cancel(&w->call);
	loop_defer_cancel(&w->failed);
	*w->at = w->next;
	if (w->next)
		w->next->at = w->at;
	free(w);
}

void teams_sending_drop(struct teams *t)
{
	while (t->sending)
		sending_free(t->sending);
}

static void over(struct teams_sending *w, const struct teams_outcome *o)
{
	outbox_sent *done = w->done;
	void *owner = w->owner;
	uint64_t row = w->row;
	struct outbox_result result = {
		.r = o->r, .retry_after_ms = o->retry_after_ms, .message_id = "", .why = o->why
	};
	sending_free(w);
	done(owner, row, &result);
}

static void answered(void *owner, enum result r, const struct http_answer *answer, const struct error *why)
{
	struct teams_sending *w = owner;
	w->call = NULL;
	struct teams_outcome o = { .r = RC_CONFLICT, .retry_after_ms = -1 };
	if (r == RC_OK)
		teams_outcome(answer->status, answer->body, answer->len,
			      http_answer_retry_after(answer, loop_wall(w->teams->ctx.loop)), &o);
	else
		(void)snprintf(o.why, sizeof o.why, "%.250s", why->text);
	over(w, &o);
}

static void not_sent(void *owner)
{
	struct teams_sending *w = owner;
	struct teams_outcome o = w->early;
	over(w, &o);
}

static void fail(struct teams_sending *w, enum result r, const char *why)
{
	w->early = (struct teams_outcome){ .r = r, .retry_after_ms = -1 };
	(void)snprintf(w->early.why, sizeof w->early.why, "%s", why);
	loop_defer(w->teams->ctx.loop, &w->failed, not_sent, w);
}

static void start(struct teams_sending *w, const struct teams_flow *flow, const char *body)
{
	static const char *const headers[] = { "Content-Type: application/json; charset=utf-8", NULL };
	struct http_request q = { .method = "POST",
				  .url = flow->url,
				  .headers = headers,
				  .body = body,
				  .body_len = strlen(body),
				  .timeout_ms = TIMEOUT_MS,
				  .max_body_bytes = ANSWER_BYTES_MAX };
	w->call = http_send(w->teams->ctx.http, &q, answered, w, NULL);
	if (!w->call)
		fail(w, RC_UNREACHABLE, "no memory for a message");
}

static const struct teams_flow *flow_of(const struct teams *t, const char *channel)
{
	const char *name = text_starts(channel, "teams:") ? channel + strlen("teams:") : channel;
	for (const struct teams_flow *f = t->flows; f->name; f++)
		if (text_eq(f->name, name))
			return f;
	return NULL;
}

void teams_deliver(void *channel_owner, const struct outbox_item *item, outbox_sent *done, void *owner)
{
	struct teams *t = channel_owner;
	const struct teams_flow *flow = flow_of(t, item->channel);
	struct teams_sending *w = calloc(1, sizeof *w);
	if (!w) { /* not even memory to answer later */
		static const struct outbox_result none = {
			.r = RC_UNREACHABLE, .retry_after_ms = -1, .message_id = "", .why = "no memory for a message"
		};
		done(owner, item->row, &none);
		return;
	}
	*w = (struct teams_sending){
		.teams = t, .next = t->sending, .at = &t->sending, .row = item->row, .done = done, .owner = owner
	};
	if (w->next)
		w->next->at = &w->next;
	t->sending = w;
	if (flow)
		start(w, flow, item->body);
	else
		fail(w, RC_INVALID, "no channel of that name is configured under teams");
}
