/* The strict reading of JSON: what cJSON would let pass is refused here, with its place; cJSON then builds the tree. */
#include "base/json.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

enum { NUMBER_MAX = 63 /* what cJSON reads of a number */ };

/* A key as it reads after unescaping. */
struct key {
	const char *s; /* borrowed from the text, unless owned */
	size_t len, at;
	bool owned;
};

struct scan {
	const char *text;
	size_t len, at;
	struct key *keys; /* owned: of all objects that are open, the innermost last */
	size_t key_count, key_cap;
	struct error *e;
};

static enum result scan_value(struct scan *s, unsigned depth);

static enum result fail_at(struct scan *s, size_t at, enum result code, const char *fmt, ...) PRINTF(4, 5);

static enum result fail_at(struct scan *s, size_t at, enum result code, const char *fmt, ...)
{
	unsigned line = 1, column = 1;
	for (size_t i = 0; i < at; i++) {
		if (s->text[i] == '\n') {
			line++;
			column = 1;
		} else if (((unsigned char)s->text[i] & 0xc0) != 0x80) {
			column++;
		}
	}
	char what[400];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(what, sizeof what, fmt, ap);
	va_end(ap);
	return error_set(s->e, code, "line %u column %u: %s", line, column, what);
}

static int peek(const struct scan *s)
{
	return s->at < s->len ? (unsigned char)s->text[s->at] : -1;
}

static void skip_blanks(struct scan *s)
{
	for (char c; s->at < s->len && ((c = s->text[s->at]) == ' ' || c == '\t' || c == '\r' || c == '\n');)
		s->at++;
}

static enum result unexpected(struct scan *s, const char *wanted)
{
	int c = peek(s);
	if (c < 0)
		return fail_at(s, s->at, RC_INVALID, "the text ends where %s is expected", wanted);
	if (c > 0x20 && c < 0x7f)
		return fail_at(s, s->at, RC_INVALID, "'%c' where %s is expected", c, wanted);
	return fail_at(s, s->at, RC_INVALID, "byte 0x%02x where %s is expected", (unsigned)c, wanted);
}

static enum result scan_word(struct scan *s, const char *word)
{
	size_t n = strlen(word);
	if (n > s->len - s->at || memcmp(s->text + s->at, word, n) != 0)
		return unexpected(s, "a value");
	s->at += n;
	return RC_OK;
}

static size_t skip_digits(struct scan *s)
{
	size_t start = s->at;
	while (s->at < s->len && s->text[s->at] >= '0' && s->text[s->at] <= '9')
		s->at++;
	return s->at - start;
}

static enum result check_number(struct scan *s, size_t start, bool integer)
{
	char number[NUMBER_MAX + 1];
	size_t n = s->at - start;
	if (n > NUMBER_MAX)
		return fail_at(s, start, RC_INVALID, "a number of more than %d characters", (int)NUMBER_MAX);
	memcpy(number, s->text + start, n);
	number[n] = '\0';
	double v;
	if (text_double(number, &v, NULL) != RC_OK)
		return fail_at(s, start, RC_INVALID, "the number %s does not fit a double", number);
	/* Read as a double, 2^53 + 1 has become 2^53: so the text decides. */
	int64_t exact;
	const int64_t most = INT64_C(1) << 53;
	if (integer && text_i64(number, -most, most, &exact, NULL) != RC_OK)
		return fail_at(s, start, RC_INVALID, "the integer %s is beyond 2^53 and would lose digits", number);
	return RC_OK;
}

