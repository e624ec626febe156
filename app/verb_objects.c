/* Verbs for the objects of cluster.embedded: apply, set-image, delete. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/client.h"
#include "app/file.h"
#include "app/object_words.h"
#include "app/print.h"
#include "base/json.h"
#include "base/strbuf.h"
#include "base/text.h"
#include "base/yaml.h"

enum { PATH_BYTES = 2048, BODY_BYTES = 64 * 1024 };

/* ---- apply ---- */

static void print_mistakes(const char *file, const cJSON *entry)
{
	const cJSON *m;
	cJSON_ArrayForEach (m, json_at(entry, "mistakes"))
		fprintf(stderr, "%s:%d:%d: %s: %s\n", file, (int)json_int(m, "line", 0), (int)json_int(m, "column", 0),
			json_text(m, "path", ""), json_text(m, "text", ""));
}

static void print_entry(const struct cli *c, const char *file, const cJSON *entry)
{
	char kind[OBJECT_KIND_BYTES];
	const char *name = json_text(entry, "name", ""), *result = json_text(entry, "result", "");
	object_kind_word(json_text(entry, "kind", ""), kind);
	if (json_at(entry, "mistakes"))
		print_mistakes(file, entry);
	else if (text_eq(result, "error"))
		fprintf(stderr, "%s:%d:%d: %s/%s: %s\n", file, (int)json_int(entry, "line", 0),
			(int)json_int(entry, "column", 0), kind, name, json_text(entry, "error", ""));
	else if (output_is(c, "name"))
		printf("%s/%s\n", kind, name);
	else
		printf("%s/%s %s%s\n", kind, name, result, c->dry_run ? " (dry run)" : "");
}

/* So that a mistake is told with the file's own name, and nothing of the file is applied. */
static enum exit_code read_manifests(const struct cli *c, const char *file, char **ret)
{
	size_t len = 0, count = 0;
	struct yaml_doc **docs = NULL;
	struct error e;
	CLEANUP(free_p) char *text = NULL;
	enum result r = file_load(file, &text, &len, &e);
	if (r == RC_OK)
		r = yaml_parse(file, text, len, &docs, &count, &e);
	yaml_free(docs, count);
	if (r != RC_OK) {
		fprintf(stderr, "%s\n", e.text);
		return EXIT_FAILED;
	}
	if (!count)
		return cli_fail(c, EXIT_FAILED, "%s: there is no manifest in it", file);
	*ret = TAKE(text);
	return EXIT_DONE;
}

static enum exit_code apply_file(const struct cli *c, const char *file)
{
	CLEANUP(free_p) char *text = NULL;
	CLEANUP(json_delete_p) cJSON *answer = NULL;
	struct strbuf path;
	const cJSON *entry;
	enum exit_code code = read_manifests(c, file, &text);
	if (code != EXIT_DONE)
		return code;
	strbuf_init(&path, PATH_BYTES);
	strbuf_add(&path, "/api/v1/apply");
	strbuf_add(&path, c->dry_run ? "?dryRun=true" : "");
	if (c->ns) {
		strbuf_add(&path, c->dry_run ? "&namespace=" : "?namespace=");
		strbuf_add_urlencoded(&path, c->ns, strlen(c->ns));
	}
	code = client_send(c, "POST", path.s, "application/yaml", text, &answer);
	strbuf_finish(&path);
	if (code != EXIT_DONE)
		return code;
	if (output_is_data(c))
		code = output_data(c, json_at(answer, "objects"));
	cJSON_ArrayForEach (entry, json_at(answer, "objects"))
		if (!output_is_data(c))
			print_entry(c, file, entry);
	if (code != EXIT_DONE)
		return code;
	return json_int(answer, "errors", 0) ? EXIT_FAILED : EXIT_DONE;
}

enum exit_code verb_apply(struct cli *c)
{
	enum exit_code worst = EXIT_DONE;
	for (size_t i = 0; i < c->word_count; i++) {
		enum exit_code code = apply_file(c, c->words[i]);
		if (code == EXIT_UNREACHABLE || code == EXIT_REFUSED)
			return code; /* and so would be the next */
		worst = code == EXIT_DONE ? worst : code;
	}
	return worst;
}

/* ---- set-image ---- */

static enum exit_code images_of(const struct cli *c, struct strbuf *body)
{
	strbuf_addc(body, '{');
	for (size_t i = 1; i < c->word_count; i++) {
		const char *word = c->words[i], *sign = strchr(word, '=');
		if (!sign || sign == word || !sign[1])
			return cli_usage(c, "\"%.80s\" is not CONTAINER=IMAGE", word);
		CLEANUP(free_p) char *name = strndup(word, (size_t)(sign - word));
		if (!name)
			return cli_fail(c, EXIT_FAILED, "no memory");
		strbuf_add(body, i > 1 ? "," : "");
		strbuf_add_json(body, name);
		strbuf_addc(body, ':');
		strbuf_add_json(body, sign + 1);
	}
	strbuf_addc(body, '}');
	return body->overflow ? cli_fail(c, EXIT_FAILED, "that is too much") : EXIT_DONE;
}

enum exit_code verb_set_image(struct cli *c)
{
	CLEANUP(json_delete_p) cJSON *answer = NULL;
	struct strbuf body, path;
	strbuf_init(&body, BODY_BYTES);
	strbuf_init(&path, PATH_BYTES);
	enum exit_code code = images_of(c, &body);
	if (code == EXIT_DONE) {
		object_path(&path, "deployments", c->ns, c->words[0]);
		strbuf_add(&path, "/image");
		code = client_call(c, "POST", path.s, body.s, &answer);
	}
	if (code == EXIT_DONE)
		printf("deployment/%s image set\n", json_text(answer, "metadata.name", c->words[0]));
	strbuf_finish(&body);
	strbuf_finish(&path);
	return code;
}

/* ---- set-version ---- */

enum exit_code verb_set_version(struct cli *c)
{
	CLEANUP(json_delete_p) cJSON *answer = NULL;
	struct strbuf body, path;
	char kind[64] = "process";
	const char *slash = strchr(c->words[0], '/'), *name = slash ? slash + 1 : c->words[0];
	if (slash)
		(void)snprintf(kind, sizeof kind, "%.*s", (int)(slash - c->words[0]), c->words[0]);
	strbuf_init(&body, BODY_BYTES);
	strbuf_init(&path, PATH_BYTES);
	strbuf_add(&body, "{\"spec\":{\"version\":");
	strbuf_add_json(&body, c->words[1]);
	strbuf_add(&body, "}}");
	object_path(&path, kind, c->ns, name);
	enum exit_code code = client_call(c, "PATCH", path.s, body.s, &answer);
	if (code == EXIT_DONE)
		printf("%s/%s version set\n", kind, json_text(answer, "metadata.name", name));
	strbuf_finish(&body);
	strbuf_finish(&path);
	return code;
}

/* ---- delete ---- */

enum exit_code verb_delete(struct cli *c)
{
	CLEANUP(json_delete_p) cJSON *answer = NULL;
	struct strbuf path;
	strbuf_init(&path, PATH_BYTES);
	object_path(&path, c->words[0], c->ns, c->words[1]);
	enum exit_code code = client_call(c, "DELETE", path.s, NULL, &answer);
	if (code == EXIT_DONE)
		printf("%s/%s deleted\n", c->words[0], c->words[1]);
	strbuf_finish(&path);
	return code;
}
