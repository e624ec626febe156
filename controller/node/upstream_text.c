#include "controller/node/upstream_text.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "controller/metrics/traffic.h"
#include "controller/node/render.h"

#define SEAL "# sha256 of all that follows: "
#define SEAL_END "\n"
enum { VARIABLE_MAX = 64 + 8, HEADER_MAX = 64, VALUE_MAX = 1024 };

int upstream_weight(const struct upstream_wish *w)
{
	if (!w->canary_side.len)
		return 0;
	return w->primary_side.len ? w->weight : 100;
}

/* ---- names ---- */

/* Names of variables have no "-". */
static void variable(const char *name, char buf[VARIABLE_MAX])
{
	snprintf(buf, VARIABLE_MAX, "%.63s", name);
	for (char *s = buf; *s; s++) {
		if (*s == '-')
			*s = '_';
	}
}

static enum result header_variable(const char *header, char buf[HEADER_MAX + 8], struct error *e)
{
	size_t len = strlen(header);
	char shown[TEXT_SHOWN];
	bool ok = len > 0 && len < HEADER_MAX;
	for (size_t i = 0; ok && i < len; i++)
		ok = isalnum((unsigned char)header[i]) || header[i] == '-';
	if (!ok)
		return error_set(e, RC_INVALID, "match: \"%s\" is not the name of a header that nginx can look at",
				 text_show(header, len, shown));
	snprintf(buf, HEADER_MAX + 8, "$http_%s", header);
	for (char *s = buf; *s; s++)
		*s = *s == '-' ? '_' : (char)tolower((unsigned char)*s);
	return RC_OK;
}

static bool cookie_ok(const char *name)
{
	size_t len = strlen(name);
	return len > 0 && len < HEADER_MAX &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == len;
}

/* ---- servers ---- */

static unsigned common_divisor(unsigned a, unsigned b)
{
	while (b) {
		unsigned rest = a % b;
		a = b;
		b = rest;
	}
	return a;
}

static void add_servers(struct strbuf *b, const struct upstream_side *side, unsigned weight)
{
	for (size_t i = 0; weight && i < side->len; i++) {
		if (weight == 1)
			strbuf_addf(b, "\tserver %s;\n", side->servers[i]);
		else
			strbuf_addf(b, "\tserver %s weight=%u;\n", side->servers[i], weight);
	}
}

/* Shared by all workers, so that the shares are exact and a server that failed has failed for all. */
static void upstream_begin(struct strbuf *b, const char *name)
{
	strbuf_addf(b, "upstream %s {\n\tzone %s 256k;\n", name, name);
}

/* An upstream without servers is no configuration. */
static void upstream_end(struct strbuf *b, bool empty)
{
	strbuf_add(b, empty ? "\tserver 127.0.0.1:1 down; # nothing is ready\n}\n" : "}\n");
}

static void add_alone(struct strbuf *b, const char *name, const struct upstream_side *side)
{
	upstream_begin(b, name);
	add_servers(b, side, 1);
	upstream_end(b, !side->len);
}

/* A side's share is spread over its servers: each gets the other side's number of servers times its own percent. */
static void add_weighted(struct strbuf *b, const struct upstream_wish *w)
{
	char name[VARIABLE_MAX];
	unsigned share = (unsigned)upstream_weight(w);
	unsigned primary = (100 - share) * (unsigned)(w->canary_side.len ? w->canary_side.len : 1);
	unsigned canary = share * (unsigned)(w->primary_side.len ? w->primary_side.len : 1);
	unsigned d = common_divisor(primary, canary);
	bool none = !w->primary_side.len && !w->canary_side.len;
	upstream_begin(b, w->name);
	add_servers(b, &w->primary_side, primary / d);
	add_servers(b, &w->canary_side, canary / d);
	upstream_end(b, none);
	variable(w->name, name);
	strbuf_addf(b, "map \"\" $%s {\n\tdefault %s;\n}\n", name, w->name);
}

/* ---- conditions ---- */

static enum result pattern_of(const cJSON *m, struct strbuf *b, struct error *e)
{
	static const struct {
		const char *field, *before, *after;
		bool literal;
	} kinds[] = { { "exact", "^", "$", true },
		      { "prefix", "^", "", true },
		      { "suffix", "", "$", true },
		      { "regex", "", "", false } };
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		const char *value = json_text(m, kinds[i].field, NULL);
		if (!value)
			continue;
		if (strlen(value) > VALUE_MAX || strpbrk(value, "\r\n"))
			return error_set(e, RC_INVALID, "match: a value is longer than %d or has line ends", VALUE_MAX);
		strbuf_addf(b, "\"~%s", kinds[i].before);
		if (kinds[i].literal)
			render_literal(b, value);
		else
			render_escaped(b, value);
		strbuf_addf(b, "%s\"", kinds[i].after);
		return RC_OK;
	}
	strbuf_add(b, "\"~.\""); /* it is there */
	return RC_OK;
}

