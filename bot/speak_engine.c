/* The engine speaks: what happens to a rollout, as cards and lines in their threads. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "bot/room.h"

static void refresh(void *owner)
{
	struct shown *s = owner;
	struct arena *a = arena_create(BOT_ARENA_BYTES);
	const struct rollout *r = a ? engine_find_uid(s->bot->o.engine, s->uid, a) : NULL;
	if (r && text_eq(r->revision, s->revision))
		speak_rollout(s->bot, r, END_NONE, false);
	arena_destroy(a);
}

void speak_now(struct bot *b, const struct rollout *r)
{
	if (shown_turn(b, r))
		speak_rollout(b, r, END_NONE, r->gate.waiting);
}

void speak_at_rest(struct rollout *r)
{
	r->active = r->paused = r->suspended = false;
	r->gate.waiting = false;
	r->step = r->steps = r->failed_checks = 0;
	r->check_count = 0;
	r->next = "";
	r->message = "";
}

/* The card of a revision that another one has replaced while it was on its way: it must not look as if it went on. */
static void replaced(struct bot *b, const struct shown *s, const struct rollout *now)
{
	struct rollout old = *now;
	speak_at_rest(&old);
	old.revision = s->revision;
	old.phase = PHASE_NONE;
	old.started_at = s->started_at;
	old.stable = (struct rollout_side){ .workload = now->stable.workload, .images = now->stable.images };
	old.canary = (struct rollout_side){ .workload = now->canary.workload, .images = s->images ? s->images : "" };
	old.requested_by = "";
	speak_rollout(b, &old, END_SUPERSEDED, true);
}

/* What people in a thread want to hear of, each time it is another. */
static void tell_watchers(struct bot *b, const struct rollout *r)
{
	CLEANUP(arena_destroy_p) struct arena *a = arena_create(BOT_ARENA_BYTES);
	if (!a || !b->subscriptions)
		return;
	const char *what = arena_printf(a, "%s/%d/%d/%s", r->phase == PHASE_NONE ? "-" : phase_name(r->phase), r->step,
					r->canary.weight, r->gate.waiting ? hook_type_name(r->gate.type) : "");
	struct store_tx *tx = store_begin(b->o.store);
	speak_watchers(b, tx, r, speak_key(r, what ? what : "", a), a);
	speak_submit(b, tx);
}

/* A change of phase or gate goes out at once; progress waits a moment, so that a burst is one card. */
static void changed(struct bot *b, const struct rollout *r, bool told)
{
	struct shown *s = shown_of_uid(b, r->uid);
	bool same = s && text_eq(s->revision, r->revision);
	if (!r->active && !told && !same)
		return; /* at rest, and never shown */
	if (s && !same && s->active)
		replaced(b, s, r);
	bool turned = !same || s->phase != r->phase || s->waiting != r->gate.waiting;
	bool moved = turned || s->weight != r->canary.weight;
	s = shown_turn(b, r);
	if (!s)
		return;
	trace_note(&s->trace, r);
	if (moved)
		tell_watchers(b, r);
	if (turned) {
		timer_stop(&s->timer);
		speak_rollout(b, r, END_NONE, true);
	} else if (!timer_active(&s->timer)) {
		timer_start(b->o.loop, &s->timer, CARD_PAUSE_MS, refresh, s);
	}
}

/* How it went, once it is over. */
static void ended(struct bot *b, const struct rollout *r)
{
	struct shown *s = shown_find(b, r);
	CLEANUP(arena_destroy_p) struct arena *a = arena_create(BOT_ARENA_BYTES);
	if (!s || !a || b->stopping)
		return;
	bool good = r->phase == PHASE_SUCCEEDED;
	trace_mark(s->trace, r->rendered_at, good ? MARK_PROMOTED : MARK_ROLLED_BACK, "");
	struct store_tx *tx = store_begin(b->o.store);
	speak_chart(b, tx, r, speak_key(r, good ? "chart/succeeded" : "chart/failed", a), false, a);
	speak_submit(b, tx);
}

/* A Canary that is gone: what was on its way is over; what had ended before keeps its result and loses its buttons. */
static void gone(struct bot *b, const struct rollout *r)
{
	struct shown *s = shown_of_uid(b, r->uid);
	if (s && text_eq(s->revision, r->revision)) {
		struct rollout last = *r;
		if (r->active) {
			speak_at_rest(&last);
			last.phase = r->completing ? PHASE_TERMINATED : PHASE_NONE;
		}
		last.message = "the Canary was deleted";
		speak_rollout(b, &last, END_DELETED, true);
	}
	if (s)
		shown_free(b, s);
}

static void request_done(struct bot *b, const struct rollout_event *ev)
{
	char key[128];
	(void)snprintf(key, sizeof key, "request/%s", ev->request_id);
	if (!text_empty(ev->text))
		speak_text(b, ev->rollout, key, ev->text);
	answers_give(b, ev);
}

void speak_event(void *owner, const struct rollout_event *ev)
{
	struct bot *b = owner;
	if (b->stopping)
		return;
	switch (ev->news) {
	case NEWS_CHANGED:
		changed(b, ev->rollout, false);
		break;
	case NEWS_STARTED:
	case NEWS_RESTARTED:
	case NEWS_CANCELLED:
		changed(b, ev->rollout, true);
		break;
	case NEWS_SUCCEEDED:
	case NEWS_FAILED:
		changed(b, ev->rollout, true);
		ended(b, ev->rollout);
		break;
	case NEWS_ALERT:
		if (ev->severity >= 2)
			speak_text(b, ev->rollout, ev->key ? ev->key : "", ev->text);
		break;
	case NEWS_REQUEST_DONE:
		request_done(b, ev);
		break;
	case NEWS_GONE:
		gone(b, ev->rollout);
		break;
	case NEWS_SAID:
		break;
	}
}

void speak_forget(struct bot *b)
{
	struct shown *s, *next;
	HASH_ITER (hh, b->shown, s, next) {
		shown_free(b, s);
	}
}
