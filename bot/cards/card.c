#include "bot/cards/card.h"

#include <string.h>

#include "base/duration.h"
#include "base/strbuf.h"
#include "base/text.h"
#include "bot/cards/card_build.h"

enum {
	NAME_CHARS = 60,
	IMAGE_CHARS = 120,
	BAR_CELLS = 20,
	STEPS_SHOWN = 11,
	CHECKS_SHOWN = 6,
	PLAIN_BYTES_MAX = 64 * 1024,
};

/* What a card looks like at first sight. Colour is never alone: an icon and words go with it. */
enum face { FACE_QUIET, FACE_MOVING, FACE_ASKING, FACE_HELD, FACE_GOOD, FACE_BAD, FACE_COUNT };
static const struct {
	const char *color, *icon;
} faces[FACE_COUNT] = {
	[FACE_QUIET] = { "grey", "⚪" },     [FACE_MOVING] = { "blue", "🔵" },   [FACE_ASKING] = { "yellow", "🟡" },
	[FACE_HELD] = { "yellow", "🟡" }, [FACE_GOOD] = { "green", "🟢" }, [FACE_BAD] = { "red", "🔴" },
};

static const char *number(const struct card_draft *d, long long n)
{
	const char *text = arena_printf(d->a, "%lld", n);
	return text ? text : "";
}

/* ---- the draft ---- */

void draft_line(struct card_draft *d, const char *label, const char *text)
{
	if (text_empty(text) || d->line_count == CARD_LINES_MAX)
		return;
	d->lines[d->line_count++] = (struct card_line){ .label = WORDS(d, label, d->a, NULL), .text = text };
}

static const char *elapsed(const struct card_draft *d)
{
	const struct rollout *r = d->r;
	struct wall_ms end = r->active ? r->rendered_at : r->changed_at;
	if (r->started_at.v <= 0 || end.v < r->started_at.v)
		return "";
	char text[32];
	duration_human(end.v - r->started_at.v, text);
	const char *kept = arena_strdup(d->a, text);
	return kept ? kept : "";
}

/* Times stand here, and only here: what else changes on a card is news. */
static const char *footer(const struct card_draft *d)
{
	const struct rollout *r = d->r;
	const char *text =
		WORDS(d, "footer.as_of", d->a, "time", clean_time(d->a, r->rendered_at, r->rendered_at), NULL);
	const char *span = elapsed(d);
	if (*span)
		text = arena_printf(d->a, "%s · %s", text, WORDS(d, "footer.elapsed", d->a, "span", span, NULL));
	if (text && r->unreachable_since.v > 0) {
		const char *since = clean_time(d->a, r->unreachable_since, r->rendered_at);
		text = arena_printf(d->a, "⚠ %s · %s", WORDS(d, "footer.unreachable", d->a, "time", since, NULL), text);
	}
	return text ? text : "";
}

/* The same for a notification, a screen reader, a terminal. */
static const char *plain(const struct card_draft *d, const struct card *c)
{
	struct strbuf b;
	strbuf_init(&b, PLAIN_BYTES_MAX);
	bool said = strstr(c->title, c->state);
	strbuf_addf(&b, "%s %s\n%s%s%s\n", c->icon, c->title, said ? "" : c->state, said ? "" : " · ", c->subtitle);
	if (*c->bar)
		strbuf_addf(&b, "%s\n", c->bar);
	for (size_t i = 0; i < c->line_count; i++)
		strbuf_addf(&b, "%s\n",
			    WORDS(d, "plain.line", d->a, "label", c->lines[i].label, "text", c->lines[i].text, NULL));
	strbuf_add(&b, c->footer);
	const char *text = b.overflow ? NULL : arena_strdup(d->a, b.s);
	strbuf_finish(&b);
	return text;
}

const struct card *draft_card(struct card_draft *d, const char *color, const char *icon, const char *title,
			      const char *state, const char *bar)
{
	const struct rollout *r = d->r;
	struct card *c = arena_alloc(d->a, 1, sizeof *c);
	if (!c)
		return NULL;
	*c = (struct card){ .lang = d->o->lang,
			    .color = color,
			    .icon = icon,
			    .title = title,
			    .state = state,
			    .bar = bar,
			    .lines = d->lines,
			    .line_count = d->line_count,
			    .buttons = d->buttons,
			    .button_count = d->button_count,
			    .footer = footer(d),
			    .final = d->final };
	c->subtitle = WORDS(d, "subtitle", d->a, "ns", clean(d->a, r->ns, NAME_CHARS), "name",
			    clean(d->a, r->name, NAME_CHARS), "cluster", clean(d->a, r->cluster, NAME_CHARS), NULL);
	c->plain = plain(d, c);
	return c->plain ? c : NULL;
}

