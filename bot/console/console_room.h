#pragma once
/* The console's inside. */
#include "bot/api/rest_room.h"
#include "bot/console/assets.h"
#include "bot/console/console.h"
#include "bot/console/feed.h"
#include "bot/console/journal.h"
#include "bot/console/session.h"

enum { CONSOLE_ROUTES_MAX = 16 };
#define CONSOLE_COOKIE "rollcall_session"

struct console {
	struct console_options o;
	const struct rest_options *api; /* the API's own: engine, approvals, bot, store, ... */
	struct http_route routes[CONSOLE_ROUTES_MAX];
	struct assets *assets;
	struct sessions *sessions;
	struct feed *feed;
	struct journal *journal;
	struct wall_ms unreachable_since; /* as the pages know it */
	bool leading, stopped;
	struct metric *refused;
};

/* ---- door.c: who asks ---- */
/* false: answered already. */
bool door_admit(struct console *c, struct http_exchange *x, enum token_scope needs, struct visitor *ret);
/* The same for what changes something: it must come from a page of ours. */
bool door_admit_change(struct console *c, struct http_exchange *x, enum token_scope needs, struct visitor *ret);
struct person door_person(const struct visitor *v);
http_handler door_session, door_sign_in, door_sign_out;

/* ---- looks.c: what can be looked at ---- */
http_handler look_rollout, look_runs, look_run, look_audit;

/* ---- act.c ---- */
http_handler act_verb;
