#pragma once
/* A chat platform. A new one is a folder behind this header and a row in channels.c's table; nothing else changes. */
#include "base/http_client.h"
#include "base/http_server.h"
#include "bot/cards/card.h"
#include "bot/outbox/outbox.h"

/* ---- what a channel tells the bot ---------------------------------------------------------------------------------
 */

struct responder;
/* A genuine press of a button, a command, a form: who, what, where. Strings live until the callback returns. */
struct interaction {
	struct person person;
	const char *channel;    /* "slack:C024BE91L" */
	const char *message_id; /* of the message with the button; "" */
	const char *thread_id;  /* where a reply belongs; "" */
	const char *event_id;   /* for deduplication; never "" */
	const char *value;      /* of the button: "v1.REQUEST.VERB.REVISION"; "" for commands */
	const char *text;       /* what was typed after the command's name; reason of a form; "" */
	bool form;              /* text is the reason of a form */
	/* What proves the sender does not cover the content: only a button's own token counts, and only for what can be
	 * undone. */
	bool unproven;
	/* Answers privately to the person, once; may be called later, in any turn. */
	struct responder *responder;
};
struct responder {
	/* text is plain; in_channel: everybody sees it. Takes the responder: it is gone afterwards. NULL text: nothing
	 * to say. */
	void (*say)(struct responder *r, const char *text, bool in_channel);
	/* Asks for a reason in a form whose submission comes back as an interaction with form set and the same value.
	 * NULL where the platform has no forms: then the text of a command must carry the reason. Does not take r. */
	enum result (*ask_reason)(struct responder *r, const char *title, const char *label, const char *submit,
				  const char *value, struct error *e);
	/* The same as say, in private, with buttons under the text; NULL where the platform cannot: then the text alone
	 * must do. */
	void (*offer)(struct responder *r, const char *text, const struct card_button *buttons, size_t count);
};
/* Questions that wait for one person's word, as cards; they live until it returns. NULL: nobody can say now.
 * Once, at once or later. */
typedef void waiting_told(void *owner, const struct card *const *cards, size_t count);
struct bot_ears {
	/* The bot copies what it needs, and owns in->responder from now on (answers it exactly once). */
	void (*interaction)(void *owner, const struct interaction *in);
	void *owner;
	/* What waits for somebody, for a page of their own, whose buttons will come back as from that channel. May be
	 * NULL. */
	void (*waiting)(void *owner, const struct person *who, const char *channel, waiting_told *told, void *to);
};

/* ---- what the bot asks of a channel -------------------------------------------------------------------------------
 */

struct channel; /* one configured platform */
struct channel_ops {
	const char *platform; /* "slack" */
	const char *people;   /* platform of the persons whose groups it knows, where that is another; NULL: the same */
	/* Platform JSON for the outbox; NULL, as deliver: a platform that takes no cards. who_may: the policy's
	 * approvers, to be mentioned in asks (may be NULL). Golden files pin these. */
	char *(*render_card)(struct channel *c, const struct card *card, struct error *e);
	char *(*render_ask)(struct channel *c, const struct card *card, const char *const *who_may, struct error *e);
	char *(*render_text)(struct channel *c, const char *text, struct error *e);
	/* A picture for the thread of a rollout's card, as the body of an OUTBOX_REPLY; alt says the same in words.
	 * NULL: the platform shows none. */
	char *(*render_chart)(struct channel *c, const void *png, size_t len, const char *alt, struct error *e);
	outbox_deliver *deliver; /* owner: the channel */
	/* Groups of a person, fresh enough for a decision ("slack:S012"); done later; on failure none (fail closed).
	 * NULL: the platform knows no groups. */
	void (*groups)(struct channel *c, const struct person *p, void (*done)(void *owner, const char *const *groups),
		       void *owner);
	/* Routes it wants on the public port; ends with a NULL path. NULL: none. */
	const struct http_route *(*routes)(struct channel *c);
	/* Hears the engine itself, for what is no card: called once, before the engine starts. NULL: cards are all. */
	void (*listen)(struct channel *c, struct engine *g);
	/* What waits for people has changed: pages of their own are to be drawn anew. NULL: the platform has none. */
	void (*changed)(struct channel *c);
	void (*destroy)(struct channel *c);
	bool buttons_are_links;
	int64_t spacing_ms; /* between two items of one conversation */
	int per_minute, per_minute_channel;
	int updates_per_minute; /* of those, of cards in place, in all channels; 0: not counted apart */
};
struct channel {
	const struct channel_ops *ops;
};
struct channel_context {
	struct loop *loop;
	struct http_client *http;
	struct store *store;
	struct approvals *approvals;
	struct bot_ears ears;
	enum card_lang lang;
	struct metrics *metrics;
};