/* ---- revision, progress, sides, checks ---- */

/* A revision that nobody rolls out any more: of it only what was asked is known. */
static bool is_over(const struct rollout *r)
{
	return !r->active && r->phase == PHASE_NONE && !text_empty(r->revision);
}

/* Bytes of "registry/app:" that both images begin with; 0: they are not two tags of one repository. */
static size_t same_repository(const char *old_image, const char *new_image)
{
	const char *colon = strrchr(old_image, ':');
	if (!colon || colon == old_image || strchr(colon, '/') || strpbrk(old_image, ",= ") ||
	    strpbrk(new_image, ",= "))
		return 0;
	size_t len = (size_t)(colon - old_image) + 1;
	return strncmp(old_image, new_image, len) == 0 && new_image[len] ? len : 0;
}

static const char *change_text(const struct card_draft *d, const char *old_image, const char *new_image)
{
	const char *was = clean_middle(d->a, old_image, IMAGE_CHARS), *is = clean_middle(d->a, new_image, IMAGE_CHARS);
	if (!*was || text_eq(was, is))
		return is;
	size_t same = same_repository(was, is);
	if (!same)
		return WORDS(d, "revision.change", d->a, "old", was, "new", is, NULL);
	const char *repository = arena_strndup(d->a, was, same - 1);
	return WORDS(d, "revision.repository", d->a, "repository", repository, "old", was + same, "new", is + same,
		     NULL);
}

const char *revision_text(const struct card_draft *d, const char *old_image, const char *new_image, const char *by)
{
	const char *change = change_text(d, old_image, new_image), *who = clean(d->a, by, NAME_CHARS);
	if (!*change)
		return "";
	if (!*who && text_eq(old_image, new_image))
		return change; /* nothing was asked for */
	return WORDS(d, *who ? "revision.by" : "revision.by_unknown", d->a, "change", change, "who", who, NULL);
}

static const char *bar_text(const struct card_draft *d)
{
	const struct rollout *r = d->r;
	if (!r->active || r->steps <= 0)
		return "";
	int percent = r->weights ? r->canary.weight : (int)(100LL * r->step / r->steps);
	percent = percent < 0 ? 0 : percent > 100 ? 100 : percent;
	char cells[BAR_CELLS * 3 + 1] = "";
	for (int i = 0; i < BAR_CELLS; i++)
		memcpy(cells + (ptrdiff_t)i * 3, i * 100 < percent * BAR_CELLS ? "█" : "░", 3);
	const char *step = WORDS(d, "step.of", d->a, "step", number(d, r->step), "steps", number(d, r->steps), NULL);
	const char *text = r->weights ? arena_printf(d->a, "%s %d%% · %s", cells, percent, step)
				      : arena_printf(d->a, "%s %s", cells, step);
	return text ? text : "";
}

/* "20 · [40] · 60": where it stands, and some of what is before and after. */
static const char *steps_text(const struct card_draft *d)
{
	const struct rollout *r = d->r;
	if (!r->active || !r->weights || r->steps < 2)
		return "";
	int at = r->step - 1, from = at - STEPS_SHOWN / 2;
	from = from > r->steps - STEPS_SHOWN ? r->steps - STEPS_SHOWN : from;
	from = from < 0 ? 0 : from;
	int end = from + STEPS_SHOWN < r->steps ? from + STEPS_SHOWN : r->steps;
	const char *text = from > 0 ? "… · " : "";
	for (int i = from; i < end && text; i++)
		text = arena_printf(d->a, "%s%s%s%d%s", text, i > from ? " · " : "", i == at ? "[" : "", r->weights[i],
				    i == at ? "]" : "");
	if (end < r->steps && text)
		text = arena_printf(d->a, "%s · …", text);
	return text ? text : "";
}

static void side_line(struct card_draft *d, const char *label, const struct rollout_side *s)
{
	if (text_empty(s->workload) || is_over(d->r))
		return;
	draft_line(d, label,
		   WORDS(d, "side", d->a, "workload", clean(d->a, s->workload, NAME_CHARS), "ready",
			 number(d, s->ready), "wanted", number(d, s->wanted), "weight", number(d, s->weight), NULL));
}

