#pragma once
/* What somebody who watches a demo sees: a line for each thing that happens, and on a terminal one below them that is
 * painted anew. */
#include "base/error.h"
#include "base/loop.h"

enum { SCREEN_LINE = 1024, SCREEN_BAR = 160 };
struct screen {
	struct loop *loop; /* borrowed */
	struct mono_ms began_at;
	bool live, color;
	char now[SCREEN_LINE]; /* the line below */
};
void screen_open(struct screen *s, struct loop *l);
void screen_close(struct screen *s); /* takes the line below away */
enum screen_tone { SCREEN_STEP, SCREEN_GOOD, SCREEN_BAD, SCREEN_ASKS, SCREEN_NOTE };
void screen_say(struct screen *s, enum screen_tone tone, const char *fmt, ...) PRINTF(3, 4);
void screen_now(struct screen *s, const char *fmt, ...) PRINTF(2, 3);
/* "████░░░░░░░░░░░░░░░░" */
const char *screen_bar(int percent, char buf[SCREEN_BAR]);
