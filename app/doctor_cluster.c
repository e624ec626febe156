/* The doctor at the cluster: the API server, the Canary's definition, each right that stepping needs; on one machine
 * nginx; and the Prometheus that metrics come from. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/doctor.h"
#include "base/json.h"
#include "base/strbuf.h"
#include "base/text.h"
#include "controller/cluster/kube/credentials.h"
#include "controller/cluster/kube/kubeconfig.h"

enum { URL_BYTES = 4096, BODY_BYTES = 4096, LIST_BYTES = 400 };

/* ---- a Kubernetes cluster ---- */

struct api {
	struct doctor *doctor;
	struct kubeconfig *config; /* owned, as is the next */
	struct credentials *credentials;
	bool ready;
	struct error why;
};

static void credentials_known(void *owner, enum result r, const struct error *why)
{
	struct api *k = owner;
	k->ready = r == RC_OK;
	if (r != RC_OK)
		k->why = *why;
	loop_stop(k->doctor->loop);
}

static void ask_api(struct api *k, const char *method, const char *path, const char *body, struct doctor_answer *ret)
{
	char url[URL_BYTES];
	struct credentials_wait wait = { 0 };
	struct identity *i = credentials_get(k->credentials, &wait, credentials_known, k);
	if (!i) {
		loop_run(k->doctor->loop);
		i = k->ready ? credentials_get(k->credentials, &wait, credentials_known, k) : NULL;
	}
	if (!i) {
		credentials_wait_stop(&wait);
		*ret = (struct doctor_answer){ .r = RC_UNREACHABLE, .why = k->why };
		return;
	}
	(void)snprintf(url, sizeof url, "%s%s", k->config->server, path);
	const char *headers[] = { "Content-Type: application/json", i->authorization, NULL };
	struct http_request q = { .method = method,
				  .url = url,
				  .headers = headers,
				  .body = body,
				  .body_len = body ? strlen(body) : 0,
				  .tls = &i->tls,
				  .proxy = k->config->proxy };
	doctor_ask(k->doctor, &q, ret);
}

static bool server(struct api *k)
{
	struct doctor *d = k->doctor;
	struct doctor_answer a;
	CLEANUP(json_delete_p) cJSON *answer = NULL;
	ask_api(k, "GET", "/version", NULL, &a);
	bool good = a.r == RC_OK && a.status == 200 && json_parse(a.body, strlen(a.body), &answer, NULL) == RC_OK;
	if (good)
		doctor_say(d, HEALTH_GOOD, "API server", "", "%s, Kubernetes %s", k->config->server,
			   json_text(answer, "gitVersion", "of an unknown version"));
	else if (a.r == RC_OK)
		doctor_say(d, HEALTH_BAD, "API server", "look at the user of this context in the kubeconfig",
			   "%s answers %d", k->config->server, a.status);
	else
		doctor_say(d, HEALTH_BAD, "API server", "is the cluster up, and cluster.kubeconfig the right one?",
			   "%s", a.why.text);
	if (a.r == RC_OK)
		doctor_compare_clocks(d, "the API server", &a);
	doctor_answer_finish(&a);
	return good;
}

static void definition(struct api *k)
{
	struct doctor_answer a;
	ask_api(k, "GET", "/apis/flagger.app/v1beta1", NULL, &a);
	bool there = a.r == RC_OK && a.status == 200 && strstr(a.body, "\"canaries\"");
	doctor_say(k->doctor, there ? HEALTH_GOOD : HEALTH_BAD, "Canary", there ? "" : "kubectl apply -f deploy/crds",
		   there ? "is defined" : "the cluster has no such resource");
	doctor_answer_finish(&a);
}

static const struct need {
	const char *group, *resource, *subresource, *verbs;
} needs[] = {
	{ "flagger.app", "canaries", "", "list watch patch" },
	{ "flagger.app", "canaries", "status", "patch" },
	{ "apps", "deployments", "", "list watch create patch delete" },
	{ "", "services", "", "list watch create patch delete" },
	{ "", "configmaps", "", "list watch create patch delete" },
	{ "networking.k8s.io", "ingresses", "", "list watch create patch delete" },
	{ "", "events", "", "create patch" },
};

static void add_attributes(struct strbuf *b, const struct need *n, const char *verb, const char *ns)
{
	strbuf_add(b, "{\"apiVersion\":\"authorization.k8s.io/v1\",\"kind\":\"SelfSubjectAccessReview\",\"spec\":"
		      "{\"resourceAttributes\":{");
	strbuf_addf(b, "\"group\":\"%s\",\"resource\":\"%s\",\"verb\":\"%s\"", n->group, n->resource, verb);
	if (*n->subresource)
		strbuf_addf(b, ",\"subresource\":\"%s\"", n->subresource);
	if (ns) {
		strbuf_add(b, ",\"namespace\":");
		strbuf_add_json(b, ns);
	}
	strbuf_add(b, "}}}");
}

/* false: not allowed. What cannot be asked counts as allowed, and is told as such by the caller. */
static bool allowed(struct api *k, const struct need *n, const char *verb, bool *ret_asked)
{
	struct strbuf body;
	struct doctor_answer a;
	CLEANUP(json_delete_p) cJSON *answer = NULL;
	strbuf_init(&body, BODY_BYTES);
	add_attributes(&body, n, verb, k->doctor->config->cluster.ns);
	ask_api(k, "POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", body.s, &a);
	strbuf_finish(&body);
	bool known = a.r == RC_OK && a.status / 100 == 2 && json_parse(a.body, strlen(a.body), &answer, NULL) == RC_OK;
	*ret_asked = *ret_asked && known;
	doctor_answer_finish(&a);
	return !known || json_bool(answer, "status.allowed", false);
}

