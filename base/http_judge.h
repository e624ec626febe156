#pragma once
/* The judge of a request head: pure, and stricter than the standard wherever two readers of the same bytes could come
 * to different ends (request smuggling). What it accepts has exactly one meaning. Looks at bytes, remembers nothing. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HTTP_FIELDS_MAX = 100 };
enum http_verdict { HTTP_MORE, HTTP_OK, HTTP_REFUSED };

/* Places, not pointers: the buffer may move. */
struct http_slice {
	uint32_t at, len;
};
struct http_field {
	struct http_slice name, value;
};
struct http_limits {
	size_t head_bytes;   /* of the whole head, at most UINT32_MAX */
	size_t target_bytes; /* of the request target */
	unsigned fields;     /* at most HTTP_FIELDS_MAX */
};
struct http_head {
	size_t bytes; /* up to and with the empty line; the body starts here */
	struct http_slice method;
	struct http_slice target; /* "/path?query": the authority of an absolute form is cut off */
	unsigned minor;           /* HTTP/1.minor */
	uint64_t content_length;  /* 0 when missing */
	bool keep_alive;
	bool expects_continue;
	unsigned n_fields;
	struct http_field fields[HTTP_FIELDS_MAX];
};
struct http_refusal {
	int status;
	const char *error, *hint; /* constant texts; nothing of the peer's */
};

/* *ret has a meaning only after HTTP_OK, *why only after HTTP_REFUSED. A head that can still become good is HTTP_MORE;
 * one that cannot is refused as soon as that is known. Never HTTP_MORE at or past limits->head_bytes. */
enum http_verdict http_judge(const char *bytes, size_t len, const struct http_limits *limits, struct http_head *ret,
			     struct http_refusal *why);
