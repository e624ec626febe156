/* `rollcall simulate`: what a Canary will do, before it is applied. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/file.h"
#include "app/findings.h"
#include "app/print.h"
#include "app/rehearsal.h"
#include "app/terminal.h"
#include "base/duration.h"
#include "base/json.h"
#include "base/text.h"
#include "base/yaml.h"

enum { BAR_CELLS = 20, PODS_SHOWN = 5, REPLICAS_USUAL = 2, POD_START_MS = 2000, LINE_BYTES = 64 * 1024 };

struct simulation {
	const struct cli *cli;
	struct canary *canary; /* owned */
	struct rehearsal_rules rules;
	struct rehearsal played;
	bool color;
};

/* ---- what is rehearsed ---- */

static bool is_target(const cJSON *o, const struct canary *c)
{
	return text_eq(json_text(o, "kind", ""), c->target.kind) &&
	       text_eq(json_text(o, "metadata.name", ""), c->target.name);
}

/* --replicas, the target in the same file, maxReplicas of the extension, or two. */
static enum exit_code choose_replicas(struct simulation *s, struct yaml_doc *const *docs, size_t count)
{
	uint64_t n = 0;
	struct error e;
	assert(s->canary); /* take_canary has filled it */
	s->rules.replicas = s->canary->analysis.max_replicas ? s->canary->analysis.max_replicas : REPLICAS_USUAL;
	for (size_t i = 0; i < count; i++)
		if (is_target(yaml_root(docs[i]), s->canary))
			s->rules.replicas = (int)json_int(yaml_root(docs[i]), "spec.replicas", 1);
	if (s->cli->replicas && text_u64(s->cli->replicas, 1, WORLD_PODS_MAX / 2, &n, &e) != RC_OK)
		return cli_usage(s->cli, "--replicas must be a number from 1 to %d", WORLD_PODS_MAX / 2);
	if (n)
		s->rules.replicas = (int)n;
	if (s->rules.replicas < 1 || s->rules.replicas > WORLD_PODS_MAX / 2)
		return cli_fail(s->cli, EXIT_FAILED,
				"%d replicas cannot be simulated: --replicas says how many, %d at most",
				s->rules.replicas, WORLD_PODS_MAX / 2);
	return EXIT_DONE;
}

/* What `check` says of it is said here too, and nothing is played. */
static enum exit_code take_canary(struct simulation *s, const char *file, const struct yaml_doc *doc)
{
	struct findings f = { 0 };
	struct error e = { .text = "" };
	enum result r = canary_check(yaml_root(doc), doc, &f, &e);
	findings_print(&f, file, stderr);
	bool bad = f.errors > 0;
	findings_finish(&f);
	if (r == RC_OK && !bad)
		r = canary_parse(yaml_root(doc), &s->canary, &e);
	if (bad)
		return EXIT_FAILED;
	return r == RC_OK ? EXIT_DONE : cli_fail_result(s->cli, &e);
}

static const struct yaml_doc *find_canary(const struct simulation *s, struct yaml_doc *const *docs, size_t count)
{
	const char *wanted = s->cli->word_count > 1 ? s->cli->words[1] : NULL;
	for (size_t i = 0; i < count; i++) {
		const cJSON *root = yaml_root(docs[i]);
		if (text_eq(json_text(root, "kind", ""), "Canary") &&
		    (!wanted || text_eq(json_text(root, "metadata.name", ""), wanted)))
			return docs[i];
	}
	return NULL;
}

static enum exit_code read_file(struct simulation *s)
{
	const char *file = s->cli->words[0];
	CLEANUP(free_p) char *text = NULL;
	size_t len = 0, count = 0;
	struct yaml_doc **docs = NULL;
	struct error e;
	if (file_load(file, &text, &len, &e) != RC_OK || yaml_parse(file, text, len, &docs, &count, &e) != RC_OK) {
		fprintf(stderr, "%s\n", e.text);
		return EXIT_FAILED;
	}
	const struct yaml_doc *doc = find_canary(s, docs, count);
	enum exit_code code =
		doc ? take_canary(s, file, doc)
		    : cli_fail(s->cli, EXIT_NOT_FOUND, "%s: there is no Canary%s%s in it", file,
			       s->cli->word_count > 1 ? " " : "", s->cli->word_count > 1 ? s->cli->words[1] : "");
	if (code == EXIT_DONE)
		code = choose_replicas(s, docs, count);
	yaml_free(docs, count);
	return code;
}

