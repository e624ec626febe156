#include "bot/api/tokens.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/text.h"
#include "bot/approvals/approvals.h"

/* A folder, a loop, a store and what is kept in it; opened again by reopen. */
struct scene {
	char dir[64], path[96];
	struct loop *loop;
	struct store *store;
	struct tokens *tokens;
	enum result r;
	char secret[TOKEN_MAX], why[512];
	unsigned answers;
	bool running; /* a stop outside of a run would stop the next one */
};

static void migrations(struct store_migration *all)
{
	size_t n = 0;
	for (const struct store_migration *m = approvals_migrations; m->room; m++)
		all[n++] = *m;
	all[n++] = tokens_migrations[0];
	all[n] = (struct store_migration){ 0 };
}

static void open_scene(struct scene *s)
{
	struct store_migration all[16];
	struct error e = { .text = "" };
	migrations(all);
	assert_int_equal(loop_create(&s->loop, &e), RC_OK);
	if (store_open(s->loop, s->path, all, &s->store, &e) != RC_OK ||
	    tokens_create(s->loop, s->store, &s->tokens, &e) != RC_OK)
		fail_msg("%s", e.text);
}

static void run(struct scene *s)
{
	s->running = true;
	loop_run(s->loop);
	s->running = false;
}

static void closed(void *owner)
{
	struct scene *s = owner;
	loop_stop(s->loop);
}

static void close_scene(struct scene *s)
{
	store_close(s->store, closed, s);
	run(s);
	tokens_destroy(s->tokens);
	loop_destroy(s->loop);
}

static int begin(void **state)
{
	struct scene *s = calloc(1, sizeof *s);
	(void)snprintf(s->dir, sizeof s->dir, "/tmp/rollcall-tokens-XXXXXX");
	if (!mkdtemp(s->dir))
		return -1;
	(void)snprintf(s->path, sizeof s->path, "%s/t.db", s->dir);
	open_scene(s);
	*state = s;
	return 0;
}

static int end(void **state)
{
	static const char *const files[] = { "t.db", "t.db-wal", "t.db-shm", "t.db.lock" };
	struct scene *s = *state;
	char path[160];
	close_scene(s);
	for (size_t i = 0; i < 4; i++) {
		(void)snprintf(path, sizeof path, "%s/%s", s->dir, files[i]);
		(void)unlink(path);
	}
	(void)rmdir(s->dir);
	free(s);
	return 0;
}

static void take_answer(struct scene *s, enum result r, const struct error *why)
{
	s->r = r;
	s->answers++;
	(void)snprintf(s->why, sizeof s->why, "%s", why ? why->text : "");
	if (s->running)
		loop_stop(s->loop);
}

static void issued(void *owner, enum result r, const char *secret, const struct error *why)
{
	struct scene *s = owner;
	(void)snprintf(s->secret, sizeof s->secret, "%s", secret);
	take_answer(s, r, why);
}

static void revoked(void *owner, enum result r, const struct error *why)
{
	take_answer(owner, r, why);
}

static const char *issue(struct scene *s, const char *name, enum token_scope scope, int64_t life_ms)
{
	unsigned before = s->answers;
	tokens_issue(s->tokens, name, scope, life_ms, "test", issued, s);
	if (s->answers == before)
		run(s);
	assert_int_equal(s->answers, before + 1);
	return s->secret;
}

static void a_token_is_found_by_its_secret(void **state)
{
	struct scene *s = *state;
	char secret[TOKEN_MAX];
	(void)snprintf(secret, sizeof secret, "%s", issue(s, "ci", SCOPE_DECIDE, 0));
	assert_int_equal(s->r, RC_OK);
	const struct token *t = tokens_find(s->tokens, secret);
	assert_non_null(t);
	assert_string_equal(t->name, "ci");
	assert_int_equal(t->scope, SCOPE_DECIDE);
	assert_true(t->used_at.v > 0);
	assert_null(tokens_find(s->tokens, ""));
	assert_null(tokens_find(s->tokens, "rct_"));
	secret[10] = secret[10] == 'a' ? 'b' : 'a';
	assert_null(tokens_find(s->tokens, secret));
}

static void it_outlives_the_process_and_the_local_one_does_not(void **state)
{
	struct scene *s = *state;
	char secret[TOKEN_MAX], local[TOKEN_MAX];
	struct error e;
	(void)snprintf(secret, sizeof secret, "%s", issue(s, "ci", SCOPE_READ, 0));
	assert_int_equal(tokens_local(s->tokens, "local", SCOPE_ADMIN, local, &e), RC_OK);
	assert_int_equal(tokens_find(s->tokens, local)->scope, SCOPE_ADMIN);
	close_scene(s);
	open_scene(s);
	assert_non_null(tokens_find(s->tokens, secret));
	assert_null(tokens_find(s->tokens, local));
}

