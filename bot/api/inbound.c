#include "bot/api/inbound.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "base/text.h"
#include "bot/api/inbound_room.h"
#include "bot/approvals/audit.h"
#include "bot/channels/seen.h"
#include "bot/labels.h"

enum {
	CALL_ARENA_BYTES = 8 << 20,
	LIST_ARENA_BYTES = 512 << 20,
	WINDOW_MS = 60 * 1000,
	ENDPOINTS_MAX = 1000,
	FORGET_MS = 3600 * 1000
};

struct inbound {
	struct inbound_options o;
	struct http_route routes[2];
	struct seen *counted; /* calls of the last minute, by endpoint */
	struct timer forget;
	struct metric *outcomes;
	bool stopped;
};

/* ---- one message and what it asks for ---- */

struct job {
	const struct inbound_item *item;
	const char *id, *name; /* "NS/NAME" */
	const char *outcome, *text;
	enum result r;
};
struct call {
	struct inbound *in;
	struct rest_call *reply;
	const struct inbound_endpoint *endpoint;
	struct arena *arena; /* owned */
	struct job *jobs;
	size_t count, at;
	bool claimed; /* the present one's id is on disk */
};

static void next(struct call *c);

/* What a sender should do about an outcome that is the only one. */
static int status_of(const struct call *c)
{
	for (size_t i = 0; i < c->count; i++)
		if (c->jobs[i].r == RC_UNREACHABLE || c->jobs[i].r == RC_EXHAUSTED)
			return 503;
	switch (c->count == 1 ? c->jobs[0].r : RC_OK) {
	case RC_REFUSED:
		return 403;
	case RC_NOT_FOUND:
		return 404;
	case RC_INVALID:
		return 400;
	case RC_CONFLICT:
		return 409;
	default:
		return 200;
	}
}

static void member(struct strbuf *b, const char *key, const char *text)
{
	strbuf_addf(b, "\"%s\":", key);
	strbuf_add_json(b, text);
}

static void add_result(struct strbuf *b, const struct job *j)
{
	bool acts = j->item->r == RC_OK && !j->item->ignored;
	strbuf_addc(b, '{');
	member(b, "id", j->id);
	strbuf_addc(b, ',');
	member(b, "action", acts ? inbound_action_name(j->item->action) : "");
	strbuf_addc(b, ',');
	member(b, "rollout", j->name);
	strbuf_addc(b, ',');
	member(b, "outcome", j->outcome);
	strbuf_addc(b, ',');
	member(b, "text", j->text ? j->text : "");
	strbuf_addc(b, '}');
}

static void finish(struct call *c)
{
	struct http_exchange *x = rest_call_end(c->reply);
	struct strbuf b;
	int status = status_of(c);
	strbuf_init(&b, REST_ANSWER_MAX);
	strbuf_addc(&b, '{');
	if (status >= 400) {
		member(&b, "error", c->jobs[0].text ? c->jobs[0].text : "");
		strbuf_addc(&b, ',');
	}
	strbuf_add(&b, "\"results\":[");
	for (size_t i = 0; i < c->count; i++) {
		strbuf_add(&b, i ? "," : "");
		add_result(&b, &c->jobs[i]);
		metric_inc(c->in->outcomes, 1, c->endpoint->name, c->jobs[i].outcome);
	}
	strbuf_add(&b, "]}");
	if (x)
		rest_answer(x, status, &b);
	else
		strbuf_finish(&b);
	arena_destroy(c->arena);
	free(c);
}

static const char *outcome_name(enum result r)
{
	static const char *const names[RC_COUNT] = {
		[RC_OK] = "done",
		[RC_INVALID] = "invalid",
		[RC_REFUSED] = "refused",
		[RC_CONFLICT] = "conflict",
		[RC_NOT_FOUND] = "not_found",
		[RC_UNREACHABLE] = "unreachable",
		[RC_EXHAUSTED] = "exhausted",
	};
	return names[r];
}

static void conclude(struct call *c, enum result r, const char *outcome, const char *text)
{
	struct job *j = &c->jobs[c->at];
	j->r = r;
	j->outcome = outcome;
	j->text = arena_strdup(c->arena, text);
	c->at++;
}

