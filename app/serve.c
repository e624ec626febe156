/* `rollcall serve`: the service. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <uv.h>

#include "app/cli.h"
#include "app/findings.h"
#include "app/house.h"
#include "app/process.h"
#include "base/log.h"

struct service {
	struct house house;
	uv_signal_t term, interrupt, hangup;
};

static void asked_to_stop(uv_signal_t *handle, int number)
{
	struct service *s = handle->data;
	if (s->house.stopping) { /* somebody is in a hurry: the store is safe at any instruction */
		log_warn("killed", "signal=%d", number);
		log_flush();
		_exit(EXIT_FAILED);
	}
	log_info("stopping", "signal=%d", number);
	house_stop(&s->house);
}

static void asked_to_reload(uv_signal_t *handle, int number)
{
	struct service *s = handle->data;
	(void)number;
	house_reload(&s->house);
}

static void watch(struct service *s, uv_signal_t *handle, uv_signal_cb cb, int number)
{
	uv_loop_t *uv = loop_uv(s->house.loop);
	handle->data = s;
	if (uv_signal_init(uv, handle) != 0 || uv_signal_start(handle, cb, number) != 0)
		log_error("signal_not_watched", "signal=%d", number);
}

static void unwatch(uv_signal_t *handle)
{
	if (handle->data && !uv_is_closing((uv_handle_t *)handle))
		uv_close((uv_handle_t *)handle, NULL);
}

static enum exit_code run(struct service *s)
{
	watch(s, &s->term, asked_to_stop, SIGTERM);
	watch(s, &s->interrupt, asked_to_stop, SIGINT);
	watch(s, &s->hangup, asked_to_reload, SIGHUP);
	loop_run(s->house.loop);
	unwatch(&s->term);
	unwatch(&s->interrupt);
	unwatch(&s->hangup);
	log_info("stopped", "pid=%d", (int)getpid());
	return EXIT_DONE;
}

static enum exit_code serve(struct cli *c, struct config *config)
{
	struct error e;
	struct service *s = calloc(1, sizeof *s);
	if (!s) {
		config_free(config);
		return cli_fail(c, EXIT_FAILED, "no memory");
	}
	enum exit_code code = EXIT_DONE;
	enum result r = house_build(&s->house, c->config, config, &e);
	if (r == RC_OK)
		r = house_open(&s->house, &e);
	if (r == RC_OK) {
		code = run(s);
	} else {
		code = cli_fail(c, EXIT_FAILED, "%s", e.text);
		if (s->house.loop) {
			house_stop(&s->house);
			loop_run(s->house.loop);
		}
	}
	house_finish(&s->house);
	log_flush();
	free(s);
	return code;
}

enum exit_code verb_serve(struct cli *c)
{
	struct config *config = NULL;
	struct error e;
	enum exit_code code = cli_config(c, &config);
	if (code != EXIT_DONE)
		return code;
	if (log_setup(config_log_level(config), config_log_format(config), &e) != RC_OK) {
		config_free(config);
		return cli_fail_result(c, &e);
	}
	process_prepare();
	return serve(c, config);
}
