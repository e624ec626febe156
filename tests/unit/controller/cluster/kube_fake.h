#pragma once
/* An API server that answers by script, on the loop of the test. */
#include <netinet/in.h>
#include <strings.h>

#include "tests/unit/controller/cluster/kube_rig.h"

enum { FAKE_RULES = 128, FAKE_REQUESTS = 1024, FAKE_CONNECTIONS = 256, FAKE_IN_BYTES = 65536 };

struct fake_rule {
	const char *call;    /* "GET /api/v1/pods": method and path, whole, or the beginning and '*' */
	const char *query;   /* must be in the query; NULL: any */
	int status;          /* 0: cut the connection */
	const char *headers; /* lines that end in \r\n; NULL: none */
	char *body;
	bool stream; /* goes on until fake_end or fake_cut */
	bool hang;   /* no answer */
	bool always; /* else once */
	bool used;
};
struct fake_request {
	char call[512], query[512], authorization[512], content_type[128], body[8192];
};
struct fake_conn {
	uv_tcp_t tcp;
	struct fake *f;
	char in[FAKE_IN_BYTES];
	size_t len;
	char stream[512]; /* the call that is streamed to; "": none */
};
struct fake {
	struct rig *rig;
	uv_tcp_t listener;
	int port;
	struct fake_rule rules[FAKE_RULES];
	size_t rule_count;
	struct fake_request *requests;
	size_t n;
	struct fake_conn *conns[FAKE_CONNECTIONS];
	char unexpected[1100];
	char kubeconfig[128];
};

/* ---- bytes ---- */

static inline void fake_written(uv_write_t *w, int status)
{
	(void)status;
	free(w->data);
	free(w);
}

static inline void fake_send(struct fake_conn *c, const char *bytes, size_t len)
{
	uv_write_t *w = calloc(1, sizeof *w);
	w->data = malloc(len + 1);
	memcpy(w->data, bytes, len);
	uv_buf_t b = uv_buf_init(w->data, (unsigned)len);
	if (uv_write(w, (uv_stream_t *)&c->tcp, &b, 1, fake_written) != 0)
		fake_written(w, -1);
}

static inline void fake_closed(uv_handle_t *h)
{
	struct fake_conn *c = h->data;
	for (size_t i = 0; i < FAKE_CONNECTIONS; i++)
		if (c->f->conns[i] == c)
			c->f->conns[i] = NULL;
	free(c);
}

static inline void fake_cut(struct fake_conn *c)
{
	c->stream[0] = '\0';
	if (!uv_is_closing((uv_handle_t *)&c->tcp))
		uv_close((uv_handle_t *)&c->tcp, fake_closed);
}

/* ---- streams ---- */

static inline void fake_chunk_n(struct fake_conn *c, const char *bytes, size_t len)
{
	char head[32];
	int n = snprintf(head, sizeof head, "%zx\r\n", len);
	fake_send(c, head, (size_t)n);
	fake_send(c, bytes, len);
	fake_send(c, "\r\n", 2);
}

static inline void fake_chunk(struct fake_conn *c, const char *text)
{
	fake_chunk_n(c, text, strlen(text));
}

static inline void fake_end(struct fake_conn *c)
{
	c->stream[0] = '\0';
	fake_send(c, "0\r\n\r\n", 5);
}

/* The open stream of a call ("GET /path"); NULL: none. */
static inline struct fake_conn *fake_stream(struct fake *f, const char *call)
{
	for (size_t i = 0; i < FAKE_CONNECTIONS; i++)
		if (f->conns[i] && text_eq(f->conns[i]->stream, call))
			return f->conns[i];
	return NULL;
}

/* ---- answers ---- */

static inline bool fake_matches(const char *pattern, const char *call)
{
	size_t len = strlen(pattern);
	return len && pattern[len - 1] == '*' ? strncmp(pattern, call, len - 1) == 0 : text_eq(pattern, call);
}

static inline struct fake_rule *fake_find(struct fake *f, const struct fake_request *q)
{
	for (int always = 0; always < 2; always++)
		for (size_t i = 0; i < f->rule_count; i++) {
			struct fake_rule *r = &f->rules[i];
			if (r->always == (always == 1) && !r->used && fake_matches(r->call, q->call) &&
			    (!r->query || strstr(q->query, r->query)))
				return r;
		}
	return NULL;
}

