#include "app/doctor.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/findings.h"
#include "app/print.h"
#include "app/process.h"
#include "app/terminal.h"
#include "base/clock.h"
#include "base/duration.h"
#include "base/json.h"
#include "base/text.h"

enum { QUESTION_MS = 10000, NAME_COLUMNS = 16, SKEW_WARN_MS = 30000, SKEW_BAD_MS = 240000 };

void doctor_say(struct doctor *d, enum health health, const char *name, const char *remedy, const char *fmt, ...)
{
	if (d->count == VERDICTS_MAX)
		return;
	struct verdict *v = &d->verdicts[d->count++];
	va_list ap;
	*v = (struct verdict){ .health = health };
	(void)text_copy(v->name, sizeof v->name, name);
	(void)text_copy(v->remedy, sizeof v->remedy, remedy);
	va_start(ap, fmt);
	(void)vsnprintf(v->text, sizeof v->text, fmt, ap);
	va_end(ap);
}

/* ---- questions ---- */

struct question {
	struct doctor *doctor;
	struct doctor_answer *answer;
};

static void copy_header(char *buf, size_t size, const struct http_answer *a, const char *name)
{
	const char *value = http_answer_header(a, name);
	(void)text_copy(buf, size, value ? value : "");
}

static void answered(void *owner, enum result r, const struct http_answer *a, const struct error *why)
{
	struct question *q = owner;
	q->answer->r = r;
	q->answer->status = a->status;
	q->answer->body = strdup(a->body);
	q->answer->why = *why;
	if (r == RC_OK) {
		copy_header(q->answer->date, sizeof q->answer->date, a, "date");
		copy_header(q->answer->scopes, sizeof q->answer->scopes, a, "x-oauth-scopes");
	}
	loop_stop(q->doctor->loop);
}

void doctor_ask(struct doctor *d, const struct http_request *q, struct doctor_answer *ret)
{
	struct http_request whole = *q;
	struct question question = { d, ret };
	*ret = (struct doctor_answer){ .r = RC_EXHAUSTED };
	whole.timeout_ms = QUESTION_MS;
	if (http_send(d->http, &whole, answered, &question, &ret->why))
		loop_run(d->loop);
	d->unreachable = d->unreachable || ret->r != RC_OK;
}

void doctor_answer_finish(struct doctor_answer *a)
{
	free(a->body);
	a->body = NULL;
}

/* "Wed, 25 Nov 2026 02:34:49 GMT" */
static bool parse_date(const char *s, struct wall_ms *ret)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	char text[40], month[4] = "";
	if (strlen(s) != strlen("Wed, 25 Nov 2026 02:34:49 GMT") || s[3] != ',')
		return false;
	(void)snprintf(month, sizeof month, "%.3s", s + 8);
	const char *at = strstr(months, month);
	if (!at || (at - months) % 3)
		return false;
	(void)snprintf(text, sizeof text, "%.4s-%02d-%.2sT%.8sZ", s + 12, (int)((at - months) / 3 + 1), s + 5, s + 17);
	return wall_parse(text, ret, NULL) == RC_OK;
}

void doctor_compare_clocks(struct doctor *d, const char *what, const struct doctor_answer *a)
{
	struct wall_ms theirs;
	char by[32];
	if (!parse_date(a->date, &theirs))
		return;
	int64_t ms = clock_system()->wall(clock_system()).v - theirs.v;
	int64_t far = ms < 0 ? -ms : ms;
	if (far < SKEW_WARN_MS)
		return;
	duration_human(far, by);
	doctor_say(d, far < SKEW_BAD_MS ? HEALTH_WARNING : HEALTH_BAD, "clock",
		   "let a time service set it (timedatectl set-ntp true): signatures older than 5 minutes are refused",
		   "is %s %s that of %s", by, ms < 0 ? "behind" : "ahead of", what);
}

/* ---- the answer ---- */

