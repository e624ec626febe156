#pragma once
/* A file of the user's own nginx is exchanged: written beside it, put in its place, tested by the user's command, taken
 * over by the user's reload; put back when nginx says no. One at a time; nothing blocks but small writes. */
#include <stdbool.h>

#include "base/error.h"
#include "base/loop.h"

struct nginx_reload;
struct nginx_reload_options {
	struct loop *loop;
	const char *folder;                      /* ours: what nginx says is kept there; borrowed, as all of these */
	const char *const *test, *const *reload; /* argv, NULL-terminated */
	const char *pid_file; /* of nginx's master; where it cannot be read, a reload is over after a while */
	/* Once for each nginx_reload_begin, later. RC_OK: no worker of before takes requests any more. Else the file is
	 * as it was; why says what nginx said. */
	void (*done)(void *owner, enum result r, const struct error *why);
	void *owner;
};
MUST_CHECK enum result nginx_reload_create(const struct nginx_reload_options *o, struct nginx_reload **ret,
					   struct error *e);
/* file: its whole path; text: what shall be in it, needed only during the call; written: it is in it already, nginx may
 * not know. Not while another one is under way. */
void nginx_reload_begin(struct nginx_reload *n, const char *file, const char *text, bool written);
bool nginx_reload_busy(const struct nginx_reload *n);
void nginx_reload_destroy(struct nginx_reload *n); /* what it has begun is left as it is; NULL is fine */
DEFINE_CLEANUP(struct nginx_reload, nginx_reload_destroy)
