#pragma once
/* Where objects live. Behind it: kube/ (an API server) and embedded/ (SQLite). Keeps a cache of the objects that
 * somebody wants, fed by watches; writes go out with completions, and what the server answers to a write is in the
 * cache before its completion runs. Loop thread only; nothing blocks. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/loop.h"

/* id, kind, plural, API group ("" is core), preferred version. Ingress: the implementation takes the newest version
 * that the server has; the shape of an object says which it is (backend.service.name or backend.serviceName).
 * Those of rollcall.dev are of one machine: only embedded/ has them. */
#define KINDS(X)                                                                                                       \
	X(CANARY, "Canary", "canaries", "flagger.app", "v1beta1")                                                      \
	X(METRIC_TEMPLATE, "MetricTemplate", "metrictemplates", "flagger.app", "v1beta1")                              \
	X(ALERT_PROVIDER, "AlertProvider", "alertproviders", "flagger.app", "v1beta1")                                 \
	X(DEPLOYMENT, "Deployment", "deployments", "apps", "v1")                                                       \
	X(NGINX_UPSTREAM, "NginxUpstream", "nginxupstreams", "rollcall.dev", "v1")                                     \
	X(PROCESS, "Process", "processes", "rollcall.dev", "v1")                                                       \
	X(SYSTEMD_UNIT, "SystemdUnit", "systemdunits", "rollcall.dev", "v1")                                           \
	X(SERVICE, "Service", "services", "", "v1")                                                                    \
	X(INGRESS, "Ingress", "ingresses", "networking.k8s.io", "v1")                                                  \
	X(CONFIG_MAP, "ConfigMap", "configmaps", "", "v1")                                                             \
	X(SECRET, "Secret", "secrets", "", "v1")                                                                       \
	X(HPA, "HorizontalPodAutoscaler", "horizontalpodautoscalers", "autoscaling", "v2")                             \
	X(SCALED_OBJECT, "ScaledObject", "scaledobjects", "keda.sh", "v1alpha1")                                       \
	X(POD, "Pod", "pods", "", "v1")                                                                                \
	X(ENDPOINTS, "Endpoints", "endpoints", "", "v1")                                                               \
	X(TRAEFIK_SERVICE, "TraefikService", "traefikservices", "traefik.io", "v1alpha1")                              \
	X(HTTP_PROXY, "HTTPProxy", "httpproxies", "projectcontour.io", "v1")                                           \
	X(TRAFFIC_SPLIT_V1ALPHA1, "TrafficSplit", "trafficsplits", "split.smi-spec.io", "v1alpha1")                    \
	X(TRAFFIC_SPLIT_V1ALPHA2, "TrafficSplit", "trafficsplits", "split.smi-spec.io", "v1alpha2")                    \
	X(TRAFFIC_SPLIT_V1ALPHA3, "TrafficSplit", "trafficsplits", "split.smi-spec.io", "v1alpha3")                    \
	X(APISIX_ROUTE, "ApisixRoute", "apisixroutes", "apisix.apache.org", "v2")                                      \
	X(VIRTUAL_SERVICE, "VirtualService", "virtualservices", "networking.istio.io", "v1beta1")                      \
	X(DESTINATION_RULE, "DestinationRule", "destinationrules", "networking.istio.io", "v1beta1")                   \
	X(HTTP_ROUTE, "HTTPRoute", "httproutes", "gateway.networking.k8s.io", "v1")                                    \
	X(HTTP_ROUTE_V1BETA1, "HTTPRoute", "httproutes", "gateway.networking.k8s.io", "v1beta1")
#define X(id, kind, plural, group, version) KIND_##id,
enum kind { KINDS(X) KIND_COUNT };
#undef X
struct kind_info {
	const char *name, *plural, *group, *version; /* the table's row */
};
const struct kind_info *kind_info(enum kind k);
const char *kind_name(enum kind k); /* "Deployment" */
MUST_CHECK enum result kind_parse(const char *name, enum kind *ret, struct error *e);

/* A cached object: the fields everybody asks for, and the whole as compact JSON without managedFields (whose writer of
 * the pod template is kept as annotation-like template_manager). Lives until the next turn of the loop after it was
 * found. */
struct object {
	enum kind kind;
	const char *ns, *name, *uid, *resource_version;
	int64_t generation;
	bool deleting;
	const char *owner_uid;        /* of the controlling owner; "" */
	const char *template_manager; /* field manager that last wrote spec.template; "" */
	const char *json;
	size_t json_len;
};
enum object_change { OBJECT_ADDED, OBJECT_CHANGED, OBJECT_DELETED };
/* o is the new state (the last known one for DELETED). */
typedef void cluster_changed(void *owner, enum object_change what, const struct object *o);
/* now: the object as the server has it after the write; NULL unless r is RC_OK and there still is one. RC_CONFLICT: a
 * precondition (resourceVersion) failed or it exists already; RC_NOT_FOUND; RC_REFUSED: rights (why says verb and
 * resource) or lost leadership; RC_INVALID: the server's validation; RC_UNREACHABLE after the implementation's own
 * retries. */
typedef void cluster_done(void *owner, enum result r, const struct object *now, const struct error *why);

