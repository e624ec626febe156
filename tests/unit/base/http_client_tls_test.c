/* The client over TLS and HTTP/2 against a real nginx, which says for each request on which connection it came. */
#include "base/http_client.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "http_peer.h"
#include "tls_files.h"

/* nginx speaks HTTP/1.0 to it and passes on what comes. */
static const struct peer_reply replies[] = {
	{ "/endless", { "HTTP/1.0 200 OK\r\n\r\n", "piece", PEER_HANG } },
	{ NULL, { NULL } },
};

enum { CALLS = 20, START_DEADLINE_MS = 20000 };

struct fixture {
	struct tls_identity authority, server, person, stranger;
	char folder[64], base[64], old_base[64]; /* old: speaks no HTTP/2 */
	struct peer *peer;                       /* behind nginx */
	pid_t nginx;                             /* 0: there is none on this machine */
	struct loop *loop;
	struct http_client *client;
};
struct asker {
	struct fixture *f;
	struct http_call *call;
	unsigned *left; /* the last one stops the loop */
	enum result r;
	int status;
	char body[128], why[512];
};

/* $connection is a number of nginx's own; one request tells it, its protocol and what became of the client's
 * certificate. */
static const char configuration[] =
	"daemon off;\nmaster_process off;\npid %1$s/pid;\nerror_log %1$s/error.log;\n"
	"events { worker_connections 128; }\n"
	"http {\n"
	"  access_log off;\n"
	"  client_body_temp_path %1$s/body; proxy_temp_path %1$s/proxy; fastcgi_temp_path %1$s/fastcgi;\n"
	"  uwsgi_temp_path %1$s/uwsgi; scgi_temp_path %1$s/scgi;\n"
	"  server { listen 127.0.0.1:%2$u ssl http2; include %1$s/server.conf; }\n"
	"  server { listen 127.0.0.1:%3$u ssl; include %1$s/server.conf; }\n"
	"}\n";
static const char server_configuration[] =
	"ssl_certificate %1$s/server.pem; ssl_certificate_key %1$s/server.key;\n"
	"ssl_client_certificate %1$s/authority.pem; ssl_verify_client optional;\n"
	"location /endless { proxy_pass http://127.0.0.1:%2$u; proxy_buffering off; }\n"
	"location / { return 200 \"$connection $server_protocol $ssl_client_verify\"; }\n";

/* nginx cannot be told to take any port, so one that is free just now is named; a loser of that race tries another. */
static unsigned free_port(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof a;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
	close(fd);
	return ntohs(a.sin_port);
}

static pid_t nginx_start(struct fixture *f, unsigned port, unsigned old_port)
{
	char text[2048], path[128];
	pid_t pid = 0;
	posix_spawn_file_actions_t files;
	(void)snprintf(text, sizeof text, configuration, f->folder, port, old_port);
	tls_save(f->folder, "nginx.conf", text);
	(void)snprintf(text, sizeof text, server_configuration, f->folder, (unsigned)f->peer->port);
	tls_save(f->folder, "server.conf", text);
	(void)snprintf(path, sizeof path, "%s/nginx.conf", f->folder);
	(void)snprintf(f->base, sizeof f->base, "https://127.0.0.1:%u/", port);
	(void)snprintf(f->old_base, sizeof f->old_base, "https://127.0.0.1:%u/", old_port);
	char *argv[] = { "nginx", "-p", f->folder, "-c", path, "-e", "/dev/null", NULL };
	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	char *env[] = { "PATH=/usr/local/sbin:/usr/sbin:/usr/local/bin:/usr/bin:/sbin:/bin", NULL };
	if (posix_spawnp(&pid, "nginx", &files, NULL, argv, env) != 0 &&
	    posix_spawn(&pid, "/usr/sbin/nginx", &files, NULL, argv, env) != 0)
		pid = 0;
	posix_spawn_file_actions_destroy(&files);
	return pid;
}

static void nginx_stop(struct fixture *f)
{
	if (f->nginx <= 0)
		return;
	(void)kill(f->nginx, SIGTERM);
	(void)waitpid(f->nginx, NULL, 0);
	f->nginx = 0;
}

/* ---- calls ---- */

static void give_up(void *owner)
{
	(void)owner;
	fail_msg("nothing happened for 20 s");
}

static void run(struct fixture *f)
{
	struct timer deadline = { 0 };
	timer_start(f->loop, &deadline, START_DEADLINE_MS, give_up, NULL);
	loop_run(f->loop);
	timer_stop(&deadline);
}

