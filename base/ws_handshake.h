#pragma once
/* The opening handshake of a WebSocket client (RFC 6455, section 4). Pure: texts in, texts out. */
#include <stddef.h>

#include "base/error.h"
#include "base/strbuf.h"

enum { WS_KEY_BYTES = 16, WS_KEY_TEXT = 25 /* in base64, with NUL */, WS_ACCEPT_TEXT = 29 };

/* What the server must answer to a key. */
MUST_CHECK enum result ws_accept_of(const char *key, char ret[WS_ACCEPT_TEXT], struct error *e);
/* Splits "wss://host:port/path?query" into what connects ("https://host:port") and the host and target of the request.
 * ws:// is refused but for loopback: what is said on it can be read on the way. Errors never show the URL, which is
 * often a secret. */
struct ws_url {
	char connect[512];
	char host[512];
	struct strbuf target; /* owned; strbuf_finish */
};
MUST_CHECK enum result ws_url_parse(const char *url, struct ws_url *ret, struct error *e);
/* The request. headers: "Name: value", NULL-terminated, or NULL. */
void ws_request_add(struct strbuf *b, const struct ws_url *url, const char *key, const char *user_agent,
		    const char *const *headers);
/* The head of the answer with its empty line. *ret_status is set as soon as there is one; else 0. */
MUST_CHECK enum result ws_answer_check(const char *head, const char *key, int *ret_status, struct error *e);