static void check_lines(struct card_draft *d)
{
	const struct rollout *r = d->r;
	size_t shown = r->check_count < CHECKS_SHOWN ? r->check_count : CHECKS_SHOWN;
	for (size_t i = 0; i < shown; i++) {
		const struct rollout_check *k = &r->checks[i];
		const char *key = !k->measured ? "check.unknown" : k->good ? "check.good" : "check.bad";
		const char *verdict = WORDS(d, key, d->a, "value", clean(d->a, k->value, NAME_CHARS), "limit",
					    clean(d->a, k->limit, NAME_CHARS), NULL);
		draft_line(d, "label.check",
			   WORDS(d, "plain.line", d->a, "label", clean(d->a, k->name, NAME_CHARS), "text",
				 clean(d->a, verdict, CARD_VALUE_CHARS), NULL));
	}
	if (r->check_count > shown)
		draft_line(d, "label.check",
			   WORDS(d, "more", d->a, "count", number(d, (long long)(r->check_count - shown)), NULL));
	if (r->failed_checks > 0)
		draft_line(d, "label.failed_checks",
			   WORDS(d, "failed", d->a, "count", number(d, r->failed_checks), "threshold",
				 number(d, r->threshold), NULL));
}

/* ---- how it ended, what comes next ---- */

static void result_lines(struct card_draft *d)
{
	const struct rollout *r = d->r;
	bool good = r->phase == PHASE_SUCCEEDED;
	if (r->active || (!good && r->phase != PHASE_FAILED))
		return;
	const struct approval *by = gate_last(d, good ? REQ_APPROVED : REQ_REJECTED);
	const char *who = by ? clean(d->a, by->decided_by, CARD_VALUE_CHARS) : "";
	if (!*who) {
		draft_line(d, "label.result", WORDS(d, good ? "result.promoted" : "result.failed", d->a, NULL));
		return;
	}
	draft_line(d, "label.result",
		   WORDS(d, good ? "result.promoted_by" : "result.rejected_by", d->a, "who", who, "time",
			 clean_time(d->a, by->decided_at, r->rendered_at), NULL));
	if (!good)
		draft_line(d, "label.why", clean(d->a, by->reason, CARD_VALUE_CHARS));
}

/* What the controller says of itself comes in English. */
static const char *said(const struct card_draft *d)
{
	const char *next = clean(d->a, d->r->next, CARD_VALUE_CHARS);
	if (text_starts(next, "weight ") && text_is_decimal(next + 7))
		return WORDS(d, "next.weight", d->a, "weight", next + 7, NULL);
	if (text_eq(next, "promotion"))
		return WORDS(d, "next.promotion", d->a, NULL);
	return card_said(d->o->lang, next, d->a);
}

static const char *next_at_gate(const struct card_draft *d)
{
	const struct approval *ap = d->open;
	int quorum = ap->policy ? ap->policy->quorum : 1, missing = quorum - ap->tally.approvals;
	const char *effect = gate_effect(d, ap->type, ap->weight);
	if (missing < 2)
		return WORDS(d, "next.decision", d->a, "effect", effect, NULL);
	return WORDS(d, "next.missing", d->a, "missing", number(d, missing), "effect", effect, NULL);
}

static const char *next_text(const struct card_draft *d)
{
	const struct rollout *r = d->r;
	if (!text_empty(r->invalid))
		return "";
	if (d->open)
		return next_at_gate(d);
	if (r->suspended)
		return WORDS(d, "next.suspended", d->a, NULL);
	if (r->active && r->paused)
		return WORDS(d, "next.paused", d->a, "weight", number(d, r->canary.weight), NULL);
	if (r->gate.waiting && r->gate.foreign)
		return WORDS(d, "next.foreign", d->a, "name", clean(d->a, r->gate.name, NAME_CHARS), NULL);
	if (r->phase == PHASE_SUCCEEDED && r->extension && !r->active && !r->completing)
		return WORDS(d, "next.complete", d->a, NULL);
	return said(d);
}

