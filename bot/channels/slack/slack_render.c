#include "bot/channels/slack/slack_render.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "bot/cards/clean.h"

enum {
	BODY_BYTES_MAX = 200 * 1024,
	BLOCKS_BYTES_MAX = 11800, /* of the whole "blocks": bytes are never fewer than the characters Slack counts */
	HEADER_CHARS = 130,
	SECTION_BYTES = 2700,
	LABEL_CHARS = 60,
	FALLBACK_CHARS = 3000,
	TEXT_CHARS = 3500,
	OFFER_CHARS = 500, /* escaped, they still fit into a section */
	OFFER_BUTTONS_MAX = 25,
	VALUE_BYTES_MAX = 2000,
	URL_BYTES_MAX = 3000,
	MENTIONS_MAX = 20,
	HOME_CARDS_MAX = 15, /* of 100 blocks each takes five */
	HOME_LINE_CHARS = 150,
	ALT_CHARS = 900,
};
/* How much of a line stays when a card does not fit: tried in this order. */
static const size_t line_chars[] = { 600, 300, 150, 80, 40 };

struct shape {
	struct strbuf blocks;
	struct strbuf section; /* mrkdwn being gathered */
	size_t line_max;
	bool any;
	size_t nth; /* of several cards in one place, from 1: ids of blocks must differ */
};

static void block_open(struct shape *s, const char *type)
{
	strbuf_addf(&s->blocks, "%s{\"type\":\"%s\",", s->any ? "," : "", type);
	s->any = true;
}

static void block_close(struct shape *s)
{
	strbuf_addc(&s->blocks, '}');
}

/* plain_text is not read as markup; the angles go all the same, in case a client thinks otherwise. */
static void put_plain_text(struct strbuf *b, const char *key, const char *text, size_t max_chars)
{
	strbuf_addf(b, "\"%s\":{\"type\":\"plain_text\",\"emoji\":true,\"text\":", key);
	struct strbuf cut;
	strbuf_init(&cut, BODY_BYTES_MAX);
	size_t keep = text_prefix(text, max_chars);
	bool whole = !text[keep];
	for (const char *s = text, *end = text + (whole ? keep : text_prefix(text, max_chars - 1)); s < end; s++)
		if (*s == '<' || *s == '>')
			strbuf_add(&cut, *s == '<' ? "‹" : "›");
		else
			strbuf_addc(&cut, *s);
	if (!whole)
		strbuf_add(&cut, "…");
	strbuf_add_json(b, cut.s);
	b->overflow |= cut.overflow;
	strbuf_finish(&cut);
	strbuf_addc(b, '}');
}

static void put_mrkdwn(struct strbuf *b, const char *mrkdwn)
{
	strbuf_add(b, "{\"type\":\"mrkdwn\",\"verbatim\":true,\"text\":");
	strbuf_add_json(b, mrkdwn);
	strbuf_addc(b, '}');
}

static void section_flush(struct shape *s)
{
	if (!s->section.len)
		return;
	block_open(s, "section");
	strbuf_add(&s->blocks, "\"text\":");
	put_mrkdwn(&s->blocks, s->section.s);
	block_close(s);
	s->blocks.overflow |= s->section.overflow;
	strbuf_clear(&s->section);
}

/* One line of mrkdwn; a section that is full makes room by beginning the next one. */
static void section_add(struct shape *s, const char *mrkdwn)
{
	if (s->section.len && s->section.len + strlen(mrkdwn) + 1 > SECTION_BYTES)
		section_flush(s);
	if (s->section.len)
		strbuf_addc(&s->section, '\n');
	strbuf_add(&s->section, mrkdwn);
}

/* "*label*  text", never longer than a section. */
static void put_line(struct shape *s, const char *label, const char *text)
{
	struct strbuf line;
	strbuf_init(&line, BODY_BYTES_MAX);
	if (*label) {
		strbuf_addc(&line, '*');
		slack_escape(&line, label, LABEL_CHARS);
		strbuf_add(&line, "*  ");
	}
	size_t before = line.len;
	slack_escape(&line, text, s->line_max);
	if (line.len > SECTION_BYTES) { /* all of it escapes of five characters */
		line.len = before;
		slack_escape(&line, text, 300);
	}
	section_add(s, line.overflow ? "" : line.s);
	strbuf_finish(&line);
}

static void put_header(struct shape *s, const struct card *c)
{
	struct strbuf title;
	strbuf_init(&title, BODY_BYTES_MAX);
	strbuf_addf(&title, "%s %s", c->icon, c->title);
	block_open(s, "header");
	put_plain_text(&s->blocks, "text", title.s, HEADER_CHARS);
	block_close(s);
	strbuf_finish(&title);
}