static void rights(struct api *k)
{
	struct strbuf missing;
	bool asked = true;
	strbuf_init(&missing, LIST_BYTES);
	for (size_t i = 0; i < sizeof needs / sizeof *needs && asked; i++) {
		char verb[16];
		for (const char *p = needs[i].verbs; *p && asked; p += strcspn(p, " "), p += strspn(p, " ")) {
			(void)snprintf(verb, sizeof verb, "%.*s", (int)strcspn(p, " "), p);
			if (!allowed(k, &needs[i], verb, &asked))
				strbuf_addf(&missing, "%s%s %s%s%s", missing.len ? ", " : "", verb, needs[i].resource,
					    *needs[i].subresource ? "/" : "", needs[i].subresource);
		}
	}
	if (!asked)
		doctor_say(k->doctor, HEALTH_WARNING, "rights", "", "the API server does not say what we may");
	else if (missing.len || missing.overflow)
		doctor_say(k->doctor, HEALTH_BAD, "rights", "kubectl apply -f deploy/rbac.yaml", "may not: %s%s",
			   missing.s, missing.overflow ? ", ..." : "");
	else
		doctor_say(k->doctor, HEALTH_GOOD, "rights", "", "all that stepping canaries needs");
	strbuf_finish(&missing);
}

static void kubernetes(struct doctor *d)
{
	struct error e;
	struct api k = { .doctor = d };
	const char *file = d->cli->kubeconfig ? d->cli->kubeconfig : d->config->cluster.kubeconfig;
	const char *context = d->cli->context ? d->cli->context : d->config->cluster.context;
	enum result r = kubeconfig_find(file, context, NULL, &k.config, &e);
	if (r == RC_OK)
		r = credentials_create(d->loop, k.config, &k.credentials, &e);
	if (r != RC_OK) {
		doctor_say(d, HEALTH_BAD, "kubeconfig",
			   "set cluster.kubeconfig, or cluster.embedded: true for one machine without Kubernetes", "%s",
			   e.text);
	} else if (server(&k)) {
		definition(&k);
		rights(&k);
	}
	credentials_destroy(k.credentials);
	kubeconfig_destroy(k.config);
}

/* ---- one machine ---- */

static bool in_path(const char *program)
{
	char path[URL_BYTES];
	const char *all = getenv("PATH");
	if (strchr(program, '/'))
		return access(program, X_OK) == 0;
	for (const char *p = all ? all : "/usr/sbin:/usr/bin:/sbin:/bin"; *p; p += *p == ':') {
		size_t n = strcspn(p, ":");
		(void)snprintf(path, sizeof path, "%.*s/%s", (int)n, p, program);
		if (access(path, X_OK) == 0)
			return true;
		p += n;
	}
	(void)snprintf(path, sizeof path, "/usr/sbin/%s", program); /* where the node looks as well */
	return access(path, X_OK) == 0;
}

static void machine(struct doctor *d)
{
	const struct config *c = d->config;
	doctor_say(d, c->node.images && c->node.images->pattern ? HEALTH_GOOD : HEALTH_WARNING, "one machine",
		   c->node.images && c->node.images->pattern ? "" : "write under node.images what runs for an image",
		   "cluster.embedded; pods are processes%s",
		   c->node.images && c->node.images->pattern ? "" : ", and no image has a command");
	if (!c->node.nginx.listen)
		return;
	const char *nginx = c->node.nginx.binary ? c->node.nginx.binary : "nginx";
	bool there = in_path(nginx);
	doctor_say(d, there ? HEALTH_GOOD : HEALTH_BAD, "nginx",
		   there ? "" : "apt install nginx-light, or set node.nginx.binary",
		   there ? "%s is there" : "%s cannot be run", nginx);
}

/* ---- metrics ---- */

static void prometheus(struct doctor *d)
{
	char url[URL_BYTES];
	struct doctor_answer a;
	const char *base = d->config->controller.metrics_server;
	(void)snprintf(url, sizeof url, "%s/api/v1/query?query=1", base);
	struct http_request q = { .url = url };
	doctor_ask(d, &q, &a);
	bool good = a.r == RC_OK && a.status == 200 && strstr(a.body, "\"success\"");
	if (good)
		doctor_say(d, HEALTH_GOOD, "Prometheus", "", "%s answers", base);
	else if (a.r == RC_OK)
		doctor_say(d, HEALTH_WARNING, "Prometheus", "look at controller.metrics_server",
			   "%s answers %d, and not as Prometheus does", base, a.status);
	else
		doctor_say(d, HEALTH_WARNING, "Prometheus",
			   "set controller.metrics_server; only canaries with metric checks need it", "%s", a.why.text);
	doctor_answer_finish(&a);
}

void doctor_cluster(struct doctor *d)
{
	if (d->config->cluster.embedded)
		machine(d);
	else
		kubernetes(d);
	if (!text_empty(d->config->controller.metrics_server))
		prometheus(d);
}
