/* Taking the house down. What is under way finishes: the servers close first and wait for their answers, the store
 * last, after everything that may still write to it. */
#include <stdlib.h>
#include <unistd.h>

#include "app/house.h"
#include "base/log.h"
#include "controller/cluster/kube/kube.h"

enum { GRACE_MS = 4000, DEADLINE_MS = 9500, PODS_MS = 30000, DECISIONS_MS = 3000, LOOK_MS = 10 };

static void took_too_long(void *owner)
{
	(void)owner;
	log_error("stop_failed", "why=%s", "not everything ended in time");
	log_flush();
	_exit(EXIT_FAILURE);
}

static void all_stored(void *owner)
{
	struct house *h = owner;
	outbox_destroy(h->outbox);
	console_destroy(h->console);
	inbound_destroy(h->inbound);
	rest_destroy(h->api);
	approvals_destroy(h->approvals);
	tokens_destroy(h->tokens);
	cluster_destroy(h->cluster);
	http_client_destroy(h->http);
	timer_stop(&h->deadline);
	loop_stop(h->loop);
}

static void lease_released(void *owner)
{
	struct house *h = owner;
	if (h->store)
		store_close(h->store, all_stored, h);
	else
		all_stored(h);
}

/* Nothing may be written once the store closes, and the loops of an embedded cluster write on their own. */
static void pods_ended(void *owner)
{
	struct house *h = owner;
	h->machine = NULL;
	timer_start(h->loop, &h->deadline, DEADLINE_MS, took_too_long, h);
	if (h->embedded)
		cluster_destroy(TAKE(h->cluster));
	if (h->cluster)
		kube_release_lease(h->cluster, lease_released, h);
	else
		lease_released(h);
}

static void take_down(struct house *h)
{
	h->ears = NULL;
	for (struct channel **c = h->channels; *c; c++)
		(*c)->ops->destroy(*c);
	decide_destroy(TAKE(h->page));
	engine_destroy(h->engine);
	bot_destroy(h->bot);
	inbound_stop(h->inbound);
	if (h->outbox)
		outbox_stop(h->outbox);
	objects_destroy(h->objects);
	if (!h->machine) {
		pods_ended(h);
		return;
	}
	timer_start(h->loop, &h->deadline, DEADLINE_MS + PODS_MS, took_too_long, h);
	machine_stop(h->machine, pods_ended, h);
}

/* A press that a platform has been thanked for may still be on its way to the record. */
static void look_for_decisions(void *owner)
{
	struct house *h = owner;
	bool late = loop_now(h->loop).v - h->closed_at.v >= DECISIONS_MS;
	if (h->bot && !bot_idle(h->bot) && !late)
		timer_start(h->loop, &h->sync, LOOK_MS, look_for_decisions, h);
	else
		take_down(h);
}

static void server_closed(void *owner)
{
	struct house *h = owner;
	if (--h->closing > 0)
		return;
	h->closed_at = loop_now(h->loop);
	look_for_decisions(h);
}

void house_stop(struct house *h)
{
	if (h->stopping)
		return;
	h->stopping = true;
	timer_stop(&h->sync);
	timer_start(h->loop, &h->deadline, DEADLINE_MS, took_too_long, h);
	if (h->server)
		house_record(h, "stop", "ok", "");
	if (h->api)
		rest_stop(h->api);
	if (h->console)
		console_stop(h->console);
	h->closing = 1;
	if (h->server) {
		h->closing++;
		http_server_close(h->server, GRACE_MS, server_closed, h);
	}
	if (h->admin) {
		h->closing++;
		http_server_close(h->admin, 0, server_closed, h);
	}
	loop_defer(h->loop, &h->first, server_closed, h); /* later, so that the loop is stopped while it runs */
}

void house_finish(struct house *h)
{
	if (h->loop)
		loop_destroy(h->loop);
	traffic_destroy(h->traffic);
	metrics_destroy(h->metrics);
	for (size_t i = 0; i < h->config_count; i++)
		config_free(h->configs[i]);
}
