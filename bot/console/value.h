#pragma once
/* Rollouts as JSON for the pages: what is empty, zero or false is left out, since a page may hold a thousand of them;
 * times are milliseconds since 1970. Pure. */
#include "base/strbuf.h"
#include "controller/engine.h"

void value_rollout(struct strbuf *b, const struct rollout *r);
/* Where it stands, as a point of its timeline, without the time: `"w":40,"s":2,"p":"Progressing",...` */
void value_point(struct strbuf *b, const struct rollout *r);
/* "key": as the first or a further member, when there is something to say. */
void value_text(struct strbuf *b, const char *key, const char *text);
void value_number(struct strbuf *b, const char *key, int64_t n);
