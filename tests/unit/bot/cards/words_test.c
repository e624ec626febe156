#include "bot/cards/words.h"

#include <setjmp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/templates.h"
#include "base/text.h"
#include "bot/cards/clean.h"

static const char *file(const char *path)
{
	for (const struct template_file *f = template_files; f->path; f++)
		if (text_eq(f->path, path))
			return f->body;
	fail_msg("%s is not embedded", path);
	return "";
}

static bool has_placeholder(const struct words_entry *w, const char *name, size_t len)
{
	for (const char *at = w->text, *end = w->text + w->text_len; at < end; at++) {
		size_t n = words_placeholder(at, end);
		if (n == len && memcmp(at, name, len) == 0)
			return true;
	}
	return false;
}

static void same_placeholders(const struct words_entry *a, const struct words_entry *b, const char *key)
{
	for (const char *at = a->text, *end = a->text + a->text_len; at < end; at++) {
		size_t n = words_placeholder(at, end);
		if (n && !has_placeholder(b, at, n))
			fail_msg("%s: %.*s is in one language only", key, (int)n, at);
	}
}

static void covers(const char *path, enum card_lang other)
{
	struct words_entry w, twin;
	for (const char *at = file(path); words_next(&at, &w);) {
		char key[128];
		(void)snprintf(key, sizeof key, "%.*s", (int)w.key_len, w.key);
		if (!words_find(other, key, &twin))
			fail_msg("%s of %s is missing in the other language", key, path);
		assert_true(w.text_len > 0);
		same_placeholders(&w, &twin, key);
		same_placeholders(&twin, &w, key);
	}
}

static void test_languages_agree(void **state)
{
	(void)state;
	covers("text.en", LANG_ZH);
	covers("text.zh", LANG_EN);
}

static void test_no_key_twice(void **state)
{
	(void)state;
	static const char *const files[] = { "text.en", "text.zh" };
	for (unsigned i = 0; i < LANG_COUNT; i++) {
		struct words_entry w, first;
		for (const char *at = file(files[i]); words_next(&at, &w);) {
			char key[128];
			(void)snprintf(key, sizeof key, "%.*s", (int)w.key_len, w.key);
			assert_true(words_find((enum card_lang)i, key, &first));
			if (first.key != w.key)
				fail_msg("%s stands twice in %s", key, files[i]);
		}
	}
}

static void test_every_line_is_read(void **state)
{
	(void)state;
	static const char *const files[] = { "text.en", "text.zh" };
	for (size_t i = 0; i < 2; i++) {
		size_t lines = 0, entries = 0;
		const char *line = file(files[i]);
		while (*line) {
			const char *end = strchrnul(line, '\n');
			lines += *line != '#' && end > line;
			line = *end ? end + 1 : end;
		}
		struct words_entry w;
		for (const char *at = file(files[i]); words_next(&at, &w);)
			entries++;
		assert_int_equal(lines, entries);
	}
}

static void test_status_words(void **state)
{
	(void)state;
	struct arena *a = arena_create(64 * 1024);
	for (unsigned p = PHASE_INITIALIZING; p < PHASE_COUNT; p++) {
		char key[64];
		(void)snprintf(key, sizeof key, "state.%s", phase_name((enum phase)p));
		assert_string_equal(card_words(LANG_ZH, key, a, NULL), phase_name_zh((enum phase)p));
	}
	arena_destroy(a);
}

static void test_filling(void **state)
{
	(void)state;
	struct arena *a = arena_create(64 * 1024);
	/* a value is inserted once and never read again */
	assert_string_equal(card_words(LANG_EN, "title.state", a, "name", "{state}", "state", "{name} %s", NULL),
			    "{state}: {name} %s");
	assert_string_equal(card_words(LANG_EN, "title.state", a, "name", "x", NULL), "x: {state}");
	assert_string_equal(card_words(LANG_EN, "no.such.key", a, NULL), "no.such.key");
	assert_string_equal(card_words(LANG_EN, "title.state", a, "name", NULL, "state", "s", NULL), ": s");
	arena_destroy(a);
}

static void test_lang_names(void **state)
{
	(void)state;
	enum card_lang lang = LANG_EN;
	struct error e;
	assert_int_equal(card_lang_parse("zh", &lang, &e), RC_OK);
	assert_int_equal(lang, LANG_ZH);
	assert_int_equal(card_lang_parse("de", &lang, &e), RC_INVALID);
	assert_string_equal(e.text, "unknown language de, known are en and zh");
	assert_int_equal(lang, LANG_ZH);
}

/* ---- words of one's own ---- */

static void one_mistake(void *owner, int line, int column, const char *text)
{
	char *all = owner;
	size_t n = strlen(all);
	(void)snprintf(all + n, 1024 - n, "%d:%d: %s\n", line, column, text);
}

