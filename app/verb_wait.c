/* `rollcall wait`: until a rollout has come to an end, which is the exit code's. For pipelines. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/follow.h"
#include "app/tree.h"
#include "base/duration.h"
#include "base/json.h"
#include "base/text.h"

/* A rollout that is at rest when the wait begins may be about to begin with a new image: that takes the controller a
 * moment. */
enum { SETTLE_MS = 2000, LINE_BYTES = 64 * 1024 };

enum goal { GOAL_PROMOTED, GOAL_DECIDED, GOAL_FAILED };
static const char *const goals[] = { "promoted", "decided", "failed", NULL };

struct wait {
	const struct cli *cli;
	struct follow *follow;
	enum goal goal;
	struct timer settle, limit;
	bool settled, told;
	char request[64]; /* the one whose decision is awaited; "" none was open yet */
};

/* ---- what it came to ---- */

static void end(const struct wait *w, enum exit_code code)
{
	size_t count = 0;
	const struct followed *e = follow_list(w->follow, &count);
	struct strbuf line;
	strbuf_init(&line, LINE_BYTES);
	if (e->rollout)
		tree_line(&line, e->rollout, e->approvals);
	else
		strbuf_addf(&line, "%s/%s is gone", e->ns, e->name);
	puts(line.s);
	strbuf_finish(&line);
	follow_stop(w->follow, code);
}

/* The request that was open first; of a rollout at rest the last one. */
static void judge_decision(struct wait *w, const struct followed *e)
{
	const cJSON *a, *found = NULL;
	cJSON_ArrayForEach (a, e->approvals) {
		bool open = text_eq(json_text(a, "state", ""), "open");
		if (open && !*w->request)
			(void)text_copy(w->request, sizeof w->request, json_text(a, "id", ""));
		bool last = !*w->request && w->settled && !json_bool(e->rollout, "active", false);
		if (last || text_eq(json_text(a, "id", ""), w->request))
			found = a;
	}
	const char *state = json_text(found, "state", "open"), *by = json_text(found, "decidedBy", "");
	if (text_eq(state, "open"))
		return;
	fprintf(stderr, "%s %s%s%s\n", json_text(found, "type", ""), state, *by ? " by " : "", by);
	end(w, text_eq(state, "approved") ? EXIT_DONE : text_eq(state, "rejected") ? EXIT_REFUSED : EXIT_FAILED);
}

static void judge(struct wait *w)
{
	size_t count = 0;
	const struct followed *e = follow_list(w->follow, &count);
	const char *phase = json_text(e->rollout, "phase", ""), *revision = json_text(e->rollout, "revision", "");
	if (!w->told)
		return;
	if (!e->rollout) {
		end(w, EXIT_NOT_FOUND);
		return;
	}
	if (w->cli->revision && !text_starts(revision, w->cli->revision))
		return;
	w->settled = w->settled || json_bool(e->rollout, "active", false);
	if (w->goal == GOAL_DECIDED)
		judge_decision(w, e);
	else if (w->settled && text_eq(phase, "Failed"))
		end(w, w->goal == GOAL_FAILED ? EXIT_DONE : EXIT_FAILED);
	else if (w->settled && (text_eq(phase, "Succeeded") || text_eq(phase, "Initialized")))
		end(w, w->goal == GOAL_PROMOTED ? EXIT_DONE : EXIT_FAILED);
}

/* ---- news ---- */

static void changed(void *owner)
{
	judge(owner);
}

static void settled(void *owner)
{
	struct wait *w = owner;
	w->settled = true;
	judge(w);
}

static void too_late(void *owner)
{
	struct wait *w = owner;
	(void)cli_fail(w->cli, EXIT_FAILED, "not within the time of --timeout");
	end(w, EXIT_FAILED);
}

static void connection(void *owner, const char *why)
{
	struct wait *w = owner;
	if (why) {
		(void)cli_fail(w->cli, EXIT_DONE, "%s; trying again", why);
		return;
	}
	if (!w->told)
		timer_start(follow_loop(w->follow), &w->settle, SETTLE_MS, settled, w);
	w->told = true;
}

/* ---- the verb ---- */

static enum exit_code read_options(struct wait *w, int64_t *ret_limit_ms)
{
	const struct cli *c = w->cli;
	struct error e;
	const char *wanted = c->condition ? c->condition : "promoted";
	size_t i = 0;
	while (goals[i] && !text_eq(goals[i], wanted))
		i++;
	if (!goals[i])
		return cli_usage(c, "--for must be promoted, decided or failed");
	w->goal = (enum goal)i;
	if (c->timeout && (duration_parse(c->timeout, ret_limit_ms, &e) != RC_OK || *ret_limit_ms <= 0))
		return cli_usage(c, "--timeout must be a time such as 30s or 10m");
	return EXIT_DONE;
}

static enum exit_code add_name(struct wait *w)
{
	char ns[CLIENT_NAME], name[CLIENT_NAME];
	enum exit_code code = client_resolve(w->cli, w->cli->words[0], ns, name);
	return code == EXIT_DONE ? follow_add(w->follow, ns, name) : code;
}

enum exit_code verb_wait(struct cli *c)
{
	CLEANUP(follow_close_p) struct follow *f = NULL;
	int64_t limit_ms = 0;
	struct wait w = { .cli = c };
	struct follow_options o = {
		.cli = c,
		.named = true,
		.changed = changed,
		.connection = connection,
		.owner = &w,
		.interrupted = EXIT_FAILED,
	};
	enum exit_code code = read_options(&w, &limit_ms);
	if (code == EXIT_DONE)
		code = follow_open(&o, &f);
	w.follow = f;
	if (code == EXIT_DONE)
		code = add_name(&w);
	if (code != EXIT_DONE)
		return code;
	if (limit_ms)
		timer_start(follow_loop(f), &w.limit, limit_ms, too_late, &w);
	code = follow_run(f);
	timer_stop(&w.limit);
	timer_stop(&w.settle);
	return code;
}
