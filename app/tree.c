#include "app/tree.h"

#include <stdio.h>
#include <string.h>

#include "app/terminal.h"
#include "base/clock.h"
#include "base/duration.h"
#include "base/json.h"
#include "base/text.h"

enum { BAR_CELLS = 20, DOTS_MAX = 12, ROW_BYTES = 64 * 1024, LABEL_COLUMNS = 10, SHOWN_REVISION = 7 };

static void add_toned(struct strbuf *b, const struct tree_view *v, enum tone t, const char *text)
{
	const char *on = v->color ? tone_escape(t) : "";
	strbuf_add(b, on);
	terminal_add_foreign(b, text);
	strbuf_add(b, *on ? TONE_END : "");
}

static void add_gap(struct strbuf *b)
{
	strbuf_add(b, b->len ? "   " : "");
}

static const char *text_of(const struct tree_view *v, const char *path)
{
	return json_text(v->rollout, path, "");
}

static int number_of(const struct tree_view *v, const char *path)
{
	return (int)json_int(v->rollout, path, 0);
}

/* ---- images ---- */

static const char *last_part(const char *image)
{
	const char *slash = strrchr(image, '/');
	return slash ? slash + 1 : image;
}

/* Several containers, "a=x,b=y", are shown as they are. */
static const char *shortest(const char *image)
{
	return strchr(image, ',') ? image : last_part(image);
}

void tree_images(struct strbuf *b, const char *from, const char *to, const char *arrow)
{
	const char *a = shortest(from), *z = shortest(to);
	const char *tag_a = strrchr(a, ':'), *tag_z = strrchr(z, ':');
	size_t head = tag_z ? (size_t)(tag_z - to) : 0;
	bool tags = tag_a && tag_z && (size_t)(tag_a - from) == head && strncmp(from, to, head) == 0 &&
		    !strchr(a, ',') && !strchr(z, ',');
	if (text_empty(from) || text_empty(to) || text_eq(from, to)) {
		terminal_add_foreign(b, *z ? z : a);
		return;
	}
	terminal_add_foreign(b, tags ? tag_a + 1 : a);
	strbuf_addf(b, " %s ", arrow);
	terminal_add_foreign(b, tags ? tag_z + 1 : z);
}

/* ---- the head ---- */

static void add_bar(struct strbuf *b, const struct tree_view *v, int weight)
{
	int full = weight * BAR_CELLS / 100;
	add_gap(b);
	strbuf_add(b, v->color ? tone_escape(TONE_MOVES) : "");
	for (int i = 0; i < BAR_CELLS; i++)
		strbuf_add(b, i < full ? "█" : "░");
	strbuf_addf(b, "%s %d%%", v->color ? TONE_END : "", weight);
}

static bool moment_of(const struct tree_view *v, const char *path, int64_t *ret)
{
	struct wall_ms at;
	if (wall_parse(text_of(v, path), &at, NULL) != RC_OK)
		return false;
	*ret = v->now_ms > at.v ? v->now_ms - at.v : 0;
	return true;
}

/* How long it runs and about how long it will; of one at rest how long ago it changed. */
static void add_times(struct strbuf *b, const struct tree_view *v)
{
	char text[32];
	int64_t ms = 0;
	bool active = json_bool(v->rollout, "active", false);
	int left = number_of(v, "steps") - number_of(v, "step");
	if (!moment_of(v, active ? "startedAt" : "changedAt", &ms))
		return;
	add_gap(b);
	duration_human(ms / 1000 * 1000, text);
	strbuf_addf(b, "%s%s", text, active ? "" : " ago");
	bool moves = active && !cJSON_IsObject(json_at(v->rollout, "gate")) && !json_bool(v->rollout, "paused", false);
	if (!moves || left <= 0)
		return;
	duration_human(left * json_int(v->rollout, "intervalMs", 0), text);
	strbuf_addf(b, ", about %s left", text);
}

static void add_head(struct strbuf *b, const struct tree_view *v)
{
	const char *phase = text_of(v, "phase");
	add_toned(b, v, TONE_STRONG, text_of(v, "name"));
	add_gap(b);
	terminal_add_foreign(b, text_of(v, "namespace"));
	add_gap(b);
	add_toned(b, v, phase_tone(phase), *phase ? phase : "not looked at yet");
	if (json_bool(v->rollout, "paused", false))
		add_toned(b, v, TONE_WAITS, ", paused");
	if (json_bool(v->rollout, "suspended", false))
		add_toned(b, v, TONE_WAITS, ", suspended");
	if (json_bool(v->rollout, "active", false)) {
		if (number_of(v, "steps"))
			strbuf_addf(b, "   step %d/%d", number_of(v, "step"), number_of(v, "steps"));
		add_bar(b, v, number_of(v, "canary.weight"));
	}
	add_times(b, v);
}