static const struct {
	const char *own, *mistakes;
	enum card_lang lang;
} files[] = {
	{ "", "", LANG_EN },
	{ "# mine\n\nlabel.next = afterwards\ntitle.state = {state}: {name}", "", LANG_EN },
	{ "label.next = \xe4\xb9\x8b\xe5\x90\x8e\n", "", LANG_ZH },
	{ "label.nxt = x\n", "1:1: there is no text \"label.nxt\"; did you mean label.next\n", LANG_EN },
	{ "frobnicate = x\n", "1:1: there is no text \"frobnicate\"\n", LANG_EN },
	{ "label.next: x\nlabel.next =x\n", "1:1: must be KEY = TEXT\n2:1: must be KEY = TEXT\n", LANG_EN },
	{ "label.next = \n", "1:14: there is no text\n", LANG_EN },
	{ "label.next = {name}\n", "1:14: {name} is no value of this text\n", LANG_EN },
	{ "title.state = {who} {state}\n", "1:15: {who} is no value of this text, which has {name} {state}\n",
	  LANG_EN },
	{ "label.next = a\nlabel.why = b\nlabel.next = c", "3:1: \"label.next\" stands twice\n", LANG_EN },
	{ "label.next = a\xff", "1:15: a byte that is not UTF-8 text\n", LANG_EN },
	{ "label.next = a\tb", "1:15: a byte that is not UTF-8 text\n", LANG_EN },
};

static void test_own_words_checked(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		char all[1024] = "";
		bool good = card_words_check(files[i].own, files[i].lang, one_mistake, all);
		if (good != !*files[i].mistakes || strcmp(all, files[i].mistakes) != 0)
			fail_msg("%s: %s", files[i].own, all);
	}
	/* what is built in is itself such a file */
	char all[1024] = "";
	assert_true(card_words_check(words_file(LANG_EN), LANG_EN, one_mistake, all));
	assert_true(card_words_check(words_file(LANG_ZH), LANG_ZH, one_mistake, all));
}

static void test_own_words_go_before(void **state)
{
	(void)state;
	struct arena *a = arena_create(4096);
	struct card_wording w = { .lang = LANG_EN, .own = "title.state = {state} / {name}\n" };
	assert_string_equal(card_words_of(&w, "title.state", a, "name", "{state}", "state", "s", NULL), "s / {state}");
	assert_string_equal(card_words_of(&w, "label.next", a, NULL), "next");
	w.own = NULL;
	assert_string_equal(card_words_of(&w, "title.state", a, "name", "n", "state", "s", NULL), "n: s");
	arena_destroy(a);
}

static const struct {
	const char *name, *in, *out;
	size_t max;
} cleanings[] = {
	{ "plain", "registry/app:v1", "registry/app:v1", 60 },
	{ "line ends become blanks", "a\nb\r\tc", "a b  c", 60 },
	{ "control characters go", "a\x01\x1b[31mb\x7f", "a[31mb", 60 },
	{ "bidi and invisible characters go",
	  "a\xe2\x80\xae"
	  "b\xe2\x81\xa6\xe2\x80\x8b\xef\xbb\xbf"
	  "c",
	  "abc", 60 },
	{ "C1 controls go",
	  "a\xc2\x9b"
	  "b",
	  "ab", 60 },
	{ "invalid UTF-8 is shown as such",
	  "a\xff"
	  "b\xc3",
	  "a\xef\xbf\xbd"
	  "b\xef\xbf\xbd",
	  60 },
	{ "shortened on a code point border", "数据库数据库", "数据库…", 4 },
	{ "exactly fits", "abcd", "abcd", 4 },
	{ "trailing blanks go", "ab  ", "ab", 60 },
	{ "nothing", "", "", 60 },
};

static void test_clean(void **state)
{
	(void)state;
	struct arena *a = arena_create(64 * 1024);
	for (size_t i = 0; i < sizeof cleanings / sizeof *cleanings; i++) {
		const char *got = clean(a, cleanings[i].in, cleanings[i].max);
		if (strcmp(got, cleanings[i].out) != 0)
			fail_msg("%s: %s", cleanings[i].name, got);
	}
	assert_string_equal(clean(a, NULL, 10), "");
	assert_string_equal(clean_middle(a, "registry.example/team/app:v1.2.3", 15), "registr…:v1.2.3");
	assert_string_equal(clean_lines(a, "a\nb\x01", 10), "a\nb");
	struct wall_ms now = { 1763978551000 }, other_day = { 1763978551000 - 86400000 };
	assert_string_equal(clean_time(a, now, now), "10:02:31 UTC");
	assert_string_equal(clean_time(a, other_day, now), "2025-11-23 10:02 UTC");
	assert_string_equal(clean_time(a, (struct wall_ms){ 0 }, now), "");
	arena_destroy(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_languages_agree),
		cmocka_unit_test(test_no_key_twice),
		cmocka_unit_test(test_every_line_is_read),
		cmocka_unit_test(test_status_words),
		cmocka_unit_test(test_filling),
		cmocka_unit_test(test_lang_names),
		cmocka_unit_test(test_own_words_checked),
		cmocka_unit_test(test_own_words_go_before),
		cmocka_unit_test(test_clean),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
