#include "base/http_call.h"

#include <arpa/inet.h>
#include <assert.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	CONNECT_TIMEOUT_MS = 10000,
	MAX_BODY_BYTES = 16 * 1024 * 1024,
	MAX_HEADER_BYTES = 256 * 1024,
	/* a peer that vanished: unacknowledged data and silent connections are given up after about a minute */
	UNACKNOWLEDGED_MS = 30000,
	KEEPALIVE_IDLE_S = 30,
	KEEPALIVE_INTERVAL_S = 15,
};

static void url_cleanup_p(CURLU **u)
{
	curl_url_cleanup(*u);
}

static void curl_free_p(char **s)
{
	curl_free(*s);
}

/* ---- what curl calls while it transfers: only bookkeeping and on_data ---- */

static CURLU *effective_url(struct http_call *call)
{
	const char *url = NULL;
	CURLU *u = curl_url();
	if (u && curl_easy_getinfo(call->easy, CURLINFO_EFFECTIVE_URL, &url) == CURLE_OK && url &&
	    curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK)
		return u;
	curl_url_cleanup(u);
	return NULL;
}

static bool egress_allows(struct http_call *call, const struct sockaddr *address)
{
	if (call->state == CALL_CANCELLED)
		return false; /* its owner may be gone */
	if (!call->egress)
		return true;
	CLEANUP(url_cleanup_p) CURLU *u = effective_url(call);
	CLEANUP(curl_free_p) char *host = NULL;
	if (u && curl_url_get(u, CURLUPART_HOST, &host, 0) == CURLUE_OK) {
		char *name = host;
		if (*name == '[') { /* [::1] */
			name++;
			name[strcspn(name, "]")] = '\0';
		}
		if (call->egress(call->egress_owner, name, address))
			return true;
	}
	call->refused = true;
	return false;
}

static curl_socket_t socket_opened(void *owner, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct http_call *call = owner;
	(void)purpose;
	if (!egress_allows(call, &address->addr))
		return CURL_SOCKET_BAD;
	int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
	if (fd < 0)
		return CURL_SOCKET_BAD;
	/* Without it a multiplexed connection to a dead host would swallow call after call until each times out. Not
	 * every socket is TCP, so that a failure means nothing. */
	unsigned unacknowledged = UNACKNOWLEDGED_MS;
	(void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &unacknowledged, sizeof unacknowledged);
	return fd;
}

/* A kept connection may have been opened by a call with another policy: ask again before each request. */
static int request_about_to_leave(void *owner, char *ip, char *local_ip, int port, int local_port)
{
	struct http_call *call = owner;
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} address = { 0 };
	(void)local_ip;
	(void)local_port;
	if (inet_pton(AF_INET, ip, &address.v4.sin_addr) == 1) {
		address.v4.sin_family = AF_INET;
		address.v4.sin_port = htons((uint16_t)port);
	} else if (inet_pton(AF_INET6, ip, &address.v6.sin6_addr) == 1) {
		address.v6.sin6_family = AF_INET6;
		address.v6.sin6_port = htons((uint16_t)port);
	}
	return egress_allows(call, &address.any) ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT;
}

static bool url_parts_equal(CURLU *a, CURLU *b, CURLUPart part)
{
	CLEANUP(curl_free_p) char *x = NULL, *y = NULL;
	return curl_url_get(a, part, &x, CURLU_DEFAULT_PORT) == CURLUE_OK &&
	       curl_url_get(b, part, &y, CURLU_DEFAULT_PORT) == CURLUE_OK && strcasecmp(x, y) == 0;
}

static bool url_has_scheme(CURLU *u, const char *scheme)
{
	CLEANUP(curl_free_p) char *s = NULL;
	return curl_url_get(u, CURLUPART_SCHEME, &s, 0) == CURLUE_OK && strcasecmp(s, scheme) == 0;
}

