#include "base/http_judge.h"

#include <assert.h>
#include <string.h>
#include <strings.h>

enum { METHOD_MAX = 32, LENGTH_DIGITS_MAX = 18 };

struct judge {
	const char *bytes;
	size_t len;
	size_t at; /* first byte that was not judged yet */
	const struct http_limits *limits;
	struct http_head *head;
	struct http_refusal *why;
	struct http_slice authority; /* of an absolute-form target; len 0: none */
	struct http_slice host;
	unsigned seen; /* bit i: single_fields[i] */
	bool close, keep_alive;
};

static enum http_verdict refuse(struct judge *j, int status, const char *error, const char *hint)
{
	*j->why = (struct http_refusal){ status, error, hint };
	return HTTP_REFUSED;
}

/* token of RFC 9110: what names of methods and fields are made of */
static bool is_token(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c != '\0' && strchr("!#$%&'*+-.^_`|~", c));
}

static bool is_control(char c)
{
	return ((unsigned char)c < 0x20 && c != '\t') || c == 0x7f;
}

static bool slice_is(const struct judge *j, struct http_slice s, const char *word)
{
	return s.len == strlen(word) && strncasecmp(j->bytes + s.at, word, s.len) == 0;
}

static struct http_slice slice(size_t from, size_t to)
{
	return (struct http_slice){ (uint32_t)from, (uint32_t)(to - from) };
}

/* The next line, without its CRLF. Only CRLF ends a line: who takes a bare LF and who does not see different heads. */
static enum http_verdict take_line(struct judge *j, struct http_slice *ret)
{
	for (size_t i = j->at; i < j->len; i++) {
		if (j->bytes[i] == '\n')
			return refuse(j, 400, "a line ends with LF alone", "end each line of the head with CR LF");
		if (j->bytes[i] == '\r') {
			if (i + 1 == j->len)
				return HTTP_MORE;
			if (j->bytes[i + 1] != '\n')
				return refuse(j, 400, "CR without LF in the head", "end each line with CR LF");
			*ret = slice(j->at, i);
			j->at = i + 2;
			return HTTP_OK;
		}
		if (is_control(j->bytes[i]))
			return refuse(j, 400, "control byte in the head", "is this HTTP/1.1 in plain text?");
	}
	return HTTP_MORE;
}

static enum http_verdict judge_version(struct judge *j, size_t at, size_t end)
{
	const char *v = j->bytes + at;
	if (end - at != 8 || memcmp(v, "HTTP/", 5) != 0 || v[5] < '0' || v[5] > '9' || v[6] != '.' || v[7] < '0' ||
	    v[7] > '9')
		return refuse(j, 400, "malformed request line", "METHOD /path HTTP/1.1");
	if (v[5] != '1' || v[7] > '1')
		return refuse(j, 505, "HTTP version not supported", "use HTTP/1.1");
	j->head->minor = (unsigned)(v[7] - '0');
	return HTTP_OK;
}

/* "http://authority/path" is the same request as "/path" with that Host; the two are compared once Host is known. */
static enum http_verdict judge_absolute(struct judge *j, struct http_slice t)
{
	const char *s = j->bytes + t.at;
	size_t scheme = t.len >= 8 && strncasecmp(s, "https://", 8) == 0  ? 8
			: t.len >= 7 && strncasecmp(s, "http://", 7) == 0 ? 7
									  : 0;
	if (!scheme)
		return refuse(j, 400, "the request target is not a path", "METHOD /path HTTP/1.1");
	size_t start = t.at + scheme, end = t.at + t.len;
	const char *slash = memchr(j->bytes + start, '/', end - start);
	size_t path = slash ? (size_t)(slash - j->bytes) : end;
	if (path == start || (!slash && memchr(j->bytes + start, '?', end - start)))
		return refuse(j, 400, "the request target is not a path", "METHOD /path HTTP/1.1");
	j->authority = slice(start, path);
	/* no path means "/": borrow the slash in front of the authority */
	j->head->target = slash ? slice(path, end) : slice(start - 1, start);
	return HTTP_OK;
}

