#pragma once
/* SIGTERM and SIGINT end the service, at once when they come twice; SIGHUP reads its configuration again. */
#include <uv.h>

#include "app/house.h"

struct signals {
	uv_signal_t term, interrupt, hangup;
	struct house *house; /* borrowed */
	loop_fn *stopping;   /* before the house begins to stop; NULL: nothing to do */
	void *owner;
};
void signals_watch(struct signals *s, struct house *h, loop_fn *stopping, void *owner);
void signals_unwatch(struct signals *s); /* after the loop has stopped */
