#include "controller/node/render.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include <utlist.h>

#include "base/text.h"
#include "controller/metrics/traffic.h"

#define BLAME "# ingress "

/* ---- words ---- */

bool render_word_ok(const char *s)
{
	for (; *s; s++) {
		if (!isalnum((unsigned char)*s) && (unsigned char)*s < 0x80 && !strchr("/._~+,=:@- ", *s))
			return false;
	}
	return true;
}

bool render_listen_ok(const char *s)
{
	char host[64] = "", port[8] = "";
	unsigned char raw[16];
	uint64_t number;
	const char *colon = strrchr(s, ':');
	bool v6 = *s == '[' && colon && colon > s && colon[-1] == ']';
	if (snprintf(port, sizeof port, "%s", colon ? colon + 1 : s) >= (int)sizeof port)
		return false;
	if (colon && (size_t)(colon - s) < sizeof host)
		snprintf(host, sizeof host, "%.*s", (int)(colon - s) - (v6 ? 2 : 0), v6 ? s + 1 : s);
	if (text_u64(port, 1, 65535, &number, NULL) != RC_OK)
		return false;
	return !colon || inet_pton(v6 ? AF_INET6 : AF_INET, host, raw) == 1;
}

/* What is inside double quotes. */
void render_escaped(struct strbuf *b, const char *s)
{
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			strbuf_addc(b, '\\');
		strbuf_addc(b, *s);
	}
}

/* The same for a text that a regular expression is to match as it stands. */
void render_literal(struct strbuf *b, const char *s)
{
	for (; *s; s++) {
		if (isalnum((unsigned char)*s))
			strbuf_addc(b, *s);
		else
			strbuf_addf(b, "\\\\x%02x", (unsigned char)*s);
	}
}

static void add_blame(struct strbuf *b, const char *indent, const char *source)
{
	strbuf_addf(b, "%s" BLAME "%s\n", indent, source);
}

/* ---- the frame ---- */

static const char frame[] =
	"\tlog_format rollcall '$time_iso8601 client=$remote_addr host=$host status=$status side=$rollcall_side '\n"
	"\t\t'upstream=$upstream_addr tries=$upstream_status seconds=$request_time id=$request_id "
	"request=\"$request\"';\n"
	"\taccess_log \"%s/access.log\" rollcall;\n"
	"\tclient_body_temp_path \"%s/body\";\n"
	"\tproxy_temp_path \"%s/proxy\";\n"
	"\tfastcgi_temp_path \"%s/fastcgi\";\n"
	"\tuwsgi_temp_path \"%s/uwsgi\";\n"
	"\tscgi_temp_path \"%s/scgi\";\n";

static const char rules[] =
	"\tserver_tokens off;\n"
	"\tdefault_type text/plain;\n"
	"\ttcp_nodelay on;\n"
	"\tclient_max_body_size 1m;\n"
	"\tserver_names_hash_bucket_size 512;\n"
	"\tmap_hash_bucket_size 512;\n"
	"\tvariables_hash_bucket_size 128;\n"
	"\tvariables_hash_max_size 65536;\n"
	"\tserver_names_hash_max_size 65536;\n"
	"\tproxy_headers_hash_max_size 2048;\n"
	"\tmap $http_upgrade $rollcall_connection { default upgrade; \"\" \"\"; }\n"
	"\tmap $http_host $rollcall_host { default $http_host; \"\" $host; }\n"
	"\tmap $http_x_request_id $rollcall_request_id { default $http_x_request_id; \"\" $request_id; }\n"
	"\tproxy_http_version 1.1;\n"
	"\tproxy_set_header Host $rollcall_host;\n"
	"\tproxy_set_header Connection $rollcall_connection;\n"
	"\tproxy_set_header Upgrade $http_upgrade;\n"
	"\tproxy_set_header X-Request-ID $rollcall_request_id;\n"
	"\tproxy_set_header X-Real-IP $remote_addr;\n"
	"\tproxy_set_header X-Forwarded-For $remote_addr;\n"
	"\tproxy_set_header X-Forwarded-Host $rollcall_host;\n"
	"\tproxy_set_header X-Forwarded-Port $server_port;\n"
	"\tproxy_set_header X-Forwarded-Proto $scheme;\n"
	"\tproxy_connect_timeout 5s;\n"
	"\tproxy_read_timeout 60s;\n"
	"\tproxy_send_timeout 60s;\n"
	"\tproxy_next_upstream error timeout;\n"
	"\tproxy_next_upstream_timeout 10s;\n";

static void add_log_socket(const struct render_options *o, struct strbuf *b)
{
	if (!o->log_socket)
		return;
	strbuf_add(b, "\tlog_format rollcall_traffic '" TRAFFIC_FORMAT("$rollcall_side", "$rollcall_route") "';\n");
	strbuf_addf(b, "\taccess_log \"syslog:server=unix:%s,nohostname,tag=" TRAFFIC_TAG "\" rollcall_traffic;\n",
		    o->log_socket);
}