static enum result scan_number(struct scan *s)
{
	size_t start = s->at;
	bool integer = true;
	s->at += peek(s) == '-';
	if (peek(s) == '0')
		s->at++;
	else if (!skip_digits(s))
		return unexpected(s, "a digit");
	if (peek(s) >= '0' && peek(s) <= '9')
		return fail_at(s, start, RC_INVALID, "a number with a leading zero");
	if (peek(s) == '.') {
		integer = false;
		s->at++;
		if (!skip_digits(s))
			return unexpected(s, "a digit");
	}
	if (peek(s) == 'e' || peek(s) == 'E') {
		integer = false;
		s->at++;
		s->at += peek(s) == '-' || peek(s) == '+';
		if (!skip_digits(s))
			return unexpected(s, "a digit");
	}
	return check_number(s, start, integer);
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The code unit of "\uXXXX" at p; -1: it is none. */
static int code_unit(const char *p, size_t left)
{
	int v = 0;
	if (left < 6 || p[0] != '\\' || p[1] != 'u')
		return -1;
	for (size_t i = 2; i < 6; i++) {
		int digit = hex_value(p[i]);
		if (digit < 0)
			return -1;
		v = v * 16 + digit;
	}
	return v;
}

/* The escape at s->at, moved past it; its code point. */
static enum result scan_escape(struct scan *s, unsigned *ret)
{
	static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
	const char *p = s->text + s->at;
	size_t left = s->len - s->at;
	const char *simple = left > 1 && p[1] ? strchr(names, p[1]) : NULL;
	if (simple) {
		*ret = (unsigned char)values[simple - names];
		s->at += 2;
		return RC_OK;
	}
	int unit = code_unit(p, left);
	if (unit < 0)
		return fail_at(s, s->at, RC_INVALID, "an escape that JSON does not know");
	if (unit == 0)
		return fail_at(s, s->at, RC_INVALID, "a NUL character in a string");
	if (unit < 0xd800 || unit > 0xdfff) {
		*ret = (unsigned)unit;
		s->at += 6;
		return RC_OK;
	}
	int low = unit < 0xdc00 ? code_unit(p + 6, left - 6) : -1;
	if (low < 0xdc00 || low > 0xdfff)
		return fail_at(s, s->at, RC_INVALID, "half of a surrogate pair");
	*ret = 0x10000U + ((unsigned)(unit - 0xd800) << 10) + (unsigned)(low - 0xdc00);
	s->at += 12;
	return RC_OK;
}

static size_t put_utf8(unsigned point, char *out)
{
	if (point < 0x80) {
		out[0] = (char)point;
		return 1;
	}
	size_t n = point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
	static const unsigned char leads[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
	for (size_t i = n; i-- > 1; point >>= 6)
		out[i] = (char)(0x80 | (point & 0x3f));
	out[0] = (char)(leads[n] | point);
	return n;
}

/* Checks the string at s->at and moves past it. decoded (NULL allowed) has room for its bytes between the quotes. */
static enum result scan_string(struct scan *s, bool *ret_escapes, char *decoded, size_t *ret_len)
{
	size_t start = s->at++, out = 0;
	bool escapes = false;
	for (;;) {
		int c = peek(s);
		if (c == '"')
			break;
		if (c < 0)
			return fail_at(s, start, RC_INVALID, "a string without an end");
		if (c < 0x20)
			return fail_at(s, s->at, RC_INVALID,
				       "control character 0x%02x in a string, write it as an escape", (unsigned)c);
		if (c == '\\') {
			unsigned point = 0;
			enum result r = scan_escape(s, &point);
			if (r != RC_OK)
				return r;
			escapes = true;
			if (decoded)
				out += put_utf8(point, decoded + out);
			continue;
		}
		size_t n = text_utf8_step(s->text + s->at, s->len - s->at);
		if (!n)
			return fail_at(s, s->at, RC_INVALID, "byte 0x%02x is not valid UTF-8", (unsigned)c);
		if (decoded)
			memcpy(decoded + out, s->text + s->at, n);
		out += n;
		s->at += n;
	}
	s->at++;
	*ret_escapes = escapes;
	*ret_len = out;
	return RC_OK;
}

static enum result no_memory(struct scan *s)
{
	return error_set(s->e, RC_EXHAUSTED, "no memory to read JSON of %zu bytes", s->len);
}

static enum result scan_key(struct scan *s)
{
	if (peek(s) != '"')
		return unexpected(s, "a key in quotes");
	struct key key = { .s = s->text + s->at + 1, .at = s->at };
	bool escapes;
	enum result r = scan_string(s, &escapes, NULL, &key.len);
	if (r != RC_OK)
		return r;
	if (s->key_count == s->key_cap) {
		size_t cap = s->key_cap ? s->key_cap * 2 : 32;
		struct key *keys = reallocarray(s->keys, cap, sizeof *keys);
		if (!keys)
			return no_memory(s);
		s->keys = keys;
		s->key_cap = cap;
	}
	if (escapes) {
		char *decoded = malloc(s->at - key.at);
		if (!decoded)
			return no_memory(s);
		s->at = key.at;
		r = scan_string(s, &escapes, decoded, &key.len);
		key.s = decoded;
		key.owned = true;
	}
	s->keys[s->key_count++] = key;
	return r;
}

static void drop_keys(struct scan *s, size_t down_to)
{
	while (s->key_count > down_to) {
		const struct key *k = &s->keys[--s->key_count];
		if (k->owned)
			free((char *)k->s);
	}
}

static int compare_keys(const void *a, const void *b)
{
	const struct key *x = a, *y = b;
	size_t n = x->len < y->len ? x->len : y->len;
	int c = n ? memcmp(x->s, y->s, n) : 0;
	if (c == 0 && x->len != y->len)
		return x->len < y->len ? -1 : 1;
	return c ? c : x->at < y->at ? -1 : x->at > y->at;
}

/* Sorting rather than hashing: nobody can choose keys that make it slow. */
static enum result check_duplicates(struct scan *s, size_t first)
{
	const struct key *again = NULL;
	struct key *keys = s->keys + first;
	size_t n = s->key_count - first;
	if (n < 2)
		return RC_OK;
	qsort(keys, n, sizeof *keys, compare_keys);
	for (size_t i = 1; i < n; i++) {
		bool same = keys[i].len == keys[i - 1].len && !memcmp(keys[i].s, keys[i - 1].s, keys[i].len);
		if (same && (!again || keys[i].at < again->at))
			again = &keys[i];
	}
	if (!again)
		return RC_OK;
	char shown[TEXT_SHOWN];
	return fail_at(s, again->at, RC_INVALID, "key \"%s\" for the second time",
		       text_show(again->s, again->len, shown));
}

/* After a member or element: 1 another follows, 0 the end was read, -1 failed. */
static int scan_separator(struct scan *s, char end)
{
	skip_blanks(s);
	int c = peek(s);
	if (c != ',' && c != end) {
		(void)unexpected(s, end == '}' ? "',' or '}'" : "',' or ']'");
		return -1;
	}
	s->at++;
	skip_blanks(s);
	return c == ',';
}

static enum result scan_object(struct scan *s, unsigned depth)
{
	size_t first = s->key_count;
	s->at++;
	skip_blanks(s);
	if (peek(s) == '}') {
		s->at++;
		return RC_OK;
	}
	for (int more = 1; more > 0;) {
		enum result r = scan_key(s);
		if (r != RC_OK)
			return r;
		skip_blanks(s);
		if (peek(s) != ':')
			return unexpected(s, "':'");
		s->at++;
		skip_blanks(s);
		r = scan_value(s, depth);
		if (r != RC_OK)
			return r;
		more = scan_separator(s, '}');
		if (more < 0)
			return RC_INVALID;
	}
	enum result r = check_duplicates(s, first);
	drop_keys(s, first);
	return r;
}

static enum result scan_array(struct scan *s, unsigned depth)
{
	s->at++;
	skip_blanks(s);
	if (peek(s) == ']') {
		s->at++;
		return RC_OK;
	}
	for (int more = 1; more > 0;) {
		enum result r = scan_value(s, depth);
		if (r != RC_OK)
			return r;
		more = scan_separator(s, ']');
		if (more < 0)
			return RC_INVALID;
	}
	return RC_OK;
}

/* depth: containers around this value. Recursion is bounded by JSON_DEPTH_MAX. */
static enum result scan_value(struct scan *s, unsigned depth)
{
	bool escapes;
	size_t len;
	int c = peek(s);
	if ((c == '{' || c == '[') && depth == JSON_DEPTH_MAX)
		return fail_at(s, s->at, RC_INVALID, "nested deeper than %d", (int)JSON_DEPTH_MAX);
	switch (c) {
	case '{':
		return scan_object(s, depth + 1);
	case '[':
		return scan_array(s, depth + 1);
	case '"':
		return scan_string(s, &escapes, NULL, &len);
	case 't':
		return scan_word(s, "true");
	case 'f':
		return scan_word(s, "false");
	case 'n':
		return scan_word(s, "null");
	default:
		return c == '-' || (c >= '0' && c <= '9') ? scan_number(s) : unexpected(s, "a value");
	}
}

enum result json_check(const char *text, size_t len, struct error *e)
{
	struct scan s = { .text = text, .len = len, .e = e };
	skip_blanks(&s);
	enum result r = scan_value(&s, 0);
	if (r == RC_OK) {
		skip_blanks(&s);
		if (s.at < s.len)
			r = unexpected(&s, "the end of the text");
	}
	drop_keys(&s, 0);
	free(s.keys);
	return r;
}

enum result json_parse(const char *text, size_t len, cJSON **ret, struct error *e)
{
	enum result r = json_check(text, len, e);
	if (r != RC_OK)
		return r;
	cJSON *v = cJSON_ParseWithLength(text, len);
	if (!v) /* nothing else can be wrong any more */
		return error_set(e, RC_EXHAUSTED, "no memory to read JSON of %zu bytes", len);
	*ret = v;
	return RC_OK;
}