/* ---- rows ---- */

static void row_revision(struct strbuf *b, const struct tree_view *v)
{
	const char *from = text_of(v, "stable.images"), *to = text_of(v, "canary.images"), *by;
	bool rests = text_eq(text_of(v, "phase"), "Succeeded") || text_eq(text_of(v, "phase"), "Initialized");
	tree_images(b, rests ? to : from, to, "→");
	by = text_of(v, "requestedBy");
	if (*by) {
		strbuf_add(b, "   asked by ");
		terminal_add_foreign(b, by);
	}
	char shown[SHOWN_REVISION + 1];
	(void)text_copy(shown, sizeof shown, text_of(v, "revision"));
	add_gap(b);
	add_toned(b, v, TONE_FAINT, shown);
}

static void add_side(struct strbuf *b, const struct tree_view *v, const char *side)
{
	const cJSON *s = json_at(v->rollout, side);
	int ready = (int)json_int(s, "ready", 0), wanted = (int)json_int(s, "wanted", 0);
	if (!*json_text(s, "workload", ""))
		return;
	terminal_add_foreign(b, json_text(s, "workload", ""));
	/* what follows stands under what follows on the other row */
	size_t width = terminal_width(b->s), stable = terminal_width(text_of(v, "stable.workload"));
	size_t canary = terminal_width(text_of(v, "canary.workload")), wider = stable > canary ? stable : canary;
	strbuf_addf(b, "%*s", (int)((wider > width ? wider - width : 0) + 3), "");
	for (int i = 0; i < wanted && wanted <= DOTS_MAX; i++)
		strbuf_add(b, i < ready ? "●" : "○");
	strbuf_addf(b, "%s%d/%d   %d%%", wanted && wanted <= DOTS_MAX ? " " : "", ready, wanted,
		    (int)json_int(s, "weight", 0));
}

static void row_primary(struct strbuf *b, const struct tree_view *v)
{
	add_side(b, v, "stable");
}

static void row_canary(struct strbuf *b, const struct tree_view *v)
{
	add_side(b, v, "canary");
}

static void row_metrics(struct strbuf *b, const struct tree_view *v)
{
	const cJSON *k;
	cJSON_ArrayForEach (k, json_at(v->rollout, "checks")) {
		bool measured = json_bool(k, "measured", false), good = json_bool(k, "good", false);
		add_gap(b);
		terminal_add_foreign(b, json_text(k, "name", ""));
		strbuf_addc(b, ' ');
		terminal_add_foreign(b, measured ? json_text(k, "value", "") : "not measured yet");
		strbuf_addc(b, ' ');
		terminal_add_foreign(b, json_text(k, "limit", ""));
		if (measured)
			add_toned(b, v, good ? TONE_GOOD : TONE_BAD, good ? " ✓" : " ✗");
	}
	if (number_of(v, "failedChecks")) {
		char text[64];
		(void)snprintf(text, sizeof text, "failed %d of %d", number_of(v, "failedChecks"),
			       number_of(v, "threshold"));
		add_gap(b);
		add_toned(b, v, TONE_BAD, text);
	}
}

/* The newest request about this gate, of the revision in sight. */
static const cJSON *request_about(const struct tree_view *v, const char *type)
{
	const cJSON *a, *found = NULL;
	cJSON_ArrayForEach (a, v->approvals)
		if (text_eq(json_text(a, "type", ""), type) &&
		    text_eq(json_text(a, "revision", ""), text_of(v, "revision")))
			found = a;
	return found;
}

static void add_request(struct strbuf *b, const struct tree_view *v, const cJSON *a)
{
	const char *state = json_text(a, "state", "");
	if (text_eq(state, "open")) {
		add_toned(b, v, TONE_WAITS, "○ ");
		terminal_add_foreign(b, json_text(a, "policy", ""));
		strbuf_addf(b, ", %d of %d", (int)json_int(a, "approvals", 0), (int)json_int(a, "quorum", 0));
		return;
	}
	bool good = text_eq(state, "approved");
	add_toned(b, v, good ? TONE_GOOD : TONE_BAD, good ? "✓ " : "✗ ");
	terminal_add_foreign(b, *json_text(a, "decidedBy", "") ? json_text(a, "decidedBy", "") : state);
	if (!good && *json_text(a, "reason", "")) {
		strbuf_add(b, ": ");
		terminal_add_foreign(b, json_text(a, "reason", ""));
	}
}

