/* What is only looked at: lists, who may decide, what happened. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "base/text.h"
#include "bot/approvals/freezes.h"
#include "bot/cards/clean.h"
#include "bot/labels.h"
#include "bot/typed.h"

enum { LIST_MAX = 30, HISTORY_MAX = 20 };

/* ---- list ---- */

static const char *line_of(const struct typed *t, const struct rollout *r)
{
	struct arena *a = t->arena;
	const char *phase = arena_printf(a, "state.%s", phase_name(r->phase));
	const char *state = TYPED_WORDS(t, phase ? phase : "", a, NULL), *weight = "", *waits = "";
	if (r->steps > 0)
		weight = TYPED_WORDS(t, "reply.list.weight", a, "weight", arena_printf(a, "%d", r->canary.weight),
				     "step", arena_printf(a, "%d", r->step), "steps", arena_printf(a, "%d", r->steps),
				     NULL);
	if (r->gate.waiting) {
		struct approval gate = { .type = r->gate.type, .weight = r->gate.weight };
		waits = TYPED_WORDS(t, "reply.list.waits", a, "gate", card_gate_name(&gate, t->lang, a), NULL);
	}
	return arena_printf(a, "%s/%s  %s%s%s%s%s%s%s", r->ns, r->name, state, *weight ? "  " : "", weight,
			    *waits ? "  " : "", waits, r->paused ? "  " : "",
			    r->paused ? TYPED_WORDS(t, "reply.list.paused", a, NULL) : "");
}

static bool wanted(const struct typed *t, const struct rollout *r)
{
	if (!labels_have(r->labels, t->c.selector))
		return false;
	return text_empty(t->c.phase) || strcasecmp(t->c.phase, phase_name(r->phase)) == 0;
}

/* Empty when there is a phase of that name. */
static const char *phases_if_not(const struct typed *t, const char *name)
{
	const char *list = "";
	for (unsigned p = PHASE_INITIALIZING; p < PHASE_COUNT && list; p++) {
		if (strcasecmp(name, phase_name((enum phase)p)) == 0)
			return "";
		list = arena_printf(t->arena, "%s%s%s", list, *list ? ", " : "", phase_name((enum phase)p));
	}
	return list ? list : "";
}

static const char *list_text(struct typed *t)
{
	size_t n = 0, matching = 0;
	CLEANUP(arena_destroy_p) struct arena *scratch = arena_create(BOT_LIST_BYTES);
	const struct rollout *const *list =
		scratch ? engine_list(t->bot->o.engine, text_empty(t->c.name) ? NULL : t->c.name, scratch, &n) : NULL;
	const char *text = "";
	for (int waiting = 1; waiting >= 0; waiting--)
		for (size_t i = 0; i < n && text; i++) {
			if (list[i]->gate.waiting != (waiting == 1) || !wanted(t, list[i]))
				continue;
			if (matching++ < LIST_MAX)
				text = arena_printf(t->arena, "%s%s%s", text, *text ? "\n" : "", line_of(t, list[i]));
		}
	if (!matching || !text)
		return TYPED_WORDS(t, "reply.list.none", t->arena, NULL);
	if (matching > LIST_MAX)
		text = arena_printf(t->arena, "%s\n%s", text,
				    TYPED_WORDS(t, "reply.list.more", t->arena, "count",
						arena_printf(t->arena, "%zu", matching - LIST_MAX), NULL));
	return text ? text : "";
}

void show_list(struct typed *t)
{
	const char *phases = text_empty(t->c.phase) ? "" : phases_if_not(t, t->c.phase);
	if (*phases)
		typed_answer(t, RC_INVALID,
			     TYPED_WORDS(t, "reply.phase", t->arena, "phase", t->c.phase, "phases", phases, NULL),
			     false);
	else
		typed_answer(t, RC_OK, list_text(t), false);
}

/* ---- one ---- */

