#pragma once
/* Slack's error strings and what each asks for (slack.md 16). Pure. */
#include <stdbool.h>

enum slack_trouble {
	TROUBLE_CREDENTIAL, /* stop, alarm, keep the queue */
	TROUBLE_SETUP,      /* the same: somebody must change the app */
	TROUBLE_PLACE,      /* never will, at this target */
	TROUBLE_GONE,       /* the message: post it afresh */
	TROUBLE_CONTENT,    /* not these bytes again: plain text once */
	TROUBLE_TRIGGER,    /* the person must press again */
	TROUBLE_SLOW,       /* wait */
	TROUBLE_THEIRS,     /* again later; of a post the outcome is unknown */
	TROUBLE_UNKNOWN
};
enum slack_trouble slack_trouble_of(const char *error);
/* What a person should do about it; "" nothing, it passes by itself or is ours to mend. */
const char *slack_advice(const char *error);
/* The same word from a closed set, for metrics: "other" for what nobody has described. */
const char *slack_error_word(const char *error);
