/* POST /api/v1/apply: manifests one after the other, as they stand in the stream, so that the answer says of each what
 * became of it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/manifest.h"
#include "app/objects_room.h"
#include "base/json.h"
#include "base/strbuf.h"
#include "base/text.h"
#include "base/yaml.h"
#include "controller/cluster/embedded/embedded.h"
#include "controller/model/canary.h"

enum { MANIFESTS_MAX = 1000, STEP_MAX = 128 };

struct manifest {
	const struct yaml_doc *doc; /* knows its place */
	cJSON *tree;
};
struct apply {
	struct objects_call call; /* first */
	struct yaml_doc **docs;   /* owned */
	size_t doc_count;
	struct manifest *manifests; /* owned, as are their trees that have not been taken yet */
	size_t count, at;
	bool dry;                         /* say what would be done */
	cJSON *tree;                      /* owned: the manifest at hand */
	char before[OBJECTS_VERSION_MAX]; /* of the object; "": there was none */
	size_t errors;
	struct strbuf answer;
};

static void apply_finish(struct objects_call *c)
{
	struct apply *a = (struct apply *)c;
	for (size_t i = a->at; i < a->count; i++)
		cJSON_Delete(a->manifests[i].tree);
	free(a->manifests);
	yaml_free(a->docs, a->doc_count);
	cJSON_Delete(a->tree);
	strbuf_finish(&a->answer);
}

static const struct yaml_doc *doc_of(const struct apply *a)
{
	return a->manifests[a->at].doc;
}

/* ---- where ---- */

static struct yaml_place place_of(const struct apply *a, const char *text)
{
	return manifest_place(doc_of(a), a->tree, text);
}

/* ---- what the answer says of each ---- */

static void add_text(struct strbuf *b, const char *key, const char *text)
{
	strbuf_addf(b, ",\"%s\":", key);
	strbuf_add_json(b, text);
}

static const char *kind_of(const struct apply *a)
{
	return json_text(a->tree, "kind", "");
}

static const char *ns_of(const struct apply *a)
{
	return json_text(a->tree, "metadata.namespace", "");
}

static const char *name_of(const struct apply *a)
{
	return json_text(a->tree, "metadata.name", "");
}

static void add_entry(struct apply *a, const char *outcome, struct yaml_place at)
{
	strbuf_addf(&a->answer, "%s{\"line\":%u,\"column\":%u", a->at ? "," : "", at.line, at.column);
	add_text(&a->answer, "kind", kind_of(a));
	add_text(&a->answer, "namespace", ns_of(a));
	add_text(&a->answer, "name", name_of(a));
	add_text(&a->answer, "result", outcome);
}

static void close_entry(struct apply *a, const char *outcome, const char *reason)
{
	strbuf_addc(&a->answer, '}');
	if (!a->dry)
		objects_record(&a->call, "object.apply", kind_of(a), ns_of(a), name_of(a), outcome, reason);
	cJSON_Delete(TAKE(a->tree));
	a->at++;
}

static void refuse(struct apply *a, struct yaml_place at, const char *text)
{
	a->errors++;
	add_entry(a, "error", at);
	add_text(&a->answer, "error", text);
	close_entry(a, "refused", text);
}

static void refuse_mistakes(struct apply *a, const struct findings *f)
{
	const char *first = "";
	a->errors++;
	add_entry(a, "error", yaml_place(doc_of(a), a->tree));
	strbuf_add(&a->answer, ",\"mistakes\":[");
	for (size_t i = 0; i < f->count; i++) {
		const struct finding *n = &f->at[i];
		if (n->warning)
			continue;
		strbuf_addf(&a->answer, "%s{\"line\":%u,\"column\":%u", *first ? "," : "", n->line, n->column);
		add_text(&a->answer, "path", n->field);
		add_text(&a->answer, "text", n->text);
		strbuf_addc(&a->answer, '}');
		first = *first ? first : n->text;
	}
	strbuf_addc(&a->answer, ']');
	add_text(&a->answer, "error", first);
	close_entry(a, "refused", first);
}

/* ---- one manifest ---- */

/* What `rollcall check` says of a Canary is said here too, before it is stored. */
static bool canary_is_good(struct apply *a)
{
	struct findings f = { 0 };
	struct error e;
	bool good = true;
	if (!text_eq(kind_of(a), kind_name(KIND_CANARY)))
		return true;
	enum result r = canary_check(a->tree, doc_of(a), &f, &e);
	if (f.errors)
		refuse_mistakes(a, &f);
	else if (r != RC_OK)
		refuse(a, place_of(a, e.text), e.text);
	good = r == RC_OK && !f.errors;
	findings_finish(&f);
	return good;
}

static void note_before(struct apply *a)
{
	enum kind kind;
	const struct object *o = NULL;
	if (kind_parse(kind_of(a), &kind, NULL) == RC_OK)
		o = cluster_find(a->call.objects->view, kind, ns_of(a), name_of(a));
	(void)snprintf(a->before, sizeof a->before, "%s", o ? o->resource_version : "");
}

static void apply_next(struct apply *a);

/* Which object it is, the answer says already. */
static const char *without_name(const struct apply *a, const char *text)
{
	char head[STEP_MAX * 4];
	int n = snprintf(head, sizeof head, "apply %s %s/%s: ", kind_of(a), ns_of(a), name_of(a));
	return n > 0 && (size_t)n < sizeof head && text_starts(text, head) ? text + n : text;
}

