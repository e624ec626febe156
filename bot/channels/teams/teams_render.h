#pragma once
/* A card as an Adaptive Card in a message. Foreign text stands in text runs, which know no Markdown. Pure; malloc'ed.
 */
#include "base/strbuf.h"
#include "bot/cards/card.h"

MUST_CHECK enum result teams_render_card(const struct card *card, char **ret, struct error *e);
MUST_CHECK enum result teams_render_text(const char *text, char **ret, struct error *e);