enum write_verb { WRITE_CREATE, WRITE_PATCH, WRITE_DELETE };
struct write {
	enum write_verb verb;
	enum kind kind;
	const char *ns, *name;
	const char *body; /* CREATE: the object; PATCH: RFC 7386 merge patch (with metadata.resourceVersion: a
			   * precondition); DELETE: NULL or DeleteOptions */
	/* "" or "status"; another one ("binding") is created below the object that name says, and done has no object */
	const char *subresource;
};
/* A Kubernetes Event about an object (flagger-controller.md 2.1, E58). */
struct cluster_event {
	const char *ns, *name, *uid, *api_version, *kind, *resource_version;
	bool warning;
	const char *reason; /* "Synced" */
	const char *message;
	const char *key; /* the same key is recorded once, also after a restart; NULL: equal texts raise the count */
};
struct leadership {
	const char *lease_ns, *lease_name, *identity;
	int64_t lease_ms, renew_deadline_ms, retry_ms; /* 15 s, 10 s, 2 s */
	void (*changed)(void *owner, bool leading);
	void *owner;
};

struct cluster;
struct cluster_ops {
	void (*destroy)(struct cluster *c);
	void (*start)(struct cluster *c);
	void (*want)(struct cluster *c, enum kind kind, const char *ns, const char *name);
	void (*unwant)(struct cluster *c, enum kind kind, const char *ns, const char *name);
	bool (*synced)(const struct cluster *c, enum kind kind);
	struct wall_ms (*unreachable_since)(const struct cluster *c);
	const struct object *(*find)(const struct cluster *c, enum kind kind, const char *ns, const char *name);
	bool (*known)(const struct cluster *c, enum kind kind, const char *ns, const char *name);
	void (*each)(const struct cluster *c, enum kind kind, const char *ns,
		     bool (*visit)(void *owner, const struct object *o), void *owner);
	uint64_t (*write)(struct cluster *c, const struct write *w, cluster_done *done, void *owner);
	uint64_t (*record)(struct cluster *c, const struct cluster_event *ev, cluster_done *done, void *owner);
	void (*cancel)(struct cluster *c, uint64_t call);
	void (*lead)(struct cluster *c, const struct leadership *l);
	bool (*leading)(const struct cluster *c);
};
struct cluster { /* first member of each implementation */
	const struct cluster_ops *ops;
	const char *name;         /* for identities, cards and texts: "prod" */
	cluster_changed *changed; /* set before start; runs inside a turn, for wanted kinds; may call want */
	void *changed_owner;
	/* NULL, or told that something wanted has become known (cluster_known), perhaps as missing, of which no change
	 * tells. Same owner; once for many. */
	void (*settled)(void *owner);
};

/* Begins to fill the cache: Canaries first (all of them are always wanted), the other kinds once those are there. */
static inline void cluster_start(struct cluster *c)
{
	c->ops->start(c);
}
static inline void cluster_destroy(struct cluster *c)
{
	if (c)
		c->ops->destroy(c);
}
/* Objects of other kinds are cached only while wanted (counted). name NULL: all of that kind in ns; ns NULL too: all. A
 * late want fetches what the watch has passed over. */
static inline void cluster_want(struct cluster *c, enum kind kind, const char *ns, const char *name)
{
	c->ops->want(c, kind, ns, name);
}
static inline void cluster_unwant(struct cluster *c, enum kind kind, const char *ns, const char *name)
{
	c->ops->unwant(c, kind, ns, name);
}
/* The cache of this kind has been filled and its watch is not broken for longer than a relist takes. */
static inline bool cluster_synced(const struct cluster *c, enum kind kind)
{
	return c->ops->synced(c, kind);
}
/* v 0: reachable. */
static inline struct wall_ms cluster_unreachable_since(const struct cluster *c)
{
	return c->ops->unreachable_since(c);
}
/* NULL: not there - or not known yet: ask cluster_known. */
static inline const struct object *cluster_find(const struct cluster *c, enum kind kind, const char *ns,
						const char *name)
{
	return c->ops->find(c, kind, ns, name);
}
/* The answer of find can be relied on for this object: it is wanted and has been looked up. */
static inline bool cluster_known(const struct cluster *c, enum kind kind, const char *ns, const char *name)
{
	return c->ops->known(c, kind, ns, name);
}
/* ns NULL: all. visit returns false to stop; it must not write or want. */
static inline void cluster_each(const struct cluster *c, enum kind kind, const char *ns,
				bool (*visit)(void *owner, const struct object *o), void *owner)
{
	c->ops->each(c, kind, ns, visit, owner);
}
/* done runs exactly once, later, unless cancelled. Answers a call id, never 0. Bodies are copied. */
static inline uint64_t cluster_write(struct cluster *c, const struct write *w, cluster_done *done, void *owner)
{
	return c->ops->write(c, w, done, owner);
}
static inline uint64_t cluster_record(struct cluster *c, const struct cluster_event *ev, cluster_done *done,
				      void *owner)
{
	return c->ops->record(c, ev, done, owner);
}
static inline void cluster_cancel(struct cluster *c, uint64_t call)
{
	c->ops->cancel(c, call);
}
/* Only one of several replicas writes. Without this call the process always leads. */
static inline void cluster_lead(struct cluster *c, const struct leadership *l)
{
	c->ops->lead(c, l);
}
static inline bool cluster_leading(const struct cluster *c)
{
	return c->ops->leading(c);
}
DEFINE_CLEANUP(struct cluster, cluster_destroy)
