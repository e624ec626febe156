#pragma once
/* Questions about going on: which hooks and gates, in which order, and what their answers come to. */
#include "controller/core/draft.h"

enum gate_outcome {
	GATE_PASSED, /* all said yes, or there is none */
	GATE_ASKED,  /* the questions are in the draft; this tick goes on when they are answered */
	GATE_WAITS,  /* somebody said no, or has not been asked again yet */
	GATE_HELD,   /* rejected, to be held */
	GATE_ABORTED /* rejected, to be rolled back */
};
struct gate {
	enum hook_type type;
	enum phase phase;    /* payload of hooks */
	int step, weight;    /* identity; 0 for gates that are once a revision */
	const char *ordinal; /* of what is said: tells one asking of a run from another; "" */
	bool asked;          /* it stood at this gate before: outside URLs are asked again only when due */
	/* what came out */
	const char *name, *by; /* who stopped it; "" */
	bool mute, foreign;
	bool fresh; /* somebody really said so in this tick */
};
/* Fills what came out; when it opens, says so for each that was asked. */
enum gate_outcome gate_ask(struct draft *t, struct gate *g);
/* The rollout stands here: for cards, and for the bot that opens the request. */
void gate_stand(struct draft *t, const struct gate *g);
/* " by lin" or "". */
const char *gate_by(struct draft *t, const struct gate *g);

/* Reverse gate: passed means roll back. *ret_name: which hook; ret_gate: a person said so. */
enum gate_outcome gate_rollback(struct draft *t, const char **ret_name);

/* ---- what hooks and analysis share ---- */
/* The answer to this question in this tick; NULL: not asked yet. */
const struct answer *answer_to(const struct draft *t, const struct question *q);
/* Asks from the first unanswered on; all: also what follows it. */
void ask_from(struct draft *t, const struct question *list, size_t count);
