/* One command for all rollouts with some labels: one question, then one verb and one audit row each. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "bot/labels.h"
#include "bot/typed.h"

enum { SEVERAL_MAX = 50, NAMES_SHOWN = 10 };
static const char prefix[] = "set:";

struct several {
	struct typed *typed;
	size_t waiting, count;
	enum result r;
	struct one {
		struct several *of;
		const char *name;
		const char *text; /* NULL: not answered yet */
	} ones[SEVERAL_MAX];
};

bool several_is(const char *subject)
{
	return text_starts(subject, prefix);
}

/* Is the verb about this rollout now? Whether it may be is the engine's to say, for each. */
static bool concerned(const struct typed *t, const struct rollout *r)
{
	if (!labels_have(r->labels, t->c.selector) || !text_empty(r->invalid))
		return false;
	if (t->c.id == COMMAND_APPROVE || t->c.id == COMMAND_REJECT)
		return approvals_open_of(t->bot->o.approvals, r->uid, t->arena) != NULL;
	return t->c.id == COMMAND_RESTART ? r->phase == PHASE_FAILED : r->active;
}

/* NULL: none, too many, or no memory; then the person has been answered. */
static const struct rollout **those(struct typed *t, size_t *ret_count)
{
	size_t all = 0, n = 0;
	CLEANUP(arena_destroy_p) struct arena *scratch = arena_create(BOT_LIST_BYTES);
	const struct rollout *const *list = scratch ? engine_list(t->bot->o.engine, NULL, scratch, &all) : NULL;
	const struct rollout **found = arena_alloc(t->arena, SEVERAL_MAX, sizeof *found);
	for (size_t i = 0; i < all && found; i++) {
		if (!concerned(t, list[i]))
			continue;
		if (n == SEVERAL_MAX) {
			typed_answer(t, RC_INVALID,
				     TYPED_WORDS(t, "reply.several.many", t->arena, "most",
						 arena_printf(t->arena, "%d", SEVERAL_MAX), NULL),
				     false);
			return NULL;
		}
		found[n] = engine_find(t->bot->o.engine, list[i]->ns, list[i]->name, t->arena);
		n += found[n] != NULL;
	}
	if (!n)
		typed_answer(t, RC_NOT_FOUND,
			     TYPED_WORDS(t, "reply.several.none", t->arena, "labels", t->c.selector, NULL), false);
	*ret_count = n;
	return n ? found : NULL;
}

/* FNV-1a over what was looked at: a button is about these rollouts at these revisions. */
static uint64_t digest(const struct rollout *const *list, size_t n)
{
	uint64_t h = 14695981039346656037u;
	for (size_t i = 0; i < n; i++)
		for (const char *part[] = { list[i]->uid, list[i]->revision, NULL }, *const *p = part; *p; p++)
			for (const char *s = *p;; s++) {
				h = (h ^ (unsigned char)*s) * 1099511628211u;
				if (!*s)
					break;
			}
	return h;
}

static const char *names_of(const struct typed *t, const struct rollout *const *list, size_t n)
{
	const char *names = "";
	for (size_t i = 0; i < n && i < NAMES_SHOWN && names; i++)
		names = arena_printf(t->arena, "%s%s%s/%s", names, i ? ", " : "", list[i]->ns, list[i]->name);
	if (n > NAMES_SHOWN && names)
		names = arena_printf(t->arena, "%s, %s", names,
				     TYPED_WORDS(t, "reply.list.more", t->arena, "count",
						 arena_printf(t->arena, "%zu", n - NAMES_SHOWN), NULL));
	return names ? names : "";
}

/* ---- the question ---- */