static void answered(void *owner, enum result r, const struct http_answer *answer, const struct error *why)
{
	struct asker *a = owner;
	a->call = NULL;
	a->r = r;
	a->status = answer->status;
	(void)snprintf(a->body, sizeof a->body, "%s", answer->body);
	(void)snprintf(a->why, sizeof a->why, "%s", r == RC_OK ? "" : why->text);
	if (--*a->left == 0)
		loop_stop(a->f->loop);
}

static void send_one(struct asker *a, struct http_request q, unsigned *left)
{
	struct error e;
	a->left = left;
	q.url = a->f->base;
	a->call = http_send(a->f->client, &q, answered, a, &e);
	assert_non_null(a->call);
}

static void ask(struct asker *a, struct http_request q)
{
	unsigned left = 1;
	send_one(a, q, &left);
	run(a->f);
}

/* ---- setting up ---- */

struct knock {
	struct asker asker;
	struct timer again;
	unsigned left;
};

static void knock(void *owner)
{
	struct knock *k = owner;
	k->left = 1;
	send_one(&k->asker, (struct http_request){ .tls = &(struct http_tls){ .no_verify = true } }, &k->left);
}

/* True when nginx answers; false when it has ended, as it does when somebody else took its port. */
static bool nginx_answers(struct fixture *f)
{
	struct knock k = { .asker = { .f = f } };
	while (waitpid(f->nginx, NULL, WNOHANG) == 0) {
		timer_start(f->loop, &k.again, 20, knock, &k);
		run(f);
		if (k.asker.status == 200)
			return true;
	}
	return false;
}

static void make_files(struct fixture *f)
{
	(void)snprintf(f->folder, sizeof f->folder, "/tmp/http_tls_test.XXXXXX");
	assert_non_null(mkdtemp(f->folder));
	f->authority = tls_create("authority", NULL);
	f->stranger = tls_create("stranger", NULL);
	f->server = tls_create("server", &f->authority);
	f->person = tls_create("person", &f->authority);
	tls_save(f->folder, "authority.pem", f->authority.cert_pem);
	tls_save(f->folder, "server.pem", f->server.cert_pem);
	tls_save(f->folder, "server.key", f->server.key_pem);
}

static int begin(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	struct error e;
	assert_non_null(f);
	make_files(f);
	f->peer = peer_start(replies);
	assert_int_equal(loop_create(&f->loop, &e), RC_OK);
	assert_int_equal(http_client_create(f->loop, "rollcall-test/1", &f->client, &e), RC_OK);
	for (int i = 0; i < 5; i++) {
		f->nginx = nginx_start(f, free_port(), free_port());
		if (!f->nginx || nginx_answers(f))
			break;
		f->nginx = -1;
	}
	http_client_destroy(f->client);
	f->client = NULL;
	*state = f;
	return f->nginx >= 0 ? 0 : -1;
}

static void remove_folder(const char *folder)
{
	DIR *d = opendir(folder);
	for (const struct dirent *entry; d && (entry = readdir(d));) {
		char path[512];
		(void)snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
		if (unlink(path) != 0)
			(void)rmdir(path);
	}
	if (d)
		closedir(d);
	(void)rmdir(folder);
}

static int end(void **state)
{
	struct fixture *f = *state;
	nginx_stop(f);
	peer_stop(f->peer);
	remove_folder(f->folder);
	loop_destroy(f->loop);
	tls_free(&f->authority);
	tls_free(&f->stranger);
	tls_free(&f->server);
	tls_free(&f->person);
	free(f);
	return 0;
}

static int fresh_client(void **state)
{
	struct fixture *f = *state;
	struct error e;
	return http_client_create(f->loop, "rollcall-test/1", &f->client, &e) == RC_OK ? 0 : -1;
}

static int drop_client(void **state)
{
	struct fixture *f = *state;
	http_client_destroy(f->client);
	f->client = NULL;
	return 0;
}

static struct fixture *with_nginx(void **state)
{
	struct fixture *f = *state;
	if (!f->nginx) {
		print_message("nginx is not installed\n");
		skip();
	}
	return f;
}

/* ---- one connection ---- */

/* Equal texts at other addresses, as callers have them that read their files anew. */
struct material {
	char *ca, *cert, *key;
	struct http_tls tls;
};

static struct material material_copy(const struct fixture *f, bool client_certificate)
{
	struct material m = { .ca = strdup(f->authority.cert_pem) };
	if (client_certificate) {
		m.cert = strdup(f->person.cert_pem);
		m.key = strdup(f->person.key_pem);
	}
	m.tls = (struct http_tls){ .ca_pem = m.ca, .cert_pem = m.cert, .key_pem = m.key };
	return m;
}

static void material_free(struct material *m)
{
	free(m->ca);
	free(m->cert);
	free(m->key);
}

