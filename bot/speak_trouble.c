/* A channel that cannot be reached is told of in another one: where nothing arrives nobody reads that nothing arrives.
 */
#include <string.h>

#include "base/text.h"
#include "bot/room.h"

/* The first one of the routes that does not share the trouble; NULL: there is none. */
static const char *another(const struct bot *b, const char *channel, bool whole_platform)
{
	const struct channel *sick = bot_channel(b, channel);
	for (const struct bot_route *r = b->o.routes; r && r->channels; r++)
		for (const char *const *c = r->channels; *c; c++) {
			const struct channel *other = bot_channel(b, *c);
			if (other && !text_eq(*c, channel) && !(whole_platform && other == sick))
				return *c;
		}
	return NULL;
}

void speak_trouble(void *owner, const char *channel, enum outbox_trouble what, const char *why)
{
	static const char *const keys[] = { [OUTBOX_UNREACHED] = "trouble.unreached",
					    [OUTBOX_SHUT_OUT] = "trouble.shut_out",
					    [OUTBOX_REFUSED] = "trouble.refused",
					    [OUTBOX_WELL] = "trouble.well" };
	struct bot *b = owner;
	CLEANUP(arena_destroy_p) struct arena *a = arena_create(BOT_ARENA_BYTES);
	struct voice v = { .bot = b, .channel = another(b, channel, what != OUTBOX_REFUSED) };
	struct channel *c = v.channel && a && !b->stopping ? bot_channel(b, v.channel) : NULL;
	if (!c)
		return; /* it has been logged */
	const char *text = card_words(bot_lang(b, v.channel), keys[what], a, "channel", channel, "why", why, NULL);
	struct error e = { .text = "no memory" };
	struct store_tx *tx = store_begin(b->o.store);
	voice_put(&v, tx, OUTBOX_MESSAGE, "", "", c->ops->render_text(c, text, &e), true, &e);
	speak_submit(b, tx);
}