static void print_text(const struct doctor *d)
{
	static const struct {
		const char *mark;
		enum tone tone;
	} marks[] = { [HEALTH_GOOD] = { "✓", TONE_GOOD },
		      [HEALTH_WARNING] = { "!", TONE_WAITS },
		      [HEALTH_BAD] = { "✗", TONE_BAD } };
	bool color = terminal_has_color();
	for (size_t i = 0; i < d->count; i++) {
		const struct verdict *v = &d->verdicts[i];
		printf("%s%s%s %-*s %s\n", color ? tone_escape(marks[v->health].tone) : "", marks[v->health].mark,
		       color ? TONE_END : "", NAME_COLUMNS, v->name, v->text);
		if (*v->remedy)
			printf("  %-*s → %s\n", NAME_COLUMNS, "", v->remedy);
	}
}

static enum exit_code print_data(const struct doctor *d)
{
	static const char *const healths[] = {
		[HEALTH_GOOD] = "good", [HEALTH_WARNING] = "warning", [HEALTH_BAD] = "bad"
	};
	CLEANUP(json_delete_p) cJSON *list = cJSON_CreateArray();
	for (size_t i = 0; list && i < d->count; i++) {
		cJSON *v = cJSON_CreateObject();
		(void)json_put_text(v, "check", d->verdicts[i].name);
		(void)json_put_text(v, "health", healths[d->verdicts[i].health]);
		(void)json_put_text(v, "text", d->verdicts[i].text);
		(void)json_put_text(v, "remedy", d->verdicts[i].remedy);
		(void)cJSON_AddItemToArray(list, v);
	}
	return output_data(d->cli, list);
}

static enum exit_code conclude(const struct doctor *d)
{
	bool bad = false;
	for (size_t i = 0; i < d->count; i++)
		bad = bad || d->verdicts[i].health == HEALTH_BAD;
	enum exit_code code = EXIT_DONE;
	if (output_is_data(d->cli))
		code = print_data(d);
	else
		print_text(d);
	return code != EXIT_DONE ? code : !bad ? EXIT_DONE : EXIT_FAILED;
}

/* ---- the verb ---- */

static enum exit_code examine(struct doctor *d)
{
	struct error e;
	process_prepare();
	enum result r = loop_create(&d->loop, &e);
	if (r == RC_OK)
		r = http_client_create(d->loop, "rollcall-doctor/" ROLLCALL_VERSION, &d->http, &e);
	if (r != RC_OK)
		return cli_fail_result(d->cli, &e);
	doctor_house(d);
	doctor_cluster(d);
	doctor_chat(d);
	return conclude(d);
}

/* A configuration with mistakes is examined no further: `check` tells all of them. */
static enum exit_code read_config(struct doctor *d, struct config **ret)
{
	struct findings f = { 0 };
	struct error e;
	const char *file = d->cli->config ? d->cli->config : "the defaults";
	enum result r = config_load(d->cli->config, ret, &f, &e);
	if (r == RC_OK)
		doctor_say(d, f.count ? HEALTH_WARNING : HEALTH_GOOD, "configuration",
			   f.count ? "`rollcall check` tells them" : "", "%s%s", file,
			   f.count ? ", with warnings" : "");
	else
		doctor_say(d, HEALTH_BAD, "configuration", "`rollcall check` tells every mistake", "%s: %s", file,
			   f.count ? f.at[0].text : e.text);
	findings_finish(&f);
	return r == RC_OK ? EXIT_DONE : EXIT_FAILED;
}

enum exit_code verb_doctor(struct cli *c)
{
	struct config *config = NULL;
	struct doctor *d = calloc(1, sizeof *d);
	if (!d)
		return cli_fail(c, EXIT_FAILED, "no memory");
	d->cli = c;
	enum exit_code code = read_config(d, &config);
	d->config = config;
	code = code == EXIT_DONE ? examine(d) : conclude(d);
	if (d->http)
		http_client_destroy(d->http);
	if (d->loop)
		loop_destroy(d->loop);
	config_free(config);
	free(d);
	return code;
}
