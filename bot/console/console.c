#include "bot/console/console.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "bot/console/console_room.h"
#include "bot/console/value.h"

enum { EVENT_MAX = 256 * 1024, SIGN_IN_BYTES_MAX = 1024, LIST_BYTES_MAX = 512 << 20 };

const struct store_migration console_migrations[] = {
	{ "console", 1,
	  "CREATE TABLE console_sessions (hash TEXT PRIMARY KEY, kind INTEGER NOT NULL, name TEXT NOT NULL,"
	  " bound INTEGER NOT NULL, expires_at INTEGER NOT NULL) WITHOUT ROWID;"
	  "CREATE TABLE console_runs (run INTEGER PRIMARY KEY, uid TEXT NOT NULL, object TEXT NOT NULL,"
	  " revision TEXT NOT NULL, started_at INTEGER NOT NULL, ended_at INTEGER NOT NULL, phase TEXT NOT NULL,"
	  " old_image TEXT NOT NULL, new_image TEXT NOT NULL, requested_by TEXT NOT NULL);"
	  "CREATE INDEX console_runs_uid ON console_runs (uid, run);"
	  "CREATE TABLE console_points (id INTEGER PRIMARY KEY, run INTEGER NOT NULL, at INTEGER NOT NULL,"
	  " point TEXT NOT NULL);"
	  "CREATE INDEX console_points_run ON console_points (run, id);"
	  "CREATE TRIGGER console_runs_gone AFTER DELETE ON console_runs BEGIN DELETE FROM console_points WHERE"
	  " run = OLD.run; END;" },
	{ NULL, 0, NULL },
};

/* ---- events ---- */

static void add_status(const struct console *c, struct strbuf *b)
{
	strbuf_addf(b, "{\"now\":%lld,\"leading\":%s", (long long)loop_wall(c->api->loop).v,
		    c->leading ? "true" : "false");
	value_number(b, "unreachableSince", c->unreachable_since.v);
}

static void look_around(struct console *c)
{
	c->leading = engine_leading(c->api->engine);
	c->unreachable_since = c->o.unreachable_since(c->o.owner);
}

/* Everything, for a page that has just come. */
static void snapshot(void *owner, struct strbuf *b)
{
	struct console *c = owner;
	CLEANUP(arena_destroy_p) struct arena *a = arena_create(LIST_BYTES_MAX);
	size_t n = 0, asked = 0;
	const struct rollout *const *list = a ? engine_list(c->api->engine, NULL, a, &n) : NULL;
	const struct approval *const *open = a ? approvals_of(c->api->approvals, NULL, "", a, &asked) : NULL;
	look_around(c);
	add_status(c, b);
	strbuf_addf(b, ",\"files\":\"%s\",\"rollouts\":[", assets_hash(c->assets));
	for (size_t i = 0; list && i < n; i++) {
		strbuf_add(b, i ? "," : "");
		value_rollout(b, list[i]);
	}
	strbuf_add(b, "],\"approvals\":[");
	for (size_t i = 0; open && i < asked; i++) {
		strbuf_add(b, i ? "," : "");
		rest_add_approval(b, open[i]);
	}
	strbuf_add(b, "]}");
}

static void put(struct console *c, const char *event, struct strbuf *b)
{
	if (!b->overflow)
		feed_put(c->feed, event, b->s, b->len);
	strbuf_finish(b);
}

static void put_point(struct console *c, const struct rollout *r, const struct journal_note *note)
{
	struct strbuf b;
	strbuf_init(&b, EVENT_MAX);
	strbuf_add(&b, "{\"uid\":");
	strbuf_add_json(&b, r->uid);
	strbuf_addf(&b, ",\"run\":%lld,\"point\":", (long long)note->run);
	strbuf_addn(&b, note->point, note->len);
	strbuf_addc(&b, '}');
	put(c, "point", &b);
}

static void put_rollout(struct console *c, const struct rollout_event *ev)
{
	struct strbuf b;
	strbuf_init(&b, EVENT_MAX);
	if (ev->news == NEWS_GONE) {
		strbuf_addc(&b, '{');
		value_text(&b, "uid", ev->rollout->uid);
		strbuf_addc(&b, '}');
	} else {
		value_rollout(&b, ev->rollout);
	}
	put(c, ev->news == NEWS_GONE ? "gone" : "rollout", &b);
}

static void heard(void *owner, const struct rollout_event *ev)
{
	struct console *c = owner;
	struct journal_note note;
	if (c->stopped)
		return;
	bool noted = journal_hear(c->journal, ev, &note);
	if (!feed_is_heard(c->feed))
		return;
	if (ev->news != NEWS_SAID && ev->news != NEWS_ALERT)
		put_rollout(c, ev);
	if (noted)
		put_point(c, ev->rollout, &note);
}

static void asked(void *owner, enum approval_news news, const struct approval *ap)
{
	struct console *c = owner;
	(void)news;
	if (!ap || c->stopped || !feed_is_heard(c->feed))
		return;
	struct strbuf b;
	strbuf_init(&b, EVENT_MAX);
	rest_add_approval(&b, ap);
	put(c, "approval", &b);
}

