#pragma once
/* The inside of objects.h. */
#include <cjson/cJSON.h>

#include "app/objects.h"

enum {
	OBJECTS_BODY_MAX = 1 << 20,
	OBJECTS_ANSWER_MAX = 32 << 20,
	OBJECTS_ROUTES_MAX = 8,
	OBJECTS_WHO_MAX = 96,
	OBJECTS_VERSION_MAX = 32,
	OBJECTS_NAME_MAX = 256
};

struct objects_call;
struct objects {
	struct objects_options o;
	struct cluster *view; /* owned; wants everything. NULL: not embedded */
	struct http_route routes[OBJECTS_ROUTES_MAX];
	struct objects_call *calls;
};
/* An exchange that waits for writes: first member of what a route keeps meanwhile. */
struct objects_call {
	struct objects *objects;
	struct http_exchange *x; /* NULL: the peer has gone; the writes go on */
	struct objects_call *prev, *next;
	uint64_t write;            /* under way; 0: none */
	char who[OBJECTS_WHO_MAX]; /* "token:lin" */
	void (*finish)(struct objects_call *c);
};

/* Is somebody there who may, and are the objects? NULL: answered already. */
const struct token *objects_admit(struct objects *o, struct http_exchange *x, enum token_scope needs);
/* size: of the whole, zeroed; finish (may be NULL) frees its rest. NULL: no memory, answered. */
void *objects_call_begin(struct objects *o, struct http_exchange *x, const struct token *t, size_t size,
			 void (*finish)(struct objects_call *c));
/* Answers by body, or by why when that is not NULL, and frees. */
void objects_call_end(struct objects_call *c, const char *json, const struct error *why);
/* A row of the record. */
void objects_record(const struct objects_call *c, const char *action, const char *kind, const char *ns,
		    const char *name, const char *outcome, const char *reason);
/* The object that the path names; false: answered already. */
struct objects_name {
	enum kind kind;
	char ns[OBJECTS_NAME_MAX], name[OBJECTS_NAME_MAX];
};
bool objects_name_read(struct http_exchange *x, struct objects_name *ret);
void objects_answer(struct http_exchange *x, const struct object *o);

http_handler apply_post; /* apply.c */
http_handler events_get; /* object_events.c */
http_handler image_post; /* set_image.c */