static void settled(void *owner, enum result r, const struct error *why)
{
	struct call *c = owner;
	if (r != RC_OK)
		log_error("inbound_not_settled", "endpoint=%s why=%s", c->endpoint->name, why->text);
	next(c);
}

/* Done, and refused, are for good; everything else may be sent again. */
static void acted(void *owner, enum result r, const char *text)
{
	struct call *c = owner;
	const struct job *j = &c->jobs[c->at];
	conclude(c, r, outcome_name(r), text);
	log_info("inbound", "endpoint=%s action=%s rollout=%s outcome=%s", c->endpoint->name,
		 inbound_action_name(j->item->action), j->name, j->outcome);
	if (c->claimed && !c->in->stopped)
		inbound_settle(c->in->o.store, c->endpoint->name, j->id, r == RC_OK || r == RC_REFUSED, text, settled,
			       c);
	else
		next(c);
}

static const char *actor_of(const struct call *c)
{
	const char *actor = arena_printf(c->arena, "webhook:%s", c->endpoint->name);
	return actor ? actor : "webhook";
}

/* ---- annotate: a row of the record, and a line beside the card ---- */

static void noted(void *owner, enum result r, const struct error *why)
{
	struct call *c = owner;
	const struct job *j = &c->jobs[c->at];
	size_t n = 0;
	const struct rollout *const *found =
		r == RC_OK && !c->in->stopped ? bot_find(c->in->o.bot, j->name, c->arena, &n) : NULL;
	const char *key = arena_printf(c->arena, "note/%s/%s", c->endpoint->name, j->id);
	const char *text = arena_printf(c->arena, "%s: %s", c->endpoint->name, j->item->reason);
	if (n == 1 && key && text)
		bot_say(c->in->o.bot, found[0], key, text);
	acted(c, r, r == RC_OK ? "noted" : why->text);
}

static void annotate(struct call *c, const struct job *j)
{
	size_t n = 0;
	const struct rollout *const *found = bot_find(c->in->o.bot, j->name, c->arena, &n);
	if (n != 1) {
		acted(c, n ? RC_INVALID : RC_NOT_FOUND,
		      n ? "several rollouts have this name: a namespace is needed" : "there is no such rollout");
		return;
	}
	const struct rollout *r = found[0];
	struct store_tx *tx = store_begin(c->in->o.store);
	struct audit_row row = { .actor = actor_of(c),
				 .identity = actor_of(c),
				 .action = "note",
				 .object = arena_printf(c->arena, "%s/%s/%s", r->cluster, r->ns, r->name),
				 .request = j->id,
				 .outcome = "ok",
				 .reason = j->item->reason,
				 .detail = "" };
	audit_append(tx, loop_wall(c->in->o.loop), &row);
	store_submit(tx, noted, c);
}

/* ---- verbs ---- */

static const char *verb_of(enum inbound_action a)
{
	return a == INBOUND_HOLD ? "pause" : inbound_action_name(a);
}

static void act(struct call *c)
{
	const struct job *j = &c->jobs[c->at];
	if (j->item->action == INBOUND_ANNOTATE) {
		annotate(c, j);
		return;
	}
	const char *event = arena_printf(c->arena, "inbound/%s/%s", c->endpoint->name, j->id);
	struct bot_ask ask = { .person = { .platform = "webhook",
					   .team = "",
					   .id = c->endpoint->name,
					   .name = actor_of(c),
					   .user = "" },
			       .verb = verb_of(j->item->action),
			       .name = j->name,
			       .revision = j->item->revision,
			       .reason = j->item->reason,
			       .via = "webhook",
			       .event_id = event ? event : "" };
	bot_do(c->in->o.bot, &ask, acted, c);
}

