/* `rollcall check`: everything that is wrong with files, at once. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/cli.h"
#include "app/config.h"
#include "app/file.h"
#include "app/findings.h"
#include "app/manifest.h"
#include "base/json.h"
#include "base/text.h"
#include "base/yaml.h"
#include "controller/cluster/embedded/admission.h"
#include "controller/cluster/embedded/defaults.h"

struct checked {
	const struct yaml_doc *doc; /* at hand */
	struct findings findings;
};

static bool is_manifest(const cJSON *root)
{
	return cJSON_GetObjectItemCaseSensitive(root, "apiVersion") || cJSON_GetObjectItemCaseSensitive(root, "kind");
}

static void warn(struct checked *k, struct yaml_place at, const char *fmt, ...) PRINTF(3, 4);

static void warn(struct checked *k, struct yaml_place at, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	(void)findings_vwarn(&k->findings, at, "", fmt, ap);
	va_end(ap);
}

/* A kind that nobody knows is more often a slip of the hand than somebody else's resource. */
static void unknown_kind(struct checked *k, const cJSON *root, const char *kind)
{
	const char *names[KIND_COUNT + 1] = { NULL };
	char shown[TEXT_SHOWN];
	for (int i = 0; i < KIND_COUNT; i++)
		names[i] = kind_name((enum kind)i);
	const char *near = text_nearest(kind, names);
	const cJSON *at = cJSON_GetObjectItemCaseSensitive(root, "kind");
	warn(k, yaml_key_place(k->doc, at), "kind: \"%s\" is not known here, and only read%s%s%s",
	     text_show(kind, strlen(kind), shown), near ? "; did you mean \"" : "", near ? near : "",
	     near ? "\"?" : "");
}

/* What the API server knows better is a warning; cluster.embedded would refuse it. */
static enum result check_object(struct checked *k, const cJSON *root, struct error *e)
{
	enum kind kind;
	struct error why;
	if (kind_parse(json_text(root, "kind", ""), &kind, NULL) != RC_OK) {
		unknown_kind(k, root, json_text(root, "kind", ""));
		return RC_OK;
	}
	CLEANUP(json_delete_p) cJSON *whole = cJSON_Duplicate(root, true);
	if (!whole)
		return error_set(e, RC_EXHAUSTED, "no memory");
	if (cJSON_IsObject(json_at(whole, "metadata")) && !json_at(whole, "metadata.namespace") &&
	    !json_put_text(whole, "metadata.namespace", "default"))
		return error_set(e, RC_EXHAUSTED, "no memory");
	enum result r = admission_kind(whole, &kind, &why);
	if (r == RC_OK && !defaults_fill(kind, whole))
		return error_set(e, RC_EXHAUSTED, "no memory");
	if (r == RC_OK)
		r = admission_check(kind, whole, &why);
	if (r != RC_OK)
		warn(k, manifest_place(k->doc, root, why.text), "%s", why.text);
	return RC_OK;
}

static enum result check_manifest(struct checked *k, const cJSON *root, struct error *e)
{
	const char *kind = json_text(root, "kind", "");
	const cJSON *item;
	enum result r = RC_OK;
	if (manifest_is_list(root)) {
		cJSON_ArrayForEach (item, json_at(root, "items"))
			r = r == RC_OK ? check_manifest(k, item, e) : r;
		return r;
	}
	return text_eq(kind, "Canary") || !*kind ? canary_check(root, k->doc, &k->findings, e)
						 : check_object(k, root, e);
}

static enum result check_document(struct checked *k, struct error *e)
{
	struct config *config = NULL;
	if (is_manifest(yaml_root(k->doc)))
		return check_manifest(k, yaml_root(k->doc), e);
	enum result r = config_read(k->doc, &config, &k->findings, e);
	config_free(config);
	return r == RC_INVALID && k->findings.errors ? RC_OK : r;
}

/* What keeps a file from being read at all is printed like a finding. */
static bool check_file(const char *file)
{
	CLEANUP(free_p) char *text = NULL;
	size_t len = 0, count = 0;
	struct yaml_doc **docs = NULL;
	struct checked k = { 0 };
	struct error e;
	enum result r = file_load(file, &text, &len, &e);
	if (r == RC_OK)
		r = yaml_parse(file, text, len, &docs, &count, &e);
	for (size_t i = 0; r == RC_OK && i < count; i++) {
		k.doc = docs[i];
		r = check_document(&k, &e);
	}
	findings_print(&k.findings, file, stdout);
	bool good = r == RC_OK && !k.findings.errors;
	if (r != RC_OK)
		puts(e.text);
	else if (good)
		fprintf(stderr, "%s: ok\n", file);
	findings_finish(&k.findings);
	yaml_free(docs, count);
	return good;
}

enum exit_code verb_check(struct cli *c)
{
	bool good = true;
	for (size_t i = 0; i < c->word_count; i++)
		good = check_file(c->words[i]) && good;
	return good ? EXIT_DONE : EXIT_FAILED;
}
