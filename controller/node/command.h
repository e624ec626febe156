#pragma once
/* What is run for a container that brings its own command, or that stands for a unit of systemd. */
#include "base/arena.h"
#include "base/error.h"
#include "controller/node/pod_spec.h"
#include "controller/node/process.h"
#include "controller/node/site.h"

struct command_use {
	const struct site *site;
	const struct pod_spec *pod;
	const struct container_spec *container;
	const char *address;
};
bool command_is_own(const struct container_spec *c);
/* "PORT=20000" and others that every such process finds in its environment, NULL-terminated. NULL: no memory. */
const char *const *command_env(struct arena *a, const struct command_use *use);
/* Fills argv and folder; $PORT $ADDRESS $VERSION $POD and ${...} in them are replaced, $$ is $, all else stays as it
 * is. For a unit its environment file is written. */
MUST_CHECK enum result command_prepare(struct arena *a, const struct command_use *use, struct process_options *o,
				       struct error *e);
/* What was written for it. */
void command_forget(const struct command_use *use);