static const char *who_text(struct typed *t, const struct rollout *r)
{
	struct arena *a = t->arena;
	const struct policy *p = approvals_policy(t->bot->o.approvals, r->policy);
	if (!p)
		return TYPED_WORDS(t, "reply.who.missing", a, "policy", r->policy, NULL);
	const char *names = "";
	for (const char *const *who = p->approvers; who && *who && names; who++)
		names = arena_printf(a, "%s%s%s", names, *names ? ", " : "", *who);
	const char *text = TYPED_WORDS(t, "reply.who.policy", a, "policy", p->name, "needed",
				       arena_printf(a, "%d", p->quorum), "who", names, NULL);
	size_t n = 0;
	const struct approval *const *list = approvals_of(t->bot->o.approvals, r->uid, r->revision, a, &n);
	for (size_t i = 0; i < n && text; i++)
		text = arena_printf(a, "%s\n%s", text,
				    TYPED_WORDS(t, "plain.line", a, "label", card_gate_name(list[i], t->lang, a),
						"text", card_gate_text(list[i], t->lang, a), NULL));
	return text ? text : "";
}

void show_one(struct typed *t, const struct rollout *r)
{
	typed_answer(t, RC_OK, t->c.id == COMMAND_WHO ? who_text(t, r) : speak_status(t->bot, r, t->lang, t->arena),
		     false);
}

/* ---- freezes ---- */

static const char *freeze_state(const struct typed *t, const struct freeze_state *f)
{
	if (f->switched)
		return TYPED_WORDS(t, "reply.freeze.switched", t->arena, "who", f->by, "why", f->reason, NULL);
	if (!f->holds)
		return TYPED_WORDS(t, "reply.freeze.off", t->arena, NULL);
	return TYPED_WORDS(t, "reply.freeze.holds", t->arena, "until",
			   clean_time(t->arena, f->until, loop_wall(t->bot->o.loop)), NULL);
}

void show_freezes(struct typed *t)
{
	const struct freeze_state *f = approvals_freezes(t->bot->o.approvals, t->arena);
	const char *text = "";
	for (; f && f->name && text; f++)
		text = arena_printf(t->arena, "%s%s%s", text, *text ? "\n" : "",
				    TYPED_WORDS(t, "reply.freeze.line", t->arena, "name", f->name, "state",
						freeze_state(t, f), NULL));
	typed_answer(t, RC_OK, text ? text : "", false);
}

/* ---- history ---- */

static const char *rows_text(struct typed *t, const cJSON *rows)
{
	const char *text = "";
	const cJSON *row;
	cJSON_ArrayForEach (row, rows) {
		char at[32];
		wall_print((struct wall_ms){ json_int(row, "at", 0) }, at);
		const char *reason = card_said(t->lang, json_text(row, "reason", ""), t->arena);
		text = arena_printf(t->arena, "%s%s%s  %s  %s  %s%s%s", text ? text : "", text && *text ? "\n" : "", at,
				    json_text(row, "actor", ""), json_text(row, "action", ""),
				    json_text(row, "outcome", ""), *reason ? ": " : "", reason);
	}
	return text && *text ? text : TYPED_WORDS(t, "reply.history.none", t->arena, NULL);
}

static void history_read(void *owner, enum result r, const char *json_array, const struct error *why)
{
	struct typed *t = owner;
	CLEANUP(json_delete_p) cJSON *rows = NULL;
	struct error e;
	if (r == RC_OK)
		r = json_parse(json_array, strlen(json_array), &rows, &e);
	else
		e = *why;
	if (r == RC_OK)
		typed_answer(t, r, rows_text(t, rows), false);
	else
		typed_said(t, r, e.text);
}

void show_history(struct typed *t, const struct rollout *r)
{
	const char *object = r ? arena_printf(t->arena, "%s/%s/%s", r->cluster, r->ns, r->name) : "";
	store_read(t->bot->o.store,
		   "SELECT at, actor, action, outcome, reason FROM (SELECT * FROM audit WHERE ?1 = '' OR object = ?1"
		   " ORDER BY seq DESC LIMIT ?2) ORDER BY seq",
		   "si", history_read, t, object ? object : "-", (int64_t)HISTORY_MAX);
}
