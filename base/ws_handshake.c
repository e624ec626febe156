#include "base/ws_handshake.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <curl/curl.h>

#include "base/cleanup.h"
#include "base/crypto.h"
#include "base/text.h"

enum { TARGET_BYTES_MAX = 8192, HEADER_BYTES_MAX = 1024 };

enum result ws_accept_of(const char *key, char ret[WS_ACCEPT_TEXT], struct error *e)
{
	static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
	char both[WS_KEY_TEXT + sizeof guid];
	unsigned char digest[SHA1_BYTES];
	int n = snprintf(both, sizeof both, "%s%s", key, guid);
	enum result r = crypto_sha1(both, (size_t)n, digest, e);
	if (r != RC_OK)
		return r;
	CLEANUP(free_p) char *text = text_base64(digest, sizeof digest, false);
	if (!text)
		return error_set(e, RC_EXHAUSTED, "no memory for a handshake");
	(void)text_copy(ret, WS_ACCEPT_TEXT, text);
	return RC_OK;
}

/* ---- the address ---- */

static bool is_loopback(const char *host)
{
	struct in_addr v4;
	if (inet_pton(AF_INET, host, &v4) == 1)
		return ntohl(v4.s_addr) >> 24 == 127;
	return strcasecmp(host, "localhost") == 0 || text_eq(host, "[::1]");
}

