#include "bot/channels/teams/teams.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/text.h"
#include "bot/channels/teams/teams_private.h"
#include "bot/channels/teams/teams_render.h"

enum { SPACING_MS = 300, PER_MINUTE = 60 };

static char *render_card(struct channel *c, const struct card *card, struct error *e)
{
	(void)c;
	char *body = NULL;
	return teams_render_card(card, &body, e) == RC_OK ? body : NULL;
}

/* Who may is a line of the card: a mention needs ids of Entra, which policies do not name. */
static char *render_ask(struct channel *c, const struct card *card, const char *const *who_may, struct error *e)
{
	(void)who_may;
	return render_card(c, card, e);
}

static char *render_text(struct channel *c, const char *text, struct error *e)
{
	(void)c;
	char *body = NULL;
	return teams_render_text(text, &body, e) == RC_OK ? body : NULL;
}

static void teams_destroy(struct channel *c)
{
	if (!c)
		return;
	teams_sending_drop(TEAMS_OF(c));
	free(c);
}

const struct channel_ops teams_ops = {
	.platform = "teams",
	.render_card = render_card,
	.render_ask = render_ask,
	.render_text = render_text,
	.deliver = teams_deliver,
	/* no groups: a flow knows nobody */
	.destroy = teams_destroy,
	.buttons_are_links = true,
	.spacing_ms = SPACING_MS,
	.per_minute_channel = PER_MINUTE,
};

enum result teams_create(const struct channel_context *ctx, const struct teams_options *o, struct channel **ret,
			 struct error *e)
{
	struct teams *t = calloc(1, sizeof *t);
	if (!t)
		return error_set(e, RC_EXHAUSTED, "no memory for the Teams channel");
	*t = (struct teams){ .channel = { .ops = &teams_ops }, .ctx = *ctx, .flows = o->flows };
	for (const struct teams_flow *f = o->flows; f->name; f++)
		log_redact(f->url);
	*ret = &t->channel;
	return RC_OK;
}
