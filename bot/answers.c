/* Who typed a verb hears again when it has been carried out, there where it was typed, also after a restart. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "bot/room.h"

enum { KEPT_DAYS = 7 };

struct owed_answer {
	char *request, *channel, *thread; /* owned */
	UT_hash_handle hh;
};

static void free_answer(struct owed_answer *w)
{
	if (!w)
		return;
	free(w->request);
	free(w->channel);
	free(w->thread);
	free(w);
}

static bool add(struct bot *b, const char *request, const char *channel, const char *thread)
{
	struct owed_answer *old = NULL, *w = calloc(1, sizeof *w);
	if (w)
		*w = (struct owed_answer){ .request = strdup(request),
					   .channel = strdup(channel),
					   .thread = strdup(thread) };
	if (!w || !w->request || !w->channel || !w->thread) {
		free_answer(w);
		return false;
	}
	HASH_FIND_STR(b->owed, request, old);
	if (old) {
		free_answer(w);
		return true;
	}
	HASH_ADD_KEYPTR(hh, b->owed, w->request, strlen(w->request), w);
	return true;
}

static bool row(void *owner, sqlite3_stmt *st)
{
	return add(owner, (const char *)sqlite3_column_text(st, 0), (const char *)sqlite3_column_text(st, 1),
		   (const char *)sqlite3_column_text(st, 2));
}

enum result answers_load(struct bot *b, struct error *e)
{
	return store_load(b->o.store, "SELECT request, channel, thread FROM answers_owed", row, b, e);
}

void answers_free(struct bot *b)
{
	struct owed_answer *w, *next;
	HASH_ITER (hh, b->owed, w, next) {
		HASH_DEL(b->owed, w); /* NOLINT: the analyzer does not know uthash */
		free_answer(w);
	}
}

void answers_owe(struct bot *b, struct store_tx *tx, const char *request, const char *channel, const char *thread)
{
	int64_t now = loop_wall(b->o.loop).v;
	if (!bot_channel(b, channel) || !add(b, request, channel, thread))
		return;
	store_exec(tx, "INSERT OR IGNORE INTO answers_owed (request, channel, thread, at) VALUES (?1, ?2, ?3, ?4)",
		   "sssi", request, channel, thread, now);
	store_exec(tx, "DELETE FROM answers_owed WHERE at < ?1", "i", now - (int64_t)KEPT_DAYS * 86400000);
}

/* The thread of the rollout's card hears of every verb anyway, and so does one that watches it. */
static bool heard_there(struct bot *b, const struct owed_answer *w, const struct rollout *r, struct arena *a)
{
	for (const struct subscription *s = b->subscriptions; s; s = s->next)
		if (*s->thread && text_eq(s->thread, w->thread) && text_eq(s->channel, w->channel) &&
		    subscription_fits(s, r))
			return true;
	bool shown = false;
	for (const char *const *c = bot_channels(b, r, a); *c && !shown; c++)
		shown = text_eq(*c, w->channel);
	return shown &&
	       (!*w->thread || text_eq(w->thread, outbox_message_id(b->o.outbox, w->channel, speak_key(r, "", a))));
}

static void give(struct bot *b, struct store_tx *tx, const struct owed_answer *w, const struct rollout_event *ev,
		 struct arena *a)
{
	const struct rollout *r = ev->rollout;
	enum card_lang lang = bot_lang(b, w->channel);
	struct voice v = { .bot = b, .channel = w->channel };
	const struct channel *c = bot_channel(b, w->channel);
	const char *name = arena_printf(a, "%s/%s", r->ns, r->name);
	const char *text = card_words(lang, ev->refused ? "reply.not_done" : "reply.done", a, "name", name, "text",
				      card_said(lang, ev->text, a), NULL);
	const char *key = arena_printf(a, "answer/%s", ev->request_id);
	const char *subject = *w->thread ? outbox_thread(b->o.outbox, tx, w->channel, w->thread, a) : "";
	struct error e = { .text = "no memory" };
	if (c && key && subject)
		voice_put(&v, tx, *subject ? OUTBOX_REPLY : OUTBOX_MESSAGE, subject, key,
			  c->ops->render_text(bot_channel(b, w->channel), text, &e), true, &e);
}

void answers_give(struct bot *b, const struct rollout_event *ev)
{
	struct owed_answer *w = NULL;
	HASH_FIND_STR(b->owed, ev->request_id, w);
	CLEANUP(arena_destroy_p) struct arena *a = w ? arena_create(BOT_ARENA_BYTES) : NULL;
	if (!a || b->stopping)
		return;
	struct store_tx *tx = store_begin(b->o.store);
	if (!text_empty(ev->text) && !heard_there(b, w, ev->rollout, a))
		give(b, tx, w, ev, a);
	store_exec(tx, "DELETE FROM answers_owed WHERE request = ?1", "s", w->request);
	HASH_DEL(b->owed, w);
	free_answer(w);
	speak_submit(b, tx);
}
