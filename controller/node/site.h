#pragma once
/* What all pods of one node share. */
#include "controller/node/address.h"
#include "controller/node/node.h"

struct pod;
struct site {
	struct loop *loop;
	struct cluster *cluster;
	struct http_client *http;
	const char *name;        /* of the node */
	const char *pods_folder; /* records and logs */
	const struct node_image *images;
	size_t images_len;
	bool commands;            /* objects may say themselves what is run */
	const char *units_folder; /* environment files of systemd units */
	const char *program;      /* ours, by its path */
	/* A free address; adopted ones are told of, so that nobody else gets them. */
	enum result (*give_address)(void *owner, unsigned port, char ret[ADDRESS_TEXT], struct error *e);
	/* Requests may still be sent there: not before they cannot may a process be ended. */
	bool (*served)(void *owner, const char *address, unsigned port); /* port 0: any */
	/* Nothing is left of it; it is freed in this call. */
	void (*gone)(void *owner, struct pod *p);
	void *owner;
};