static void add_head(const struct render_options *o, struct strbuf *b)
{
	const char *f = o->folder;
	strbuf_add(b, "# Written by rollcall: changes are lost.\n");
	if (o->user)
		strbuf_addf(b, "user \"%s\";\n", o->user);
	if (o->workers)
		strbuf_addf(b, "worker_processes %u;\n", o->workers);
	else
		strbuf_add(b, "worker_processes auto;\n");
	strbuf_addf(b, "worker_shutdown_timeout 10s;\npid \"%s/nginx.pid\";\nerror_log \"%s/error.log\" warn;\n", f, f);
	strbuf_add(b, "events {\n\tworker_connections 4096;\n}\nhttp {\n");
	strbuf_addf(b, frame, f, f, f, f, f, f);
	add_log_socket(o, b);
	strbuf_add(b, rules);
	if (o->close_client_connections)
		strbuf_add(b, "\tkeepalive_timeout 0;\n");
}

/* ---- upstreams and the choice between two ---- */

static void add_upstream(const struct upstream *u, struct strbuf *b)
{
	if (u->servers_len == 0)
		return;
	strbuf_addf(b, "\tupstream %s {\n", u->name);
	for (size_t i = 0; i < u->servers_len; i++)
		strbuf_addf(b, "\t\tserver %s max_fails=0;\n", u->servers[i]);
	strbuf_add(b, "\t\tkeepalive 64;\n\t}\n");
}

static void add_weight(const struct canary_rule *c, unsigned n, struct strbuf *b)
{
	if (c->share == 0 || c->share >= CANARY_SHARE_ALL)
		strbuf_addf(b, "\tmap \"\" $rollcall_weight_%u { default %d; }\n", n, c->share != 0);
	else
		strbuf_addf(b, "\tsplit_clients $request_id $rollcall_weight_%u { %u.%02u%% 1; * 0; }\n", n,
			    c->share / 100, c->share % 100);
}

/* Compared here rather than with $cookie_name, which knows no names with - and . in them. */
static void add_cookie_value(const struct canary_rule *c, const char *value, int side, struct strbuf *b)
{
	strbuf_add(b, " \"~(?:^|;[ ]*)");
	render_literal(b, c->cookie);
	strbuf_addf(b, "=%s[ ]*(?:;|\\\\z)\" %d;", value, side);
}

static void add_cookie(const struct canary_rule *c, unsigned n, struct strbuf *b)
{
	strbuf_addf(b, "\tmap $http_cookie $rollcall_cookie_%u { default $rollcall_weight_%u;", n, n);
	if (*c->cookie) {
		add_cookie_value(c, "always", 1, b);
		add_cookie_value(c, "never", 0, b);
	}
	strbuf_add(b, " }\n");
}

/* Strings of a map are compared without case, regular expressions with it. */
static void add_header(const struct canary_rule *c, unsigned n, struct strbuf *b)
{
	strbuf_add(b, "\tmap ");
	if (!*c->header)
		strbuf_add(b, "\"\"");
	else
		strbuf_add(b, "$http_");
	for (const char *s = c->header; *s; s++)
		strbuf_addc(b, *s == '-' ? '_' : (char)tolower((unsigned char)*s));
	strbuf_addf(b, " $rollcall_header_%u { default $rollcall_cookie_%u;", n, n);
	if (*c->header && *c->header_value) {
		strbuf_add(b, " \"~^");
		render_literal(b, c->header_value);
		strbuf_add(b, "\\\\z\" 1;");
	} else if (*c->header && *c->header_pattern) {
		strbuf_add(b, " \"~");
		render_escaped(b, c->header_pattern);
		strbuf_add(b, "\" 1;");
	} else if (*c->header) {
		strbuf_add(b, " \"~^always\\\\z\" 1; \"~^never\\\\z\" 0;");
	}
	strbuf_add(b, " }\n");
}

static void add_canary(const struct route_path *p, unsigned n, struct strbuf *b)
{
	const struct canary_rule *c = p->canary;
	add_blame(b, "\t", c->source);
	add_weight(c, n, b);
	add_cookie(c, n, b);
	add_header(c, n, b);
	strbuf_addf(b, "\tmap $rollcall_header_%u $rollcall_side_%u { default primary; 1 canary; }\n", n, n);
	strbuf_addf(b, "\tmap $rollcall_header_%u $rollcall_upstream_%u { default \"%s\"; 1 %s; }\n", n, n,
		    p->upstream->servers_len ? p->upstream->name : "", c->upstream->name);
}

/* ---- servers and locations ---- */