static void rollout_lines(struct card_draft *d)
{
	const struct rollout *r = d->r;
	draft_line(d, "label.why", clean(d->a, r->invalid, 2 * CARD_VALUE_CHARS));
	result_lines(d);
	draft_line(d, "label.revision", revision_text(d, r->stable.images, r->canary.images, r->requested_by));
	draft_line(d, "label.steps", steps_text(d));
	side_line(d, "label.primary", &r->stable);
	side_line(d, "label.canary", &r->canary);
	check_lines(d);
	gate_lines(d);
	if (d->open)
		draft_line(d, "label.until", until_text(d, d->open));
	draft_line(d, "label.last", card_said(d->o->lang, clean(d->a, r->message, CARD_VALUE_CHARS), d->a));
	draft_line(d, "label.next", next_text(d));
	if (d->open) {
		const char *command = arena_printf(d->a, "rollcall approve %s/%s", clean(d->a, r->ns, NAME_CHARS),
						   clean(d->a, r->name, NAME_CHARS));
		draft_line(d, "label.command", command);
	}
}

/* ---- the whole ---- */

static enum face face_of(const struct card_draft *d)
{
	const struct rollout *r = d->r;
	if (!text_empty(r->invalid))
		return FACE_BAD;
	if (r->unreachable_since.v > 0)
		return FACE_QUIET;
	if (d->open || (r->gate.waiting && r->active))
		return FACE_ASKING;
	if (r->active)
		return r->paused || r->suspended ? FACE_HELD : FACE_MOVING;
	return r->phase == PHASE_SUCCEEDED ? FACE_GOOD : r->phase == PHASE_FAILED ? FACE_BAD : FACE_QUIET;
}

static const char *over_key(const struct card_draft *d)
{
	if (d->o->end == END_DELETED)
		return "state.deleted";
	return d->o->end == END_SUPERSEDED || gate_last(d, REQ_SUPERSEDED) ? "state.superseded" : "state.over";
}

static const char *state_of(const struct card_draft *d)
{
	const struct rollout *r = d->r;
	if (!text_empty(r->invalid))
		return WORDS(d, "state.invalid", d->a, NULL);
	bool moving = r->phase == PHASE_PROGRESSING;
	if (is_over(r))
		return WORDS(d, over_key(d), d->a, NULL);
	if (r->active && r->suspended)
		return WORDS(d, "state.suspended", d->a, NULL);
	if (d->open && moving)
		return WORDS(d, "state.asking", d->a, NULL);
	const char *key =
		r->active && r->paused ? "state.paused" : arena_printf(d->a, "state.%s", phase_name(r->phase));
	const char *state = WORDS(d, key ? key : "", d->a, NULL);
	if (!moving || !r->weights)
		return state;
	return WORDS(d, "state.weight", d->a, "state", state, "weight", number(d, r->canary.weight), NULL);
}

/* The question that is open now. A reverse gate is always open: it asks nothing by itself. */
static const struct approval *question(const struct card_draft *d)
{
	/* of a rollout that has ended nothing is asked any more, even if that is not on disk yet */
	for (size_t i = d->r->active ? d->approval_count : 0; i > 0; i--) {
		const struct approval *ap = d->approvals[i - 1];
		if (ap->state == REQ_OPEN && ap->type != HOOK_ROLLBACK)
			return ap;
	}
	return NULL;
}

const struct card *card_build(const struct rollout *r, const struct approval *const *approvals, size_t approval_count,
			      const struct card_options *o, struct arena *a)
{
	struct card_draft *d = arena_alloc(a, 1, sizeof *d);
	if (!d)
		return NULL;
	*d = (struct card_draft){ .r = r,
				  .approvals = approvals,
				  .approval_count = approval_count,
				  .o = o,
				  .w = { o->lang, o->own_words },
				  .a = a };
	d->open = o->end == END_NONE ? question(d) : NULL;
	bool starting = r->phase == PHASE_NONE || r->phase == PHASE_INITIALIZING;
	d->final = d->o->end != END_NONE ||
		   (!d->open && (is_over(r) || (!r->active && !starting && r->phase != PHASE_TERMINATING)));
	rollout_lines(d);
	buttons_of_rollout(d);
	enum face f = face_of(d);
	const char *state = state_of(d);
	const char *title =
		d->open ? gate_title(d, d->open)
			: WORDS(d, "title.state", a, "name", clean(a, r->name, NAME_CHARS), "state", state, NULL);
	return draft_card(d, faces[f].color, faces[f].icon, title, state, bar_text(d));
}
