/* `rollcall watch`: rollouts as they go. On a terminal a picture that is repainted in place; elsewhere a line for each
 * change. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/follow.h"
#include "app/print.h"
#include "app/terminal.h"
#include "app/tree.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"

enum { FRAME_BYTES = 4 << 20, LINE_BYTES = 64 * 1024, CLOCK_MS = 1000, NAME_COLUMNS = 28, PHASE_COLUMNS = 16 };

struct watch {
	const struct cli *cli;
	struct follow *follow;
	bool live, color;
	struct timer clock; /* times on the picture go on without news */
	size_t painted;     /* lines of the last picture */
	struct strbuf frame, line;
	char why[512];  /* the connection is lost; "" */
	char **printed; /* owned: the last line of each rollout that is followed, in their order */
	size_t printed_count;
	bool told_once;
};

static int64_t now_ms(void)
{
	return clock_system()->wall(clock_system()).v;
}

/* ---- one line a rollout, those that wait for somebody first ---- */

static int urgency(const cJSON *r)
{
	bool asks = cJSON_IsObject(json_at(r, "gate")) && !json_bool(r, "gate.foreign", false);
	if (asks || *json_text(r, "invalid", ""))
		return 0;
	if (json_bool(r, "active", false))
		return 1;
	return text_eq(json_text(r, "phase", ""), "Failed") ? 2 : 3;
}

static int by_urgency(const void *x, const void *y)
{
	const struct followed *a = x, *b = y;
	int by = urgency(a->rollout) - urgency(b->rollout);
	if (!by)
		by = strcmp(a->ns, b->ns);
	return by ? by : strcmp(a->name, b->name);
}

static void pad_to(struct strbuf *b, size_t from, size_t columns)
{
	size_t width = terminal_width(b->s + from);
	strbuf_addf(b, "%*s", width < columns ? (int)(columns - width) : 0, "");
	strbuf_add(b, "  ");
}

static void add_summary(struct watch *w, const cJSON *r)
{
	struct strbuf *b = &w->frame;
	const char *phase = json_text(r, "phase", ""), *waits = json_text(r, "gate.type", "");
	const char *on = w->color ? tone_escape(phase_tone(phase)) : "";
	size_t from = b->len;
	terminal_add_foreign(b, json_text(r, "namespace", ""));
	strbuf_addc(b, '/');
	terminal_add_foreign(b, json_text(r, "name", ""));
	pad_to(b, from, NAME_COLUMNS);
	from = b->len;
	strbuf_addf(b, "%s%s%s", on, *phase ? phase : "-", *on ? TONE_END : "");
	pad_to(b, from, PHASE_COLUMNS);
	strbuf_addf(b, "%3d%%  ", (int)json_int(r, "canary.weight", 0));
	tree_images(b, json_bool(r, "active", false) ? json_text(r, "stable.images", "") : "",
		    json_text(r, "canary.images", ""), "→");
	if (*waits)
		strbuf_addf(b, "  %swaits for %s%s", w->color ? tone_escape(TONE_WAITS) : "", waits,
			    w->color ? TONE_END : "");
	else if (*json_text(r, "invalid", ""))
		strbuf_add(b, "  invalid");
	strbuf_addc(b, '\n');
}

static void paint_list(struct watch *w, struct followed *list, size_t count)
{
	if (count)
		qsort(list, count, sizeof *list, by_urgency);
	else
		strbuf_add(&w->frame, "no rollouts\n");
	for (size_t i = 0; i < count; i++)
		add_summary(w, list[i].rollout);
}

static void paint_trees(struct watch *w, const struct followed *list, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct tree_view v = { .rollout = list[i].rollout,
					     .approvals = list[i].approvals,
					     .now_ms = now_ms(),
					     .color = w->color };
		strbuf_add(&w->frame, i ? "\n" : "");
		if (list[i].rollout)
			tree_render(&w->frame, &v);
		else
			strbuf_addf(&w->frame, "%s/%s is not there\n", list[i].ns, list[i].name);
	}
}

/* ---- the picture ---- */

/* Line by line over what stands there, in one write: nothing flickers, and what is shorter is cleared. */
static void put_frame(struct watch *w)
{
	size_t columns, rows, lines = 0;
	struct strbuf out;
	char *save = NULL;
	terminal_size(&columns, &rows);
	strbuf_init(&out, FRAME_BYTES);
	if (w->painted)
		strbuf_addf(&out, "\033[%zuA\r", w->painted);
	for (char *line = w->frame.len ? strtok_r(w->frame.s, "\n", &save) : NULL; line && lines + 1 < rows;
	     line = strtok_r(NULL, "\n", &save), lines++) {
		terminal_add_cut(&out, line, columns);
		strbuf_add(&out, "\033[K\n");
	}
	strbuf_add(&out, "\033[J");
	w->painted = lines;
	fwrite(out.s, 1, out.len, stdout);
	(void)fflush(stdout);
	strbuf_finish(&out);
}

