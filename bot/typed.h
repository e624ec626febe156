#pragma once
/* A command that somebody typed, from the line to its answer. */
#include "bot/commands/command.h"
#include "bot/room.h"

struct typed {
	struct bot *bot;
	struct arena *arena; /* owned; holds every string here */
	struct command c;
	struct person who;
	const char *channel, *thread, *event_id;
	enum card_lang lang;
	struct card_wording words;
	struct responder *responder; /* where the answer goes; NULL: to done */
	bot_answer *done;
	void *owner;
};
/* Ends it: the text is in the reader's language. open: for everybody in the channel to see. */
void typed_answer(struct typed *t, enum result r, const char *text, bool open);
/* The same with English of the house. */
void typed_said(struct typed *t, enum result r, const char *english);
#define TYPED_WORDS(t, ...) card_words_of(&(t)->words, __VA_ARGS__)
/* Ends it with a question; where there are no buttons the text must do. */
void typed_offer(struct typed *t, const char *text, const struct card_button *buttons, size_t count);

/* show.c */
void show_list(struct typed *t);
void show_one(struct typed *t, const struct rollout *r); /* COMMAND_STATUS, COMMAND_WHO */
void show_freezes(struct typed *t);
void show_history(struct typed *t, const struct rollout *r /* NULL: of all */);

/* several.c: the command for all rollouts with its labels */
void several_run(struct typed *t);
/* "set:DIGEST:VERB..." of a button: as if the line had been typed again, if they are still the same ones. */
bool several_is(const char *subject);