static void put_confirm(struct strbuf *b, const struct card *c, const struct card_button *button)
{
	struct arena *a = arena_create(1024);
	strbuf_add(b, ",\"confirm\":{");
	put_plain_text(b, "title", button->label, 90);
	strbuf_addc(b, ',');
	put_plain_text(b, "text", button->confirm, 270);
	strbuf_addc(b, ',');
	put_plain_text(b, "confirm", button->label, 27);
	strbuf_addc(b, ',');
	put_plain_text(b, "deny", a ? card_words(c->lang, "button.back", a, NULL) : "-", 27);
	strbuf_addc(b, '}');
	arena_destroy(a);
}

/* What a press carries back is never shortened: a button whose value does not fit is no button. */
static bool fits(const struct card_button *b)
{
	return strlen(b->value) <= VALUE_BYTES_MAX && strlen(b->url) <= URL_BYTES_MAX && (*b->value || *b->url);
}

/* nth: buttons of one message with the same action must differ all the same; 0: there is one. */
static void put_button(struct strbuf *b, const struct card *c, const struct card_button *button, size_t nth)
{
	strbuf_addf(b, "{\"type\":\"button\",\"action_id\":\"rollcall.%s", button->action);
	if (nth)
		strbuf_addf(b, ".%zu", nth);
	strbuf_add(b, "\",");
	put_plain_text(b, "text", button->label, 67);
	if (*button->value) {
		strbuf_add(b, ",\"value\":");
		strbuf_add_json(b, button->value);
	}
	if (*button->url) {
		strbuf_add(b, ",\"url\":");
		strbuf_add_json(b, button->url);
	}
	if (button->primary || button->danger)
		strbuf_addf(b, ",\"style\":\"%s\"", button->danger ? "danger" : "primary");
	if (*button->confirm)
		put_confirm(b, c, button);
	strbuf_addc(b, '}');
}

static void put_buttons(struct shape *s, const struct card *c)
{
	size_t n = 0;
	for (size_t i = 0; i < c->button_count; i++) {
		if (!fits(&c->buttons[i]))
			continue;
		if (!n) {
			block_open(s, "actions");
			strbuf_add(&s->blocks, "\"block_id\":\"rollcall");
			if (s->nth)
				strbuf_addf(&s->blocks, ".%zu", s->nth);
			strbuf_add(&s->blocks, "\",\"elements\":[");
		}
		strbuf_add(&s->blocks, n++ ? "," : "");
		put_button(&s->blocks, c, &c->buttons[i], 0);
	}
	if (!n)
		return;
	strbuf_addc(&s->blocks, ']');
	block_close(s);
}

static void put_footer(struct shape *s, const char *footer)
{
	if (!*footer)
		return;
	struct strbuf text;
	strbuf_init(&text, BODY_BYTES_MAX);
	slack_escape(&text, footer, 300);
	block_open(s, "context");
	strbuf_add(&s->blocks, "\"elements\":[");
	put_mrkdwn(&s->blocks, text.s);
	strbuf_addc(&s->blocks, ']');
	block_close(s);
	strbuf_finish(&text);
}

static void draw(struct shape *s, const struct card *c, const char *mentions)
{
	strbuf_addc(&s->blocks, '[');
	put_header(s, c);
	if (*mentions) {
		section_add(s, mentions);
		section_flush(s);
	}
	put_line(s, strstr(c->title, c->state) ? "" : c->state, c->subtitle);
	if (*c->bar)
		put_line(s, "", c->bar);
	section_flush(s);
	for (size_t i = 0; i < c->line_count; i++)
		put_line(s, c->lines[i].label, c->lines[i].text);
	section_flush(s);
	put_buttons(s, c);
	put_footer(s, c->footer);
	strbuf_addc(&s->blocks, ']');
}

/* Whole and within the limits, at the longest lines that allow it. */
static bool shape_fit(struct shape *s, const struct card *c, const char *mentions)
{
	for (size_t i = 0; i < sizeof line_chars / sizeof *line_chars; i++) {
		strbuf_clear(&s->blocks);
		s->blocks.overflow = false;
		strbuf_clear(&s->section);
		s->section.overflow = s->any = false;
		s->line_max = line_chars[i];
		draw(s, c, mentions);
		if (!s->blocks.overflow && s->blocks.len <= BLOCKS_BYTES_MAX)
			return true;
	}
	return false;
}