/* To the same origin, or from http to https on the same host: headers of ours may carry keys. */
static bool may_follow(struct http_call *call, const char *location)
{
	CLEANUP(url_cleanup_p) CURLU *from = effective_url(call);
	CLEANUP(url_cleanup_p) CURLU *to = from ? curl_url_dup(from) : NULL;
	if (!to || curl_url_set(to, CURLUPART_URL, location, 0) != CURLUE_OK ||
	    !url_parts_equal(from, to, CURLUPART_HOST))
		return false;
	if (url_has_scheme(from, "http") && url_has_scheme(to, "https"))
		return true;
	return url_parts_equal(from, to, CURLUPART_SCHEME) && url_parts_equal(from, to, CURLUPART_PORT);
}

static int status_now(struct http_call *call)
{
	long status = 0;
	(void)curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
	return (int)status;
}

static bool location_is_followed(struct http_call *call, const char *line, size_t len)
{
	static const char name[] = "location:";
	char location[4096];
	long followed = 0;
	if (!call->max_redirects || status_now(call) / 100 != 3 || len < sizeof name ||
	    strncasecmp(line, name, sizeof name - 1) != 0)
		return true;
	(void)curl_easy_getinfo(call->easy, CURLINFO_REDIRECT_COUNT, &followed);
	line += sizeof name - 1;
	len -= sizeof name - 1;
	while (len && strchr(" \t", *line))
		line++, len--;
	while (len && strchr(" \t\r\n", line[len - 1]))
		len--;
	if (len >= sizeof location || followed >= call->max_redirects)
		return false;
	memcpy(location, line, len);
	location[len] = '\0';
	return may_follow(call, location);
}

static size_t header_arrived(char *line, size_t size, size_t n, void *owner)
{
	struct http_call *call = owner;
	if (call->state == CALL_CANCELLED)
		return 0;
	call->last_byte = loop_now(call->loop);
	call->header_bytes += size * n;
	if (call->header_bytes > MAX_HEADER_BYTES)
		return 0;
	if (size * n > 5 && memcmp(line, "HTTP/", 5) == 0)
		call->head_over = false; /* after a 100 or a redirect comes another head; a trailer is none */
	else if (*line == '\r' || *line == '\n')
		call->head_over = true;
	if (!location_is_followed(call, line, size * n))
		call->not_followed = true;
	return call->not_followed && call->head_over ? 0 : size * n; /* stops curl before it follows */
}

static size_t body_arrived(char *data, size_t size, size_t n, void *owner)
{
	struct http_call *call = owner;
	size_t len = size * n;
	if (call->state == CALL_CANCELLED)
		return 0;
	call->last_byte = loop_now(call->loop);
	if (!call->on_data) {
		strbuf_addn(&call->body, data, len);
		return call->body.overflow ? 0 : len;
	}
	bool goes_on = call->on_data(call->on_data_owner, status_now(call), data, len);
	if (call->state == CALL_CANCELLED)
		return 0;
	call->stopped = !goes_on;
	return goes_on ? len : 0;
}

/* ---- from a request to an easy handle ---- */

static bool is_token(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (s[i] <= ' ' || s[i] > '~' || strchr("\"(),/:;<=>?@[\\]{}", s[i]))
			return false;
	return len > 0;
}

static enum result check_header(const char *line, struct error *e)
{
	const char *colon = strchr(line, ':');
	if (!colon || !is_token(line, (size_t)(colon - line)))
		return error_set(e, RC_INVALID, "a header of the request is not of the form \"Name: value\"");
	for (const char *p = colon; *p; p++)
		if (((unsigned char)*p < ' ' && *p != '\t') || *p == 0x7f)
			return error_set(e, RC_INVALID, "header %.*s has a control character in its value",
					 (int)(colon - line), line);
	return RC_OK;
}

static bool has_header(const struct http_request *q, const char *name)
{
	size_t len = strlen(name);
	for (const char *const *h = q->headers; h && *h; h++)
		if (strncasecmp(*h, name, len) == 0 && (*h)[len] == ':')
			return true;
	return false;
}