static void claim_known(void *owner, enum result r, enum inbound_claim claim, const char *text, const struct error *why)
{
	struct call *c = owner;
	c->claimed = r == RC_OK && claim == CLAIM_NEW;
	if (c->in->stopped) {
		conclude(c, RC_UNREACHABLE, "unreachable", "rollcall is being stopped");
		next(c);
	} else if (r != RC_OK && c->jobs[c->at].item->action != INBOUND_ROLLBACK) {
		conclude(c, RC_EXHAUSTED, "exhausted", why->text);
		next(c);
	} else if (r != RC_OK || claim == CLAIM_NEW) {
		act(c); /* a rollback is possible also when nothing can be written */
	} else if (claim == CLAIM_BUSY) {
		conclude(c, RC_UNREACHABLE, "busy", "this id is being acted on");
		next(c);
	} else {
		conclude(c, RC_OK, "duplicate", text);
		next(c);
	}
}

static void next(struct call *c)
{
	while (c->at < c->count && c->jobs[c->at].outcome)
		c->at++;
	if (c->at == c->count)
		finish(c);
	else if (c->in->stopped)
		claim_known(c, RC_OK, CLAIM_NEW, "", NULL);
	else
		inbound_claim(c->in->o.store, c->endpoint->name, c->jobs[c->at].id, c->in->o.rest->boot,
			      loop_wall(c->in->o.loop), claim_known, c);
}

/* ---- from items to jobs ---- */

/* false: there are too many. */
static bool add_job(struct call *c, const struct inbound_item *m, const char *id, const char *name, enum result r,
		    const char *outcome, const char *text)
{
	if (c->count == INBOUND_JOBS_MAX)
		return false;
	c->jobs[c->count++] = (struct job){
		.item = m, .id = id ? id : "", .name = name ? name : "", .outcome = outcome, .text = text, .r = r
	};
	return true;
}

/* Every rollout that is under way and has the labels. */
static bool add_selected(struct call *c, const struct inbound_item *m, const char *id)
{
	size_t n = 0, found = 0;
	CLEANUP(arena_destroy_p) struct arena *scratch = arena_create(LIST_ARENA_BYTES);
	const struct rollout *const *list =
		scratch ? engine_list(c->in->o.engine, *m->ns ? m->ns : NULL, scratch, &n) : NULL;
	for (size_t i = 0; list && i < n; i++) {
		if (!list[i]->active || !labels_have(list[i]->labels, m->labels))
			continue;
		found++;
		if (!add_job(c, m, arena_printf(c->arena, "%s/%s", id, list[i]->uid),
			     arena_printf(c->arena, "%s/%s", list[i]->ns, list[i]->name), RC_OK, NULL, NULL))
			return false;
	}
	return found || add_job(c, m, id, "", RC_NOT_FOUND, "not_found", "no rollout with these labels is under way");
}

static bool add_item(struct call *c, const struct inbound_item *m, const char *message, size_t i)
{
	const char *id = *m->id || !*message             ? m->id
			 : text_empty(c->endpoint->each) ? message
							 : arena_printf(c->arena, "%s/%zu", message, i);
	const char *name = *m->ns ? arena_printf(c->arena, "%s/%s", m->ns, m->rollout) : m->rollout;
	if (m->r != RC_OK)
		return add_job(c, m, id, "", m->r, outcome_name(m->r), m->why);
	if (m->ignored)
		return add_job(c, m, id, "", RC_OK, "ignored", m->why);
	if (text_empty(id))
		return add_job(c, m, "", name, RC_INVALID, "invalid",
			       "there is no id: send Idempotency-Key, or map one by `id`");
	return *m->rollout ? add_job(c, m, id, name, RC_OK, NULL, NULL) : add_selected(c, m, id);
}

static enum result prepare(struct call *c, struct http_exchange *x, const char *message, struct error *e)
{
	CLEANUP(json_delete_p) cJSON *body = NULL;
	struct inbound_item *items = NULL;
	size_t n = 0, len = 0;
	const char *text = http_body(x, &len);
	enum result r = json_parse(text, len, &body, e);
	if (r == RC_OK && !cJSON_IsObject(body))
		r = error_set(e, RC_INVALID, "the body must be a JSON object");
	if (r == RC_OK)
		r = inbound_map(c->endpoint, body, c->arena, &items, &n, e);
	if (r != RC_OK)
		return r;
	c->jobs = arena_alloc(c->arena, INBOUND_JOBS_MAX, sizeof *c->jobs);
	if (!c->jobs)
		return error_set(e, RC_EXHAUSTED, "no memory for this now");
	for (size_t i = 0; i < n; i++)
		if (!add_item(c, &items[i], message, i))
			return error_set(e, RC_INVALID, "it means more than %d rollouts", INBOUND_JOBS_MAX);
	return RC_OK;
}

