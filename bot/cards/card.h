#pragma once
/* A rollout -> a platform-neutral card -> each platform's shape (which its channel draws). Pure: values in, values out.
 * Words come from templates/text.LANG; foreign values are cleaned and shortened here (control and bidi characters,
 * invalid UTF-8, length) and escaped by the channel, so that none can break a shape or inject a mention (approvals.md
 * 5). */
#include "base/arena.h"
#include "bot/approvals/approvals.h"
#include "controller/engine.h"

enum card_lang { LANG_EN, LANG_ZH, LANG_COUNT };
MUST_CHECK enum result card_lang_parse(const char *name, enum card_lang *ret, struct error *e);
const char *card_lang_name(enum card_lang lang); /* "en", "zh" */

struct card_button {
	const char *label;
	const char *action; /* "approve", "reject", "promote", "rollback", "pause", "resume", "complete", "restart",
			       "decide" (a link to the confirm page), "open" (the console) */
	const char *value;  /* carried back by the platform: "v1.SUBJECT.VERB.TOKEN"; "" */
	const char *url;    /* links: for platforms without callbacks and for "open"; "" */
	bool primary, danger;
	const char *confirm; /* question to ask first; "" none */
};
struct card_line {
	const char *label, *text; /* plain text, unescaped */
};
struct card {
	enum card_lang lang;
	const char *color;             /* "blue", "yellow", "green", "red", "grey" */
	const char *icon;              /* one emoji of that colour */
	const char *title;             /* verb first when a person is wanted: "Approve promotion of podinfo-default?" */
	const char *state;             /* in words: "Waiting for a decision", "Progressing" */
	const char *subtitle;          /* "default/podinfo-default on prod" */
	const char *bar;               /* "████████░░░░░░░░░░░░ 40%"; "" */
	const struct card_line *lines; /* revision, primary, canary, checks, gates, next, ... in this order */
	size_t line_count;
	const struct card_button *buttons; /* at most CARD_BUTTONS_MAX; no decisions once it is final */
	size_t button_count;
	const char *footer; /* "as of 10:02:31 UTC", "cluster unreachable since ..." */
	const char *plain;  /* the same in plain text: notification, screen reader, terminal */
	bool final;
};
enum {
	CARD_BUTTONS_MAX = 4,
	CARD_VALUE_CHARS = 240, /* of one foreign value on a card; more is shortened */
	CARD_LINES_MAX = 24
};
/* A card whose rollout is over for another reason than its own phase says: nothing can be pressed any more. */
enum card_end { END_NONE, END_SUPERSEDED /* by a newer revision */, END_DELETED /* the Canary is gone */ };
struct card_options {
	enum card_lang lang;
	enum card_end end;
	const char *own_words;   /* NULL none; see card_wording */
	const char *console_url; /* "" or NULL: none */
	/* What a button carries back: "v1.SUBJECT.VERB.TOKEN"; subject is the request's id, or "UID@REVISION" for
	 * verbs about a rollout. NULL answer: no such button. NULL callback: no buttons that call back. */
	const char *(*button_value)(void *owner, const char *subject, const char *verb, struct arena *arena);
	void *button_owner;
	/* Platforms whose buttons are links: where a request is decided (verb "decide"); NULL answer: no such button.
	 * When set, an open gate shows this one link instead of Approve and Reject. */
	const char *(*link)(void *owner, const struct approval *a, const char *verb, struct arena *arena);
	void *link_owner;
};
/* approvals: of this rollout and revision, oldest first. NULL: the arena is full. */
const struct card *card_build(const struct rollout *r, const struct approval *const *approvals, size_t approval_count,
			      const struct card_options *o, struct arena *a);
/* "2 of 2: lin.wei, zhao"; of what is decided also how, why. */
const char *card_gate_text(const struct approval *ap, enum card_lang lang, struct arena *a);
/* Which gate it is: "before the promotion", "before weight 40%". */
const char *card_gate_name(const struct approval *ap, enum card_lang lang, struct arena *a);
/* The reply in the thread when a gate opens, and what it becomes, without buttons, when that is decided; mentions are
 * the platform's business (approver list as written). */
const struct card *card_ask(const struct rollout *r, const struct approval *ap, const struct card_options *o,
			    struct arena *a);
/* A text by its key from templates/text.LANG with {name}s replaced from pairs "name", "value", ..., NULL. An unknown
 * key is shown as itself; values are inserted as they are and never looked at again. */
const char *card_words(enum card_lang lang, const char *key, struct arena *a, ...) __attribute__((sentinel));
/* The same, but what a file of one's own says goes before: it looks as templates/text.LANG does and has some of its
 * keys.
 */
struct card_wording {
	enum card_lang lang;
	const char *own; /* the file's text; NULL none */
};
const char *card_words_of(const struct card_wording *w, const char *key, struct arena *a, ...)
	__attribute__((sentinel));
/* All that is wrong with such a file, each with its place (from 1); false: something is. */
typedef void card_words_mistake(void *owner, int line, int column, const char *text);
bool card_words_check(const char *own, enum card_lang lang, card_words_mistake *cb, void *owner);
/* A sentence that the house says in English (a refusal, an alert, what comes next), for people: translated where
 * templates/said.LANG knows it, else as it is. */
const char *card_said(enum card_lang lang, const char *english, struct arena *a);
