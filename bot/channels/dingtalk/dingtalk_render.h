#pragma once
/* A card as a robot message: an actionCard when there is a link to press, markdown when not (dingtalk.md 2, 17). Pure;
 * malloc'ed. */
#include "base/strbuf.h"
#include "bot/cards/card.h"

MUST_CHECK enum result dingtalk_render_card(const struct card *card, char **ret, struct error *e);
MUST_CHECK enum result dingtalk_render_text(const char *text, char **ret, struct error *e);
/* Foreign text for markdown, which has no escapes: look-alikes for what would be markup, no bare links. */
void dingtalk_escape(struct strbuf *b, const char *s, size_t max_chars);
/* The card whole and within the limit, at the longest lines that allow it; false: it does not fit, or no memory. */
bool dingtalk_card_markdown(struct strbuf *b, const struct card *card);