static void call_abandon(struct call *c)
{
	arena_destroy(c->arena);
	free(c);
}

static void begin(struct inbound *in, struct http_exchange *x, const struct inbound_endpoint *p, const char *message)
{
	struct error e = { .code = RC_EXHAUSTED, .text = "no memory for this now" };
	struct call *c = calloc(1, sizeof *c);
	if (c)
		*c = (struct call){ .in = in, .endpoint = p, .arena = arena_create(CALL_ARENA_BYTES) };
	enum result r = c && c->arena ? prepare(c, x, message, &e) : RC_EXHAUSTED;
	if (r == RC_OK)
		c->reply = rest_call_begin(in->o.rest, x);
	else
		http_respond_result(x, &e);
	if (r == RC_OK && c->reply)
		next(c);
	else if (c)
		call_abandon(c);
}

/* ---- the door ---- */

static const struct inbound_endpoint *endpoint_of(const struct inbound *in, const char *name)
{
	for (const struct inbound_endpoint *p = in->o.endpoints; p && p->name; p++)
		if (text_eq(p->name, name))
			return p;
	return NULL;
}

/* Only what is proved counts: a stranger cannot use up what others may send. */
static bool within_rate(struct inbound *in, const struct inbound_endpoint *p, struct http_exchange *x)
{
	static const char *const headers[] = { "Retry-After: 60", NULL };
	static const char text[] = "{\"error\":\"too many messages within a minute\"}\n";
	if (seen_count(in->counted, p->name, loop_now(in->o.loop), WINDOW_MS, true) <= p->per_minute)
		return true;
	metric_inc(in->outcomes, 1, p->name, "rate");
	http_respond(x, 429, "application/json", text, strlen(text), headers);
	return false;
}

static void received(void *owner, struct http_exchange *x)
{
	struct inbound *in = owner;
	const struct inbound_endpoint *p = endpoint_of(in, http_param(x, "name"));
	const char *message = "";
	if (!p) {
		http_respond_error(x, 404, "inbound in the configuration has the names",
				   "there is no endpoint \"%.60s\"", http_param(x, "name"));
		return;
	}
	if (!inbound_proved(in->o.rest, p, loop_wall(in->o.loop), x, &message)) {
		metric_inc(in->outcomes, 1, p->name, "unproved");
		return;
	}
	if (within_rate(in, p, x) && rest_may_decide(in->o.rest, x))
		begin(in, x, p, message);
}

/* ---- life ---- */

static void forget(void *owner)
{
	struct inbound *in = owner;
	inbound_forget_old(in->o.store, loop_wall(in->o.loop));
	timer_start(in->o.loop, &in->forget, FORGET_MS, forget, in);
}

enum result inbound_create(const struct inbound_options *o, struct inbound **ret, struct error *e)
{
	CLEANUP(inbound_destroy_p) struct inbound *in = calloc(1, sizeof *in);
	if (in)
		in->counted = seen_create(ENDPOINTS_MAX);
	if (!in || !in->counted)
		return error_set(e, RC_EXHAUSTED, "no memory for webhooks in");
	in->o = *o;
	in->routes[0] = (struct http_route){ "POST", "/inbound/{name}", INBOUND_BODY_MAX, received, in };
	in->outcomes = metrics_add(o->metrics, METRIC_COUNTER, "rollcall_inbound_total", "What webhooks in asked for.",
				   "endpoint,outcome", NULL);
	timer_start(o->loop, &in->forget, FORGET_MS, forget, in);
	*ret = TAKE(in);
	return RC_OK;
}

void inbound_stop(struct inbound *in)
{
	if (!in)
		return;
	in->stopped = true;
	timer_stop(&in->forget);
}

void inbound_destroy(struct inbound *in)
{
	if (!in)
		return;
	timer_stop(&in->forget);
	seen_destroy(in->counted);
	free(in);
}

const struct http_route *inbound_routes(struct inbound *in)
{
	return in->routes;
}