static enum result headers_append(struct http_call *call, const char *line, struct error *e)
{
	struct curl_slist *longer = curl_slist_append(call->headers, line);
	if (!longer)
		return error_set(e, RC_EXHAUSTED, "no memory for the headers");
	call->headers = longer;
	return RC_OK;
}

/* curl takes "Name:" as "do not send this header"; one without a value is spelled "Name;". */
static enum result header_add(struct http_call *call, const char *line, struct error *e)
{
	size_t name = strcspn(line, ":");
	if (line[name + 1 + strspn(line + name + 1, " \t")] != '\0')
		return headers_append(call, line, e);
	CLEANUP(free_p) char *empty = strndup(line, name + 1);
	if (!empty)
		return error_set(e, RC_EXHAUSTED, "no memory for the headers");
	empty[name] = ';';
	return headers_append(call, empty, e);
}

static enum result set_headers(struct http_call *call, const struct http_request *q, struct error *e)
{
	enum result r = RC_OK;
	for (const char *const *h = q->headers; r == RC_OK && h && *h; h++) {
		r = check_header(*h, e);
		if (r == RC_OK)
			r = header_add(call, *h, e);
	}
	/* No wait of a second for a 100 that old servers never send; no form type that nobody asked for. */
	if (r == RC_OK && !has_header(q, "Expect"))
		r = headers_append(call, "Expect:", e);
	if (r == RC_OK && !has_header(q, "Content-Type"))
		r = headers_append(call, "Content-Type:", e);
	return r;
}

/* Sets the origin that errors name, and checks what curl would find out only later. */
static enum result set_url(struct http_call *call, const struct http_request *q, bool *ret_https, struct error *e)
{
	CLEANUP(url_cleanup_p) CURLU *u = curl_url();
	CLEANUP(curl_free_p) char *scheme = NULL, *host = NULL, *port = NULL;
	const char *method = q->method ? q->method : "GET";
	if (!is_token(method, strlen(method)) || strlen(method) > 20)
		return error_set(e, RC_INVALID, "not an HTTP method");
	CURLUcode bad = u ? curl_url_set(u, CURLUPART_URL, q->url ? q->url : "", 0) : CURLUE_OUT_OF_MEMORY;
	if (bad == CURLUE_OUT_OF_MEMORY)
		return error_set(e, RC_EXHAUSTED, "no memory for the URL");
	if (bad == CURLUE_OK && !url_has_scheme(u, "http") && !url_has_scheme(u, "https"))
		bad = CURLUE_UNSUPPORTED_SCHEME;
	if (bad != CURLUE_OK)
		return error_set(e, RC_INVALID, "invalid URL, expected http:// or https://: %s",
				 curl_url_strerror(bad));
	if (curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
	    curl_url_get(u, CURLUPART_HOST, &host, 0) != CURLUE_OK ||
	    curl_url_get(u, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) != CURLUE_OK)
		return error_set(e, RC_INVALID, "invalid URL, no host in it");
	(void)snprintf(call->origin, sizeof call->origin, "%s %s://%s:%s", method, scheme, host, port);
	*ret_https = url_has_scheme(u, "https");
	return RC_OK;
}

/* Options fail for want of memory only, or when curl was built without a feature: one check at the end of a list. */
#define SET(option, value) (failed = failed ? failed : curl_easy_setopt(call->easy, option, value))