static void ask(struct typed *t, const struct rollout *const *list, size_t n)
{
	const char *name = command_name(t->c.id), *count = arena_printf(t->arena, "%zu", n);
	const char *key = arena_printf(t->arena, "verb.%s", name);
	const char *verb = TYPED_WORDS(t, key ? key : "", t->arena, NULL);
	const char *line = arena_printf(t->arena, "%s -l %s --yes%s%s%s", name, t->c.selector,
					t->c.override_gates ? " override" : "", *t->c.reason ? " " : "", t->c.reason);
	const char *text = TYPED_WORDS(t, "reply.several.sure", t->arena, "verb", verb, "count", count, "names",
				       names_of(t, list, n), "line", line, NULL);
	struct voice v = { .bot = t->bot, .channel = t->channel };
	const char *subject = arena_printf(t->arena, "%s%" PRIx64 ":%s", prefix, digest(list, n), t->c.selector);
	bool rest = *t->c.reason || t->c.override_gates; /* a button cannot carry it: it must be typed */
	struct card_button button = {
		.label = TYPED_WORDS(t, "reply.several.button", t->arena, "verb", verb, "count", count, NULL),
		.action = name,
		.value = subject ? voice_button_value(&v, subject, name, t->arena) : "",
		.url = "",
		.confirm = "",
		.danger = t->c.id == COMMAND_ROLLBACK || t->c.id == COMMAND_REJECT,
	};
	typed_offer(t, text, &button, rest || !*button.value ? 0 : 1);
}

/* ---- doing it ---- */

static void all_done(struct several *s)
{
	struct typed *t = s->typed;
	const char *text = "";
	for (size_t i = 0; i < s->count && text; i++)
		text = arena_printf(t->arena, "%s%s%s", text, i ? "\n" : "",
				    TYPED_WORDS(t, "reply.several.line", t->arena, "name", s->ones[i].name, "text",
						s->ones[i].text, NULL));
	enum result r = s->r;
	free(s);
	typed_answer(t, r, text ? text : "", r == RC_OK);
}

static void one_done(void *owner, enum result r, const char *text)
{
	struct one *one = owner;
	struct several *s = one->of;
	one->text = arena_strdup(s->typed->arena, card_said(s->typed->lang, text, s->typed->arena));
	if (r != RC_OK)
		s->r = r;
	if (--s->waiting == 0)
		all_done(s);
}

static void run_all(struct typed *t, const struct rollout *const *list, size_t n)
{
	struct several *s = calloc(1, sizeof *s);
	if (!s) {
		typed_said(t, RC_EXHAUSTED, "no memory for this now, try again");
		return;
	}
	*s = (struct several){ .typed = t, .waiting = n, .count = n, .r = RC_OK };
	for (size_t i = 0; i < n; i++) {
		const char *name = arena_printf(t->arena, "%s/%s", list[i]->ns, list[i]->name);
		s->ones[i] = (struct one){ .of = s, .name = name ? name : "" };
		const char *event = arena_printf(t->arena, "%s/%zu", t->event_id, i);
		struct bot_ask q = { .person = t->who,
				     .verb = command_name(t->c.id),
				     .name = s->ones[i].name,
				     .revision = list[i]->revision,
				     .reason = t->c.reason,
				     .via = t->who.platform,
				     .event_id = event ? event : "",
				     .channel = t->channel,
				     .override_gates = t->c.override_gates };
		bot_do(t->bot, &q, one_done, &s->ones[i]);
	}
}

/* The digest that a button carries stands in front of the labels. */
static bool is_another_list(struct typed *t, uint64_t now)
{
	if (!text_starts(t->c.selector, prefix))
		return false;
	const char *hex = t->c.selector + strlen(prefix), *colon = strchr(hex, ':');
	char want[24];
	(void)snprintf(want, sizeof want, "%" PRIx64, now);
	return !colon || strlen(want) != (size_t)(colon - hex) || strncmp(hex, want, strlen(want)) != 0;
}

void several_run(struct typed *t)
{
	size_t n = 0;
	const char *typed = t->c.selector, *colon = strchr(typed, ':');
	bool pressed = several_is(typed);
	if (pressed)
		colon = strchr(typed + strlen(prefix), ':');
	if (pressed && colon)
		t->c.selector = colon + 1;
	const struct rollout *const *list = (const struct rollout *const *)those(t, &n);
	if (!list)
		return;
	t->c.selector = typed;
	if (pressed && is_another_list(t, digest(list, n)))
		typed_answer(t, RC_CONFLICT,
			     TYPED_WORDS(t, "reply.several.changed", t->arena, "names", names_of(t, list, n), NULL),
			     false);
	else if (pressed || t->c.yes)
		run_all(t, list, n);
	else
		ask(t, list, n);
}
