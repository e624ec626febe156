#pragma once
/* A card while it is being built. */
#include "bot/cards/card.h"
#include "bot/cards/clean.h"

struct card_draft {
	const struct rollout *r;
	const struct approval *const *approvals;
	size_t approval_count;
	const struct card_options *o;
	struct card_wording w;
	struct arena *a;
	const struct approval *open; /* what people are asked now; NULL: nothing */
	bool final;
	struct card_line lines[CARD_LINES_MAX];
	size_t line_count;
	struct card_button buttons[CARD_BUTTONS_MAX];
	size_t button_count;
};
#define WORDS(d, ...) card_words_of(&(d)->w, __VA_ARGS__)

/* A label by its key; an empty text adds nothing. */
void draft_line(struct card_draft *d, const char *label, const char *text);
/* The draft as a card; NULL: no memory. */
const struct card *draft_card(struct card_draft *d, const char *color, const char *icon, const char *title,
			      const char *state, const char *bar);

/* card_gates.c */
const char *gate_title(const struct card_draft *d, const struct approval *ap);
const char *gate_what(const struct card_wording *w, enum hook_type t, int weight,
		      struct arena *a); /* "before weight 40%" */
const char *gate_effect(const struct card_draft *d, enum hook_type t, int weight);
void gate_lines(struct card_draft *d);
const char *revision_text(const struct card_draft *d, const char *old_image, const char *new_image, const char *by);
const char *until_text(const struct card_draft *d, const struct approval *ap); /* "14:02:31 UTC, then rejected"; "" */
/* The last one that was decided with this outcome; NULL. */
const struct approval *gate_last(const struct card_draft *d, enum req_state state);

/* card_buttons.c */
void buttons_of_rollout(struct card_draft *d);
void buttons_of_request(struct card_draft *d, const struct approval *ap);
