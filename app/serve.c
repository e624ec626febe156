/* `rollcall serve`: the service. */
#include <stdlib.h>
#include <unistd.h>

#include "app/cli.h"
#include "app/findings.h"
#include "app/house.h"
#include "app/process.h"
#include "app/signals.h"
#include "base/log.h"

struct service {
	struct house house;
	struct signals signals;
};

static enum exit_code run(struct service *s)
{
	signals_watch(&s->signals, &s->house, NULL, NULL);
	loop_run(s->house.loop);
	signals_unwatch(&s->signals);
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
