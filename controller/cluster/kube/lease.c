#include "controller/cluster/kube/lease.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/strbuf.h"
#include "base/text.h"
#include "controller/cluster/kube/backoff.h"
#include "controller/cluster/kube/path.h"

enum { RELEASE_MS = 1000, BODY_MAX_BYTES = 8192 };

static const struct api_group coordination = { "coordination.k8s.io", "v1" };

/* What the server has, as of the last answer, and since when it has not changed by our own clock: the clocks of others
 * are not trusted. */
struct record {
	char resource_version[64], holder[256];
	int64_t duration_ms, transitions;
	struct mono_ms seen_at;
	bool exists;
};
struct lease {
	struct loop *loop;
	struct api *api;
	struct leadership o;
	char *ns, *name, *identity; /* owned */
	struct record seen;
	bool leading;
	struct mono_ms sent_at;    /* of the request in flight: leadership counts from before it left */
	struct mono_ms renewed_at; /* sent_at of the last renewal that succeeded */
	struct api_call call;
	struct timer next;     /* try */
	struct timer deadline; /* of leadership */
	loop_fn *released;
	void *released_owner;
};

static void lease_read(void *owner);
static void lease_write(struct lease *l);

/* ---- leading or not ---- */

static void lease_set_leading(struct lease *l, bool leading, const char *why)
{
	if (l->leading == leading)
		return;
	l->leading = leading;
	if (leading)
		log_info("leader", "lease=%s/%s identity=%s", l->ns, l->name, l->identity);
	else
		log_warn("leader_lost", "lease=%s/%s identity=%s why=%s", l->ns, l->name, l->identity, why);
	if (l->o.changed)
		l->o.changed(l->o.owner, leading);
}

static void lease_expired(void *owner)
{
	struct lease *l = owner;
	lease_set_leading(l, false, "not renewed in time");
}

bool lease_leading(const struct lease *l)
{
	return l->leading && loop_now(l->loop).v - l->renewed_at.v < l->o.renew_deadline_ms;
}

static void lease_renewed(struct lease *l)
{
	l->renewed_at = l->sent_at;
	int64_t left = l->renewed_at.v + l->o.renew_deadline_ms - loop_now(l->loop).v;
	if (left <= 0)
		return; /* the answer came too late to lead on it */
	timer_start(l->loop, &l->deadline, left, lease_expired, l);
	lease_set_leading(l, true, "");
}

static void lease_again(struct lease *l)
{
	/* waiting ones spread out; the leader is punctual */
	int64_t delay = l->leading ? l->o.retry_ms : backoff_between(l->o.retry_ms, l->o.retry_ms * 2);
	timer_start(l->loop, &l->next, delay, lease_read, l);
}

/* ---- what the server has ---- */

static void record_read(struct lease *l, const struct api_answer *answer)
{
	CLEANUP(json_delete_p) cJSON *tree = NULL;
	struct record *s = &l->seen;
	if (json_parse(answer->body, answer->len, &tree, NULL) != RC_OK)
		return;
	const char *rv = json_text(tree, "metadata.resourceVersion", "");
	if (!s->exists || !text_eq(rv, s->resource_version))
		s->seen_at = loop_now(l->loop);
	s->exists = true;
	snprintf(s->resource_version, sizeof s->resource_version, "%s", rv);
	snprintf(s->holder, sizeof s->holder, "%s", json_text(tree, "spec.holderIdentity", ""));
	s->duration_ms = json_int(tree, "spec.leaseDurationSeconds", 0) * 1000;
	s->transitions = json_int(tree, "spec.leaseTransitions", 0);
}

static bool is_ours(const struct lease *l)
{
	return text_eq(l->seen.holder, l->identity);
}

static bool is_free(const struct lease *l)
{
	const struct record *s = &l->seen;
	return !*s->holder || is_ours(l) || loop_now(l->loop).v - s->seen_at.v >= s->duration_ms;
}

static void lease_was_read(void *owner, enum result r, const struct api_answer *answer, const struct error *why)
{
	struct lease *l = owner;
	if (r == RC_NOT_FOUND)
		l->seen = (struct record){ 0 };
	else if (r == RC_OK)
		record_read(l, answer);
	else
		log_warn("lease_unreadable", "error=%s", why->text);
	if (r == RC_NOT_FOUND || (r == RC_OK && is_free(l))) {
		lease_write(l);
		return;
	}
	if (r == RC_OK)
		lease_set_leading(l, false, "another holds it");
	lease_again(l);
}

/* ---- requests ---- */

/* One try, so short that several fit into the deadline. */
static void lease_send(struct lease *l, const char *method, const char *verb, const char *body, api_done *done)
{
	struct strbuf path;
	bool create = text_eq(verb, "create");
	strbuf_init(&path, 4096);
	path_add(&path, &coordination, "leases", l->ns, create ? NULL : l->name, NULL);
	struct api_request q = {
		.method = method,
		.path = path.overflow ? "/" : path.s,
		.subject = { verb, "leases.coordination.k8s.io", l->ns, l->name },
		.body = body,
		.content_type = text_eq(verb, "patch") ? "Content-Type: application/merge-patch+json" : NULL,
		.timeout_ms = l->released ? RELEASE_MS : l->o.renew_deadline_ms / 2,
		.urgent = true,
	};
	l->sent_at = loop_now(l->loop);
	api_start(l->api, &l->call, &q, done, l);
	strbuf_finish(&path);
}

