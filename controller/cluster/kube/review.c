#include "controller/cluster/kube/review.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/strbuf.h"
#include "base/text.h"

enum { BODY_MAX_BYTES = 64 * 1024, REVIEW_RETRY_MS = 3000 };

struct review {
	struct pending pending; /* first */
	const struct write_doors *d;
	kube_reviewed *done;
	void *owner;
	struct api_call call;
	struct timer refuse;
};

static void review_release(struct pending *p)
{
	struct review *v = (struct review *)p;
	api_stop(&v->call);
	timer_stop(&v->refuse);
	free(v);
}

static void review_finish(struct review *v, enum result r, const char *user, const struct error *why)
{
	kube_reviewed *done = v->done;
	void *owner = v->owner;
	calls_finish(v->d->calls, &v->pending, r, NULL, why); /* releases v; it has no done of its own */
	done(owner, r, user, why);
}

/* Only ServiceAccounts of the cluster are let in this way: a person's token could be anybody's. */
static void review_answered(void *owner, enum result r, const struct api_answer *answer, const struct error *why)
{
	struct review *v = owner;
	CLEANUP(json_delete_p) cJSON *tree = NULL;
	struct error e;
	if (r == RC_OK) {
		r = json_parse(answer->body, answer->len, &tree, &e);
		why = &e;
	}
	const char *user = json_text(tree, "status.user.username", "");
	bool ours = json_bool(tree, "status.authenticated", false) && text_starts(user, "system:serviceaccount:");
	review_finish(v, r, r == RC_OK && ours ? user : "", r == RC_OK ? NULL : why);
}

static void review_too_long(void *owner)
{
	review_finish(owner, RC_OK, "", NULL); /* nobody's */
}

void review_send(const struct write_doors *d, const char *token, kube_reviewed *done, void *owner)
{
	struct review *v = calloc(1, sizeof *v);
	struct error e;
	if (!v) {
		error_set(&e, RC_EXHAUSTED, "no memory for a token review");
		done(owner, RC_EXHAUSTED, "", &e);
		return;
	}
	v->d = d;
	v->done = done;
	v->owner = owner;
	calls_add(d->calls, &v->pending, review_release, NULL, NULL);
	struct strbuf body;
	strbuf_init(&body, BODY_MAX_BYTES);
	strbuf_add(&body, "{\"apiVersion\":\"authentication.k8s.io/v1\",\"kind\":\"TokenReview\",\"spec\":{\"token\":");
	strbuf_add_json(&body, token);
	strbuf_add(&body, "}}");
	struct api_request q = {
		.method = "POST",
		.path = "/apis/authentication.k8s.io/v1/tokenreviews",
		.subject = { "create", "tokenreviews.authentication.k8s.io", "", "" },
		.body = body.s,
		.retry_ms = REVIEW_RETRY_MS,
	};
	if (body.overflow)
		timer_start(d->loop, &v->refuse, 0, review_too_long, v);
	else
		api_start(d->api, &v->call, &q, review_answered, v);
	if (body.len)
		explicit_bzero(body.s, body.len);
	strbuf_finish(&body);
}
