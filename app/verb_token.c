/* `rollcall token`: over the API, or on the data folder itself while no service holds it. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/client.h"
#include "app/house.h"
#include "app/print.h"
#include "app/process.h"
#include "app/table.h"
#include "base/duration.h"
#include "base/json.h"
#include "base/strbuf.h"
#include "base/text.h"

enum { PATH_BYTES = 4096, DAY_MS = 86400000 };

/* ---- the data folder itself ---- */

struct ground {
	const struct cli *cli;
	struct loop *loop;
	struct store *store;
	struct tokens *tokens;
	enum exit_code code;
};

static enum result open_ground(struct ground *g, struct error *e)
{
	char dir[PATH_BYTES], path[PATH_BYTES + 16];
	if (cli_data_dir(g->cli, dir, sizeof dir) != EXIT_DONE)
		return error_set(e, RC_INVALID, "which data folder?");
	enum result r = loop_create(&g->loop, e);
	if (r == RC_OK)
		r = house_open_store(g->loop, dir, path, sizeof path, &g->store, e);
	return r == RC_OK ? tokens_create(g->loop, g->store, &g->tokens, e) : r;
}

static void store_closed(void *owner)
{
	struct ground *g = owner;
	loop_stop(g->loop);
}

static void close_ground(struct ground *g)
{
	if (g->store) {
		store_close(g->store, store_closed, g);
		loop_run(g->loop);
	}
	tokens_destroy(g->tokens);
	if (g->loop)
		loop_destroy(g->loop);
}

static void issued(void *owner, enum result r, const char *secret, const struct error *why)
{
	struct ground *g = owner;
	if (r == RC_OK)
		puts(secret);
	g->code = r == RC_OK ? EXIT_DONE : cli_fail_result(g->cli, why);
}

static void revoked(void *owner, enum result r, const struct error *why)
{
	struct ground *g = owner;
	g->code = r == RC_OK ? EXIT_DONE : cli_fail_result(g->cli, why);
}

/* ---- list ---- */

static enum exit_code print_tokens(const struct cli *c, const cJSON *list)
{
	static const char *const heads[] = { "NAME", "SCOPE", "CREATED", "EXPIRES", "LAST USED" };
	static const char *const members[] = { "name", "scope", "createdAt", "expiresAt", "usedAt" };
	struct table t;
	const cJSON *row;
	if (output_is_data(c))
		return output_data(c, list);
	table_init(&t, 5);
	for (size_t i = 0; i < 5; i++)
		table_add(&t, heads[i]);
	cJSON_ArrayForEach (row, list)
		for (size_t i = 0; i < 5; i++) {
			const char *text = json_text(row, members[i], "");
			table_add(&t, *text ? text : "never");
		}
	if (!output_is(c, "name"))
		table_print(&t);
	else
		cJSON_ArrayForEach (row, list)
			puts(json_text(row, "name", ""));
	if (output_is(c, "name"))
		free(t.cells);
	return EXIT_DONE;
}

/* ---- the three words ---- */

struct wish {
	const char *word, *name;
	enum token_scope scope;
	int64_t life_ms;
};

/* Go's durations, and days. */
static bool read_life(const char *text, int64_t *ret)
{
	uint64_t days = 0;
	char digits[8] = "";
	size_t len = strlen(text);
	if (len > 1 && len < sizeof digits && text[len - 1] == 'd') {
		memcpy(digits, text, len - 1);
		if (text_u64(digits, 1, 3650, &days, NULL) != RC_OK)
			return false;
		*ret = (int64_t)days * DAY_MS;
		return true;
	}
	return duration_parse(text, ret, NULL) == RC_OK && *ret > 0;
}

static enum exit_code read_wish(const struct cli *c, struct wish *w)
{
	struct error e;
	*w = (struct wish){ .word = c->words[0], .name = c->word_count > 1 ? c->words[1] : NULL };
	bool create = text_eq(w->word, "create"), list = text_eq(w->word, "list"), revoke = text_eq(w->word, "revoke");
	if (!create && !list && !revoke)
		return cli_usage(c, "\"%s\" is not create, list or revoke", w->word);
	if (list == (w->name != NULL))
		return cli_usage(c, list ? "list takes no name" : "which token?");
	if (!create && (c->scope || c->expires))
		return cli_usage(c, "--scope and --expires belong to create");
	if (create && !c->scope)
		return cli_usage(c, "--scope is missing: read, decide or admin");
	if (create && token_scope_parse(c->scope, &w->scope, &e) != RC_OK)
		return cli_usage(c, "%s", e.text);
	if (create && c->expires && !read_life(c->expires, &w->life_ms))
		return cli_usage(c, "--expires must be a time such as 12h or 30d");
	return EXIT_DONE;
}

static enum exit_code list_offline(struct ground *g)
{
	CLEANUP(free_p) char *text = tokens_json(g->tokens);
	CLEANUP(json_delete_p) cJSON *list = NULL;
	struct error e = { .code = RC_EXHAUSTED, .text = "no memory" };
	if (!text || json_parse(text, strlen(text), &list, &e) != RC_OK)
		return cli_fail_result(g->cli, &e);
	return print_tokens(g->cli, list);
}

/* The answer may come at once, or while the store closes. */
static void offline(struct ground *g, const struct wish *w)
{
	if (text_eq(w->word, "list"))
		g->code = list_offline(g);
	else if (text_eq(w->word, "create"))
		tokens_issue(g->tokens, w->name, w->scope, w->life_ms, "local", issued, g);
	else
		tokens_revoke(g->tokens, w->name, "local", revoked, g);
}

static enum exit_code online(const struct cli *c, const struct wish *w)
{
	CLEANUP(json_delete_p) cJSON *answer = NULL;
	struct strbuf text;
	enum exit_code code;
	strbuf_init(&text, PATH_BYTES);
	if (text_eq(w->word, "list")) {
		code = client_call(c, "GET", "/api/v1/tokens", NULL, &answer);
	} else if (text_eq(w->word, "create")) {
		strbuf_add(&text, "{\"name\":");
		strbuf_add_json(&text, w->name);
		strbuf_addf(&text, ",\"scope\":\"%s\",\"expiresMs\":%lld}", token_scope_name(w->scope),
			    (long long)w->life_ms);
		code = client_call(c, "POST", "/api/v1/tokens", text.s, &answer);
	} else {
		assert(w->name); /* the words were counted */
		strbuf_add(&text, "/api/v1/tokens/");
		strbuf_add_urlencoded(&text, w->name, strlen(w->name));
		code = client_call(c, "DELETE", text.s, NULL, &answer);
	}
	strbuf_finish(&text);
	if (code == EXIT_DONE && text_eq(w->word, "list"))
		return print_tokens(c, json_at(answer, "tokens"));
	if (code == EXIT_DONE && text_eq(w->word, "create"))
		puts(json_text(answer, "token", ""));
	return code;
}

enum exit_code verb_token(struct cli *c)
{
	struct wish w;
	struct error e;
	enum exit_code code = read_wish(c, &w);
	if (code != EXIT_DONE)
		return code;
	if (c->server)
		return online(c, &w);
	process_prepare();
	struct ground g = { .cli = c, .code = EXIT_FAILED };
	enum result r = open_ground(&g, &e);
	if (r == RC_OK)
		offline(&g, &w);
	close_ground(&g);
	if (r == RC_CONFLICT) /* the service holds the folder: it is the one to ask */
		return online(c, &w);
	return r == RC_OK ? g.code : cli_fail_result(c, &e);
}