/* Nobody tells of a cluster that is gone. */
static void beat(void *owner)
{
	struct console *c = owner;
	bool leading = c->leading;
	struct wall_ms since = c->unreachable_since;
	look_around(c);
	if (leading == c->leading && since.v == c->unreachable_since.v)
		return;
	struct strbuf b;
	strbuf_init(&b, EVENT_MAX);
	add_status(c, &b);
	strbuf_addc(&b, '}');
	put(c, "status", &b);
}

static bool admits(void *owner, const char *tag)
{
	struct console *c = owner;
	return sessions_good(c->sessions, tag);
}

/* A page that makes its stream anew cannot set the header, and says what it has seen in the query. */
static void events(void *owner, struct http_exchange *x)
{
	struct console *c = owner;
	struct visitor v;
	if (!door_admit(c, x, SCOPE_READ, &v) || !rest_is_synced(c->o.rest, x))
		return;
	const char *seen = http_header(x, "last-event-id");
	feed_open(c->feed, x, v.tag, seen ? seen : http_query(x, "seen"));
}

/* ---- life ---- */

static void add_routes(struct console *c)
{
	const struct http_route routes[] = {
		{ "GET", "/", 0, assets_page, c->assets },
		{ "GET", "/console/files/{hash}/{file}", 0, assets_file, c->assets },
		{ "GET", "/console/session", 0, door_session, c },
		{ "POST", "/console/session", SIGN_IN_BYTES_MAX, door_sign_in, c },
		{ "DELETE", "/console/session", 0, door_sign_out, c },
		{ "GET", "/console/events", 0, events, c },
		{ "GET", "/console/rollouts/{ns}/{name}", 0, look_rollout, c },
		{ "GET", "/console/rollouts/{ns}/{name}/runs", 0, look_runs, c },
		{ "POST", "/console/rollouts/{ns}/{name}/{verb}", REST_BODY_MAX, act_verb, c },
		{ "GET", "/console/runs/{run}", 0, look_run, c },
		{ "GET", "/console/audit", 0, look_audit, c },
	};
	static_assert(sizeof routes / sizeof *routes < CONSOLE_ROUTES_MAX, "room for all and the end");
	memcpy(c->routes, routes, sizeof routes);
}

static enum result build(struct console *c, struct error *e)
{
	const struct rest_options *api = c->api;
	struct feed_options fo = { .loop = api->loop,
				   .metrics = api->metrics,
				   .snapshot = snapshot,
				   .admits = admits,
				   .beat = beat,
				   .owner = c };
	enum result r = assets_create(&c->assets, e);
	if (r == RC_OK)
		r = sessions_create(api->loop, api->store, api->tokens, c->o.people, &c->sessions, e);
	if (r == RC_OK)
		r = feed_create(&fo, &c->feed, e);
	return r == RC_OK ? journal_create(api->loop, api->store, api->metrics, &c->journal, e) : r;
}

enum result console_create(const struct console_options *o, struct console **ret, struct error *e)
{
	CLEANUP(console_destroy_p) struct console *c = calloc(1, sizeof *c);
	if (!c)
		return error_set(e, RC_EXHAUSTED, "no memory for the console");
	c->o = *o;
	if (o->people && !*o->people)
		c->o.people = NULL;
	c->api = rest_own_options(o->rest);
	enum result r = build(c, e);
	if (r != RC_OK)
		return error_in(e, r, "console");
	c->refused = metrics_add(c->api->metrics, METRIC_COUNTER, "rollcall_console_refused_total",
				 "Requests of pages that were refused.", "why", NULL);
	add_routes(c);
	engine_listen(c->api->engine, heard, c);
	approvals_listen(c->api->approvals, asked, c);
	*ret = TAKE(c);
	return RC_OK;
}

/* What runs now gets a point: nobody looked while the process was not there. */
void console_start(struct console *c)
{
	CLEANUP(arena_destroy_p) struct arena *a = arena_create(LIST_BYTES_MAX);
	size_t n = 0;
	const struct rollout *const *list = a ? engine_list(c->api->engine, NULL, a, &n) : NULL;
	for (size_t i = 0; list && i < n; i++) {
		struct rollout_event ev = { .news = NEWS_CHANGED, .rollout = list[i], .text = "" };
		if (list[i]->active)
			heard(c, &ev);
	}
}

void console_people_changed(struct console *c)
{
	if (feed_is_heard(c->feed))
		feed_put(c->feed, "people", "{}", 2);
}

void console_stop(struct console *c)
{
	if (c->stopped)
		return;
	c->stopped = true;
	approvals_forget(c->api->approvals, c);
	feed_stop(c->feed);
	journal_flush(c->journal);
}

void console_destroy(struct console *c)
{
	if (!c)
		return;
	journal_destroy(c->journal);
	feed_destroy(c->feed);
	sessions_destroy(c->sessions);
	assets_destroy(c->assets);
	free(c);
}

const struct http_route *console_routes(struct console *c)
{
	return c->routes;
}
