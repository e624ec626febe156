#pragma once
/* When does a run of answers become a verdict? Pure. */
#include <stdbool.h>
#include <stdint.h>

#define PROBE_ROLES(X) X(STARTUP, "startupProbe") X(READINESS, "readinessProbe") X(LIVENESS, "livenessProbe")
#define X(id, field) PROBE_##id,
enum probe_role { PROBE_ROLES(X) PROBE_ROLE_COUNT };
#undef X
const char *probe_role_field(enum probe_role r); /* "readinessProbe" */

enum probe_action { PROBE_NONE, PROBE_TCP, PROBE_HTTP, PROBE_EXEC };
struct probe_spec {
	enum probe_action action; /* PROBE_NONE: no such probe */
	const char *host;         /* "": the pod's address */
	unsigned port;
	const char *path, *scheme;  /* "/healthz", "http" */
	const char *const *headers; /* "Name: value", NULL-terminated */
	const char *const *command; /* NULL-terminated */
	int64_t initial_delay_ms, period_ms, timeout_ms;
	unsigned failure_threshold, success_threshold;
};
/* Zeroed, then probe_begin. */
struct probe_state {
	bool passing; /* the verdict that stands */
	bool last;    /* the last answer, repeated run times */
	unsigned run;
};
/* A container has started: not ready until proved, alive until proved dead. */
void probe_begin(struct probe_state *s, enum probe_role role);
/* What an answer turns the verdict into. ENOUGH: the threshold was reached, be it that the verdict stood already. */
enum probe_turn { PROBE_TOO_FEW, PROBE_ENOUGH };
enum probe_turn probe_answer(struct probe_state *s, const struct probe_spec *spec, bool ok);