static CURLcode set_method(struct http_call *call, const struct http_request *q)
{
	CURLcode failed = CURLE_OK;
	const char *method = q->method ? q->method : "GET";
	bool post = strcmp(method, "POST") == 0, head = strcmp(method, "HEAD") == 0;
	bool body = q->body && q->body_len > 0;
	if (body || post || strcmp(method, "PUT") == 0 || strcmp(method, "PATCH") == 0) {
		SET(CURLOPT_POST, 1L);
		SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)(body ? q->body_len : 0));
		SET(CURLOPT_COPYPOSTFIELDS, body ? (const char *)q->body : "");
	} else {
		SET(head ? CURLOPT_NOBODY : CURLOPT_HTTPGET, 1L);
	}
	/* A custom word survives redirects that must turn it into a GET: others than these are not redirected. */
	bool usual = (post || (!body && (head || strcmp(method, "GET") == 0)));
	if (!usual)
		SET(CURLOPT_CUSTOMREQUEST, method);
	call->max_redirects = usual ? (long)q->max_redirects : 0;
	SET(CURLOPT_FOLLOWLOCATION, call->max_redirects ? 1L : 0L);
	SET(CURLOPT_PROTOCOLS_STR, "http,https");
	SET(CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
	return failed;
}

/* Equal texts compare equal in curl, so that calls with the same material share connections. */
static CURLcode set_pem(struct http_call *call, CURLoption option, const char *pem)
{
	if (!pem)
		return CURLE_OK;
	struct curl_blob blob = { .data = (void *)pem, .len = strlen(pem), .flags = CURL_BLOB_COPY };
	return curl_easy_setopt(call->easy, option, &blob);
}

static CURLcode set_tls(struct http_call *call, const struct http_tls *tls)
{
	CURLcode failed = CURLE_OK;
	SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	SET(CURLOPT_SSL_VERIFYPEER, tls && tls->no_verify ? 0L : 1L);
	SET(CURLOPT_SSL_VERIFYHOST, tls && tls->no_verify ? 0L : 2L);
	if (!tls)
		return failed;
	if (tls->ca_pem)
		SET(CURLOPT_CAPATH, NULL); /* this authority instead of the system's, not besides them */
	failed = failed ? failed : set_pem(call, CURLOPT_CAINFO_BLOB, tls->ca_pem);
	failed = failed ? failed : set_pem(call, CURLOPT_SSLCERT_BLOB, tls->cert_pem);
	failed = failed ? failed : set_pem(call, CURLOPT_SSLKEY_BLOB, tls->key_pem);
	return failed;
}

static CURLcode set_connection(struct http_call *call, const struct http_request *q, bool https)
{
	CURLcode failed = CURLE_OK;
	bool http2 = https && !q->http1_only;
	SET(CURLOPT_HTTP_VERSION, (long)(http2 ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1));
	SET(CURLOPT_PIPEWAIT, http2 ? 1L : 0L); /* rather wait for a handshake than open 20 connections */
	SET(CURLOPT_CONNECTTIMEOUT_MS, (long)(q->connect_timeout_ms ? q->connect_timeout_ms : CONNECT_TIMEOUT_MS));
	SET(CURLOPT_TIMEOUT_MS, (long)q->timeout_ms);
	SET(CURLOPT_TCP_KEEPALIVE, 1L);
	SET(CURLOPT_TCP_KEEPIDLE, (long)KEEPALIVE_IDLE_S);
	SET(CURLOPT_TCP_KEEPINTVL, (long)KEEPALIVE_INTERVAL_S);
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_QUICK_EXIT, 1L); /* else giving up a call waits for its name lookup, on the loop's thread */
	SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	SET(CURLOPT_CONNECT_ONLY, q->connect_only ? 1L : 0L);
	if (q->no_proxy || q->proxy)
		SET(CURLOPT_PROXY, q->no_proxy ? "" : q->proxy);
	SET(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	SET(CURLOPT_OPENSOCKETFUNCTION, socket_opened);
	SET(CURLOPT_OPENSOCKETDATA, call);
	SET(CURLOPT_PREREQFUNCTION, request_about_to_leave);
	SET(CURLOPT_PREREQDATA, call);
	return failed;
}