static enum result take_parts(CURLU *u, bool secure, struct ws_url *ret, struct error *e)
{
	char *host = NULL, *port = NULL, *path = NULL, *query = NULL;
	bool whole = curl_url_get(u, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
		     curl_url_get(u, CURLUPART_PATH, &path, 0) == CURLUE_OK;
	(void)curl_url_get(u, CURLUPART_PORT, &port, 0);
	(void)curl_url_get(u, CURLUPART_QUERY, &query, 0);
	enum result r = RC_OK;
	if (!whole)
		r = error_set(e, RC_INVALID, "not the address of a WebSocket");
	else if (!secure && !is_loopback(host))
		r = error_set(e, RC_INVALID, "a WebSocket must be wss://, for everything but loopback");
	if (r == RC_OK) {
		int n = snprintf(ret->host, sizeof ret->host, "%s%s%s", host, port ? ":" : "", port ? port : "");
		int m = snprintf(ret->connect, sizeof ret->connect, "%s://%s/", secure ? "https" : "http", ret->host);
		strbuf_init(&ret->target, TARGET_BYTES_MAX);
		strbuf_addf(&ret->target, "%s%s%s", path, query ? "?" : "", query ? query : "");
		if (n < 0 || (size_t)n >= sizeof ret->host || m < 0 || (size_t)m >= sizeof ret->connect ||
		    ret->target.overflow)
			r = error_set(e, RC_INVALID, "the address of a WebSocket is too long");
		if (r != RC_OK)
			strbuf_finish(&ret->target);
	}
	curl_free(host);
	curl_free(port);
	curl_free(path);
	curl_free(query);
	return r;
}

enum result ws_url_parse(const char *url, struct ws_url *ret, struct error *e)
{
	bool secure = strncasecmp(url, "wss://", 6) == 0;
	if (!secure && strncasecmp(url, "ws://", 5) != 0)
		return error_set(e, RC_INVALID, "the address of a WebSocket must begin with wss://");
	/* curl knows the two schemes only when it was built with them */
	CLEANUP(free_p) char *as_http = NULL;
	if (asprintf(&as_http, "%s%s", secure ? "https" : "http", strchr(url, ':')) < 0) {
		as_http = NULL;
		return error_set(e, RC_EXHAUSTED, "no memory for an address");
	}
	CURLU *u = curl_url();
	char *user = NULL;
	enum result r = RC_OK;
	if (!u || curl_url_set(u, CURLUPART_URL, as_http, CURLU_URLENCODE) != CURLUE_OK)
		r = error_set(e, RC_INVALID, "not the address of a WebSocket");
	else if (curl_url_get(u, CURLUPART_USER, &user, 0) != CURLUE_NO_USER)
		r = error_set(e, RC_INVALID, "the address of a WebSocket must not name a user");
	else
		r = take_parts(u, secure, ret, e);
	curl_free(user);
	curl_url_cleanup(u);
	return r;
}

/* ---- the request ---- */

void ws_request_add(struct strbuf *b, const struct ws_url *url, const char *key, const char *user_agent,
		    const char *const *headers)
{
	strbuf_addf(b, "GET %s HTTP/1.1\r\nHost: %s\r\n", url->target.s, url->host);
	strbuf_addf(b, "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n");
	strbuf_addf(b, "Sec-WebSocket-Key: %s\r\nUser-Agent: %s\r\n", key, user_agent);
	for (; headers && *headers; headers++)
		strbuf_addf(b, "%s\r\n", *headers);
	strbuf_add(b, "\r\n");
}

/* ---- the answer ---- */

/* The value of the nth header of that name; false: there is none. */
static bool header_of(const char *head, const char *name, int nth, char *buf, size_t size)
{
	size_t len = strlen(name);
	for (const char *line = strstr(head, "\r\n"); line; line = strstr(line + 2, "\r\n")) {
		const char *at = line + 2;
		if (strncasecmp(at, name, len) != 0 || at[len] != ':' || nth-- > 0)
			continue;
		at += len + 1;
		at += strspn(at, " \t");
		size_t n = strcspn(at, "\r\n");
		while (n && strchr(" \t", at[n - 1]))
			n--;
		if (n >= size)
			return false;
		memcpy(buf, at, n);
		buf[n] = '\0';
		return true;
	}
	return false;
}

static bool list_has(const char *list, const char *word)
{
	size_t len = strlen(word);
	for (const char *at = list; *at;) {
		at += strspn(at, ", \t");
		size_t n = strcspn(at, ", \t");
		if (n == len && strncasecmp(at, word, len) == 0)
			return true;
		at += n;
	}
	return false;
}

static int status_of(const char *head)
{
	const char *digits = head + strlen("HTTP/1.1 ");
	if (!text_starts(head, "HTTP/1.1 ") || strspn(digits, "0123456789") != 3 || !strchr(" \r", digits[3]))
		return 0;
	return (digits[0] - '0') * 100 + (digits[1] - '0') * 10 + digits[2] - '0';
}

enum result ws_answer_check(const char *head, const char *key, int *ret_status, struct error *e)
{
	char value[HEADER_BYTES_MAX], want[WS_ACCEPT_TEXT];
	int status = status_of(head);
	*ret_status = status;
	if (!status)
		return error_set(e, RC_UNREACHABLE, "the answer is not HTTP/1.1");
	if (status != 101)
		return error_set(e, status / 100 == 4 ? RC_REFUSED : RC_UNREACHABLE,
				 "the WebSocket was refused with HTTP %d", status);
	if (!header_of(head, "Upgrade", 0, value, sizeof value) || strcasecmp(value, "websocket") != 0)
		return error_set(e, RC_UNREACHABLE, "the answer does not upgrade to a WebSocket");
	if (!header_of(head, "Connection", 0, value, sizeof value) || !list_has(value, "upgrade"))
		return error_set(e, RC_UNREACHABLE, "the answer does not say Connection: Upgrade");
	enum result r = ws_accept_of(key, want, e);
	if (r != RC_OK)
		return r;
	if (!header_of(head, "Sec-WebSocket-Accept", 0, value, sizeof value) || !text_eq(value, want) ||
	    header_of(head, "Sec-WebSocket-Accept", 1, value, sizeof value))
		return error_set(e, RC_UNREACHABLE, "the answer is not to this handshake");
	if (header_of(head, "Sec-WebSocket-Extensions", 0, value, sizeof value) ||
	    header_of(head, "Sec-WebSocket-Protocol", 0, value, sizeof value))
		return error_set(e, RC_UNREACHABLE, "the answer takes up what was not offered");
	return RC_OK;
}