static void applied(void *owner, enum result r, const struct object *now, const struct error *why)
{
	struct apply *a = owner;
	a->call.write = 0;
	if (r != RC_OK) {
		const char *text = without_name(a, why->text);
		refuse(a, place_of(a, text), text);
	} else {
		const char *outcome = !*a->before                                        ? "created"
				      : now && text_eq(now->resource_version, a->before) ? "unchanged"
											 : "configured";
		add_entry(a, outcome, yaml_place(doc_of(a), a->tree));
		close_entry(a, outcome, "");
	}
	apply_next(a);
}

static void try_one(struct apply *a)
{
	const char *outcome = "";
	struct error why;
	if (embedded_try(a->call.objects->view, a->call.who, a->tree, &outcome, &why) != RC_OK) {
		const char *text = without_name(a, why.text);
		refuse(a, place_of(a, text), text);
		return;
	}
	add_entry(a, outcome, yaml_place(doc_of(a), a->tree));
	close_entry(a, outcome, "");
}

/* False: its fate is known already. */
static bool apply_one(struct apply *a)
{
	struct objects *o = a->call.objects;
	const char *ns = a->call.x ? http_query(a->call.x, "namespace") : NULL;
	a->tree = TAKE(a->manifests[a->at].tree);
	const cJSON *metadata = cJSON_GetObjectItemCaseSensitive(a->tree, "metadata");
	if (!cJSON_IsObject(a->tree) || !cJSON_IsObject(metadata)) {
		refuse(a, yaml_place(doc_of(a), a->tree), "not a manifest: it has no metadata");
		return false;
	}
	const cJSON *said = cJSON_GetObjectItemCaseSensitive(metadata, "namespace");
	if (said && !cJSON_IsString(said)) {
		refuse(a, yaml_place(doc_of(a), said), "metadata.namespace: must be text");
		return false;
	}
	if (!said && !json_put_text(a->tree, "metadata.namespace", ns ? ns : "default")) {
		refuse(a, yaml_place(doc_of(a), a->tree), "no memory for this now");
		return false;
	}
	if (!canary_is_good(a))
		return false;
	if (a->dry) {
		try_one(a);
		return false;
	}
	note_before(a);
	a->call.write = embedded_apply_as(o->view, a->call.who, a->tree, applied, a);
	return true;
}

static void apply_next(struct apply *a)
{
	while (a->at < a->count)
		if (apply_one(a))
			return;
	strbuf_addf(&a->answer, "],\"errors\":%zu}\n", a->errors);
	struct error e;
	if (a->answer.overflow)
		(void)error_set(&e, RC_EXHAUSTED, "the answer is too large; what was applied stays so");
	objects_call_end(&a->call, a->answer.s, a->answer.overflow ? &e : NULL);
}

/* ---- the stream ---- */

static size_t count_manifests(struct yaml_doc *const *docs, size_t count)
{
	size_t n = 0;
	for (size_t i = 0; i < count; i++) {
		const cJSON *root = yaml_root(docs[i]);
		n += manifest_is_list(root) ? (size_t)cJSON_GetArraySize(json_at(root, "items")) : 1;
	}
	return n;
}

/* Each document, and each item of a List; the places of values stay known, for they are looked up by their nodes. */
static void spread(struct apply *a)
{
	for (size_t i = 0; i < a->doc_count; i++) {
		cJSON *root = yaml_take_root(a->docs[i]);
		if (!manifest_is_list(root)) {
			a->manifests[a->count++] = (struct manifest){ a->docs[i], root };
			continue;
		}
		cJSON *items = cJSON_GetObjectItemCaseSensitive(root, "items");
		while (cJSON_GetArraySize(items))
			a->manifests[a->count++] = (struct manifest){ a->docs[i], cJSON_DetachItemFromArray(items, 0) };
		cJSON_Delete(root);
	}
}

static enum result read_stream(struct http_exchange *x, struct yaml_doc ***ret, size_t *ret_count, size_t *ret_total,
			       struct error *e)
{
	size_t len = 0;
	const char *body = http_body(x, &len);
	enum result r = yaml_parse("manifest", body, len, ret, ret_count, e);
	*ret_total = r == RC_OK ? count_manifests(*ret, *ret_count) : 0;
	if (*ret_total > MANIFESTS_MAX)
		r = error_set(e, RC_INVALID, "%zu manifests; %d can be taken at once", *ret_total, MANIFESTS_MAX);
	return r;
}

void apply_post(void *owner, struct http_exchange *x)
{
	struct objects *o = owner;
	struct yaml_doc **docs = NULL;
	size_t count = 0, total = 0;
	struct error e;
	const char *dry = http_query(x, "dryRun");
	const struct token *t = objects_admit(o, x, text_eq(dry, "true") ? SCOPE_READ : SCOPE_ADMIN);
	if (!t)
		return;
	enum result r = read_stream(x, &docs, &count, &total, &e);
	CLEANUP(free_p) struct manifest *manifests = r == RC_OK ? calloc(total + 1, sizeof *manifests) : NULL;
	if (r == RC_OK && !manifests)
		r = error_set(&e, RC_EXHAUSTED, "no memory for this now");
	struct apply *a = NULL;
	if (r != RC_OK)
		http_respond_result(x, &e);
	else
		a = objects_call_begin(o, x, t, sizeof *a, apply_finish);
	if (!a) {
		yaml_free(docs, count);
		return;
	}
	a->docs = docs;
	a->doc_count = count;
	a->manifests = TAKE(manifests);
	a->dry = text_eq(dry, "true");
	spread(a);
	strbuf_init(&a->answer, OBJECTS_ANSWER_MAX);
	strbuf_add(&a->answer, "{\"objects\":[");
	apply_next(a);
}
