#include "base/http_target.h"

#include <string.h>

#include "base/text.h"

enum { PAIRS_MAX = 1000 };

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The byte of the escape at s ("%41"), or -1. */
static int escape_value(const char *s, const char *end)
{
	int high = end - s >= 3 ? hex_value(s[1]) : -1;
	int low = high >= 0 ? hex_value(s[2]) : -1;
	return low < 0 ? -1 : high * 16 + low;
}

static bool has_dot_segment(const char *path)
{
	for (const char *s = path; (s = strchr(s, '/'));) {
		s++;
		size_t len = strcspn(s, "/");
		if ((len == 1 && s[0] == '.') || (len == 2 && s[0] == '.' && s[1] == '.'))
			return true;
	}
	return false;
}

enum result http_decode_path(struct arena *a, const char *raw, size_t len, const char **ret, struct error *e)
{
	char *path = arena_alloc(a, len + 1, 1);
	if (!path)
		return error_set(e, RC_EXHAUSTED, "no memory for the path");
	size_t n = 0;
	for (const char *s = raw, *end = raw + len; s < end; s++) {
		int byte = (unsigned char)*s;
		if (*s == '%') {
			byte = escape_value(s, end);
			if (byte < 0)
				return error_set(e, RC_INVALID, "malformed percent-encoding in the path");
			s += 2;
			if (byte == '/') {
				memcpy(path + n, "%2F", 3);
				n += 3;
				continue;
			}
		}
		if (byte < 0x20 || byte == 0x7f)
			return error_set(e, RC_INVALID, "control byte in the path");
		path[n++] = (char)byte;
	}
	if (!text_is_utf8(path, n))
		return error_set(e, RC_INVALID, "the path is not UTF-8");
	if (has_dot_segment(path))
		return error_set(e, RC_INVALID, "the path has a dot segment");
	*ret = path;
	return RC_OK;
}

static enum result decode_piece(struct arena *a, const char *s, const char *end, const char **ret, struct error *e)
{
	char *text = arena_alloc(a, (size_t)(end - s) + 1, 1);
	if (!text)
		return error_set(e, RC_EXHAUSTED, "no memory for the fields");
	size_t n = 0;
	for (; s < end; s++) {
		int byte = *s == '+' ? ' ' : (unsigned char)*s;
		if (*s == '%') {
			byte = escape_value(s, end);
			s += 2;
		}
		if (byte <= 0)
			return error_set(e, RC_INVALID, "malformed percent-encoding in a query or form");
		text[n++] = (char)byte;
	}
	if (!text_is_utf8(text, n))
		return error_set(e, RC_INVALID, "a query or form is not UTF-8");
	*ret = text;
	return RC_OK;
}

static size_t count_pairs(const char *raw, size_t len)
{
	size_t n = 1;
	for (size_t i = 0; i < len; i++)
		n += raw[i] == '&';
	return n;
}

enum result http_decode_pairs(struct arena *a, const char *raw, size_t len, struct http_pairs *ret, struct error *e)
{
	size_t max = count_pairs(raw, len);
	if (max > PAIRS_MAX)
		return error_set(e, RC_INVALID, "more than %d fields in a query or form", PAIRS_MAX);
	struct http_pairs pairs = { .at = arena_alloc(a, max, sizeof *pairs.at) };
	if (!pairs.at)
		return error_set(e, RC_EXHAUSTED, "no memory for the fields");
	for (const char *s = raw, *end = raw + len; s < end;) {
		const char *amp = memchr(s, '&', (size_t)(end - s));
		const char *stop = amp ? amp : end;
		const char *equals = memchr(s, '=', (size_t)(stop - s));
		struct http_pair pair = { .value = "" };
		enum result r = decode_piece(a, s, equals ? equals : stop, &pair.name, e);
		if (r == RC_OK && equals)
			r = decode_piece(a, equals + 1, stop, &pair.value, e);
		if (r != RC_OK)
			return r;
		if (stop > s)
			pairs.at[pairs.n++] = pair;
		s = amp ? amp + 1 : end;
	}
	*ret = pairs;
	return RC_OK;
}

const char *http_pairs_find(const struct http_pairs *p, const char *name)
{
	for (size_t i = 0; i < p->n; i++)
		if (strcmp(p->at[i].name, name) == 0)
			return p->at[i].value;
	return NULL;
}

bool http_route_match(const char *pattern, const char *path, struct http_params *ret)
{
	ret->n = 0;
	while (*pattern) {
		if (*pattern != '{') {
			if (*pattern++ != *path++)
				return false;
			continue;
		}
		const char *name = pattern + 1;
		size_t name_len = strcspn(name, ".}");
		bool rest = name[name_len] == '.';
		size_t value_len = rest ? strlen(path) : strcspn(path, "/");
		if ((!value_len && !rest) || ret->n == HTTP_PARAMS_MAX)
			return false;
		ret->at[ret->n++] = (struct http_param){ name, path, name_len, value_len };
		path += value_len;
		pattern = name + strcspn(name, "}");
		pattern += *pattern == '}';
	}
	return *path == '\0';
}
