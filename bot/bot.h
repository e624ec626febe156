#pragma once
/* The bot: hears the engine, the approvals and the channels, and keeps every copy of every card true. Loop thread only.
 */
#include "bot/approvals/approvals.h"
#include "bot/approvals/audit.h"
#include "bot/channels/channel.h"
#include "bot/outbox/outbox.h"
#include "controller/engine.h"

struct bot;

/* Who somebody is: rollcall users, their identities on the platforms, their groups. Read from the configuration. */
struct directory_user {
	const char *name;              /* "lin.wei" */
	const char *const *identities; /* "slack:U012", "dingtalk:manager4220", "token:lin"; NULL-terminated */
	const char *const *groups;     /* "sre"; NULL-terminated */
	const char *pin_sha256;        /* salted hash of the personal PIN for the confirm page; "" none */
};
/* Which rollouts go where: the first route that fits; the annotation rollcall.dev/channels goes before all of them. */
struct bot_route {
	const char *ns;              /* glob: "prod-*"; "" all */
	const char *labels;          /* "team=shop"; "" all */
	const char *const *channels; /* "slack:C024", "dingtalk:releases"; NULL-terminated */
};
struct bot_channel_lang {
	const char *channel; /* "slack:C024"; ends with NULL */
	enum card_lang lang;
};
/* Words of one's own, from the configuration. */
struct bot_words {
	const char *channel; /* "slack:C024"; "" all of this language */
	enum card_lang lang;
	const char *own; /* see card_wording; NULL ends a list */
};
struct bot_options {
	struct loop *loop;
	struct store *store;
	struct engine *engine;
	struct approvals *approvals;
	struct outbox *outbox;
	struct metrics *metrics;
	struct channel *const *channels;    /* owned by the caller; NULL-terminated */
	const struct directory_user *users; /* ends with a NULL name */
	const struct bot_route *routes;     /* ends with NULL channels */
	const struct bot_channel_lang *langs;
	enum card_lang lang;                  /* of channels that name none */
	const struct bot_words *words;        /* the first that fits; NULL: none */
	const char *public_url, *console_url; /* "" none */
};
extern const struct store_migration bot_migrations[]; /* ends with a NULL room */
MUST_CHECK enum result bot_create(const struct bot_options *o, struct bot **ret, struct error *e);
/* Hears and says nothing any more, and stops approvals and outbox; who waits for an answer gets one now. First thing at
 * the end: then the engine is destroyed, then the store closes, then the rest is destroyed. */
void bot_stop(struct bot *b);
/* After the engine, which has the bot as a listener; before or after the store has closed. */
void bot_destroy(struct bot *b);
/* Is nothing asked that has not been answered? An orderly end waits for it. */
bool bot_idle(const struct bot *b);
/* Other people and routes from now on, ended as in bot_options; the old ones must outlive the bot. */
void bot_set_people(struct bot *b, const struct directory_user *users, const struct bot_route *routes,
		    const struct bot_channel_lang *langs, enum card_lang lang);
void bot_set_words(struct bot *b, const struct bot_words *words); /* likewise */
/* Brings every card up to date with what is; called once the engine's cache is full. */
void bot_start(struct bot *b);
/* The ears that channels are created with; owner is *slot, which bot_create fills: channels come first. */
struct bot_ears bot_ears(struct bot **slot);

/* One way in for every verb, whoever asks (chat, REST, command line, confirm page): may this person, then vote or verb.
 * done runs once, later; text is for the person. name: "NAME", "NS/NAME" or "CLUSTER/NS/NAME". */
struct bot_ask {
	struct person person;   /* groups may be NULL: the directory and the channel fill them in */
	const char *verb;       /* "approve", "reject", or an engine verb */
	const char *name;       /* rollout; "" when request_id says it */
	const char *request_id; /* of the approval; "" the open one of the rollout */
	const char *revision;   /* that the person looked at; "" the present one */
	const char *reason, *via, *event_id, *message_id;
	const char *channel; /* "slack:C024", where the person acts; "" none */
	const char *thread;  /* of that channel, where it was typed; "" */
	bool typed;          /* in a channel: an answer is owed there when it is done */
	int weight;
	bool override_gates;
};
typedef void bot_answer(void *owner, enum result r, const char *text);
void bot_do(struct bot *b, const struct bot_ask *ask, bot_answer *done, void *owner);
/* A line for people beside the rollout's cards, in every channel; the same key is said once. */
void bot_say(struct bot *b, const struct rollout *r, const char *key, const char *text);
/* A line as typed in a chat or shell ("promote podinfo-default"); answers with text for the person. */
void bot_command(struct bot *b, const struct person *who, const char *channel, const char *thread_id,
		 const char *event_id, const char *line, bot_answer *done, void *owner);
/* Fills user, identities and groups of a person from the directory; strings of the directory. */
void bot_recognise(const struct bot *b, struct person *who, struct arena *a);
/* Find rollouts by a name as people write it. *ret_count 0: none; more than 1: ambiguous. */
const struct rollout *const *bot_find(struct bot *b, const char *name, struct arena *a, size_t *ret_count);
