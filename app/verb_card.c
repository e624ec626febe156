/* `rollcall card`: what cards look like and say, before anybody gets one. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/cli.h"
#include "app/file.h"
#include "base/text.h"
#include "bot/cards/samples.h"
#include "bot/cards/words.h"
#include "bot/channels/dingtalk/dingtalk_render.h"
#include "bot/channels/slack/slack_render.h"
#include "bot/channels/teams/teams_render.h"

enum { ARENA_BYTES = 8 << 20 };
static const char *const platforms[] = { "text", "slack", "dingtalk", "teams", NULL };

struct preview {
	const char *state, *platform, *own; /* state NULL: all */
	enum card_lang lang;
};

static bool is_platform(const char *word)
{
	for (const char *const *p = platforms; *p; p++)
		if (text_eq(*p, word))
			return true;
	return false;
}

static enum result drawn(const struct sample *s, const struct preview *p, struct arena *a, char **ret, struct error *e)
{
	bool dingtalk = text_eq(p->platform, "dingtalk"), teams = text_eq(p->platform, "teams");
	const struct card *card = sample_card(s, p->lang, p->own, dingtalk || teams, a);
	if (!card)
		return error_set(e, RC_EXHAUSTED, "no memory for the card");
	if (dingtalk)
		return dingtalk_render_card(card, ret, e);
	if (teams)
		return teams_render_card(card, ret, e);
	if (text_eq(p->platform, "slack"))
		return s->ask ? slack_render_ask(card, sample_approvers, NULL, NULL, ret, e)
			      : slack_render_card(card, ret, e);
	*ret = strdup(card->plain);
	return *ret ? RC_OK : error_set(e, RC_EXHAUSTED, "no memory for the card");
}

static enum exit_code print_one(const struct cli *c, const struct sample *s, const struct preview *p)
{
	CLEANUP(arena_destroy_p) struct arena *a = arena_create(ARENA_BYTES);
	CLEANUP(free_p) char *text = NULL;
	struct error e = { .code = RC_EXHAUSTED, .text = "no memory for the card" };
	if (!a || drawn(s, p, a, &text, &e) != RC_OK)
		return cli_fail_result(c, &e);
	return puts(text) < 0 ? EXIT_FAILED : EXIT_DONE;
}

static enum exit_code unknown_word(const struct cli *c, const char *word)
{
	struct sample list[SAMPLES_MAX];
	const char *names[SAMPLES_MAX + 1] = { NULL };
	char all[512] = "";
	size_t n = samples_make(list), len = 0;
	for (size_t i = 0; i < n; i++) {
		names[i] = list[i].name;
		int wrote = snprintf(all + len, sizeof all - len, "%s%s", i ? ", " : "", list[i].name);
		len += wrote > 0 && (size_t)wrote < sizeof all - len ? (size_t)wrote : 0;
	}
	const char *near = text_nearest(word, names);
	return cli_usage(c, "\"%.60s\" is no state, language or platform%s%s%s; states are %s", word,
			 near ? "; did you mean " : "", near ? near : "", near ? "?" : "", all);
}

static enum exit_code read_words(const struct cli *c, struct preview *p)
{
	struct sample list[SAMPLES_MAX];
	size_t n = samples_make(list);
	for (size_t i = 1; i < c->word_count; i++) {
		const char *word = c->words[i];
		bool known = is_platform(word);
		if (known)
			p->platform = word;
		for (size_t k = 0; k < n && !known; k++)
			if (text_eq(list[k].name, word)) {
				p->state = word;
				known = true;
			}
		if (!known && card_lang_parse(word, &p->lang, NULL) != RC_OK)
			return unknown_word(c, word);
	}
	return EXIT_DONE;
}

static enum exit_code print_all(const struct cli *c, const struct preview *p)
{
	struct sample list[SAMPLES_MAX];
	size_t n = samples_make(list);
	for (size_t i = 0; i < n; i++) {
		if (p->state && !text_eq(p->state, list[i].name))
			continue;
		if (!p->state)
			printf("%s== %s\n", i ? "\n" : "", list[i].name);
		enum exit_code code = print_one(c, &list[i], p);
		if (code != EXIT_DONE)
			return code;
	}
	return EXIT_DONE;
}

static void mistake(void *owner, int line, int column, const char *text)
{
	printf("%s:%d:%d: %s\n", (const char *)owner, line, column, text);
}

static enum exit_code preview(const struct cli *c)
{
	struct preview p = { .platform = "text", .lang = LANG_EN };
	CLEANUP(free_p) char *own = NULL;
	size_t len = 0;
	struct error e;
	enum exit_code code = read_words(c, &p);
	if (code != EXIT_DONE)
		return code;
	if (c->own_words && file_load(c->own_words, &own, &len, &e) != RC_OK)
		return cli_fail_result(c, &e);
	if (own && !card_words_check(own, p.lang, mistake, (void *)(uintptr_t)c->own_words))
		return cli_fail(c, EXIT_FAILED, "these words cannot be used");
	p.own = own;
	return print_all(c, &p);
}

static enum exit_code print_words(const struct cli *c)
{
	enum card_lang lang = LANG_EN;
	struct error e;
	if (c->word_count > 1 && card_lang_parse(c->words[1], &lang, &e) != RC_OK)
		return cli_usage(c, "%s", e.text);
	return fputs(words_file(lang), stdout) < 0 ? EXIT_FAILED : EXIT_DONE;
}

enum exit_code verb_card(struct cli *c)
{
	if (text_eq(c->words[0], "preview"))
		return preview(c);
	if (text_eq(c->words[0], "words") && c->word_count <= 2)
		return print_words(c);
	return cli_usage(c, "card preview shows cards, card words all their words");
}
