#pragma once
/* WebSocket frames of a client (RFC 6455, section 5): bytes of a server -> whole messages, messages -> masked frames.
 * Pure: no connection, no clock. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/strbuf.h"

enum ws_opcode { WS_CONTINUATION = 0, WS_TEXT = 1, WS_BINARY = 2, WS_CLOSE = 8, WS_PING = 9, WS_PONG = 10 };
enum { WS_CONTROL_MAX = 125, WS_MASK_BYTES = 4, WS_HEAD_BYTES_MAX = 10 };
enum ws_close_code {
	WS_CODE_NORMAL = 1000,
	WS_CODE_AWAY = 1001,
	WS_CODE_PROTOCOL = 1002,
	WS_CODE_NONE = 1005,   /* never on the wire: the peer gave none */
	WS_CODE_BROKEN = 1006, /* never on the wire: no farewell at all */
	WS_CODE_NOT_UTF8 = 1007,
	WS_CODE_TOO_BIG = 1009
};

struct ws_reader {
	unsigned char head[WS_HEAD_BYTES_MAX];
	size_t head_len;
	uint64_t left;         /* of the payload of the frame under way */
	bool in_payload;       /* its head is complete */
	enum ws_opcode opcode; /* of that frame */
	bool fin;
	enum ws_opcode kind;    /* of the fragmented message under way; WS_CONTINUATION: none */
	struct strbuf message;  /* gathered of it */
	struct strbuf control;  /* gathered of a control frame, which may come between fragments */
	enum ws_close_code bad; /* why the peer must be left; 0: nothing wrong */
	const char *why;
	bool over; /* what was last read out is dropped at the next call */
};
enum ws_event { WS_NEEDS_MORE, WS_GOT_TEXT, WS_GOT_BINARY, WS_GOT_PING, WS_GOT_PONG, WS_GOT_CLOSE, WS_IS_BAD };

void ws_reader_init(struct ws_reader *r, size_t max_message_bytes);
void ws_reader_finish(struct ws_reader *r);
/* Eats from *at until an event or the end of the bytes, and moves *at and *len on. After WS_GOT_TEXT and WS_GOT_BINARY
 * the message is in r->message, after the control events in r->control, until the next call. WS_IS_BAD (for ever):
 * r->bad and r->why say what to answer. */
enum ws_event ws_read(struct ws_reader *r, const char **at, size_t *len);
/* The code and the reason of a close frame in r->control. */
enum ws_close_code ws_close_of(const struct ws_reader *r, const char **ret_reason);

/* Appends one whole frame, masked. */
void ws_frame_add(struct strbuf *b, enum ws_opcode opcode, const void *payload, size_t len,
		  const unsigned char mask[WS_MASK_BYTES]);