static enum exit_code read_rules(struct simulation *s)
{
	const struct cli *c = s->cli;
	uint64_t at = 0;
	struct error e;
	s->rules = (struct rehearsal_rules){ .fail_at = -1, .pod_start_ms = POD_START_MS };
	if (c->fail_at && text_u64(c->fail_at, 0, 100, &at, &e) != RC_OK)
		return cli_usage(c, "--fail-at must be a weight from 0 to 100");
	if (c->fail_at)
		s->rules.fail_at = (int)at;
	if (text_eq(c->approve_after, "never"))
		s->rules.approve_after_ms = -1;
	else if (c->approve_after && (duration_parse(c->approve_after, &s->rules.approve_after_ms, &e) != RC_OK ||
				      s->rules.approve_after_ms < 0))
		return cli_usage(c, "--approve-after must be a time such as 30s or 2h, or never");
	return EXIT_DONE;
}

/* ---- for people ---- */

static void add_pods(struct strbuf *b, int ready, int wanted)
{
	size_t from = b->len;
	for (int i = 0; i < wanted && wanted <= PODS_SHOWN; i++)
		strbuf_add(b, i < ready ? "●" : "○");
	strbuf_addf(b, "%s%d/%d", wanted && wanted <= PODS_SHOWN ? " " : "", ready, wanted);
	size_t width = terminal_width(b->s + from);
	strbuf_addf(b, "%*s", width < 12 ? (int)(12 - width) : 0, "");
}

static void add_left(const struct simulation *s, struct strbuf *b, const struct scene *c)
{
	char at[32];
	const char *phase = phase_name(c->phase), *on = s->color ? tone_escape(phase_tone(phase)) : "";
	if (c->at_ms % 1000)
		duration_print(c->at_ms, at);
	else
		duration_human(c->at_ms, at);
	strbuf_addf(b, "%8s  %s%-16s%s  %s", at, on, phase, *on ? TONE_END : "",
		    s->color ? tone_escape(TONE_MOVES) : "");
	for (int i = 0; i < BAR_CELLS; i++)
		strbuf_add(b, i < c->weight * BAR_CELLS / 100 ? "█" : "░");
	strbuf_addf(b, "%s %3d%%  ", s->color ? TONE_END : "", c->weight);
	add_pods(b, c->stable_ready, c->stable_wanted);
	add_pods(b, c->canary_ready, c->canary_wanted);
}

static enum tone note_tone(enum scene_kind k)
{
	static const enum tone tones[] = {
		[SCENE_SAID] = TONE_PLAIN,    [SCENE_WARNED] = TONE_WAITS, [SCENE_ASKED] = TONE_WAITS,
		[SCENE_APPROVED] = TONE_GOOD, [SCENE_CALLED] = TONE_PLAIN, [SCENE_FAILED] = TONE_BAD,
	};
	return tones[k];
}

static void print_scene(const struct simulation *s, const struct scene *c, size_t columns)
{
	struct strbuf b;
	strbuf_init(&b, LINE_BYTES);
	add_left(s, &b, c);
	size_t left = terminal_width(b.s);
	for (size_t i = 0; i < c->note_count || i == 0; i++) {
		struct strbuf cut;
		if (i)
			strbuf_addf(&b, "%*s", (int)left, "");
		const char *on = s->color && c->note_count ? tone_escape(note_tone(c->notes[i].kind)) : "";
		strbuf_add(&b, on);
		if (c->note_count)
			terminal_add_foreign(&b, c->notes[i].text);
		strbuf_add(&b, *on ? TONE_END : "");
		strbuf_init(&cut, LINE_BYTES);
		terminal_add_cut(&cut, b.s, columns);
		puts(cut.s);
		strbuf_finish(&cut);
		strbuf_clear(&b);
	}
	strbuf_finish(&b);
}