static enum http_verdict judge_target(struct judge *j, size_t at, size_t end)
{
	if (end - at > j->limits->target_bytes)
		return refuse(j, 414, "the request target is too long", NULL);
	for (size_t i = at; i < end; i++)
		if (j->bytes[i] <= ' ' || j->bytes[i] == 0x7f || j->bytes[i] == '#')
			return refuse(j, 400, "the request target has a byte that must be percent-encoded", NULL);
	struct http_slice t = slice(at, end);
	if (t.len == 0 || j->bytes[t.at] != '/')
		return judge_absolute(j, t);
	j->head->target = t;
	return HTTP_OK;
}

static enum http_verdict judge_request_line(struct judge *j, struct http_slice line)
{
	size_t end = line.at + line.len, at = line.at;
	while (at < end && is_token(j->bytes[at]))
		at++;
	if (at == line.at || at == end || j->bytes[at] != ' ' || at - line.at > METHOD_MAX)
		return refuse(j, 400, "malformed request line", "METHOD /path HTTP/1.1");
	j->head->method = slice(line.at, at);
	const char *last = memrchr(j->bytes + at, ' ', end - at);
	size_t version = (size_t)(last - j->bytes) + 1;
	if (version == at + 1)
		return refuse(j, 400, "malformed request line", "METHOD /path HTTP/1.1");
	enum http_verdict v = judge_version(j, version, end);
	return v == HTTP_OK ? judge_target(j, at + 1, version - 1) : v;
}

static enum http_verdict judge_length(struct judge *j, struct http_slice value)
{
	const char *s = j->bytes + value.at;
	/* A leading zero would be octal to a careless reader, a list or a sign has several readings. */
	if (value.len == 0 || (value.len > 1 && s[0] == '0'))
		return refuse(j, 400, "malformed Content-Length", "one decimal number without sign or leading zeros");
	for (size_t i = 0; i < value.len; i++)
		if (s[i] < '0' || s[i] > '9')
			return refuse(j, 400, "malformed Content-Length",
				      "one decimal number without sign or leading zeros");
	if (value.len > LENGTH_DIGITS_MAX)
		return refuse(j, 413, "the body is too large", NULL);
	for (size_t i = 0; i < value.len; i++)
		j->head->content_length = j->head->content_length * 10 + (uint64_t)(s[i] - '0');
	return HTTP_OK;
}

static enum http_verdict judge_host(struct judge *j, struct http_slice value)
{
	for (size_t i = 0; i < value.len; i++) {
		char c = j->bytes[value.at + i];
		if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		      strchr(".-_:[]", c)))
			return refuse(j, 400, "malformed Host", "Host: name[:port]");
	}
	if (value.len == 0)
		return refuse(j, 400, "malformed Host", "Host: name[:port]");
	j->host = value;
	return HTTP_OK;
}

static enum http_verdict judge_encoding(struct judge *j, struct http_slice value)
{
	(void)value;
	return refuse(j, 411, "Transfer-Encoding is not accepted", "send the body with a Content-Length");
}

static enum http_verdict judge_expect(struct judge *j, struct http_slice value)
{
	if (!slice_is(j, value, "100-continue"))
		return refuse(j, 417, "unknown expectation", "only 100-continue is known");
	j->head->expects_continue = j->head->minor >= 1;
	return HTTP_OK;
}

/* Those with a NULL judge only must not come twice: the first and the last would each be believed by somebody. */
static const struct {
	const char *name;
	enum http_verdict (*judge)(struct judge *j, struct http_slice value);
} single_fields[] = {
	{ "host", judge_host },     { "content-length", judge_length }, { "transfer-encoding", judge_encoding },
	{ "expect", judge_expect }, { "authorization", NULL },          { "content-type", NULL },
};

static enum http_verdict judge_single(struct judge *j, const struct http_field *f)
{
	for (unsigned i = 0; i < sizeof single_fields / sizeof *single_fields; i++) {
		if (!slice_is(j, f->name, single_fields[i].name))
			continue;
		if (j->seen & 1u << i)
			return refuse(j, 400, "a header that must be single came twice",
				      "Host, Content-Length, Content-Type, Authorization, Expect: once each");
		j->seen |= 1u << i;
		return single_fields[i].judge ? single_fields[i].judge(j, f->value) : HTTP_OK;
	}
	return HTTP_OK;
}