static void row_gates(struct strbuf *b, const struct tree_view *v)
{
	const cJSON *g;
	const char *waits = text_of(v, "gate.type");
	bool seen = false;
	cJSON_ArrayForEach (g, json_at(v->rollout, "gates")) {
		const cJSON *a = request_about(v, g->valuestring);
		seen = seen || text_eq(waits, g->valuestring);
		add_gap(b);
		terminal_add_foreign(b, g->valuestring);
		strbuf_addc(b, ' ');
		if (a)
			add_request(b, v, a);
		else
			add_toned(b, v, TONE_FAINT, "·");
	}
	if (*waits && !seen) {
		add_gap(b);
		add_toned(b, v, TONE_WAITS, waits);
		strbuf_add(b, json_bool(v->rollout, "gate.foreign", false) ? " ○ waits for " : " ○ ");
		terminal_add_foreign(b, text_of(v, "gate.name"));
	}
}

static void row_next(struct strbuf *b, const struct tree_view *v)
{
	if (json_bool(v->rollout, "active", false))
		terminal_add_foreign(b, text_of(v, "next"));
}

static void row_message(struct strbuf *b, const struct tree_view *v)
{
	terminal_add_foreign(b, text_of(v, "message"));
}

static void row_invalid(struct strbuf *b, const struct tree_view *v)
{
	if (*text_of(v, "invalid"))
		add_toned(b, v, TONE_BAD, text_of(v, "invalid"));
}

static void row_stale(struct strbuf *b, const struct tree_view *v)
{
	char text[32];
	int64_t ms = 0;
	if (!moment_of(v, "unreachableSince", &ms))
		return;
	duration_human(ms / 1000 * 1000, text);
	strbuf_add(b, v->color ? tone_escape(TONE_BAD) : "");
	strbuf_addf(b, "cannot be reached for %s; this is what was known then%s", text, v->color ? TONE_END : "");
}

static const struct row {
	const char *label;
	void (*add)(struct strbuf *b, const struct tree_view *v);
} rows[] = {
	{ "revision", row_revision }, { "primary", row_primary }, { "canary", row_canary },
	{ "metrics", row_metrics },   { "gates", row_gates },     { "invalid", row_invalid },
	{ "cluster", row_stale },     { "message", row_message }, { "next", row_next },
};
enum { ROWS = sizeof rows / sizeof *rows };

void tree_render(struct strbuf *b, const struct tree_view *v)
{
	struct strbuf texts[ROWS];
	size_t last = 0;
	struct strbuf head;
	strbuf_init(&head, ROW_BYTES);
	add_head(&head, v);
	strbuf_addf(b, "%s\n", head.s);
	strbuf_finish(&head);
	for (size_t i = 0; i < ROWS; i++) {
		strbuf_init(&texts[i], ROW_BYTES);
		rows[i].add(&texts[i], v);
		last = texts[i].len ? i : last;
	}
	for (size_t i = 0; i < ROWS; i++) {
		if (texts[i].len)
			strbuf_addf(b, "%s %-*s %s\n", i == last ? "└─" : "├─", LABEL_COLUMNS, rows[i].label,
				    texts[i].s);
		strbuf_finish(&texts[i]);
	}
}

void tree_line(struct strbuf *b, const cJSON *rollout, const cJSON *approvals)
{
	const struct tree_view v = { .rollout = rollout, .approvals = approvals };
	const char *phase = text_of(&v, "phase"), *waits = text_of(&v, "gate.type");
	terminal_add_foreign(b, text_of(&v, "namespace"));
	strbuf_addc(b, '/');
	terminal_add_foreign(b, text_of(&v, "name"));
	strbuf_addf(b, " %s", *phase ? phase : "-");
	if (json_bool(rollout, "paused", false))
		strbuf_add(b, " paused");
	if (json_bool(rollout, "active", false))
		strbuf_addf(b, " step %d/%d weight %d%% canary %d/%d stable %d/%d", number_of(&v, "step"),
			    number_of(&v, "steps"), number_of(&v, "canary.weight"), number_of(&v, "canary.ready"),
			    number_of(&v, "canary.wanted"), number_of(&v, "stable.ready"),
			    number_of(&v, "stable.wanted"));
	const cJSON *a = *waits ? request_about(&v, waits) : NULL;
	if (*waits)
		strbuf_addf(b, " waits for %s", waits);
	if (a && text_eq(json_text(a, "state", ""), "open"))
		strbuf_addf(b, " (%d of %d)", (int)json_int(a, "approvals", 0), (int)json_int(a, "quorum", 0));
	if (*text_of(&v, "invalid"))
		strbuf_add(b, " invalid");
}