static inline void fake_answer(struct fake_conn *c, const struct fake_request *q)
{
	char head[1024];
	struct fake_rule *r = fake_find(c->f, q);
	if (!r) {
		if (!*c->f->unexpected)
			snprintf(c->f->unexpected, sizeof c->f->unexpected, "%s?%s", q->call, q->query);
		fake_cut(c);
		return;
	}
	r->used = !r->always;
	if (r->hang)
		return;
	if (r->status == 0) {
		fake_cut(c);
		return;
	}
	int n = snprintf(head, sizeof head, "HTTP/1.1 %d X\r\nContent-Type: application/json\r\n%s", r->status,
			 r->headers ? r->headers : "");
	fake_send(c, head, (size_t)n);
	if (r->stream) {
		fake_send(c, "Transfer-Encoding: chunked\r\n\r\n", 30);
		snprintf(c->stream, sizeof c->stream, "%s", q->call);
		if (r->body && *r->body)
			fake_chunk(c, r->body);
		return;
	}
	const char *body = r->body ? r->body : "";
	n = snprintf(head, sizeof head, "Content-Length: %zu\r\n\r\n", strlen(body));
	fake_send(c, head, (size_t)n);
	fake_send(c, body, strlen(body));
}

/* ---- requests ---- */

static inline void fake_header(const char *head, const char *name, char *to, size_t size)
{
	size_t len = strlen(name);
	for (const char *line = head; line; line = strstr(line, "\r\n")) {
		line += line == head ? 0 : 2;
		if (strncasecmp(line, name, len) == 0 && line[len] == ':')
			snprintf(to, size, "%.*s", (int)strcspn(line + len + 2, "\r"), line + len + 2);
		if (*line == '\r')
			break;
	}
}

static inline void fake_request_read(struct fake_conn *c, size_t head_len, size_t body_len)
{
	struct fake *f = c->f;
	assert_true(f->n < FAKE_REQUESTS);
	struct fake_request *q = &f->requests[f->n++];
	memset(q, 0, sizeof *q);
	c->in[head_len - 2] = '\0';
	size_t line = strcspn(c->in, "\r");
	const char *space = strchr(c->in, ' '), *target_end = memrchr(c->in, ' ', line);
	const char *query = memchr(c->in, '?', line);
	const char *path_end = query ? query : target_end;
	assert_true(space && target_end > space);
	snprintf(q->call, sizeof q->call, "%.*s", (int)(path_end - c->in), c->in);
	if (query)
		snprintf(q->query, sizeof q->query, "%.*s", (int)(target_end - query - 1), query + 1);
	fake_header(c->in, "authorization", q->authorization, sizeof q->authorization);
	fake_header(c->in, "content-type", q->content_type, sizeof q->content_type);
	snprintf(q->body, sizeof q->body, "%.*s", (int)body_len, c->in + head_len);
	memmove(c->in, c->in + head_len + body_len, c->len - head_len - body_len);
	c->len -= head_len + body_len;
	fake_answer(c, q);
}

static inline bool fake_request_whole(struct fake_conn *c)
{
	char length[32] = "0";
	c->in[c->len] = '\0';
	const char *end = strstr(c->in, "\r\n\r\n");
	if (!end)
		return false;
	size_t head_len = (size_t)(end - c->in) + 4;
	uint64_t body_len = 0;
	fake_header(c->in, "content-length", length, sizeof length);
	assert_int_equal(text_u64(length, 0, FAKE_IN_BYTES, &body_len, NULL), RC_OK);
	if (c->len < head_len + body_len)
		return false;
	fake_request_read(c, head_len, (size_t)body_len);
	return !uv_is_closing((uv_handle_t *)&c->tcp);
}

static inline void fake_alloc(uv_handle_t *h, size_t suggested, uv_buf_t *b)
{
	struct fake_conn *c = h->data;
	(void)suggested;
	*b = uv_buf_init(c->in + c->len, (unsigned)(sizeof c->in - 1 - c->len));
}

static inline void fake_read(uv_stream_t *s, ssize_t n, const uv_buf_t *b)
{
	struct fake_conn *c = s->data;
	(void)b;
	if (n < 0) {
		fake_cut(c);
		return;
	}
	c->len += (size_t)n;
	while (fake_request_whole(c))
		;
}

static inline void fake_connected(uv_stream_t *listener, int status)
{
	struct fake *f = listener->data;
	struct fake_conn *c = calloc(1, sizeof *c);
	assert_int_equal(status, 0);
	c->f = f;
	c->tcp.data = c;
	uv_tcp_init(listener->loop, &c->tcp);
	for (size_t i = 0; i < FAKE_CONNECTIONS; i++) {
		if (f->conns[i])
			continue;
		f->conns[i] = c;
		break;
	}
	assert_int_equal(uv_accept(listener, (uv_stream_t *)&c->tcp), 0);
	uv_tcp_nodelay(&c->tcp, 1);
	uv_read_start((uv_stream_t *)&c->tcp, fake_alloc, fake_read);
}

