#include "bot/channels/dingtalk/dingapp_render.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"
#include "base/text.h"
#include "bot/cards/clean.h"
#include "bot/channels/dingtalk/dingtalk_render.h"

enum {
	BODY_BYTES_MAX = 192 * 1024,
	TITLE_CHARS_MAX = 60,
	BUTTON_CHARS_MAX = 24,
	TEXT_CHARS_MAX = 1500,
	OFFER_BUTTONS_MAX = 8
};

static enum result finish(struct strbuf *b, char **ret, struct error *e)
{
	char *body = strbuf_take(b);
	strbuf_finish(b);
	if (!body)
		return error_set(e, RC_EXHAUSTED, "a card does not fit into a DingTalk message");
	*ret = body;
	return RC_OK;
}

static void put_member(struct strbuf *b, const char *before, const char *name, const char *value)
{
	strbuf_addf(b, "%s\"%s\":", before, name);
	strbuf_add_json(b, value);
}

static void put_title(struct strbuf *b, const struct card *c)
{
	struct strbuf title;
	strbuf_init(&title, 1024);
	strbuf_addf(&title, "%s ", c->icon);
	dingtalk_escape(&title, c->title, TITLE_CHARS_MAX);
	strbuf_add_json(b, title.s);
	strbuf_finish(&title);
}

static void put_label(struct strbuf *b, const struct card_button *button)
{
	char label[128];
	(void)snprintf(label, sizeof label, "%.*s", (int)text_prefix(button->label, BUTTON_CHARS_MAX), button->label);
	strbuf_add_json(b, label);
}

/* ---- StandardCard ---- */

static void put_standard_button(struct strbuf *b, const struct card_button *button, size_t i)
{
	bool link = *button->url != '\0';
	strbuf_addf(b,
		    "%s{\"type\":\"button\",\"label\":{\"type\":\"text\",\"id\":\"label%zu\",\"text\":", i ? "," : "",
		    i);
	put_label(b, button);
	strbuf_addf(b, "},\"actionType\":\"%s\",\"status\":\"%s\",\"id\":", link ? "openLink" : "request",
		    button->primary  ? "primary"
		    : button->danger ? "warning"
				     : "normal");
	if (link)
		strbuf_addf(b, "\"link%zu\",\"url\":{\"all\":", i);
	strbuf_add_json(b, link ? button->url : button->value);
	strbuf_add(b, link ? "}}" : "}");
}

static void put_standard(struct strbuf *b, const struct card *c, const char *markdown)
{
	strbuf_add(b, ",\"standard\":{\"config\":{\"autoLayout\":true,\"enableForward\":false},"
		      "\"header\":{\"title\":{\"type\":\"text\",\"text\":");
	put_title(b, c);
	strbuf_add(b, "}},\"contents\":[{\"type\":\"markdown\",\"id\":\"body\",\"text\":");
	strbuf_add_json(b, markdown);
	strbuf_addc(b, '}');
	for (size_t i = 0; i < c->button_count; i++) {
		if (i == 0)
			strbuf_add(b, ",{\"type\":\"action\",\"id\":\"actions\",\"actions\":[");
		put_standard_button(b, &c->buttons[i], i);
	}
	strbuf_add(b, c->button_count ? "]}]}" : "]}");
}

/* ---- own template: all values are texts, and a key that is not sent keeps its old value ---- */

static void put_template_button(struct strbuf *b, const struct card_button *button, int number)
{
	strbuf_addf(b, ",\"button%d\":", number);
	if (button)
		put_label(b, button);
	else
		strbuf_add(b, "\"\"");
	strbuf_addf(b, ",\"value%d\":", number);
	strbuf_add_json(b, button ? button->value : "");
}