static void expect_one_connection(const struct asker *a, const char *protocol_and_certificate)
{
	char first[128];
	(void)snprintf(first, sizeof first, "%s", a[0].body);
	for (size_t i = 0; i < CALLS; i++) {
		assert_string_equal(a[i].why, "");
		assert_int_equal(a[i].status, 200);
		assert_string_equal(a[i].body, first);
	}
	assert_non_null(strchr(first, ' '));
	assert_string_equal(strchr(first, ' ') + 1, protocol_and_certificate);
}

static void calls_one_after_another_share_a_connection(void **state)
{
	struct fixture *f = with_nginx(state);
	for (int kind = 0; kind < 4; kind++) {
		bool certificate = kind & 1, http1 = kind & 2;
		struct asker a[CALLS];
		for (size_t i = 0; i < CALLS; i++) {
			struct material m = material_copy(f, certificate);
			a[i] = (struct asker){ .f = f };
			ask(&a[i], (struct http_request){ .tls = &m.tls, .http1_only = http1 });
			material_free(&m);
		}
		expect_one_connection(a, http1         ? certificate ? "HTTP/1.1 SUCCESS" : "HTTP/1.1 NONE"
					 : certificate ? "HTTP/2.0 SUCCESS"
						       : "HTTP/2.0 NONE");
	}
}

static void share_at_once(void **state, bool certificate)
{
	struct fixture *f = with_nginx(state);
	struct asker a[CALLS];
	unsigned left = CALLS;
	for (size_t i = 0; i < CALLS; i++) {
		struct material m = material_copy(f, certificate);
		a[i] = (struct asker){ .f = f };
		send_one(&a[i], (struct http_request){ .tls = &m.tls }, &left);
		material_free(&m); /* copied by http_send */
	}
	run(f);
	expect_one_connection(a, certificate ? "HTTP/2.0 SUCCESS" : "HTTP/2.0 NONE");
}

static void calls_at_once_share_a_connection(void **state)
{
	share_at_once(state, false);
}

static void calls_at_once_with_a_certificate_share_a_connection(void **state)
{
	share_at_once(state, true);
}

static bool piece_arrived(void *owner, int status, const char *data, size_t len)
{
	struct asker *a = owner;
	a->status = status;
	(void)snprintf(a->body + strlen(a->body), sizeof a->body - strlen(a->body), "%.*s", (int)len, data);
	if (strcmp(a->body, "piece") == 0 && --*a->left == 0)
		loop_stop(a->f->loop);
	return true;
}

/* As watches do: none of them ever ends, so that none can wait for another's end. */
static void streams_flow_from(struct fixture *f, const char *base)
{
	struct http_tls tls = { .ca_pem = f->authority.cert_pem };
	struct asker a[CALLS], other = { .f = f };
	unsigned left = CALLS;
	char url[96];
	struct error e;
	(void)snprintf(url, sizeof url, "%sendless", base);
	for (size_t i = 0; i < CALLS; i++) {
		a[i] = (struct asker){ .f = f, .left = &left };
		struct http_request q = { .url = url, .tls = &tls, .on_data = piece_arrived, .on_data_owner = &a[i] };
		a[i].call = http_send(f->client, &q, answered, &a[i], &e);
		assert_non_null(a[i].call);
	}
	run(f);
	ask(&other, (struct http_request){ .tls = &tls });
	assert_string_equal(other.why, "");
	for (size_t i = 0; i < CALLS; i++)
		http_cancel(&a[i].call);
}

static void streams_at_once_all_flow(void **state)
{
	struct fixture *f = with_nginx(state);
	streams_flow_from(f, f->base);
}

static void streams_of_an_old_server_all_flow(void **state)
{
	struct fixture *f = with_nginx(state);
	streams_flow_from(f, f->old_base);
}

static void other_material_is_another_connection(void **state)
{
	struct fixture *f = with_nginx(state);
	struct http_tls plain = { .ca_pem = f->authority.cert_pem };
	struct http_tls person = { .ca_pem = f->authority.cert_pem,
				   .cert_pem = f->person.cert_pem,
				   .key_pem = f->person.key_pem };
	struct http_tls stranger = { .ca_pem = f->stranger.cert_pem };
	struct asker a = { .f = f }, b = { .f = f }, c = { .f = f };
	ask(&a, (struct http_request){ .tls = &plain });
	ask(&b, (struct http_request){ .tls = &person });
	ask(&c, (struct http_request){ .tls = &stranger }); /* not on the connection that others verified */
	assert_non_null(strstr(a.body, " NONE"));
	assert_non_null(strstr(b.body, " SUCCESS"));
	assert_int_equal(c.r, RC_UNREACHABLE);
}

/* ---- trust ---- */

