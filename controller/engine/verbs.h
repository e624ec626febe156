#pragma once
/* Verbs: recorded as an annotation on the Canary object, carried out by its next tick (core.md, "A request"). */
struct engine;

void verbs_cancel_all(struct engine *g);