static CURLcode set_call(struct http_call *call, const struct http_request *q, const char *user_agent)
{
	CURLcode failed = CURLE_OK;
	SET(CURLOPT_PRIVATE, call);
	SET(CURLOPT_ERRORBUFFER, call->reason);
	SET(CURLOPT_URL, q->url);
	SET(CURLOPT_USERAGENT, user_agent);
	SET(CURLOPT_HTTPHEADER, call->headers);
	SET(CURLOPT_HEADERFUNCTION, header_arrived);
	SET(CURLOPT_HEADERDATA, call);
	SET(CURLOPT_WRITEFUNCTION, body_arrived);
	SET(CURLOPT_WRITEDATA, call);
	if (!q->on_data)
		SET(CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)call->body.max); /* fails before the body arrives */
	return failed;
}
#undef SET

enum result http_call_prepare(struct http_call *call, const struct http_request *q, const char *user_agent,
			      struct error *e)
{
	bool https = false;
	call->egress = q->egress;
	call->egress_owner = q->egress_owner;
	call->on_data = q->on_data;
	call->on_data_owner = q->on_data_owner;
	call->idle_ms = q->idle_timeout_ms;
	call->connect_only = q->connect_only;
	strbuf_init(&call->body, q->max_body_bytes ? q->max_body_bytes : MAX_BODY_BYTES);
	enum result r = set_url(call, q, &https, e);
	if (r != RC_OK)
		return r;
	r = set_headers(call, q, e);
	if (r != RC_OK)
		return error_in(e, r, "%s", call->origin);
	call->easy = curl_easy_init();
	CURLcode failed = call->easy ? set_call(call, q, user_agent) : CURLE_OUT_OF_MEMORY;
	failed = failed ? failed : set_method(call, q);
	failed = failed ? failed : set_tls(call, q->tls);
	failed = failed ? failed : set_connection(call, q, https);
	if (failed)
		return error_set(e, RC_EXHAUSTED, "%s: %s", call->origin, curl_easy_strerror(failed));
	return RC_OK;
}

/* ---- the verdict ---- */

static enum result fail(struct http_call *call, enum result r, const char *what)
{
	return error_set(&call->why, r, "%s: %s", call->origin, what);
}

static enum result judge_write_error(struct http_call *call)
{
	if (call->not_followed)
		return RC_OK;
	if (call->stopped)
		return fail(call, RC_INVALID, "stopped by the reader of its body");
	if (call->header_bytes > MAX_HEADER_BYTES)
		return fail(call, RC_EXHAUSTED, "the headers of the answer are too large");
	return error_set(&call->why, RC_EXHAUSTED, "%s: the answer is larger than %zu bytes", call->origin,
			 call->body.max);
}

static enum result judge(struct http_call *call, CURLcode code)
{
	switch ((int)code) {
	case CURLE_OK:
		return RC_OK;
	case CURLE_WRITE_ERROR:
	case CURLE_FILESIZE_EXCEEDED:
		return judge_write_error(call);
	case CURLE_COULDNT_CONNECT:
	case CURLE_ABORTED_BY_CALLBACK:
		if (call->refused)
			return fail(call, RC_REFUSED, "the egress policy does not allow this address");
		break;
	case CURLE_URL_MALFORMAT:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CACERT_BADFILE:
		return fail(call, RC_INVALID, *call->reason ? call->reason : curl_easy_strerror(code));
	case CURLE_OUT_OF_MEMORY:
		return fail(call, RC_EXHAUSTED, "no memory");
	}
	return fail(call, RC_UNREACHABLE, *call->reason ? call->reason : curl_easy_strerror(code));
}

void http_call_judge(struct http_call *call, CURLcode code)
{
	call->status = status_now(call);
	call->result = judge(call, code);
	if (call->result == RC_OK && !call->connect_only && (call->status == 0 || !call->head_over))
		call->result = fail(call, RC_UNREACHABLE, "the answer was cut in its headers");
}

void http_call_destroy(struct http_call *call)
{
	if (!call)
		return;
	timer_stop(&call->idle);
	curl_easy_cleanup(call->easy);
	curl_slist_free_all(call->headers);
	strbuf_finish(&call->body);
	free(call);
}
