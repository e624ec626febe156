#pragma once
/* From an image's name to the command that stands in for it. Pure. */
#include "base/arena.h"
#include "base/error.h"
#include "controller/node/node.h"

struct image_use {
	const char *image;       /* "registry.example.com:5000/shop/web:1.2" */
	const char *pod, *ns;    /* names */
	const char *address;     /* the pod's */
	unsigned port;           /* 0: the container names none */
	const char *const *args; /* NULL-terminated, or NULL */
};

/* The patterns, commands and placeholders of a table are such as node.h says. */
MUST_CHECK enum result images_check(const struct node_image *images, size_t n, struct error *e);
/* NULL: none fits. */
const struct node_image *images_find(const struct node_image *images, size_t n, const char *image);
/* The tag in an image's name; "latest" when it has none. NULL: no memory. */
const char *image_tag(struct arena *a, const char *image);
/* NULL-terminated. RC_INVALID: {port} is asked for and the container has none. */
MUST_CHECK enum result image_expand(struct arena *a, const char *const *words, const struct image_use *use,
				    const char *const **ret, struct error *e);