static void paint(struct watch *w)
{
	size_t count = 0;
	struct followed *list = follow_list(w->follow, &count);
	strbuf_clear(&w->frame);
	if (w->cli->word_count)
		paint_trees(w, list, count);
	else
		paint_list(w, list, count);
	if (*w->why)
		strbuf_addf(&w->frame, "%sthe service cannot be reached, this is what was known: %s%s\n",
			    w->color ? tone_escape(TONE_BAD) : "", w->why, w->color ? TONE_END : "");
	put_frame(w);
}

static void clock_ticked(void *owner)
{
	struct watch *w = owner;
	if (w->told_once)
		paint(w);
	timer_start(follow_loop(w->follow), &w->clock, CLOCK_MS, clock_ticked, w);
}

/* ---- lines ---- */

static void print_line(const char *text)
{
	char at[32];
	wall_print(clock_system()->wall(clock_system()), at);
	printf("%s %s\n", at, text);
	(void)fflush(stdout);
}

static void print_data(const struct watch *w, const cJSON *rollout)
{
	(void)output_data(w->cli, rollout);
	(void)fflush(stdout);
}

static bool room_for(struct watch *w, size_t count)
{
	if (count <= w->printed_count)
		return true;
	char **more = reallocarray(w->printed, count, sizeof *more);
	if (!more)
		return false;
	memset(more + w->printed_count, 0, (count - w->printed_count) * sizeof *more);
	w->printed = more;
	w->printed_count = count;
	return true;
}

/* A line is printed when it says something that the one before did not. Rollouts keep their places while they are
 * there; one that takes the place of another prints its line anew, and no more. */
static void print_changes(struct watch *w)
{
	size_t count = 0;
	const struct followed *list = follow_list(w->follow, &count);
	for (size_t i = 0; room_for(w, count) && i < count; i++) {
		strbuf_clear(&w->line);
		if (list[i].rollout)
			tree_line(&w->line, list[i].rollout, list[i].approvals);
		else
			strbuf_addf(&w->line, "%s/%s is not there", list[i].ns, list[i].name);
		if (text_eq(w->printed[i], w->line.s))
			continue;
		free(w->printed[i]);
		w->printed[i] = strdup(w->line.s);
		if (output_is_data(w->cli))
			print_data(w, list[i].rollout);
		else
			print_line(w->line.s);
	}
}

/* ---- news ---- */

static void changed(void *owner)
{
	struct watch *w = owner;
	if (w->live && w->told_once)
		paint(w);
	else if (!w->live && w->told_once)
		print_changes(w);
}

static void said(void *owner, const cJSON *rollout, const char *text, bool warning)
{
	struct watch *w = owner;
	if (w->live || output_is_data(w->cli))
		return;
	strbuf_clear(&w->line);
	terminal_add_foreign(&w->line, json_text(rollout, "namespace", ""));
	strbuf_addc(&w->line, '/');
	terminal_add_foreign(&w->line, json_text(rollout, "name", ""));
	strbuf_add(&w->line, warning ? " warning: " : ": ");
	terminal_add_foreign(&w->line, text);
	print_line(w->line.s);
}

static void connection(void *owner, const char *why)
{
	struct watch *w = owner;
	(void)text_copy(w->why, sizeof w->why, why ? why : "");
	if (why && !w->live)
		(void)cli_fail(w->cli, EXIT_DONE, "%s; trying again", why);
	w->told_once = w->told_once || !why;
	if (w->live && w->told_once)
		paint(w);
}

/* ---- the verb ---- */

static enum exit_code add_names(struct watch *w)
{
	char ns[CLIENT_NAME], name[CLIENT_NAME];
	enum exit_code code = EXIT_DONE;
	for (size_t i = 0; code == EXIT_DONE && i < w->cli->word_count; i++) {
		code = client_resolve(w->cli, w->cli->words[i], ns, name);
		code = code == EXIT_DONE ? follow_add(w->follow, ns, name) : code;
	}
	return code;
}

static enum exit_code follow(struct watch *w)
{
	enum exit_code code = add_names(w);
	if (code != EXIT_DONE)
		return code;
	if (w->live) {
		fputs("\033[?25l", stdout); /* the cursor would jump about */
		timer_start(follow_loop(w->follow), &w->clock, CLOCK_MS, clock_ticked, w);
	}
	code = follow_run(w->follow);
	timer_stop(&w->clock);
	if (w->live)
		fputs("\033[?25h", stdout);
	return code;
}

enum exit_code verb_watch(struct cli *c)
{
	CLEANUP(follow_close_p) struct follow *f = NULL;
	struct watch w = { .cli = c, .live = terminal_is_live() && !output_is_data(c), .color = terminal_has_color() };
	struct follow_options o = { .cli = c,
				    .named = c->word_count > 0,
				    .ns = c->ns,
				    .changed = changed,
				    .said = said,
				    .connection = connection,
				    .owner = &w };
	enum exit_code code = follow_open(&o, &f);
	if (code != EXIT_DONE)
		return code;
	w.follow = f;
	strbuf_init(&w.frame, FRAME_BYTES);
	strbuf_init(&w.line, LINE_BYTES);
	code = follow(&w);
	for (size_t i = 0; i < w.printed_count; i++)
		free(w.printed[i]);
	free(w.printed);
	strbuf_finish(&w.frame);
	strbuf_finish(&w.line);
	return code;
}
