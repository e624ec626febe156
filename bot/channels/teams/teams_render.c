#include "bot/channels/teams/teams_render.h"

#include <string.h>

#include "base/text.h"
#include "bot/cards/clean.h"

enum {
	BODY_BYTES_MAX = 128 * 1024,
	CARD_BYTES_MAX = 20 * 1024, /* of 28 kB after the flow has expanded it, which encodes it again */
	BUTTONS_MAX = 6,
	URL_BYTES_MAX = 1000,
	TEXT_CHARS_MAX = 3000,
};
/* How much of a line, and of the head, stays when a card does not fit: tried in this order. */
static const struct room {
	size_t line_chars, head_chars;
} rooms[] = { { 600, 300 }, { 200, 150 }, { 100, 100 }, { 50, 80 }, { 25, 60 } };

static const char head[] =
	"{\"type\":\"message\",\"attachments\":[{\"contentType\":"
	"\"application/vnd.microsoft.card.adaptive\",\"contentUrl\":null,\"content\":{\"$schema\":"
	"\"http://adaptivecards.io/schemas/adaptive-card.json\",\"type\":\"AdaptiveCard\",\"version\":"
	"\"1.4\",\"msteams\":{\"width\":\"Full\"},\"body\":[";

static void put_text(struct strbuf *b, const char *s, size_t max_chars)
{
	size_t keep = text_prefix(s, max_chars);
	struct strbuf text;
	strbuf_init(&text, BODY_BYTES_MAX);
	strbuf_addn(&text, s, s[keep] && max_chars ? text_prefix(s, max_chars - 1) : keep);
	strbuf_add(&text, s[keep] ? "…" : "");
	strbuf_add_json(b, text.s);
	strbuf_finish(&text);
}

/* style: further members, ",\"weight\":\"Bolder\"" */
static void put_run(struct strbuf *b, const char *s, size_t max_chars, const char *style)
{
	strbuf_add(b, "{\"type\":\"TextRun\",\"text\":");
	put_text(b, s, max_chars);
	strbuf_addf(b, "%s}", style);
}

static void put_block(struct strbuf *b, const char *s, size_t max_chars, const char *style, const char *comma)
{
	strbuf_addf(b, "%s{\"type\":\"RichTextBlock\",\"inlines\":[", comma);
	put_run(b, s, max_chars, style);
	strbuf_add(b, "]}");
}

/* The container's style carries the colour; the icon says it to those who do not see colours. */
static const char *style_of(const char *color)
{
	static const struct {
		const char *color, *style;
	} styles[] = { { "blue", "accent" }, { "yellow", "warning" }, { "green", "good" }, { "red", "attention" } };
	for (size_t i = 0; i < sizeof styles / sizeof *styles; i++)
		if (text_eq(styles[i].color, color))
			return styles[i].style;
	return "emphasis";
}

static void put_title(struct strbuf *b, const struct card *c, const struct room *r)
{
	strbuf_addf(b, "{\"type\":\"Container\",\"style\":\"%s\",\"bleed\":true,\"items\":[", style_of(c->color));
	strbuf_add(b, "{\"type\":\"RichTextBlock\",\"inlines\":[");
	put_run(b, c->icon, 8, "");
	strbuf_add(b, ",{\"type\":\"TextRun\",\"text\":\" \"},");
	put_run(b, c->title, r->head_chars, ",\"size\":\"Medium\",\"weight\":\"Bolder\"");
	strbuf_add(b, "]},{\"type\":\"RichTextBlock\",\"inlines\":[");
	put_run(b, c->state, 60, ",\"weight\":\"Bolder\"");
	strbuf_add(b, ",{\"type\":\"TextRun\",\"text\":\" · \"},");
	put_run(b, c->subtitle, r->head_chars, ",\"isSubtle\":true");
	strbuf_add(b, "]}]}");
}

static void put_line(struct strbuf *b, const struct card_line *l, const struct room *r)
{
	strbuf_add(b, ",{\"type\":\"RichTextBlock\",\"spacing\":\"Small\",\"inlines\":[");
	put_run(b, l->label, 30, ",\"weight\":\"Bolder\"");
	strbuf_add(b, ",{\"type\":\"TextRun\",\"text\":\"  \"},");
	put_run(b, l->text, r->line_chars, "");
	strbuf_add(b, "]}");
}

/* Links only: a flow carries nothing back. A link is never shortened, what does not fit is left out. */
static void put_buttons(struct strbuf *b, const struct card *c)
{
	size_t n = 0;
	strbuf_add(b, "],\"actions\":[");
	for (size_t i = 0; i < c->button_count && n < BUTTONS_MAX; i++) {
		const struct card_button *button = &c->buttons[i];
		if (text_empty(button->url) || strlen(button->url) > URL_BYTES_MAX)
			continue;
		strbuf_addf(b, "%s{\"type\":\"Action.OpenUrl\",\"title\":", n++ ? "," : "");
		put_text(b, button->label, 40);
		strbuf_add(b, ",\"url\":");
		strbuf_add_json(b, button->url);
		strbuf_addf(b, "%s}",
			    button->danger    ? ",\"style\":\"destructive\""
			    : button->primary ? ",\"style\":\"positive\""
					      : "");
	}
	strbuf_add(b, "]");
}

static void put_card(struct strbuf *b, const struct card *c, const struct room *r)
{
	strbuf_add(b, head);
	put_title(b, c, r);
	if (*c->bar)
		put_block(b, c->bar, 60, ",\"fontType\":\"Monospace\"", ",");
	for (size_t i = 0; i < c->line_count; i++)
		put_line(b, &c->lines[i], r);
	put_block(b, c->footer, r->head_chars, ",\"isSubtle\":true,\"size\":\"Small\"", ",");
	put_buttons(b, c);
	strbuf_add(b, ",\"fallbackText\":"); /* for clients that cannot draw it */
	put_text(b, c->title, r->head_chars);
	strbuf_add(b, "}}]}");
}

static enum result finish(struct strbuf *b, char **ret, struct error *e)
{
	char *body = strbuf_take(b);
	strbuf_finish(b);
	if (!body)
		return error_set(e, RC_EXHAUSTED, "no memory for a Teams message");
	*ret = body;
	return RC_OK;
}

enum result teams_render_card(const struct card *c, char **ret, struct error *e)
{
	struct strbuf b;
	strbuf_init(&b, BODY_BYTES_MAX);
	for (size_t i = 0; i < sizeof rooms / sizeof *rooms; i++) {
		strbuf_clear(&b);
		b.overflow = false;
		put_card(&b, c, &rooms[i]);
		if (!b.overflow && b.len <= CARD_BYTES_MAX)
			return finish(&b, ret, e);
	}
	strbuf_finish(&b);
	return error_set(e, RC_EXHAUSTED, "a card does not fit into a Teams message");
}

enum result teams_render_text(const char *text, char **ret, struct error *e)
{
	struct arena *a = arena_create(BODY_BYTES_MAX);
	struct strbuf b;
	strbuf_init(&b, BODY_BYTES_MAX);
	strbuf_add(&b, head);
	put_block(&b, a ? clean_lines(a, text, TEXT_CHARS_MAX) : "", TEXT_CHARS_MAX, "", "");
	strbuf_add(&b, "]}}]}");
	arena_destroy(a);
	return finish(&b, ret, e);
}