static void put_template(struct strbuf *b, const struct card *c, const char *markdown, const struct dingapp_look *look)
{
	strbuf_add(b, ",\"params\":{\"title\":");
	put_title(b, c);
	put_member(b, ",", "body", markdown);
	put_member(b, ",", "status", c->state);
	put_member(b, ",", "color", c->color);
	int n = 0;
	for (size_t i = 0; i < c->button_count; i++)
		if (!*c->buttons[i].url)
			put_template_button(b, &c->buttons[i], ++n);
	put_member(b, ",", "buttons", n ? look->only_them ? "some" : "all" : "none");
	while (n < DINGAPP_BUTTONS)
		put_template_button(b, NULL, ++n);
	strbuf_add(b, "}");
	if (!look->only_them)
		return;
	strbuf_add(b, ",\"private\":{");
	for (const char *const *at = look->at; *at; at++) {
		strbuf_add(b, at == look->at ? "" : ",");
		strbuf_add_json(b, *at);
		strbuf_add(b, ":{\"cardParamMap\":{\"can_decide\":\"1\"}}");
	}
	strbuf_add(b, "}");
}

/* ---- doors ---- */

enum result dingapp_render_card(const struct card *c, const struct dingapp_look *look, char **ret, struct error *e)
{
	struct strbuf markdown, b;
	strbuf_init(&markdown, BODY_BYTES_MAX);
	strbuf_init(&b, BODY_BYTES_MAX);
	bool fits = dingtalk_card_markdown(&markdown, c);
	strbuf_add(&b, "{\"title\":");
	put_title(&b, c);
	if (look->template)
		put_template(&b, c, markdown.s, look);
	else
		put_standard(&b, c, markdown.s);
	for (const char *const *at = look->at; at && *at; at++) {
		strbuf_add(&b, at == look->at ? ",\"at\":[" : ",");
		strbuf_add_json(&b, *at);
	}
	strbuf_add(&b, look->at && look->at[0] ? "]}" : "}");
	b.overflow |= !fits;
	strbuf_finish(&markdown);
	return finish(&b, ret, e);
}

enum result dingapp_render_offer(const char *text, const struct card_button *buttons, size_t count, char **ret,
				 struct error *e)
{
	CLEANUP(arena_destroy_p) struct arena *a = arena_create(BODY_BYTES_MAX);
	struct strbuf markdown, b;
	strbuf_init(&markdown, BODY_BYTES_MAX);
	strbuf_init(&b, BODY_BYTES_MAX);
	const char *lines = a ? clean_lines(a, text, TEXT_CHARS_MAX) : "";
	const char *title = a ? arena_strndup(a, lines, strcspn(lines, "\n")) : NULL;
	struct card c = { .icon = "🔵",
			  .title = title ? title : "",
			  .buttons = buttons,
			  .button_count = count < OFFER_BUTTONS_MAX ? count : OFFER_BUTTONS_MAX };
	dingtalk_escape(&markdown, lines, TEXT_CHARS_MAX);
	strbuf_add(&b, "{\"title\":");
	put_title(&b, &c);
	put_standard(&b, &c, markdown.s);
	strbuf_addc(&b, '}');
	b.overflow |= markdown.overflow || !title;
	strbuf_finish(&markdown);
	return finish(&b, ret, e);
}

enum result dingapp_render_text(const char *text, char **ret, struct error *e)
{
	struct arena *a = arena_create(BODY_BYTES_MAX);
	struct strbuf b;
	strbuf_init(&b, BODY_BYTES_MAX);
	strbuf_add(&b, "{\"key\":\"sampleText\",\"param\":{\"content\":");
	strbuf_add_json(&b, a ? clean_lines(a, text, TEXT_CHARS_MAX) : "");
	strbuf_add(&b, "}}");
	arena_destroy(a);
	return finish(&b, ret, e);
}

enum result dingapp_render_chart(const void *png, size_t len, const char *alt, char **ret, struct error *e)
{
	char *base64 = text_base64(png, len, false);
	struct strbuf b;
	strbuf_init(&b, BODY_BYTES_MAX);
	strbuf_addf(&b, "{\"png\":\"%s\",\"alt\":", base64 ? base64 : "");
	strbuf_add_json(&b, alt);
	strbuf_addc(&b, '}');
	b.overflow |= !base64;
	free(base64);
	return finish(&b, ret, e);
}
