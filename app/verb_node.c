/* `rollcall node`: the hands of one machine. Containers and nginx outlive a crash of this process, and end with its
 * orderly end. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <uv.h>

#include "app/cli.h"
#include "app/config.h"
#include "app/file.h"
#include "app/hands.h"
#include "app/process.h"
#include "base/http_client.h"
#include "base/log.h"
#include "base/loop.h"
#include "controller/cluster/kube/kube.h"

struct hands {
	struct config *config; /* owned, as all below */
	struct loop *loop;
	struct http_client *http;
	struct cluster *cluster;
	struct node *node;
	uv_signal_t term, interrupt;
};

static enum result build(struct hands *h, struct error *e)
{
	const struct config *c = h->config;
	struct kube_options o = { .kubeconfig = c->cluster.kubeconfig,
				  .context = c->cluster.context,
				  .ns = c->cluster.ns,
				  .name = c->cluster.name };
	enum result r = loop_create(&h->loop, e);
	if (r == RC_OK)
		r = http_client_create(h->loop, "rollcall-node/" ROLLCALL_VERSION, &h->http, e);
	if (r == RC_OK)
		r = kube_create(h->loop, h->http, &o, &h->cluster, e);
	if (r == RC_OK && (r = folder_make_private(c->data_dir, e)) != RC_OK)
		r = error_in(e, r, "data_dir");
	struct hands_options own = {
		.config = c, .folder = c->data_dir, .loop = h->loop, .http = h->http, .cluster = h->cluster
	};
	return r == RC_OK ? hands_create(&own, &h->node, e) : r;
}

static void destroy(struct hands *h)
{
	node_destroy(h->node);
	cluster_destroy(h->cluster);
	http_client_destroy(h->http);
	if (h->loop)
		loop_destroy(h->loop);
	config_free(h->config);
	free(h);
}

static void node_stopped(void *owner)
{
	struct hands *h = owner;
	h->node = NULL;
	loop_stop(h->loop);
}

static void asked_to_stop(uv_signal_t *handle, int number)
{
	struct hands *h = handle->data;
	log_info("stopping", "signal=%d", number);
	uv_close((uv_handle_t *)&h->term, NULL); /* a second one ends the process as usual */
	uv_close((uv_handle_t *)&h->interrupt, NULL);
	h->cluster->changed = NULL;
	node_stop(h->node, node_stopped, h);
}

static void watch(struct hands *h, uv_signal_t *handle, int number)
{
	handle->data = h;
	if (uv_signal_init(loop_uv(h->loop), handle) != 0 || uv_signal_start(handle, asked_to_stop, number) != 0)
		log_error("signal_not_watched", "signal=%d", number);
}

static void run(struct hands *h)
{
	watch(h, &h->term, SIGTERM);
	watch(h, &h->interrupt, SIGINT);
	cluster_start(h->cluster);
	node_start(h->node);
	log_info("node", "name=%s cluster=%s", h->config->node.name, h->cluster->name);
	loop_run(h->loop);
	log_info("stopped", "pid=%d", (int)getpid());
}

enum exit_code verb_node(struct cli *c)
{
	struct error e;
	struct hands *h = calloc(1, sizeof *h);
	if (!h)
		return cli_fail(c, EXIT_FAILED, "no memory");
	enum exit_code code = cli_config(c, &h->config);
	enum result r =
		code == EXIT_DONE ? log_setup(config_log_level(h->config), config_log_format(h->config), &e) : RC_OK;
	if (code == EXIT_DONE && r == RC_OK && h->config->cluster.embedded)
		r = error_set(&e, RC_INVALID, "cluster.embedded: `rollcall serve` runs the node itself");
	if (code == EXIT_DONE && r == RC_OK) {
		process_prepare();
		r = build(h, &e);
	}
	if (r != RC_OK)
		code = cli_fail(c, EXIT_FAILED, "%s", e.text);
	else if (code == EXIT_DONE)
		run(h);
	destroy(h);
	log_flush();
	return code;
}
