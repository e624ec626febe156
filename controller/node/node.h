#pragma once
/* The hands of one machine, over the cluster seam: takes pods that no other node has, runs each container as a process
 * on an address of its own, probes it and writes its status; and renders Ingress objects into the configuration of an
 * nginx of its own. Processes and nginx outlive this process when it dies: the next one takes them over.
 * Loop thread only; reads and writes small files in data_dir, never blocks on anything else. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/http_client.h"
#include "base/loop.h"
#include "controller/cluster/cluster.h"
#include "controller/metrics/traffic.h"

/* What stands in for a container image. pattern: the image's whole name, or a beginning of it and "*"; an exact pattern
 * goes before a beginning, a longer beginning before a shorter one. command: argv, in which {tag} {image} {port} (the
 * container's first) {address} (the pod's) {pod} {namespace} are replaced; an argument that is just {args} becomes the
 * container's own args. env: "NAME=value", with the same placeholders; the pod's own env goes before it. */
struct node_image {
	const char *pattern;
	const char *const *command; /* NULL-terminated */
	const char *const *env;     /* NULL-terminated, or NULL */
};
struct node_nginx {
	bool enabled;
	const char *binary;            /* NULL: nginx in PATH or /usr/sbin */
	const char *conf_dir;          /* rollcall.conf goes there; NULL: data_dir/nginx */
	const char *listen;            /* "127.0.0.1:8080" */
	const char *ingress_class;     /* besides Ingresses that name none; NULL: "nginx" */
	const char *annotations;       /* prefix of the canary annotations; NULL: "nginx.ingress.kubernetes.io" */
	unsigned workers;              /* 0: one a core */
	bool close_client_connections; /* after each answer: nothing is lost at a reload even for clients that
					* do not repeat a request which met a connection that was being closed */
};
/* The user's own nginx, for NginxUpstream objects. */
struct node_upstreams {
	bool enabled;                            /* the cluster has such objects */
	const char *dir;                         /* whose *.conf it includes; NULL: not configured */
	const char *const *test, *const *reload; /* argv, NULL-terminated */
	const char *pid_file;                    /* of its master; NULL: not known */
	const char *log_socket;                  /* to which it tells of requests; NULL: none */
};
struct node_options {
	struct loop *loop;       /* borrowed, as are cluster and http */
	struct cluster *cluster; /* its changed callback must be node_changed, set before cluster_start */
	struct http_client *http;
	const char *name;     /* of the node: spec.nodeName of its pods */
	const char *data_dir; /* made if missing: pods/ (records and logs), nginx/ */
	const struct node_image *images;
	size_t images_len;
	bool commands;           /* pods of Process and SystemdUnit objects are run: they bring their own commands */
	const char *program;     /* ours, by its path: it stands for a unit of systemd; NULL: there are none */
	struct traffic *traffic; /* borrowed: what nginx has served is counted there; NULL: nowhere */
	struct metrics *metrics; /* borrowed; NULL is fine */
	const char *addresses;   /* for pods; "127.10.0.0/16": within 127.0.0.0/8 nothing has to be set up */
	struct node_nginx nginx;
	struct node_upstreams upstreams;
};

struct node;
/* Checks and copies the options; makes the folders. */
MUST_CHECK enum result node_create(const struct node_options *o, struct node **ret, struct error *e);
/* Wants what it needs of the cluster, and begins once that is there. Before or after cluster_start. */
void node_start(struct node *n);
/* For cluster->changed, with the node as its owner; or to be called from there when others listen too. */
void node_changed(void *node, enum object_change what, const struct object *o);
/* Ends nginx and all containers, each within its grace period; stopped(owner) runs when that is done and n freed. */
void node_stop(struct node *n, loop_fn *stopped, void *owner);
/* Frees n at once and leaves processes and nginx running, for the next node_create with this data_dir. NULL is fine. */
void node_destroy(struct node *n);
DEFINE_CLEANUP(struct node, node_destroy)
