#pragma once
/* An nginx of our own: takes configurations, one after the other, each tested first. It is no child: it stays when we
 * go, and is found again by its pid file. */
#include <stdbool.h>

#include "base/error.h"
#include "base/loop.h"

struct nginx;
struct nginx_options {
	struct loop *loop;
	const char *binary, *conf_file, *folder; /* borrowed; folder: pid file, logs */
	/* Once for each nginx_apply, later. RC_OK: it is in use, and no worker of before takes requests any more.
	 * RC_INVALID: nginx refuses it, in this line (0: it does not say); the one before stays. Other failures: the
	 * one before stays. */
	void (*applied)(void *owner, enum result r, unsigned line, const struct error *why);
	void (*died)(void *owner); /* the running nginx, unasked */
	void *owner;
};
MUST_CHECK enum result nginx_create(const struct nginx_options *o, struct nginx **ret, struct error *e);
void nginx_destroy(struct nginx *n); /* nginx goes on; NULL is fine */
bool nginx_runs(const struct nginx *n);
/* Starts nginx if it does not run. Not while another one is being applied. text is needed only during the call. */
void nginx_apply(struct nginx *n, const char *text);
/* Requests are answered to their end, for 10 s at most; stopped runs once, later. */
void nginx_stop(struct nginx *n, loop_fn *stopped, void *owner);