static void the_server_is_verified(void **state)
{
	struct fixture *f = with_nginx(state);
	const struct {
		const char *name;
		struct http_tls tls;
		enum result r;
		const char *why;
	} cases[] = {
		{ "its authority", { .ca_pem = f->authority.cert_pem }, RC_OK, "" },
		{ "another authority",
		  { .ca_pem = f->stranger.cert_pem },
		  RC_UNREACHABLE,
		  "SSL certificate problem: " },
		{ "the system's", { 0 }, RC_UNREACHABLE, "SSL certificate problem: " },
		{ "no verification", { .no_verify = true }, RC_OK, "" },
		{ "no authority in the text",
		  { .ca_pem = "hunter2" },
		  RC_INVALID,
		  "error importing CA certificate blob" },
		{ "no certificate in the text",
		  { .no_verify = true, .cert_pem = "hunter2", .key_pem = f->person.key_pem },
		  RC_INVALID,
		  "could not load PEM client certificate" },
		{ "a key that does not fit",
		  { .no_verify = true, .cert_pem = f->person.cert_pem, .key_pem = f->stranger.key_pem },
		  RC_INVALID,
		  "unable to set private key file" },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct asker a = { .f = f };
		ask(&a, (struct http_request){ .tls = &cases[i].tls });
		if (a.r != cases[i].r || !strstr(a.why, cases[i].why) || strstr(a.why, "hunter2"))
			fail_msg("%s: %s \"%s\"", cases[i].name, result_name(a.r), a.why);
	}
}

static void the_name_is_verified(void **state)
{
	struct fixture *f = with_nginx(state);
	struct asker a = { .f = f };
	struct http_tls tls = { .ca_pem = f->authority.cert_pem };
	char url[64];
	unsigned left = 1;
	struct error e;
	(void)snprintf(url, sizeof url, "https://localhost:%s", strrchr(f->base, ':') + 1);
	a.left = &left;
	a.call = http_send(f->client, &(struct http_request){ .url = url, .tls = &tls }, answered, &a, &e);
	run(f);
	assert_int_equal(a.r, RC_UNREACHABLE);
	assert_non_null(strstr(a.why, "no alternative certificate subject name matches"));
}

/* ---- what else a shared connection must not share ---- */

static bool refuse(void *owner, const char *host, const struct sockaddr *address)
{
	(void)owner;
	(void)host;
	(void)address;
	return false;
}

static void the_egress_policy_holds_on_a_shared_connection(void **state)
{
	struct fixture *f = with_nginx(state);
	struct http_tls tls = { .ca_pem = f->authority.cert_pem };
	struct asker a = { .f = f }, b = { .f = f }, c = { .f = f };
	ask(&a, (struct http_request){ .tls = &tls });
	ask(&b, (struct http_request){ .tls = &tls, .egress = refuse });
	ask(&c, (struct http_request){ .tls = &tls });
	assert_int_equal(a.r, RC_OK);
	assert_int_equal(b.r, RC_REFUSED);
	assert_int_equal(c.r, RC_OK);
	assert_string_equal(a.body, c.body); /* the refusal cost nobody else the connection */
}

static void a_cancelled_call_leaves_the_connection_to_the_others(void **state)
{
	struct fixture *f = with_nginx(state);
	struct http_tls tls = { .ca_pem = f->authority.cert_pem };
	struct asker warm = { .f = f }, a[CALLS];
	unsigned left = CALLS / 2;
	ask(&warm, (struct http_request){ .tls = &tls });
	for (size_t i = 0; i < CALLS; i++) {
		a[i] = (struct asker){ .f = f };
		send_one(&a[i], (struct http_request){ .tls = &tls }, &left);
	}
	for (size_t i = 0; i < CALLS; i += 2)
		http_cancel(&a[i].call);
	run(f);
	for (size_t i = 1; i < CALLS; i += 2)
		assert_string_equal(a[i].body, warm.body);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, fresh_client, drop_client)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(calls_one_after_another_share_a_connection),
		CASE(calls_at_once_share_a_connection),
		CASE(calls_at_once_with_a_certificate_share_a_connection),
		CASE(streams_at_once_all_flow),
		CASE(streams_of_an_old_server_all_flow),
		CASE(other_material_is_another_connection),
		CASE(the_server_is_verified),
		CASE(the_name_is_verified),
		CASE(the_egress_policy_holds_on_a_shared_connection),
		CASE(a_cancelled_call_leaves_the_connection_to_the_others),
	};
	static const char *const proxies[] = { "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY" };
	for (size_t i = 0; i < sizeof proxies / sizeof *proxies; i++)
		(void)unsetenv(proxies[i]);
	(void)sigaction(SIGPIPE, &(struct sigaction){ .sa_handler = SIG_IGN }, NULL);
	return cmocka_run_group_tests_name("http_client_tls", tests, begin, end);
}
