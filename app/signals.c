#include "app/signals.h"

#include <signal.h>
#include <unistd.h>

#include "app/cli.h"
#include "base/log.h"

static void asked_to_stop(uv_signal_t *handle, int number)
{
	struct signals *s = handle->data;
	if (s->house->stopping) { /* somebody is in a hurry: the store is safe at any instruction */
		log_warn("killed", "signal=%d", number);
		log_flush();
		_exit(EXIT_FAILED);
	}
	log_info("stopping", "signal=%d", number);
	if (s->stopping)
		s->stopping(s->owner);
	house_stop(s->house);
}

static void asked_to_reload(uv_signal_t *handle, int number)
{
	struct signals *s = handle->data;
	(void)number;
	house_reload(s->house);
}

static void watch(struct signals *s, uv_signal_t *handle, uv_signal_cb cb, int number)
{
	handle->data = s;
	if (uv_signal_init(loop_uv(s->house->loop), handle) != 0 || uv_signal_start(handle, cb, number) != 0)
		log_error("signal_not_watched", "signal=%d", number);
}

void signals_watch(struct signals *s, struct house *h, loop_fn *stopping, void *owner)
{
	*s = (struct signals){ .house = h, .stopping = stopping, .owner = owner };
	watch(s, &s->term, asked_to_stop, SIGTERM);
	watch(s, &s->interrupt, asked_to_stop, SIGINT);
	watch(s, &s->hangup, asked_to_reload, SIGHUP);
}

static void unwatch(uv_signal_t *handle)
{
	if (!uv_is_closing((uv_handle_t *)handle))
		uv_close((uv_handle_t *)handle, NULL);
}

void signals_unwatch(struct signals *s)
{
	unwatch(&s->term);
	unwatch(&s->interrupt);
	unwatch(&s->hangup);
}