/* ---- life and script ---- */

static inline struct fake_rule *fake_on(struct fake *f, const char *call, const char *query, int status,
					const char *body)
{
	assert_true(f->rule_count < FAKE_RULES);
	struct fake_rule *r = &f->rules[f->rule_count++];
	*r = (struct fake_rule){ .call = call, .query = query, .status = status, .body = body ? strdup(body) : NULL };
	return r;
}

static inline struct fake_rule *fake_watch(struct fake *f, const char *call, const char *query, const char *body)
{
	struct fake_rule *r = fake_on(f, call, query, 200, body);
	r->stream = true;
	return r;
}

static inline size_t fake_count(const struct fake *f, const char *call)
{
	size_t n = 0;
	for (size_t i = 0; i < f->n; i++)
		n += fake_matches(call, f->requests[i].call);
	return n;
}

static inline const struct fake_request *fake_last(const struct fake *f, const char *call)
{
	for (size_t i = f->n; i-- > 0;)
		if (fake_matches(call, f->requests[i].call))
			return &f->requests[i];
	fail_msg("no request %s", call);
	return NULL;
}

static inline void fake_write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "we");
	assert_non_null(file);
	assert_int_equal(fputs(text, file) < 0, 0);
	assert_int_equal(fclose(file), 0);
}

/* user: the YAML of users[0].user, in flow style. */
static inline void fake_kubeconfig(struct fake *f, const char *user)
{
	char text[4096];
	snprintf(text, sizeof text,
		 "apiVersion: v1\nkind: Config\ncurrent-context: fake\n"
		 "clusters:\n- name: c\n  cluster: {server: \"http://127.0.0.1:%d\"}\n"
		 "users:\n- name: u\n  user: %s\n"
		 "contexts:\n- name: fake\n  context: {cluster: c, user: u}\n",
		 f->port, user);
	fake_write_file(f->kubeconfig, text);
}

static inline void fake_listen(struct fake *f, struct rig *g)
{
	struct sockaddr_in a;
	int len = sizeof a;
	memset(f, 0, sizeof *f);
	f->rig = g;
	f->requests = calloc(FAKE_REQUESTS, sizeof *f->requests);
	f->listener.data = f;
	assert_int_equal(uv_ip4_addr("127.0.0.1", 0, &a), 0);
	uv_tcp_init(loop_uv(g->loop), &f->listener);
	assert_int_equal(uv_tcp_bind(&f->listener, (struct sockaddr *)&a, 0), 0);
	assert_int_equal(uv_listen((uv_stream_t *)&f->listener, 64, fake_connected), 0);
	uv_tcp_getsockname(&f->listener, (struct sockaddr *)&a, &len);
	f->port = ntohs(a.sin_port);
	const char *tmp = getenv("TMPDIR");
	snprintf(f->kubeconfig, sizeof f->kubeconfig, "%s/kube_test_XXXXXX", tmp ? tmp : "/tmp");
	int fd = mkstemp(f->kubeconfig);
	assert_true(fd >= 0);
	FILE *file = fdopen(fd, "w");
	fclose(file);
}

/* The loop, the server, and a cluster that is not started. */
static inline void fake_open(struct fake *f, struct rig *g)
{
	rig_open_loop(g);
	fake_listen(f, g);
	fake_kubeconfig(f, "{token: secret-token}");
	rig_connect(g, &(struct kube_options){ .kubeconfig = f->kubeconfig, .retry_min_ms = 20, .retry_max_ms = 200 });
}

static inline void fake_close(struct fake *f)
{
	struct rig *g = f->rig;
	assert_string_equal(f->unexpected, "");
	cluster_destroy(g->cluster);
	g->cluster = NULL;
	uv_close((uv_handle_t *)&f->listener, NULL);
	for (size_t i = 0; i < FAKE_CONNECTIONS; i++)
		if (f->conns[i])
			fake_cut(f->conns[i]);
	for (int i = 0; i < 3; i++)
		rig_turn(g);
	for (size_t i = 0; i < f->rule_count; i++)
		free(f->rules[i].body);
	free(f->requests);
	remove(f->kubeconfig);
	rig_close(g);
}
