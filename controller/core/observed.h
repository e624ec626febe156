#pragma once
/* What one tick sees of the world: plain values taken from the cache, nothing that can change under the core. Strings
 * belong to the tick's arena. Built by controller/engine's observer and by controller/core/world for simulations. */
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "controller/model/canary.h"

enum shape { SHAPE_MISSING, SHAPE_DIFFERENT, SHAPE_AS_WANTED };

/* A workload with pods: the target, or the source (the primary, or the extension's sourceRef). */
struct workload {
	bool exists;
	int wanted;                              /* spec.replicas */
	int replicas, updated, ready, available; /* status */
	int64_t generation, observed_generation;
	bool deadline_exceeded;           /* condition Progressing, reason ProgressDeadlineExceeded */
	bool has_progressing;             /* a condition Progressing exists */
	bool min_unavailable;             /* Available=False, MinimumReplicasUnavailable */
	struct wall_ms unavailable_since; /* its lastUpdateTime */
	const char *digest;       /* SHA-256 of the template, hex: what identities are made of; NULL in a toy world */
	const char *revision;     /* hash of template (and tracked configs' names are not in it); "" */
	const char *images;       /* "podinfod=…:green"; one container: the image alone */
	const char *requested_by; /* annotation or manager of the template; "" unknown */
	bool paused, paused_by_us;
};
struct routes {
	int primary, canary; /* percent */
	bool mirrored;
	/* "name=value" of sticky sessions, "" or NULL none; written, never read back: the status has them */
	const char *session, *previous_session, *primary_session;
};
struct observed {
	struct wall_ms now;
	bool due;          /* the interval has passed since the last counted tick, or a person's decision woke us */
	bool fresh;        /* the cache is in sync with the cluster; false: decide nothing */
	const char *error; /* reading the target or making a plan from it failed (K4); text for the event; NULL */
	struct workload target, source;
	bool source_same_template; /* source equals target modulo the known rewrites (E21) */
	/* tracked configs now (4.4); NULL pairs with tracking off */
	struct pairs configs;
	bool configs_tracked;
	const char *configs_error; /* a mandatory ConfigMap or Secret (E54), or the autoscaler, is missing; NULL */

	enum shape canary_service, primary_service, apex_service; /* apex: as wanted while the primary serves */
	bool apex_to_target;       /* the apex selects the target's pods (before the switch; extension after success) */
	enum shape router_objects; /* what K13 makes */
	const char *router_error;  /* "ingress selector is empty", "backend S not found in ingress N"; NULL */
	struct routes routes;
	const char *routes_error; /* "failed to convert abc to int: ..."; NULL */
	bool can_mirror, can_match, can_weight, can_affinity, no_router /* provider kubernetes, or stepReplicas */;
	const char *strategy_error; /* provider cannot do this strategy (E33); NULL */
	enum shape scaler;          /* autoscaler of the primary; SHAPE_AS_WANTED when there is none */
	int scaler_min;             /* least replicas of the target's autoscaler (4.8); 0 none or unknown */
	const char *provider;       /* the router in use, for texts; NULL: what the Canary says */
	bool leftovers;             /* complete: something that we made still exists */
	bool duplicate_target;      /* another Canary has the same target (E49) */
};