static void a_revoked_one_is_gone_at_once_and_for_ever(void **state)
{
	struct scene *s = *state;
	char secret[TOKEN_MAX];
	(void)snprintf(secret, sizeof secret, "%s", issue(s, "ci", SCOPE_READ, 0));
	tokens_revoke(s->tokens, "ci", "test", revoked, s);
	assert_null(tokens_find(s->tokens, secret));
	run(s);
	assert_int_equal(s->r, RC_OK);
	tokens_revoke(s->tokens, "ci", "test", revoked, s);
	assert_int_equal(s->r, RC_NOT_FOUND);
	assert_string_equal(s->why, "there is no token \"ci\"");
	close_scene(s);
	open_scene(s);
	assert_null(tokens_find(s->tokens, secret));
	issue(s, "ci", SCOPE_READ, 0); /* the name is free again */
	assert_int_equal(s->r, RC_OK);
}

static void turned(void *owner)
{
	struct scene *s = owner;
	loop_stop(s->loop);
}

static void an_expired_one_is_nobodys(void **state)
{
	struct scene *s = *state;
	char secret[TOKEN_MAX];
	(void)snprintf(secret, sizeof secret, "%s", issue(s, "ci", SCOPE_READ, 1));
	while (tokens_find(s->tokens, secret)) { /* a millisecond; each turn of the loop has its own time */
		struct deferred turn = { 0 };
		loop_defer(s->loop, &turn, turned, s);
		run(s);
	}
	close_scene(s);
	open_scene(s);
	assert_null(tokens_find(s->tokens, secret));
}

static void names_are_checked(void **state)
{
	static const struct {
		const char *name, *why;
	} bad[] = {
		{ "", "\"\": a token's name is 1 to 63 letters, digits, or . - _ @" },
		{ "a/b", "\"a/b\": a token's name is 1 to 63 letters, digits, or . - _ @" },
		{ "a b", "\"a b\": a token's name is 1 to 63 letters, digits, or . - _ @" },
		{ "local", "\"local\" is the name of the command line's own token" },
	};
	struct scene *s = *state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		issue(s, bad[i].name, SCOPE_READ, 0);
		assert_int_equal(s->r, RC_INVALID);
		assert_string_equal(s->secret, "");
		assert_string_equal(s->why, bad[i].why);
	}
	issue(s, "lin.wei@example.com", SCOPE_READ, 0);
	assert_int_equal(s->r, RC_OK);
	issue(s, "lin.wei@example.com", SCOPE_READ, 0);
	assert_int_equal(s->r, RC_CONFLICT);
}

/* Two at the same time: the database says no to the second. */
static void a_name_is_given_once(void **state)
{
	struct scene *s = *state;
	tokens_issue(s->tokens, "ci", SCOPE_READ, 0, "test", issued, s);
	tokens_issue(s->tokens, "ci", SCOPE_ADMIN, 0, "test", issued, s);
	while (s->answers < 2)
		run(s);
	assert_int_equal(s->r, RC_CONFLICT);
	CLEANUP(free_p) char *list = tokens_json(s->tokens);
	assert_non_null(strstr(list, "\"scope\":\"read\""));
	assert_null(strstr(list, "\"scope\":\"admin\""));
}

static void the_list_shows_no_secret(void **state)
{
	struct scene *s = *state;
	char secret[TOKEN_MAX], local[TOKEN_MAX];
	struct error e;
	issue(s, "b", SCOPE_ADMIN, 86400000);
	(void)snprintf(secret, sizeof secret, "%s", issue(s, "a", SCOPE_READ, 0));
	assert_int_equal(tokens_local(s->tokens, "local", SCOPE_ADMIN, local, &e), RC_OK);
	CLEANUP(free_p) char *list = tokens_json(s->tokens);
	assert_true(text_starts(list, "[{\"name\":\"a\",\"scope\":\"read\",\"createdAt\":\"2"));
	assert_non_null(strstr(list, "\"name\":\"b\",\"scope\":\"admin\""));
	assert_null(strstr(list, "local"));
	assert_null(strstr(list, secret + 4));
}

static void scopes_have_names(void **state)
{
	(void)state;
	struct error e;
	enum token_scope scope;
	for (enum token_scope i = 0; i < SCOPE_COUNT; i++) {
		assert_int_equal(token_scope_parse(token_scope_name(i), &scope, &e), RC_OK);
		assert_int_equal(scope, i);
	}
	assert_int_equal(token_scope_parse("root", &scope, &e), RC_INVALID);
	assert_string_equal(e.text, "scope \"root\" is not one of read, decide, admin");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		TEST(a_token_is_found_by_its_secret),
		TEST(it_outlives_the_process_and_the_local_one_does_not),
		TEST(a_revoked_one_is_gone_at_once_and_for_ever),
		TEST(an_expired_one_is_nobodys),
		TEST(names_are_checked),
		TEST(a_name_is_given_once),
		TEST(the_list_shows_no_secret),
		cmocka_unit_test(scopes_have_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
