/* Verb run-unit: a process that stands for a unit of systemd. It starts the unit, ends when that has ended, and stops
 * it when it is told to end: so the node treats units as it treats processes. systemd keeps what the unit says. */
#include <signal.h>
#include <stdlib.h>

#include "app/cli.h"
#include "app/process.h"
#include "base/error.h"
#include "base/loop.h"
#include "controller/node/process.h"

struct unit {
	const struct cli *cli;
	struct loop *loop;
	const char *name;
	struct process *start, *stop;
	uv_signal_t term, interrupt;
	bool stopping;
	enum exit_code code;
};

static void unit_end(struct unit *u, enum exit_code code)
{
	u->code = code;
	if (!uv_is_closing((uv_handle_t *)&u->term)) {
		uv_close((uv_handle_t *)&u->term, NULL);
		uv_close((uv_handle_t *)&u->interrupt, NULL);
	}
	process_leave(&u->stop);
	loop_stop(u->loop);
}

static void started(void *owner, int64_t status, int number)
{
	struct unit *u = owner;
	u->start = NULL;
	bool well = status == 0 && number == 0;
	unit_end(u, well || u->stopping ? EXIT_DONE : EXIT_FAILED);
}

static void stopped(void *owner, int64_t status, int number)
{
	struct unit *u = owner;
	u->stop = NULL;
	u->stopping = status == 0 && number == 0; /* else the next signal tries again */
}

static enum result systemctl(struct unit *u, const char *verb, const char *option, process_exited *exited,
			     struct process **ret, struct error *e)
{
	const char *const argv[] = { "systemctl", verb, option, u->name, NULL };
	const struct process_options o = { .argv = argv, .keeps_outputs = true, .exited = exited, .owner = u };
	return process_start(u->loop, &o, ret, e);
}

static void asked_to_stop(uv_signal_t *handle, int number)
{
	struct unit *u = handle->data;
	struct error e;
	(void)number;
	if (u->stopping)
		return;
	u->stopping = true;
	if (systemctl(u, "stop", "--quiet", stopped, &u->stop, &e) != RC_OK)
		(void)cli_fail(u->cli, EXIT_FAILED, "%s", e.text);
}

static void watch(struct unit *u, uv_signal_t *handle, int number)
{
	handle->data = u;
	(void)uv_signal_init(loop_uv(u->loop), handle);
	(void)uv_signal_start(handle, asked_to_stop, number);
}

enum exit_code verb_run_unit(struct cli *c)
{
	struct unit u = { .cli = c, .name = c->words[0], .code = EXIT_FAILED };
	struct error e;
	CLEANUP(loop_destroy_p) struct loop *l = NULL;
	process_prepare();
	enum result r = loop_create(&l, &e);
	if (r != RC_OK)
		return cli_fail(c, EXIT_FAILED, "%s", e.text);
	u.loop = l;
	watch(&u, &u.term, SIGTERM);
	watch(&u, &u.interrupt, SIGINT);
	r = systemctl(&u, "start", "--wait", started, &u.start, &e);
	if (r != RC_OK) {
		unit_end(&u, EXIT_FAILED);
		return cli_fail(c, EXIT_FAILED, "%s", e.text);
	}
	loop_run(l);
	return u.code;
}
