#include "app/terminal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const struct {
	const char *text;
	size_t width, columns;
	const char *cut;
} cases[] = {
	{ "podinfo", 7, 7, "podinfo" },
	{ "podinfo", 7, 6, "podin…" },
	{ "podinfo", 7, 1, "…" },
	{ "podinfo", 7, 0, "" },
	{ "发布中", 6, 6, "发布中" },
	{ "发布中", 6, 5, "发布…" },
	{ "发布中", 6, 4, "发…" }, /* half a character is none */
	{ "a🚀b", 4, 4, "a🚀b" },
	{ "a🚀b", 4, 3, "a…" },
	{ "e\xcc\x81", 1, 1, "e\xcc\x81" },
	{ "\033[31mred\033[0m", 3, 3, "\033[31mred\033[0m" },
	{ "\033[31mred\033[0m", 3, 2, "\033[31mr…\033[0m" },
	{ "\xff\xfe", 2, 2, "\xff\xfe" },
	{ "", 0, 0, "" },
};

static void test_widths_and_cuts(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct strbuf b;
		strbuf_init(&b, 256);
		terminal_add_cut(&b, cases[i].text, cases[i].columns);
		if (terminal_width(cases[i].text) != cases[i].width || strcmp(b.s, cases[i].cut) != 0)
			fail_msg("case %zu: width %zu, cut \"%s\"", i, terminal_width(cases[i].text), b.s);
		if (terminal_width(b.s) > cases[i].columns)
			fail_msg("case %zu is wider than was asked", i);
		strbuf_finish(&b);
	}
}

static const struct {
	const char *text, *shown;
} foreign[] = {
	{ "app:v1", "app:v1" },
	{ "发布 🚀", "发布 🚀" },
	{ "\033[2J\033]0;owned\007", "?[2J?]0;owned?" },
	{ "a\nb\rc\td", "a?b?c?d" },
	{ "\xe2\x80\xaegnp.exe", "?gnp.exe" }, /* right-to-left override */
	{ "\xc2\x9b"
	  "2J",
	  "?2J" }, /* the one-byte CSI */
	{ "\xff", "?" },
	{ "\xe2\x80\xa8", "?" },
};

static void test_foreign_text_moves_nothing(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++) {
		struct strbuf b;
		strbuf_init(&b, 256);
		terminal_add_foreign(&b, foreign[i].text);
		if (strcmp(b.s, foreign[i].shown) != 0)
			fail_msg("case %zu: \"%s\"", i, b.s);
		strbuf_finish(&b);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_widths_and_cuts),
		cmocka_unit_test(test_foreign_text_moves_nothing),
	};
	terminal_prepare();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
