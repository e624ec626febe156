#include "app/machine.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "controller/cluster/embedded/embedded.h"

enum { PATH_BYTES = 4096 };

struct machine {
	struct loop *loop;
	struct cluster *view; /* owned: the node's own door to the objects */
	struct node *node;    /* owned */
	bool started;
	loop_fn *stopped;
	void *owner;
	struct deferred end;
};

static void machine_destroy(struct machine *m)
{
	if (!m)
		return;
	node_destroy(m->node);
	cluster_destroy(m->view);
	loop_defer_cancel(&m->end);
	free(m);
}
DEFINE_CLEANUP(struct machine, machine_destroy)

enum result machine_create(const struct hands_options *h, struct machine **ret, struct error *e)
{
	struct hands_options own = *h;
	char folder[PATH_BYTES];
	CLEANUP(machine_destroy_p) struct machine *m = calloc(1, sizeof *m);
	if (!m)
		return error_set(e, RC_EXHAUSTED, "no memory for the node");
	m->loop = h->loop;
	int n = snprintf(folder, sizeof folder, "%s/node", h->config->data_dir);
	if (n < 0 || (size_t)n >= sizeof folder)
		return error_set(e, RC_INVALID, "data_dir: the path is too long");
	enum result r = embedded_view(h->cluster, &m->view, e);
	own.folder = folder;
	own.cluster = m->view;
	if (r == RC_OK)
		r = hands_create(&own, &m->node, e);
	if (r != RC_OK)
		return r;
	*ret = TAKE(m);
	return RC_OK;
}

void machine_start(struct machine *m)
{
	m->started = true;
	cluster_start(m->view);
	node_start(m->node);
}

static void end(void *owner)
{
	struct machine *m = owner;
	loop_fn *stopped = m->stopped;
	void *stopped_owner = m->owner;
	machine_destroy(m);
	stopped(stopped_owner);
}

static void node_stopped(void *owner)
{
	struct machine *m = owner;
	m->node = NULL;
	m->view->changed = NULL;
	loop_defer(m->loop, &m->end, end, m);
}

void machine_stop(struct machine *m, loop_fn *stopped, void *owner)
{
	m->stopped = stopped;
	m->owner = owner;
	if (m->started) {
		log_info("ending_pods", "why=%s", "the service stops");
		node_stop(m->node, node_stopped, m);
	} else {
		loop_defer(m->loop, &m->end, end, m);
	}
}