/* Connection is a list, and may come several times. */
static void read_connection(struct judge *j, struct http_slice value)
{
	size_t end = value.at + value.len;
	for (size_t at = value.at; at < end; at++) {
		size_t from = at;
		while (at < end && j->bytes[at] != ',')
			at++;
		size_t to = at;
		while (from < to && (j->bytes[from] == ' ' || j->bytes[from] == '\t'))
			from++;
		while (to > from && (j->bytes[to - 1] == ' ' || j->bytes[to - 1] == '\t'))
			to--;
		j->close |= slice_is(j, slice(from, to), "close");
		j->keep_alive |= slice_is(j, slice(from, to), "keep-alive");
	}
}

static enum http_verdict judge_field(struct judge *j, struct http_slice line)
{
	size_t end = line.at + line.len, at = line.at;
	if (j->bytes[at] == ' ' || j->bytes[at] == '\t')
		return refuse(j, 400, "a folded header", "write each header on one line");
	while (at < end && is_token(j->bytes[at]))
		at++;
	if (at == line.at || at == end || j->bytes[at] != ':')
		return refuse(j, 400, "malformed header name", "Name: value, without a space before the colon");
	if (j->head->n_fields == j->limits->fields)
		return refuse(j, 431, "too many headers", NULL);
	struct http_field f = { .name = slice(line.at, at) };
	for (at++; at < end && (j->bytes[at] == ' ' || j->bytes[at] == '\t');)
		at++;
	while (end > at && (j->bytes[end - 1] == ' ' || j->bytes[end - 1] == '\t'))
		end--;
	f.value = slice(at, end);
	j->head->fields[j->head->n_fields++] = f;
	if (slice_is(j, f.name, "connection"))
		read_connection(j, f.value);
	return judge_single(j, &f);
}

/* What only the whole head tells. */
static enum http_verdict judge_whole(struct judge *j)
{
	struct http_head *h = j->head;
	if (!j->host.len)
		return refuse(j, 400, "no Host header", "Host: name[:port]");
	if (j->authority.len && (j->authority.len != j->host.len ||
				 strncasecmp(j->bytes + j->authority.at, j->bytes + j->host.at, j->host.len) != 0))
		return refuse(j, 400, "the request target names another host than Host", NULL);
	/* method names are case-sensitive, yet "get" with a body is refused here all the same */
	if (h->content_length &&
	    (slice_is(j, h->method, "GET") || slice_is(j, h->method, "HEAD") || slice_is(j, h->method, "DELETE")))
		return refuse(j, 400, "a body is not allowed with this method", NULL);
	h->keep_alive = !j->close && (h->minor >= 1 || j->keep_alive);
	h->bytes = j->at;
	return HTTP_OK;
}

static enum http_verdict judge_lines(struct judge *j)
{
	struct http_slice line;
	/* RFC 9112 2.2: one empty line in front is what old clients leave behind a body */
	if (j->len >= 2 && memcmp(j->bytes, "\r\n", 2) == 0)
		j->at = 2;
	enum http_verdict v = take_line(j, &line);
	if (v == HTTP_OK)
		v = judge_request_line(j, line);
	while (v == HTTP_OK) {
		v = take_line(j, &line);
		if (v == HTTP_OK && line.len == 0)
			return judge_whole(j);
		if (v == HTTP_OK)
			v = judge_field(j, line);
	}
	return v;
}

enum http_verdict http_judge(const char *bytes, size_t len, const struct http_limits *limits, struct http_head *ret,
			     struct http_refusal *why)
{
	assert(limits->fields <= HTTP_FIELDS_MAX && limits->head_bytes <= UINT32_MAX);
	bool full = len >= limits->head_bytes;
	struct judge j = {
		.bytes = bytes, .len = full ? limits->head_bytes : len, .limits = limits, .head = ret, .why = why
	};
	ret->content_length = 0;
	ret->expects_continue = false;
	ret->n_fields = 0;
	enum http_verdict v = judge_lines(&j);
	/* no line was complete: it is the target that does not end */
	bool in_target = j.at <= 2;
	if (v == HTTP_MORE && in_target && j.len > limits->target_bytes + METHOD_MAX + sizeof " HTTP/1.1\r\n\r\n")
		return refuse(&j, 414, "the request target is too long", NULL);
	if (v == HTTP_MORE && full)
		return refuse(&j, in_target ? 414 : 431,
			      in_target ? "the request target is too long" : "the head of the request is too large",
			      NULL);
	return v;
}
