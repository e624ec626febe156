/* Heads of requests, and what is read out of them. Beyond not crashing: the verdict must not depend on how the bytes
 * were cut, nor on what follows, and what is accepted must be within its limits and free of what it promises to keep
 * out. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/http_judge.h"
#include "base/http_target.h"
#include "base/text.h"

static const struct http_limits limits = { .head_bytes = 600, .target_bytes = 200, .fields = 12 };

static void check_slice(const struct http_head *h, struct http_slice s)
{
	assert((size_t)s.at + s.len < h->bytes);
}

static void check_head(const char *bytes, const struct http_head *h)
{
	assert(h->bytes <= limits.head_bytes && h->n_fields <= limits.fields && h->target.len <= limits.target_bytes);
	assert(h->method.len > 0 && h->target.len > 0 && bytes[h->target.at] == '/');
	assert(memcmp(bytes + h->bytes - 4, "\r\n\r\n", 4) == 0);
	check_slice(h, h->method);
	check_slice(h, h->target);
	unsigned hosts = 0;
	for (unsigned i = 0; i < h->n_fields; i++) {
		check_slice(h, h->fields[i].name);
		check_slice(h, h->fields[i].value);
		hosts += h->fields[i].name.len == 4 && strncasecmp(bytes + h->fields[i].name.at, "host", 4) == 0;
		assert(h->fields[i].name.len != 17 ||
		       strncasecmp(bytes + h->fields[i].name.at, "transfer-encoding", 17) != 0);
	}
	assert(hosts == 1);
	for (size_t i = 0; i < h->bytes; i++)
		assert(bytes[i] != '\0' && (bytes[i] != '\n' || bytes[i - 1] == '\r'));
}

static void check_cuts(const char *bytes, size_t len, enum http_verdict whole, const struct http_head *h)
{
	static struct http_head part;
	struct http_refusal why;
	enum http_verdict before = HTTP_MORE;
	for (size_t n = 0; n <= len; n++) {
		enum http_verdict v = http_judge(bytes, n, &limits, &part, &why);
		assert(before == HTTP_MORE || v == before); /* decided is decided */
		assert(v != HTTP_OK || (whole == HTTP_OK && part.bytes == h->bytes));
		before = v;
	}
	assert(before == whole);
}

static void check_target(const char *raw, size_t len)
{
	CLEANUP(arena_destroy_p) struct arena *a = arena_create(1 << 20);
	const char *path = NULL, *mark = memchr(raw, '?', len);
	size_t path_len = mark ? (size_t)(mark - raw) : len;
	struct http_pairs pairs = { 0 };
	struct http_params params;
	if (http_decode_path(a, raw, path_len, &path, NULL) == RC_OK) {
		assert(text_is_utf8(path, strlen(path)) && strlen(path) <= path_len);
		assert(!strstr(path, "/../") && !strstr(path, "/./"));
		if (http_route_match("/api/{ns}/{name}", path, &params))
			assert(params.n == 2 && !memchr(params.at[0].value, '/', params.at[0].value_len));
		assert(path[0] != '/' || http_route_match("/{rest...}", path, &params));
	}
	if (mark && http_decode_pairs(a, mark + 1, len - path_len - 1, &pairs, NULL) == RC_OK)
		for (size_t i = 0; i < pairs.n; i++)
			assert(strlen(pairs.at[i].name) + strlen(pairs.at[i].value) < len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct http_head head;
	struct http_refusal why;
	/* a copy of exactly this size: reading one byte too far is found */
	char *bytes = malloc(size ? size : 1);
	if (!bytes)
		return 0;
	if (size)
		memcpy(bytes, data, size);
	enum http_verdict v = http_judge(bytes, size, &limits, &head, &why);
	if (v == HTTP_OK)
		check_head(bytes, &head);
	if (v == HTTP_REFUSED)
		assert(why.status >= 400 && why.status <= 505 && why.error);
	if (size <= 1024)
		check_cuts(bytes, size, v, &head);
	if (v == HTTP_OK)
		check_target(bytes + head.target.at, head.target.len);
	else if (size <= 256)
		check_target(bytes, size);
	free(bytes);
	return 0;
}