static enum result finish(struct strbuf *body, char **ret, struct error *e)
{
	char *text = strbuf_take(body);
	if (!text)
		return error_set(e, RC_EXHAUSTED, "no memory for a Slack message");
	*ret = text;
	return RC_OK;
}

static enum result render(const struct card *c, const char *mentions, char **ret, struct error *e)
{
	struct shape s = { 0 };
	strbuf_init(&s.blocks, BODY_BYTES_MAX);
	strbuf_init(&s.section, BODY_BYTES_MAX);
	struct strbuf body, plain;
	strbuf_init(&body, BODY_BYTES_MAX);
	strbuf_init(&plain, BODY_BYTES_MAX);
	enum result r = RC_OK;
	if (!shape_fit(&s, c, mentions))
		r = error_set(e, RC_EXHAUSTED, "a card does not fit into a Slack message");
	strbuf_add(&plain, mentions);
	strbuf_add(&plain, *mentions ? "\n" : "");
	slack_escape(&plain, c->plain, FALLBACK_CHARS);
	strbuf_add(&body, "{\"text\":");
	strbuf_add_json(&body, plain.s);
	strbuf_addf(&body, ",\"blocks\":%s}", s.blocks.s);
	if (r == RC_OK)
		r = finish(&body, ret, e);
	strbuf_finish(&plain);
	strbuf_finish(&body);
	strbuf_finish(&s.blocks);
	strbuf_finish(&s.section);
	return r;
}

enum result slack_render_card(const struct card *card, char **ret, struct error *e)
{
	return render(card, "", ret, e);
}

/* ---- mentions ---- */

static bool is_id(const char *s, const char *kinds)
{
	if (!*s || !strchr(kinds, *s) || strlen(s) > 32)
		return false;
	for (; *s; s++)
		if (!isdigit((unsigned char)*s) && !(*s >= 'A' && *s <= 'Z'))
			return false;
	return true;
}

/* "slack:U012" as a mention; false: it is none. */
static bool put_mention(struct strbuf *b, const char *who)
{
	const char *id = text_starts(who, "slack:") ? who + 6 : "";
	if (is_id(id, "UW"))
		strbuf_addf(b, "%s<@%s>", b->len ? " " : "", id);
	else if (is_id(id, "S"))
		strbuf_addf(b, "%s<!subteam^%s>", b->len ? " " : "", id);
	else
		return false;
	return true;
}

static void put_approver(struct strbuf *b, const char *who, slack_identities *identities, void *owner)
{
	if (put_mention(b, who))
		return;
	const char *const *known = identities ? identities(owner, who) : NULL;
	bool any = false;
	for (int i = 0; known && known[i] && i < MENTIONS_MAX; i++)
		any |= put_mention(b, known[i]);
	if (any)
		return;
	struct arena *a = arena_create(16 * 1024);
	strbuf_add(b, b->len ? " " : "");
	slack_escape(b, a ? clean(a, who, LABEL_CHARS) : "", LABEL_CHARS);
	arena_destroy(a);
}

enum result slack_render_ask(const struct card *card, const char *const *who_may, slack_identities *identities,
			     void *owner, char **ret, struct error *e)
{
	struct strbuf who;
	strbuf_init(&who, SECTION_BYTES - 200);
	for (int i = 0; who_may && who_may[i] && i < MENTIONS_MAX && who.len < SECTION_BYTES / 2; i++)
		put_approver(&who, who_may[i], identities, owner);
	struct arena *a = arena_create(64 * 1024);
	const char *mentions = a && who.len ? card_words(card->lang, "ask.mention", a, "who", who.s, NULL) : "";
	enum result r = render(card, mentions, ret, e);
	arena_destroy(a);
	strbuf_finish(&who);
	return r;
}

/* ---- pictures ---- */

enum result slack_render_chart(const void *png, size_t len, const char *alt, char **ret, struct error *e)
{
	struct arena *a = arena_create(64 * 1024);
	char *base64 = text_base64(png, len, false);
	struct strbuf body, escaped;
	strbuf_init(&body, BODY_BYTES_MAX);
	strbuf_init(&escaped, BODY_BYTES_MAX);
	slack_escape(&escaped, a ? clean(a, alt, ALT_CHARS) : "", ALT_CHARS);
	strbuf_addf(&body, "{\"mrkdwn\":false,\"chart\":\"%s\",\"text\":", base64 ? base64 : "");
	strbuf_add_json(&body, escaped.s);
	strbuf_addc(&body, '}');
	enum result r = base64 ? finish(&body, ret, e) : error_set(e, RC_EXHAUSTED, "no memory for a chart");
	strbuf_finish(&escaped);
	strbuf_finish(&body);
	free(base64);
	arena_destroy(a);
	return r;
}

