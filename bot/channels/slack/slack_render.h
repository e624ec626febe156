#pragma once
/* A card as Block Kit, within the limits of slack.md 11, whatever the values. Pure. Bodies are JSON objects with "text"
 * and "blocks", to which delivery adds the channel; malloc'ed. */
#include "base/strbuf.h"
#include "bot/cards/card.h"

/* Whom an approver as a policy writes it ("user:lin", "group:sre") is on Slack: NULL-terminated "slack:U012"s, or NULL.
 * Lives until the next call. */
typedef const char *const *slack_identities(void *owner, const char *approver);

MUST_CHECK enum result slack_render_card(const struct card *card, char **ret, struct error *e);
/* The question with mentions of those who may answer; identities may be NULL. */
MUST_CHECK enum result slack_render_ask(const struct card *card, const char *const *who_may,
					slack_identities *identities, void *owner, char **ret, struct error *e);
MUST_CHECK enum result slack_render_text(const char *text, char **ret, struct error *e);
/* The text with buttons under it. */
MUST_CHECK enum result slack_render_offer(const char *text, const struct card_button *buttons, size_t count, char **ret,
					  struct error *e);

/* A picture as what slack_deliver uploads: {"chart":BASE64,"text":ALT}. */
MUST_CHECK enum result slack_render_chart(const void *png, size_t len, const char *alt, char **ret, struct error *e);
/* The arguments of views.publish for somebody's Home: questions that wait for them. note: instead of them, or "". */
MUST_CHECK enum result slack_render_home(const char *user, const struct card *const *cards, size_t count,
					 const char *note, enum card_lang lang, char **ret, struct error *e);

/* Foreign text for mrkdwn: no mention, link or code can begin in it. At most max_chars code points of s. */
void slack_escape(struct strbuf *b, const char *s, size_t max_chars);
/* The other way: what a person typed, as plain text; "<@U1|mira>" becomes "@mira". NULL: no memory. */
char *slack_unescape(struct arena *a, const char *s);
