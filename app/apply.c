/* POST /api/v1/apply: manifests one after the other, as they stand in the stream, so that the answer says of each what
 * became of it. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/objects_room.h"
#include "base/json.h"
#include "base/strbuf.h"
#include "base/text.h"
#include "base/yaml.h"
#include "controller/cluster/embedded/embedded.h"
#include "controller/model/canary.h"

enum { MANIFESTS_MAX = 1000, STEP_MAX = 128 };

struct apply {
	struct objects_call call; /* first */
	struct yaml_doc **docs;   /* owned */
	size_t count, at;
	cJSON *tree;                      /* owned: the manifest at hand */
	char before[OBJECTS_VERSION_MAX]; /* of the object; "": there was none */
	size_t errors;
	struct strbuf answer;
};

static void apply_finish(struct objects_call *c)
{
	struct apply *a = (struct apply *)c;
	yaml_free(a->docs, a->count);
	cJSON_Delete(a->tree);
	strbuf_finish(&a->answer);
}

/* ---- where ---- */

/* The next step of "spec.ports[0].name"; false at its end. */
static bool path_step(const char **path, char step[STEP_MAX])
{
	size_t n = strcspn(*path, ".[]: ");
	if (!n || n >= STEP_MAX)
		return false;
	memcpy(step, *path, n);
	step[n] = '\0';
	*path += n;
	*path += **path == ']' ? 1 : 0;
	*path += **path == '.' || **path == '[' ? 1 : 0;
	return true;
}

/* Errors begin with the path of a field: its place, or that of the nearest one around it that is written. */
static struct yaml_place place_of(const struct apply *a, const char *text)
{
	char step[STEP_MAX];
	const cJSON *v = a->tree;
	while (path_step(&text, step)) {
		uint64_t i = 0;
		const cJSON *next = cJSON_GetObjectItemCaseSensitive(v, step);
		if (cJSON_IsArray(v) && text_u64(step, 0, INT32_MAX, &i, NULL) == RC_OK)
			next = cJSON_GetArrayItem(v, (int)i);
		if (!next)
			break;
		v = next;
	}
	struct yaml_place at = yaml_key_place(a->docs[a->at], v);
	return at.line ? at : yaml_place(a->docs[a->at], v);
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
	add_entry(a, "error", yaml_place(a->docs[a->at], a->tree));
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
	enum result r = canary_check(a->tree, a->docs[a->at], &f, &e);
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
		add_entry(a, outcome, yaml_place(a->docs[a->at], a->tree));
		close_entry(a, outcome, "");
	}
	apply_next(a);
}

/* False: its fate is known already. */
static bool apply_one(struct apply *a)
{
	struct objects *o = a->call.objects;
	const char *ns = a->call.x ? http_query(a->call.x, "namespace") : NULL;
	a->tree = yaml_take_root(a->docs[a->at]);
	const cJSON *metadata = cJSON_GetObjectItemCaseSensitive(a->tree, "metadata");
	if (!cJSON_IsObject(a->tree) || !cJSON_IsObject(metadata)) {
		refuse(a, yaml_place(a->docs[a->at], a->tree), "not a manifest: it has no metadata");
		return false;
	}
	const cJSON *said = cJSON_GetObjectItemCaseSensitive(metadata, "namespace");
	if (said && !cJSON_IsString(said)) {
		refuse(a, yaml_place(a->docs[a->at], said), "metadata.namespace: must be text");
		return false;
	}
	if (!said && !json_put_text(a->tree, "metadata.namespace", ns ? ns : "default")) {
		refuse(a, yaml_place(a->docs[a->at], a->tree), "no memory for this now");
		return false;
	}
	if (!canary_is_good(a))
		return false;
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

void apply_post(void *owner, struct http_exchange *x)
{
	struct objects *o = owner;
	struct yaml_doc **docs = NULL;
	size_t len = 0, count = 0;
	struct error e;
	const struct token *t = objects_admit(o, x, SCOPE_ADMIN);
	if (!t)
		return;
	const char *body = http_body(x, &len);
	enum result r = yaml_parse("manifest", body, len, &docs, &count, &e);
	if (r == RC_OK && count > MANIFESTS_MAX)
		r = error_set(&e, RC_INVALID, "%zu manifests; %d can be taken at once", count, MANIFESTS_MAX);
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
	a->count = count;
	strbuf_init(&a->answer, OBJECTS_ANSWER_MAX);
	strbuf_add(&a->answer, "{\"objects\":[");
	apply_next(a);
}
