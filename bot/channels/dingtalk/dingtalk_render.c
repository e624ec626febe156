#include "bot/channels/dingtalk/dingtalk_render.h"

#include <string.h>

#include "base/text.h"
#include "bot/cards/clean.h"

enum {
	BODY_BYTES_MAX = 64 * 1024,
	TEXT_BYTES_MAX = 4800, /* of 5000: a keyword may be added */
	TITLE_CHARS_MAX = 60,  /* of 64 */
	BUTTON_CHARS_MAX = 18,
	URL_BYTES_MAX = 500,
	BUTTONS_BYTES_MAX = 950, /* of 1000 */
};
/* How much of a line, and of the head, stays when a card does not fit: tried in this order. */
static const struct room {
	size_t line_chars, head_chars;
} rooms[] = { { 600, 200 }, { 200, 150 }, { 100, 100 }, { 50, 80 }, { 25, 60 } };

void dingtalk_escape(struct strbuf *b, const char *s, size_t max_chars)
{
	static const struct {
		const char *is, *shown;
	} looks[] = { { "[", "［" }, { "]", "］" }, { "<", "＜" },  { ">", "＞" },
		      { "*", "＊" }, { "`", "ˋ" },  { "\\", "＼" }, { "://", ":/\xe2\x80\x8b/" } };
	size_t keep = text_prefix(s, max_chars);
	bool cut = s[keep] != '\0';
	const char *end = s + (cut && max_chars > 0 ? text_prefix(s, max_chars - 1) : keep);
	while (s < end) {
		size_t i = 0;
		while (i < sizeof looks / sizeof *looks && !text_starts(s, looks[i].is))
			i++;
		bool plain = i == sizeof looks / sizeof *looks;
		if (plain)
			strbuf_addc(b, *s);
		else
			strbuf_add(b, looks[i].shown);
		s += plain ? 1 : strlen(looks[i].is);
	}
	if (cut)
		strbuf_add(b, "…");
}

static void put_lines(struct strbuf *b, const struct card *c, size_t max_chars)
{
	for (size_t i = 0; i < c->line_count; i++) {
		strbuf_add(b, "- **");
		dingtalk_escape(b, c->lines[i].label, 30);
		strbuf_add(b, "** ");
		dingtalk_escape(b, c->lines[i].text, max_chars);
		strbuf_addc(b, '\n');
	}
}

static void put_markdown(struct strbuf *b, const struct card *c, const struct room *r)
{
	strbuf_addf(b, "### %s ", c->icon);
	dingtalk_escape(b, c->title, r->head_chars);
	strbuf_add(b, "\n\n**");
	dingtalk_escape(b, c->state, 60);
	strbuf_add(b, "** · ");
	dingtalk_escape(b, c->subtitle, r->head_chars);
	strbuf_add(b, "\n\n");
	if (*c->bar)
		strbuf_addf(b, "%s\n\n", c->bar);
	put_lines(b, c, r->line_chars);
	strbuf_addc(b, '\n');
	dingtalk_escape(b, c->footer, r->head_chars);
}

bool dingtalk_card_markdown(struct strbuf *b, const struct card *c)
{
	for (size_t i = 0; i < sizeof rooms / sizeof *rooms; i++) {
		strbuf_clear(b);
		b->overflow = false;
		put_markdown(b, c, &rooms[i]);
		if (!b->overflow && b->len <= TEXT_BYTES_MAX)
			return true;
	}
	return false;
}

static void put_title(struct strbuf *b, const struct card *c)
{
	struct strbuf title;
	strbuf_init(&title, BODY_BYTES_MAX);
	strbuf_addf(&title, "%s ", c->icon);
	dingtalk_escape(&title, c->title, TITLE_CHARS_MAX - 3);
	strbuf_add(b, "\"title\":");
	strbuf_add_json(b, title.s);
	strbuf_finish(&title);
}

/* Links only: this platform carries nothing back. A link is never shortened, what does not fit is left out. */
static size_t put_buttons(struct strbuf *b, const struct card *c)
{
	size_t n = 0, start = b->len;
	for (size_t i = 0; i < c->button_count; i++) {
		const struct card_button *button = &c->buttons[i];
		size_t len = strlen(button->url);
		if (!len || len > URL_BYTES_MAX || b->len - start + len + 120 > BUTTONS_BYTES_MAX)
			continue;
		struct strbuf label;
		strbuf_init(&label, 256);
		strbuf_addn(&label, button->label, text_prefix(button->label, BUTTON_CHARS_MAX));
		strbuf_addf(b, "%s{\"title\":", n++ ? "," : "");
		strbuf_add_json(b, label.s);
		strbuf_add(b, ",\"actionURL\":");
		strbuf_add_json(b, button->url);
		strbuf_addc(b, '}');
		strbuf_finish(&label);
	}
	return n;
}

static enum result finish(struct strbuf *b, char **ret, struct error *e)
{
	char *body = strbuf_take(b);
	strbuf_finish(b);
	if (!body)
		return error_set(e, RC_EXHAUSTED, "no memory for a DingTalk message");
	*ret = body;
	return RC_OK;
}

enum result dingtalk_render_card(const struct card *c, char **ret, struct error *e)
{
	struct strbuf text, buttons, b;
	strbuf_init(&text, BODY_BYTES_MAX);
	strbuf_init(&buttons, BODY_BYTES_MAX);
	strbuf_init(&b, BODY_BYTES_MAX);
	bool fits = dingtalk_card_markdown(&text, c);
	size_t n = put_buttons(&buttons, c);
	const char *type = n ? "actionCard" : "markdown";
	strbuf_addf(&b, "{\"msgtype\":\"%s\",\"%s\":{", type, type);
	put_title(&b, c);
	strbuf_add(&b, ",\"text\":");
	strbuf_add_json(&b, text.s);
	if (n)
		strbuf_addf(&b, ",\"btnOrientation\":\"1\",\"btns\":[%s]", buttons.s);
	strbuf_add(&b, "}}");
	b.overflow |= buttons.overflow;
	strbuf_finish(&text);
	strbuf_finish(&buttons);
	if (fits)
		return finish(&b, ret, e);
	strbuf_finish(&b);
	return error_set(e, RC_EXHAUSTED, "a card does not fit into a DingTalk message");
}

enum result dingtalk_render_text(const char *text, char **ret, struct error *e)
{
	struct arena *a = arena_create(BODY_BYTES_MAX);
	struct strbuf b;
	strbuf_init(&b, BODY_BYTES_MAX);
	strbuf_add(&b, "{\"msgtype\":\"text\",\"text\":{\"content\":");
	strbuf_add_json(&b, a ? clean_lines(a, text, 1500) : ""); /* 1500 characters are at most 4500 bytes in zh */
	strbuf_add(&b, "}}");
	arena_destroy(a);
	return finish(&b, ret, e);
}