/* ---- somebody's Home ---- */

static void home_note(struct shape *s, const char *text)
{
	put_line(s, "", text);
	section_flush(s);
}

static void home_cards(struct shape *s, const struct card *const *cards, size_t count, enum card_lang lang,
		       struct arena *a)
{
	char number[24];
	size_t shown = count < HOME_CARDS_MAX ? count : HOME_CARDS_MAX;
	for (s->nth = 1; s->nth <= shown; s->nth++) {
		const struct card *c = cards[s->nth - 1];
		put_header(s, c);
		put_line(s, "", c->subtitle);
		for (size_t i = 0; i < c->line_count; i++)
			put_line(s, c->lines[i].label, c->lines[i].text);
		section_flush(s);
		put_buttons(s, c);
		block_open(s, "divider");
		strbuf_add(&s->blocks, "\"block_id\":\"line.");
		strbuf_addf(&s->blocks, "%zu\"", s->nth);
		block_close(s);
	}
	(void)snprintf(number, sizeof number, "%zu", count - shown);
	if (count > shown)
		home_note(s, card_words(lang, "home.more", a, "count", number, NULL));
}

enum result slack_render_home(const char *user, const struct card *const *cards, size_t count, const char *note,
			      enum card_lang lang, char **ret, struct error *e)
{
	struct arena *a = arena_create(64 * 1024);
	struct shape s = { .line_max = HOME_LINE_CHARS };
	struct strbuf body;
	strbuf_init(&s.blocks, BODY_BYTES_MAX);
	strbuf_init(&s.section, BODY_BYTES_MAX);
	strbuf_init(&body, BODY_BYTES_MAX + 1024);
	if (a && *note)
		home_note(&s, note);
	else if (a && !count)
		home_note(&s, card_words(lang, "home.nothing", a, NULL));
	else if (a)
		home_cards(&s, cards, count, lang, a);
	strbuf_add(&body, "{\"user_id\":");
	strbuf_add_json(&body, user);
	strbuf_addf(&body, ",\"view\":{\"type\":\"home\",\"callback_id\":\"rollcall.home\",\"blocks\":[%s]}}",
		    s.blocks.s);
	body.overflow |= s.blocks.overflow || s.section.overflow || !a;
	enum result r = finish(&body, ret, e);
	strbuf_finish(&body);
	strbuf_finish(&s.blocks);
	strbuf_finish(&s.section);
	arena_destroy(a);
	return r;
}

enum result slack_render_text(const char *text, char **ret, struct error *e)
{
	struct arena *a = arena_create(256 * 1024);
	struct strbuf body, escaped;
	strbuf_init(&body, BODY_BYTES_MAX);
	strbuf_init(&escaped, BODY_BYTES_MAX);
	slack_escape(&escaped, a ? clean_lines(a, text, TEXT_CHARS) : "", TEXT_CHARS);
	strbuf_add(&body, "{\"mrkdwn\":false,\"text\":");
	strbuf_add_json(&body, escaped.s);
	strbuf_addc(&body, '}');
	enum result r = finish(&body, ret, e);
	strbuf_finish(&escaped);
	strbuf_finish(&body);
	arena_destroy(a);
	return r;
}

enum result slack_render_offer(const char *text, const struct card_button *buttons, size_t count, char **ret,
			       struct error *e)
{
	struct arena *a = arena_create(256 * 1024);
	struct strbuf body, escaped;
	size_t n = 0;
	strbuf_init(&body, BODY_BYTES_MAX);
	strbuf_init(&escaped, BODY_BYTES_MAX);
	slack_escape(&escaped, a ? clean_lines(a, text, OFFER_CHARS) : "", OFFER_CHARS);
	strbuf_add(&body, "{\"text\":");
	strbuf_add_json(&body, escaped.s);
	strbuf_add(&body, ",\"blocks\":[{\"type\":\"section\",\"text\":");
	put_mrkdwn(&body, escaped.s);
	strbuf_addc(&body, '}');
	for (size_t i = 0; i < count && n < OFFER_BUTTONS_MAX; i++) {
		if (!fits(&buttons[i]))
			continue;
		strbuf_add(&body, n++ ? "," : ",{\"type\":\"actions\",\"block_id\":\"rollcall\",\"elements\":[");
		put_button(&body, &(struct card){ .lang = LANG_EN }, &buttons[i], n);
	}
	strbuf_add(&body, n ? "]}]}" : "]}");
	enum result r = finish(&body, ret, e);
	strbuf_finish(&escaped);
	strbuf_finish(&body);
	arena_destroy(a);
	return r;
}
