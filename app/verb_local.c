/* Verbs that need no service: check, config, audit, pin, version, help. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/cli.h"
#include "app/config.h"
#include "app/directory.h"
#include "app/file.h"
#include "app/findings.h"
#include "base/crypto.h"
#include "base/json.h"
#include "base/text.h"
#include "base/yaml.h"
#include "bot/approvals/audit.h"

enum { PATH_BYTES = 4096, PIN_MIN = 6, SALT_BYTES = 12 };

/* ---- check ---- */

static bool is_manifest(const cJSON *root)
{
	return cJSON_GetObjectItemCaseSensitive(root, "apiVersion") || cJSON_GetObjectItemCaseSensitive(root, "kind");
}

/* Objects of other kinds are the API server's business. */
static enum result check_manifest(const struct cli *c, const char *file, const struct yaml_doc *doc, struct findings *f,
				  struct error *e)
{
	const cJSON *root = yaml_root(doc);
	const char *kind = json_text(root, "kind", "");
	if (text_eq(kind, "Canary") || !*kind)
		return canary_check(root, doc, f, e);
	fprintf(stderr, "rollcall %s: %s: %s %s is only read, not examined\n", c->verb->name, file, kind,
		json_text(root, "metadata.name", ""));
	return RC_OK;
}

static enum result check_document(const struct cli *c, const char *file, const struct yaml_doc *doc, struct findings *f,
				  struct error *e)
{
	struct config *config = NULL;
	if (is_manifest(yaml_root(doc)))
		return check_manifest(c, file, doc, f, e);
	enum result r = config_read(doc, &config, f, e);
	config_free(config);
	return r == RC_INVALID && f->errors ? RC_OK : r;
}

/* What keeps a file from being read at all is printed like a finding. */
static bool check_file(const struct cli *c, const char *file)
{
	CLEANUP(free_p) char *text = NULL;
	size_t len = 0, count = 0;
	struct yaml_doc **docs = NULL;
	struct findings f = { 0 };
	struct error e;
	enum result r = file_load(file, &text, &len, &e);
	if (r == RC_OK)
		r = yaml_parse(file, text, len, &docs, &count, &e);
	for (size_t i = 0; r == RC_OK && i < count; i++)
		r = check_document(c, file, docs[i], &f, &e);
	findings_print(&f, file, stdout);
	bool good = r == RC_OK && !f.errors;
	if (r != RC_OK)
		puts(e.text);
	else if (good)
		fprintf(stderr, "%s: ok\n", file);
	findings_finish(&f);
	yaml_free(docs, count);
	return good;
}

enum exit_code verb_check(struct cli *c)
{
	bool good = true;
	for (size_t i = 0; i < c->word_count; i++)
		good = check_file(c, c->words[i]) && good;
	return good ? EXIT_DONE : EXIT_FAILED;
}

enum exit_code verb_config(struct cli *c)
{
	CLEANUP(free_p) char *text = config_example();
	if (!text)
		return cli_fail(c, EXIT_FAILED, "no memory");
	fputs(text, stdout);
	return EXIT_DONE;
}

/* ---- audit ---- */

enum exit_code verb_audit(struct cli *c)
{
	char dir[PATH_BYTES], path[PATH_BYTES + 16];
	int64_t rows = 0;
	struct error e;
	if (!text_eq(c->words[0], "verify"))
		return cli_usage(c, "there is only audit verify");
	enum exit_code code = cli_data_dir(c, dir, sizeof dir);
	if (code != EXIT_DONE)
		return code;
	(void)snprintf(path, sizeof path, "%s/rollcall.db", dir);
	if (access(path, F_OK) != 0)
		return cli_fail(c, EXIT_NOT_FOUND, "%s: %m", path);
	if (audit_verify(path, &rows, &e) != RC_OK)
		return cli_fail_result(c, &e);
	printf("%lld rows, whole\n", (long long)rows);
	return EXIT_DONE;
}

/* ---- pin ---- */

enum exit_code verb_pin(struct cli *c)
{
	char pin[256], salt[32], hash[256];
	struct error e;
	if (isatty(STDIN_FILENO))
		fputs("PIN: ", stderr);
	if (!fgets(pin, sizeof pin, stdin))
		return cli_fail(c, EXIT_FAILED, "no PIN came in");
	pin[strcspn(pin, "\r\n")] = '\0';
	if (strlen(pin) < PIN_MIN)
		return cli_fail(c, EXIT_FAILED, "a PIN has %d characters or more", PIN_MIN);
	if (crypto_token(SALT_BYTES, salt, sizeof salt, &e) != RC_OK ||
	    directory_hash_pin(salt, pin, hash, sizeof hash, &e) != RC_OK)
		return cli_fail_result(c, &e);
	printf("pin_sha256: \"%s\"\n", hash);
	return EXIT_DONE;
}

/* ---- words ---- */

enum exit_code verb_version(struct cli *c)
{
	(void)c;
	puts("rollcall " ROLLCALL_VERSION);
	return EXIT_DONE;
}
