#pragma once
/* A card as the app's cards and messages (dingtalk.md 6, 7, 9): what the outbox keeps. Ids, destination and robot are
 * added when it is delivered. Pure; malloc'ed. */
#include "bot/cards/card.h"

enum { DINGAPP_BUTTONS = CARD_BUTTONS_MAX, DINGAPP_MENTIONS_MAX = 64 };

struct dingapp_look {
	bool template; /* own template; else StandardCard */
	/* Staff ids to be mentioned, NULL-terminated; NULL none. */
	const char *const *at;
	/* Only they see the buttons (own template alone can do that); else everybody does. */
	bool only_them;
};
/* {"title","standard":{...},"at":[...]} or {"title","params":{...},"private":{...},"at":[...]} */
MUST_CHECK enum result dingapp_render_card(const struct card *card, const struct dingapp_look *look, char **ret,
					   struct error *e);
/* A text with buttons, as a StandardCard: {"standard":{...}} */
MUST_CHECK enum result dingapp_render_offer(const char *text, const struct card_button *buttons, size_t count,
					    char **ret, struct error *e);
/* {"key":"sampleText","param":{...}} */
MUST_CHECK enum result dingapp_render_text(const char *text, char **ret, struct error *e);
/* {"png":"BASE64","alt":...} */
MUST_CHECK enum result dingapp_render_chart(const void *png, size_t len, const char *alt, char **ret, struct error *e);
