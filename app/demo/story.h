#pragma once
/* What happens in a demo: the application and its canary come in by the service's own API, as a person would put them
 * there; with --auto two releases follow, one that goes well and one that does not. */
#include "app/demo/ground.h"
#include "app/demo/load.h"
#include "app/demo/screen.h"
#include "app/house.h"

struct story;
struct story_options {
	struct house *house; /* borrowed, as all others */
	const struct ground *ground;
	struct screen *screen;
	bool releases; /* go on by itself */
	/* It has come to its end: well, or as `why` says. Once; not after story_stop. The load goes on. */
	void (*ended)(void *owner, bool well, const char *why);
	void *owner;
};
MUST_CHECK enum result story_start(const struct story_options *o, struct story **ret, struct error *e);
const struct load *story_load(const struct story *s);
void story_stop(struct story *s); /* and its load; NULL is fine */
