#pragma once
/* A frame of Socket Mode as one plain value (slack.md 14.2), and its acknowledgement. Pure. */
#include <stdbool.h>

#include "bot/channels/slack/slack_payload.h"

enum slack_frame_kind {
	FRAME_OTHER, /* of a kind that nobody knows yet: acknowledged when it has an id */
	FRAME_HELLO,
	FRAME_DISCONNECT,
	FRAME_ENVELOPE
};
struct slack_frame { /* members are never NULL */
	enum slack_frame_kind kind;
	const char *envelope_id; /* "" there is nothing to acknowledge */
	const char *reason;      /* of a disconnect */
	int connections;         /* that our app has, says a hello; 0 it does not */
	bool takes_answer;
	bool readable;   /* in is good */
	const char *why; /* else */
	struct slack_inbound in;
};
/* RC_INVALID: not a frame at all. */
MUST_CHECK enum result slack_read_frame(const char *json, size_t len, const char *bot_user, struct arena *a,
					struct slack_frame *ret, struct error *e);
/* answer: JSON, or NULL. In the arena; NULL: no memory. */
const char *slack_frame_ack(const char *envelope_id, const char *answer, struct arena *a);