static void lease_read(void *owner)
{
	struct lease *l = owner;
	if (l->leading) /* a renewal carries what we know; a conflict tells when it is wrong */
		lease_write(l);
	else
		lease_send(l, "GET", "get", NULL, lease_was_read);
}

static void lease_was_written(void *owner, enum result r, const struct api_answer *answer, const struct error *why)
{
	struct lease *l = owner;
	if (r == RC_OK) {
		record_read(l, answer);
		lease_renewed(l);
		lease_again(l);
	} else if (r == RC_CONFLICT || r == RC_NOT_FOUND) {
		lease_send(l, "GET", "get", NULL, lease_was_read);
	} else {
		log_warn("lease_not_renewed", "error=%s", why->text);
		lease_again(l);
	}
}

/* MicroTime wants six digits. */
static void micro_time(struct wall_ms t, char buf[40])
{
	char seconds[32];
	wall_print(t, seconds);
	snprintf(buf, 40, "%.19s.%03d000Z", seconds, (int)(t.v % 1000));
}

static void body_add(const struct lease *l, struct strbuf *b, bool release)
{
	char now[40];
	micro_time(loop_wall(l->loop), now);
	bool taking = !is_ours(l) && !release;
	long long transitions = l->seen.transitions + l->seen.exists;
	strbuf_add(b,
		   l->seen.exists
			   ? "{\"metadata\":{\"resourceVersion\":"
			   : "{\"apiVersion\":\"coordination.k8s.io/v1\",\"kind\":\"Lease\",\"metadata\":{\"name\":");
	strbuf_add_json(b, l->seen.exists ? l->seen.resource_version : l->name);
	strbuf_add(b, "},\"spec\":{\"holderIdentity\":");
	strbuf_add_json(b, release ? "" : l->identity);
	strbuf_addf(b, ",\"leaseDurationSeconds\":%d,\"renewTime\":\"%s\"",
		    release ? 1 : (int)((l->o.lease_ms + 999) / 1000), now);
	if (taking)
		strbuf_addf(b, ",\"acquireTime\":\"%s\",\"leaseTransitions\":%lld", now, transitions);
	strbuf_add(b, "}}");
}

static void lease_put(struct lease *l, bool release, api_done *done)
{
	struct strbuf body;
	bool patch = l->seen.exists;
	strbuf_init(&body, BODY_MAX_BYTES);
	body_add(l, &body, release);
	lease_send(l, patch ? "PATCH" : "POST", patch ? "patch" : "create", body.overflow ? "{}" : body.s, done);
	strbuf_finish(&body);
}

static void lease_write(struct lease *l)
{
	lease_put(l, false, lease_was_written);
}

/* ---- the end ---- */

static void lease_tell_released(void *owner)
{
	struct lease *l = owner;
	loop_fn *done = l->released;
	l->released = NULL;
	timer_stop(&l->next);
	api_stop(&l->call);
	done(l->released_owner);
}

static void lease_given_back(void *owner, enum result r, const struct api_answer *answer, const struct error *why)
{
	(void)answer;
	if (r != RC_OK)
		log_warn("lease_not_released", "error=%s", why->text);
	lease_tell_released(owner);
}

void lease_release(struct lease *l, loop_fn *done, void *owner)
{
	bool held = lease_leading(l);
	api_stop(&l->call);
	timer_stop(&l->deadline);
	l->released = done;
	l->released_owner = owner;
	timer_start(l->loop, &l->next, held ? RELEASE_MS : 0, lease_tell_released, l);
	if (held)
		lease_put(l, true, lease_given_back);
	lease_set_leading(l, false, "given back");
}

enum result lease_create(struct loop *loop, struct api *api, const struct leadership *o, struct lease **ret,
			 struct error *e)
{
	CLEANUP(lease_destroy_p) struct lease *l = calloc(1, sizeof *l);
	if (!l)
		return error_set(e, RC_EXHAUSTED, "no memory for the lease");
	*l = (struct lease){ .loop = loop, .api = api, .o = *o };
	l->ns = strdup(o->lease_ns);
	l->name = strdup(o->lease_name);
	l->identity = strdup(o->identity);
	l->o.lease_ms = o->lease_ms ? o->lease_ms : 15000;
	l->o.renew_deadline_ms = o->renew_deadline_ms ? o->renew_deadline_ms : 10000;
	l->o.retry_ms = o->retry_ms ? o->retry_ms : 2000;
	if (!l->ns || !l->name || !l->identity)
		return error_set(e, RC_EXHAUSTED, "no memory for the lease");
	timer_start(loop, &l->next, 0, lease_read, l);
	*ret = TAKE(l);
	return RC_OK;
}

void lease_destroy(struct lease *l)
{
	if (!l)
		return;
	api_stop(&l->call);
	timer_stop(&l->next);
	timer_stop(&l->deadline);
	free(l->ns);
	free(l->name);
	free(l->identity);
	free(l);
}
