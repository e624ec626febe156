/* A name whose address changes: what the egress policy judges is what is connected to, and nothing looks the name up a
 * second time in between. The resolver is ours. */
#include <dlfcn.h>
#include <netdb.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/egress.h"
#include "base/http_client.h"
#include "base/http_server.h"
#include "base/text.h"

static _Atomic(const char *) address_now;
static atomic_int lookups;

typedef int resolver(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **ret);

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **ret)
{
	resolver *real = NULL;
	*(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
	if (!text_eq(node, "changes.example"))
		return real(node, service, hints, ret);
	atomic_fetch_add(&lookups, 1);
	struct addrinfo only4 = hints ? *hints : (struct addrinfo){ 0 };
	only4.ai_family = AF_INET;
	return real(atomic_load(&address_now), service, &only4, ret);
}

struct room {
	struct loop *loop;
	struct http_server *outside, *inside; /* the same port on two addresses */
	int port, outside_calls, inside_calls, closed;
	enum result r;
	int status;
	bool over;
};

static void outside(void *owner, struct http_exchange *x)
{
	struct room *m = owner;
	m->outside_calls++;
	http_respond_text(x, 200, "text/plain", "outside");
}

static void inside(void *owner, struct http_exchange *x)
{
	struct room *m = owner;
	m->inside_calls++;
	http_respond_text(x, 200, "text/plain", "inside");
}

/* 127.0.0.2 stands for the world, 127.0.0.1 for this machine. */
static bool only_the_world(void *owner, const char *host, const struct sockaddr *address)
{
	const struct egress strict = { 0 };
	struct sockaddr_in in;
	(void)owner;
	memcpy(&in, address, sizeof in);
	return in.sin_addr.s_addr == htonl(INADDR_LOOPBACK + 1) || egress_allows(&strict, host, address);
}

static void answered(void *owner, enum result r, const struct http_answer *a, const struct error *why)
{
	struct room *m = owner;
	(void)why;
	m->r = r;
	m->status = a->status;
	m->over = true;
	loop_stop(m->loop);
}

/* On connections and a cache of names of its own. */
static void call(struct room *m)
{
	struct http_client *client = NULL;
	struct error e;
	char url[64];
	(void)snprintf(url, sizeof url, "http://changes.example:%d/", m->port);
	assert_int_equal(http_client_create(m->loop, "rollcall-test/1", &client, &e), RC_OK);
	struct http_request q = { .url = url, .timeout_ms = 10000, .egress = only_the_world };
	m->over = false;
	assert_non_null(http_send(client, &q, answered, m, &e));
	while (!m->over)
		loop_run(m->loop);
	http_client_destroy(client);
}

static struct http_server *serve(struct room *m, const char *host, int port, http_handler *handle)
{
	struct http_server *s = NULL;
	struct error e;
	const struct http_route routes[] = { { "GET", "/", 0, handle, m }, { 0 } };
	struct http_server_options o = { .host = host, .port = port };
	if (http_server_create(m->loop, &o, routes, &s, &e) != RC_OK)
		fail_msg("%s", e.text);
	return s;
}

static void server_closed(void *owner)
{
	struct room *m = owner;
	if (++m->closed == 2)
		loop_stop(m->loop);
}

static void test_the_address_changes(void **state)
{
	(void)state;
	struct room m = { .port = 0 };
	struct error e;
	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(loop_create(&m.loop, &e), RC_OK);
	m.outside = serve(&m, "127.0.0.2", 0, outside);
	m.port = http_server_port(m.outside);
	m.inside = serve(&m, "127.0.0.1", m.port, inside);

	atomic_store(&address_now, "127.0.0.2");
	call(&m);
	assert_int_equal(m.r, RC_OK);
	assert_int_equal(m.outside_calls, 1);
	assert_int_equal(atomic_load(&lookups), 1); /* not once for the check and once for the connection */

	static const char *const places[] = {
		"127.0.0.1", "127.1", "0177.0.0.1", "2130706433", "0x7f000001", "0.0.0.0"
	};
	for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
		atomic_store(&address_now, places[i]);
		call(&m);
		if (m.r != RC_REFUSED)
			fail_msg("%s: %s, status %d", places[i], result_name(m.r), m.status);
	}
	assert_int_equal(m.inside_calls, 0);

	http_server_close(m.outside, 0, server_closed, &m);
	http_server_close(m.inside, 0, server_closed, &m);
	loop_run(m.loop);
	loop_destroy(m.loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_the_address_changes) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
