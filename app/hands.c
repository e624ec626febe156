#include "app/hands.h"

#include <unistd.h>

enum { PATH_BYTES = 4096 };

static size_t count_images(const struct node_image *list)
{
	size_t n = 0;
	while (list && list[n].pattern)
		n++;
	return n;
}

/* That of this process, also when its name was looked up in PATH. */
static const char *program(char path[PATH_BYTES])
{
	ssize_t n = readlink("/proc/self/exe", path, PATH_BYTES - 1);
	path[n > 0 ? n : 0] = '\0';
	return n > 0 ? path : NULL;
}

enum result hands_create(const struct hands_options *h, struct node **ret, struct error *e)
{
	const struct config *c = h->config;
	char path[PATH_BYTES];
	struct node_options o = {
		.loop = h->loop,
		.cluster = h->cluster,
		.http = h->http,
		.name = c->node.name,
		.data_dir = h->folder,
		.traffic = h->traffic,
		.metrics = h->metrics,
		.images = c->node.images,
		.images_len = count_images(c->node.images),
		.commands = c->node.commands,
		.program = program(path),
		.addresses = c->node.addresses,
		.nginx = { .enabled = c->node.nginx.listen != NULL,
			   .binary = c->node.nginx.binary,
			   .listen = c->node.nginx.listen,
			   .ingress_class = c->node.nginx.ingress_class,
			   .annotations = c->controller.ingress_annotations_prefix,
			   .workers = (unsigned)c->node.nginx.workers,
			   .close_client_connections = c->node.nginx.close_client_connections },
		.upstreams = { .enabled = c->cluster.embedded,
			       .dir = c->node.upstreams.dir,
			       .test = c->node.upstreams.test,
			       .reload = c->node.upstreams.reload,
			       .pid_file = c->node.upstreams.pid_file,
			       .log_socket = c->node.upstreams.log_socket },
	};
	enum result r = node_create(&o, ret, e);
	if (r != RC_OK)
		return error_in(e, r, "node");
	h->cluster->changed = node_changed;
	h->cluster->changed_owner = *ret;
	return RC_OK;
}
