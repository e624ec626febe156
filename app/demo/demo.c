/* `rollcall demo`: everything on one machine, started for somebody who wants to see it. */
#include <stdio.h>
#include <stdlib.h>

#include "app/cli.h"
#include "app/demo/chat.h"
#include "app/demo/story.h"
#include "app/process.h"
#include "app/signals.h"
#include "app/terminal.h"
#include "base/log.h"

#define FOLDER "rollcall-demo"
#define IMAGE "registry.cn-hangzhou.aliyuncs.com/acs/rollouts-demo"
enum { CONSOLE_PORT = 8484, WEB_PORT = 8080 };

struct demo {
	const struct cli *cli;
	struct ground ground;
	struct house house;
	struct signals signals;
	struct screen screen;
	struct story *story; /* owned */
	FILE *log;           /* owned */
	bool told, well;     /* the story has come to its end */
};

static void log_line(void *owner, const char *text)
{
	const struct demo *d = owner;
	(void)fprintf(d->log, "%s\n", text);
	(void)fflush(d->log);
}

static enum result open_log(struct demo *d, struct error *e)
{
	char path[GROUND_PATH + 32];
	(void)snprintf(path, sizeof path, "%s/rollcall.log", d->ground.folder);
	d->log = fopen(path, "ae");
	if (!d->log)
		return error_set(e, RC_INVALID, "%s: %m", path);
	enum result r = log_setup("info", "logfmt", e);
	log_capture(log_line, d);
	return r;
}

/* ---- words ---- */

static void say_where(const struct demo *d)
{
	const struct ground *g = &d->ground;
	const char *strong = d->screen.color ? tone_escape(TONE_STRONG) : "", *end = d->screen.color ? TONE_END : "";
	printf("\n%srollcall %s · demo%s on http://127.0.0.1:%d  (console)      http://127.0.0.1:%d  (the application, "
	       "through nginx)\n",
	       strong, ROLLCALL_VERSION, end, g->port, g->web_port);
	if (g->port != CONSOLE_PORT)
		printf("  port %d is taken: %d instead\n", CONSOLE_PORT, g->port);
	if (g->web_port != WEB_PORT)
		printf("  port %d is taken: %d instead\n", WEB_PORT, g->web_port);
	printf("  everything it keeps is in %s\n\n", g->folder);
	(void)fflush(stdout);
}

static void say_what_next(const struct demo *d)
{
	const struct ground *g = &d->ground;
	printf("\n  in another terminal:\n"
	       "  export PATH=\"%s:$PATH\" ROLLCALL_DATA_DIR=\"%s\" ROLLCALL_SERVER=http://127.0.0.1:%d\n\n",
	       g->bin, g->folder, g->port);
	printf("  release green      rollcall set-image podinfo podinfod=" IMAGE ":green\n"
	       "  watch              rollcall watch podinfo-default\n"
	       "  approve            in the console%s, or:  rollcall approve podinfo-default\n"
	       "  a bad release      rollcall set-image podinfo podinfod=" IMAGE ":bad-red\n"
	       "  end                Ctrl-C\n\n",
	       *g->chat ? " and in the channel" : "");
	(void)fflush(stdout);
}

static bool say_count(struct demo *d)
{
	struct load_counts n = load_counts(story_load(d->story));
	uint64_t lost = n.failed - n.excused;
	char excused[96] = "";
	if (n.excused)
		(void)snprintf(excused, sizeof excused, ", but for %llu errors of the version that was made to fail",
			       (unsigned long long)n.excused);
	if (lost)
		screen_say(&d->screen, SCREEN_BAD, "%llu of %llu requests were lost; the first: %s",
			   (unsigned long long)lost, (unsigned long long)n.answered,
			   load_first_failure(story_load(d->story)));
	else
		screen_say(&d->screen, SCREEN_GOOD, "%llu requests, none was lost%s", (unsigned long long)n.answered,
			   excused);
	return !lost;
}

/* ---- the end ---- */

static void leave(void *owner)
{
	struct demo *d = owner;
	if (!d->story)
		return;
	if (load_flows(story_load(d->story)) && !say_count(d))
		d->well = false;
	screen_say(&d->screen, SCREEN_NOTE, "ending the processes");
	screen_close(&d->screen);
	story_stop(TAKE(d->story));
}

static void story_ended(void *owner, bool well, const char *why)
{
	struct demo *d = owner;
	d->told = true;
	d->well = well;
	if (!well)
		screen_say(&d->screen, SCREEN_BAD, "%s; %s/rollcall.log says more", why, d->ground.folder);
	bool stay = !d->cli->by_itself || d->cli->keep;
	if (stay && well) {
		screen_close(&d->screen);
		say_what_next(d);
		return;
	}
	leave(d);
	house_stop(&d->house);
}

/* ---- the run ---- */

static enum result start(struct demo *d, struct config *config, struct error *e)
{
	enum result r = house_build(&d->house, d->ground.config, config, e);
	if (r == RC_OK)
		r = house_open(&d->house, e);
	if (r != RC_OK)
		return r;
	screen_open(&d->screen, d->house.loop);
	say_where(d);
	const struct story_options o = { .house = &d->house,
					 .ground = &d->ground,
					 .screen = &d->screen,
					 .releases = d->cli->by_itself,
					 .ended = story_ended,
					 .owner = d };
	return story_start(&o, &d->story, e);
}

static enum exit_code run(struct demo *d, struct config *config)
{
	struct error e;
	enum exit_code code = EXIT_DONE;
	if (start(d, config, &e) != RC_OK) {
		code = cli_fail(d->cli, EXIT_FAILED, "%s", e.text);
		if (d->house.loop)
			house_stop(&d->house);
	}
	if (d->house.loop) {
		signals_watch(&d->signals, &d->house, leave, d);
		loop_run(d->house.loop);
		signals_unwatch(&d->signals);
	}
	house_finish(&d->house);
	if (code == EXIT_DONE && d->cli->by_itself && !d->told)
		code = cli_fail(d->cli, EXIT_FAILED, "stopped before the end of the story");
	return code == EXIT_DONE && d->told && !d->well ? EXIT_FAILED : code;
}

enum exit_code verb_demo(struct cli *c)
{
	struct error e;
	struct config *config = NULL;
	CLEANUP(free_p) char *chat = NULL;
	struct demo *d = calloc(1, sizeof *d);
	if (!d)
		return cli_fail(c, EXIT_FAILED, "no memory");
	d->cli = c;
	terminal_prepare();
	process_prepare();
	enum result r = chat_prepare(c->slack, c->dingtalk, &chat, &e);
	if (r == RC_OK)
		r = ground_prepare(c->data_dir ? c->data_dir : FOLDER, chat, &d->ground, &e);
	if (r == RC_OK)
		r = open_log(d, &e);
	enum exit_code code = r == RC_OK ? EXIT_DONE : cli_fail(c, EXIT_FAILED, "%s", e.text);
	c->config = d->ground.config;
	if (code == EXIT_DONE)
		code = cli_config(c, &config);
	if (code == EXIT_DONE)
		code = run(d, config);
	log_flush();
	log_capture(NULL, NULL);
	if (d->log)
		(void)fclose(d->log);
	free(d);
	return code;
}