static void add_location(const struct route_path *p, unsigned n, const char *modifier, const char *slash,
			 struct strbuf *b)
{
	add_blame(b, "\t\t", p->source);
	strbuf_addf(b, "\t\tlocation %s\"%s%s\" {\n", modifier, p->path, slash);
	strbuf_addf(b, "\t\t\tset $rollcall_route \"%s\";\n", p->source);
	if (p->canary) {
		strbuf_addf(b, "\t\t\tset $rollcall_side $rollcall_side_%u;\n", n);
		if (p->upstream->servers_len == 0)
			strbuf_addf(b, "\t\t\tif ($rollcall_upstream_%u = \"\") { return 503; }\n", n);
		strbuf_addf(b, "\t\t\tproxy_pass http://$rollcall_upstream_%u;\n", n);
	} else {
		strbuf_add(b, "\t\t\tset $rollcall_side primary;\n");
		if (p->upstream->servers_len)
			strbuf_addf(b, "\t\t\tproxy_pass http://%s;\n", p->upstream->name);
		else
			strbuf_add(b, "\t\t\treturn 503;\n");
	}
	strbuf_add(b, "\t\t}\n");
}

static const struct route_path *path_named(const struct route_host *h, const char *path, bool exact)
{
	const struct route_path *p;
	DL_FOREACH(h->paths, p)
	{
		if (p->exact == exact && text_eq(p->path, path))
			return p;
	}
	return NULL;
}

/* A beginning is one of whole segments: "/shop" is met by /shop and /shop/..., not by /shopping. */
static void add_path(const struct route_host *h, const struct route_path *p, unsigned n, struct strbuf *b)
{
	bool root = text_eq(p->path, "/");
	if (p->exact || (!root && !path_named(h, p->path, true)))
		add_location(p, n, "= ", "", b);
	if (!p->exact)
		add_location(p, n, "", root ? "" : "/", b);
}

static void add_server_name(const struct route_host *h, struct strbuf *b)
{
	if (!*h->name) {
		strbuf_add(b, "\t\tserver_name \"\";\n");
	} else if (text_starts(h->name, "*.")) {
		strbuf_add(b, "\t\tserver_name \"~^[^.]+\\\\.");
		for (const char *s = h->name + 2; *s; s++)
			strbuf_addf(b, *s == '.' ? "\\\\%c" : "%c", *s);
		strbuf_add(b, "$\";\n");
	} else {
		strbuf_addf(b, "\t\tserver_name %s;\n", h->name);
	}
}

static void add_server(const struct route_host *h, const struct render_options *o, unsigned *n, struct strbuf *b)
{
	const struct route_path *p;
	add_blame(b, "\t", h->source);
	strbuf_addf(b, "\tserver {\n\t\tlisten %s%s;\n", o->listen, *h->name ? "" : " default_server");
	add_server_name(h, b);
	strbuf_add(b, "\t\tset $rollcall_side \"-\";\n\t\tset $rollcall_route \"-\";\n");
	DL_FOREACH(h->paths, p) add_path(h, p, (*n)++, b);
	if (!path_named(h, "/", false))
		strbuf_add(b, "\t\tlocation / { return 404; }\n");
	strbuf_add(b, "\t}\n");
}

void render(const struct routes *r, const struct render_options *o, struct strbuf *b)
{
	static const struct route_host nobodys = { .name = "", .source = "-" };
	const struct upstream *u;
	const struct route_host *h;
	const struct route_path *p;
	bool catch_all = false;
	unsigned n = 0;
	add_head(o, b);
	DL_FOREACH(r->upstreams, u) add_upstream(u, b);
	DL_FOREACH(r->hosts, h)
	{
		catch_all = catch_all || !*h->name;
		DL_FOREACH(h->paths, p)
		{
			if (p->canary)
				add_canary(p, n, b);
			n++;
		}
	}
	n = 0;
	if (!catch_all)
		add_server(&nobodys, o, &n, b);
	DL_FOREACH(r->hosts, h) add_server(h, o, &n, b);
	strbuf_add(b, "}\n");
}

/* ---- blame ---- */

bool render_blame(const char *text, unsigned line, char *buf, size_t size)
{
	bool found = false;
	for (unsigned at = 1; text && at <= line; at++) {
		const char *end = strchr(text, '\n');
		const char *word = text + strspn(text, "\t");
		if (end && text_starts(word, BLAME)) {
			word += strlen(BLAME);
			snprintf(buf, size, "%.*s", (int)(end - word), word);
			found = true;
		}
		text = end ? end + 1 : NULL;
	}
	return found && !text_eq(buf, "-");
}

bool render_mentions(const char *text, const char *address, unsigned port)
{
	char server[128];
	snprintf(server, sizeof server, port ? "\tserver %s:%u" : "\tserver %s:", address, port);
	size_t len = strlen(server);
	for (const char *at = text ? strstr(text, server) : NULL; at; at = strstr(at + len, server)) {
		if (!port || at[len] == ';' || at[len] == ' ')
			return true;
	}
	return false;
}
