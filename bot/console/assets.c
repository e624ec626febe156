#include "bot/console/assets.h"

#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "base/strbuf.h"
#include "base/templates.h"
#include "base/text.h"

enum { HASH_CHARS = 16, PAGE_MAX = 64 * 1024 };
#define FOLDER "console/app/"

/* Nothing from elsewhere, nothing inline, no way for text to become a script. */
static const char content_policy[] =
	"Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
	"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
	"require-trusted-types-for 'script'; trusted-types 'none'";

struct assets {
	char hash[SHA256_HEX]; /* of all files; shortened to HASH_CHARS */
	char *page;            /* owned */
	size_t page_len;
	char etag[SHA256_HEX + 16];
};

static const struct template_file *find(const char *name)
{
	for (const struct template_file *f = template_files; f->path; f++)
		if (text_starts(f->path, FOLDER) && text_eq(f->path + strlen(FOLDER), name))
			return f;
	return NULL;
}

static enum result hash_all(struct assets *a, struct error *e)
{
	char names[SHA256_HEX * 2] = "", one[SHA256_HEX];
	enum result r = RC_OK;
	for (const struct template_file *f = template_files; f->path && r == RC_OK; f++) {
		if (!text_starts(f->path, FOLDER))
			continue;
		r = crypto_sha256_hex(f->body, f->len, one, e);
		if (r != RC_OK)
			break;
		memcpy(names + SHA256_HEX - 1, one, SHA256_HEX);
		memcpy(names, a->hash, SHA256_HEX - 1);
		r = crypto_sha256_hex(names, sizeof names - 2, a->hash, e);
	}
	a->hash[HASH_CHARS] = '\0';
	return r;
}

/* The page names its files as "{{files}}/NAME". */
static enum result build_page(struct assets *a, struct error *e)
{
	static const char mark[] = "{{files}}";
	const struct template_file *f = find("index.html");
	struct strbuf b;
	strbuf_init(&b, PAGE_MAX);
	for (const char *at = f ? f->body : "", *next = at; next; at = next + strlen(mark)) {
		next = strstr(at, mark);
		strbuf_addn(&b, at, next ? (size_t)(next - at) : strlen(at));
		if (next)
			strbuf_addf(&b, "/console/files/%s", a->hash);
		else
			break;
	}
	a->page_len = b.len;
	a->page = strbuf_take(&b);
	strbuf_finish(&b);
	char hash[SHA256_HEX];
	if (!a->page || !a->page_len)
		return error_set(e, RC_EXHAUSTED, "the console's page cannot be built");
	enum result r = crypto_sha256_hex(a->page, a->page_len, hash, e);
	(void)snprintf(a->etag, sizeof a->etag, "ETag: \"%s\"", hash);
	return r;
}

enum result assets_create(struct assets **ret, struct error *e)
{
	CLEANUP(assets_destroy_p) struct assets *a = calloc(1, sizeof *a);
	if (!a)
		return error_set(e, RC_EXHAUSTED, "no memory for the console");
	memset(a->hash, '0', sizeof a->hash - 1);
	enum result r = hash_all(a, e);
	if (r == RC_OK)
		r = build_page(a, e);
	if (r == RC_OK)
		*ret = TAKE(a);
	return r;
}

void assets_destroy(struct assets *a)
{
	if (a)
		free(a->page);
	free(a);
}

const char *assets_hash(const struct assets *a)
{
	return a->hash;
}

static bool has_seen(const struct http_exchange *x, const char *etag_header)
{
	const char *seen = http_header(x, "if-none-match");
	return seen && strstr(seen, etag_header + strlen("ETag: "));
}

void assets_page(void *owner, struct http_exchange *x)
{
	const struct assets *a = owner;
	const char *const headers[] = { a->etag,
					"Cache-Control: no-cache",
					content_policy,
					"Referrer-Policy: same-origin",
					"X-Content-Type-Options: nosniff",
					"X-Frame-Options: DENY",
					"Cross-Origin-Opener-Policy: same-origin",
					NULL };
	if (has_seen(x, a->etag))
		http_respond(x, 304, NULL, NULL, 0, headers);
	else
		http_respond(x, 200, "text/html; charset=utf-8", a->page, a->page_len, headers);
}

static const char *type_of(const char *name)
{
	static const char *const types[][2] = { { ".js", "text/javascript; charset=utf-8" },
						{ ".css", "text/css; charset=utf-8" },
						{ ".svg", "image/svg+xml" } };
	for (size_t i = 0; i < sizeof types / sizeof *types; i++)
		if (text_ends(name, types[i][0]))
			return types[i][1];
	return NULL;
}

void assets_file(void *owner, struct http_exchange *x)
{
	const struct assets *a = owner;
	const char *name = http_param(x, "file"), *type = type_of(name), *encodings = http_header(x, "accept-encoding");
	const struct template_file *f = type && text_eq(http_param(x, "hash"), a->hash) ? find(name) : NULL;
	if (!f) {
		/* A page of the version before; it loads itself anew. */
		http_respond_error(x, 404, NULL, "there is no such file in this version");
		return;
	}
	const char *packed_name = arena_printf(http_arena(x), "%s.gz", name);
	const struct template_file *packed =
		packed_name && encodings && strstr(encodings, "gzip") ? find(packed_name) : NULL;
	const char *const headers[] = { "Cache-Control: public, max-age=31536000, immutable",
					"X-Content-Type-Options: nosniff", "Vary: Accept-Encoding",
					packed ? "Content-Encoding: gzip" : NULL, NULL };
	const struct template_file *sent = packed ? packed : f;
	http_respond(x, 200, type, sent->body, sent->len, headers);
}