static void print_outcome(const struct simulation *s)
{
	char took[32];
	const struct rehearsal *r = &s->played;
	duration_human(r->took_ms, took);
	if (!r->ended)
		printf("\nafter a month it still stands there%s%s\n", *r->stands ? ": " : "", r->stands);
	else if (r->end == PHASE_FAILED)
		printf("\nrolled back after %s: the stable version has all the traffic\n", took);
	else
		printf("\n%s after %s\n", phase_name(r->end), took);
	if (r->world->broken && s->rules.fail_at < 0) /* failing pods are the rules', not the controller's */
		printf("mind: %s\n", r->world->broken);
}

static void print_story(const struct simulation *s)
{
	size_t columns, rows;
	char interval[32];
	const struct canary *c = s->canary;
	const struct rehearsal *r = &s->played;
	terminal_size(&columns, &rows);
	columns = terminal_is_live() ? columns : LINE_BYTES;
	duration_human(c->analysis.interval_ms, interval);
	printf("%s/%s: a new image in %s %s, %d replicas, checks every %s%s\n\n", text_empty(c->ns) ? "default" : c->ns,
	       c->name, c->target.kind, c->target.name, s->rules.replicas, interval,
	       c->extension ? ", as the ACK extension does it" : "");
	printf("%8s  %-16s  %-*s  %-12s%-12s%s\n", "TIME", "PHASE", BAR_CELLS + 5, "TRAFFIC TO THE CANARY", "STABLE",
	       "CANARY", "WHAT HAPPENS");
	for (size_t i = 0; i < r->count; i++)
		print_scene(s, &r->scenes[i], columns);
	print_outcome(s);
}

/* ---- for programs ---- */

static cJSON *side(int ready, int wanted)
{
	cJSON *v = cJSON_CreateObject();
	(void)json_put_int(v, "ready", ready);
	(void)json_put_int(v, "wanted", wanted);
	return v;
}

static cJSON *scene_data(const struct scene *c)
{
	cJSON *v = cJSON_CreateObject(), *events = cJSON_CreateArray();
	(void)json_put_int(v, "atMs", c->at_ms);
	(void)json_put_text(v, "phase", phase_name(c->phase));
	(void)json_put_int(v, "weight", c->weight);
	(void)json_put(v, "stable", side(c->stable_ready, c->stable_wanted));
	(void)json_put(v, "canary", side(c->canary_ready, c->canary_wanted));
	for (size_t i = 0; i < c->note_count; i++) {
		cJSON *n = cJSON_CreateObject();
		(void)json_put_text(n, "kind", scene_kind_name(c->notes[i].kind));
		(void)json_put_text(n, "text", c->notes[i].text);
		(void)cJSON_AddItemToArray(events, n);
	}
	(void)json_put(v, "events", events);
	return v;
}

static enum exit_code print_scenes(const struct simulation *s)
{
	CLEANUP(json_delete_p) cJSON *v = cJSON_CreateObject();
	cJSON *scenes = cJSON_CreateArray();
	for (size_t i = 0; i < s->played.count; i++)
		(void)cJSON_AddItemToArray(scenes, scene_data(&s->played.scenes[i]));
	(void)json_put_text(v, "namespace", text_empty(s->canary->ns) ? "default" : s->canary->ns);
	(void)json_put_text(v, "name", s->canary->name);
	(void)json_put_text(v, "outcome", s->played.ended ? phase_name(s->played.end) : "stands");
	(void)json_put_int(v, "tookMs", s->played.took_ms);
	(void)json_put(v, "timeline", scenes);
	return output_data(s->cli, v);
}

/* ---- the verb ---- */

static enum exit_code play(struct simulation *s)
{
	struct error e;
	if (rehearse(s->canary, &s->rules, &s->played, &e) != RC_OK)
		return cli_fail_result(s->cli, &e);
	enum exit_code code = EXIT_DONE;
	if (output_is_data(s->cli))
		code = print_scenes(s);
	else
		print_story(s);
	bool meant = s->rules.fail_at >= 0 || s->played.end == PHASE_SUCCEEDED;
	rehearsal_finish(&s->played);
	return code == EXIT_DONE && !meant ? EXIT_FAILED : code;
}

enum exit_code verb_simulate(struct cli *c)
{
	struct simulation s = { .cli = c, .color = terminal_has_color() };
	if (c->json)
		c->output = "json";
	enum exit_code code = read_rules(&s);
	if (code == EXIT_DONE)
		code = read_file(&s);
	if (code == EXIT_DONE)
		code = play(&s);
	canary_free(s.canary);
	return code;
}
