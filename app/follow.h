#pragma once
/* Rollouts followed live over the service's event stream; reconnects by itself. */
#include <cjson/cJSON.h>

#include "app/client.h"

struct followed {
	char ns[CLIENT_NAME], name[CLIENT_NAME];
	cJSON *rollout;   /* as the API prints it; NULL: there is none, or not yet */
	cJSON *approvals; /* an array; NULL: not known */
	bool stale_approvals;
};
struct follow_options {
	const struct cli *cli;
	bool named;     /* only those of follow_add; their approvals are followed too */
	const char *ns; /* when not named: only this namespace; NULL: all */
	void (*changed)(void *owner);
	void (*said)(void *owner, const cJSON *rollout, const char *text, bool warning); /* NULL is fine */
	/* why NULL: connected, and everything has been told. */
	void (*connection)(void *owner, const char *why);
	void *owner;
	enum exit_code interrupted; /* what SIGINT and SIGTERM answer */
};
struct follow;
enum exit_code follow_open(const struct follow_options *o, struct follow **ret); /* problems have been printed */
void follow_close(struct follow *f);                                             /* NULL is fine */
enum exit_code follow_add(struct follow *f, const char *ns, const char *name);
/* Until follow_stop, SIGINT or SIGTERM; answers what it was stopped with. */
enum exit_code follow_run(struct follow *f);
void follow_stop(struct follow *f, enum exit_code code);
struct loop *follow_loop(struct follow *f);
struct followed *follow_list(struct follow *f, size_t *ret_count);
DEFINE_CLEANUP(struct follow, follow_close)
