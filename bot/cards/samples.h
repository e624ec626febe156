#pragma once
/* Rollouts in the states that people see: for `rollcall card preview`, the golden files and the hostile values. */
#include "bot/cards/card.h"

struct sample {
	const char *name; /* "progressing" */
	struct rollout r;
	struct approval approvals[2];
	size_t approval_count;
	bool ask; /* card_ask of the first approval */
	enum card_end end;
};
#define SAMPLE_NOW_MS 1763978551000ll /* 2025-11-24T10:02:31Z */
enum { SAMPLES_MAX = 20 };
size_t samples_make(struct sample list[SAMPLES_MAX]);
extern const char *const sample_approvers[]; /* of the policy in them; NULL-terminated */
/* With buttons as the bot would fill them; links: for a platform whose buttons are links. own: see card_wording. */
const struct card *sample_card(const struct sample *s, enum card_lang lang, const char *own, bool links,
			       struct arena *a);