/* {header: cookie, exact: NAME} is a cookie of this name with the value "always", as with an Ingress. */
static enum result add_condition(struct strbuf *b, const cJSON *m, const char *name, int i, struct error *e)
{
	char from[HEADER_MAX + 8];
	const char *header = json_text(m, "header", ""), *exact = json_text(m, "exact", NULL);
	bool cookie = text_eq(header, "cookie") && exact;
	if (cookie && !cookie_ok(exact))
		return error_set(e, RC_INVALID, "match: cookie: exact is the name of a cookie: letters, digits and _");
	if (cookie) {
		strbuf_addf(b, "map $cookie_%s $%s_if_%d {\n\tdefault \"\";\n\talways 1;\n}\n", exact, name, i);
		return RC_OK;
	}
	enum result r = header_variable(header, from, e);
	if (r != RC_OK)
		return r;
	strbuf_addf(b, "map %s $%s_if_%d {\n\tdefault \"\";\n\t", from, name, i);
	r = pattern_of(m, b, e);
	strbuf_add(b, " 1;\n}\n");
	return r;
}

static enum result add_matched(struct strbuf *b, const struct upstream_wish *w, struct error *e)
{
	char name[VARIABLE_MAX], side[VARIABLE_MAX * 2];
	const cJSON *m;
	int n = 0;
	variable(w->name, name);
	snprintf(side, sizeof side, "%s_primary", w->name);
	add_alone(b, side, &w->primary_side);
	snprintf(side, sizeof side, "%s_canary", w->name);
	bool active = upstream_weight(w) > 0;
	add_alone(b, side, active ? &w->canary_side : &(struct upstream_side){ NULL, 0 });
	if (!active || !w->primary_side.len) {
		strbuf_addf(b, "map \"\" $%s {\n\tdefault %s_%s;\n}\n", name, w->name, active ? "canary" : "primary");
		return RC_OK;
	}
	cJSON_ArrayForEach (m, w->match) {
		enum result r = add_condition(b, m, name, n++, e);
		if (r != RC_OK)
			return r;
	}
	strbuf_add(b, "map \"");
	for (int i = 0; i < n; i++)
		strbuf_addf(b, "${%s_if_%d}", name, i);
	strbuf_addf(b, "\" $%s {\n\tdefault %s_canary;\n\t\"\" %s_primary;\n}\n", name, w->name, w->name);
	return RC_OK;
}

/* ---- who has answered ---- */

static void add_side(struct strbuf *b, const struct upstream_side *side, const char *name)
{
	for (size_t i = 0; i < side->len; i++) {
		strbuf_add(b, "\t\"~^");
		render_literal(b, side->servers[i]);
		strbuf_addf(b, "(,|$)\" %s;\n", name);
	}
}

/* By the server that was asked first; it is for the user's access_log. Who is asked nothing is not named: pods that
 * become ready or leave without traffic are no reason to reload. */
static void add_traffic(struct strbuf *b, const struct upstream_wish *w)
{
	char name[VARIABLE_MAX];
	variable(w->name, name);
	strbuf_addf(b, "map $upstream_addr $%s_side {\n\tdefault \"-\";\n", name);
	if (upstream_weight(w) > 0)
		add_side(b, &w->canary_side, "canary");
	if (upstream_weight(w) < 100 || cJSON_IsArray(w->match))
		add_side(b, &w->primary_side, "primary");
	strbuf_addf(b, "}\nmap \"\" $%s_route {\n\tdefault %s/%s;\n}\n", name, w->ns, w->target);
	strbuf_addf(b, "log_format %s_traffic '" TRAFFIC_FORMAT("$%s_side", "$%s_route") "';\n", name, name, name);
}

/* ---- the whole ---- */

enum result upstream_text(const struct upstream_wish *w, struct strbuf *b, struct error *e)
{
	char hex[SHA256_HEX];
	struct strbuf body;
	enum result r = RC_OK;
	strbuf_init(&body, UPSTREAM_BYTES_MAX);
	strbuf_addf(&body,
		    "# rollcall writes this file for the Canary %s/%s. When somebody else has changed it, rollcall\n"
		    "# says so and leaves it alone; remove it, and it is written anew.\n",
		    w->ns, w->canary);
	if (cJSON_IsArray(w->match))
		r = add_matched(&body, w, e);
	else
		add_weighted(&body, w);
	add_traffic(&body, w);
	if (r == RC_OK)
		r = crypto_sha256_hex(body.s, body.len, hex, e);
	if (r == RC_OK) {
		strbuf_add(b, SEAL);
		strbuf_add(b, hex);
		strbuf_add(b, SEAL_END);
		strbuf_add(b, body.s);
	}
	if (r == RC_OK && (body.overflow || b->overflow))
		r = error_set(e, RC_EXHAUSTED, "upstream %s has too many servers", w->name);
	strbuf_finish(&body);
	return r;
}

bool upstream_text_untouched(const char *text)
{
	char hex[SHA256_HEX];
	const char *end = strchr(text, '\n');
	size_t seal = sizeof SEAL - 1, digits = SHA256_HEX - 1;
	if (!end || !text_starts(text, SEAL) || (size_t)(end - text) != seal + digits)
		return false;
	return crypto_sha256_hex(end + 1, strlen(end + 1), hex, NULL) == RC_OK && memcmp(text + seal, hex, digits) == 0;
}
