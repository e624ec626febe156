/* `rollcall audit`: is the record whole, and the record as lines. Reads the database itself, whether the service runs
 * or not. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/cli.h"
#include "base/strbuf.h"
#include "base/text.h"
#include "bot/approvals/audit.h"

enum { PATH_BYTES = 4096, LINE_BYTES = 1 << 20 };

static void add(struct strbuf *b, const char *key, const char *text)
{
	strbuf_addf(b, ",\"%s\":", key);
	strbuf_add_json(b, text);
}

/* What the hash is of stands in it: atMs and the fields, so that others can check the chain too. */
static void print_line(void *owner, const struct audit_line *l)
{
	struct strbuf *b = owner;
	char at[32];
	strbuf_clear(b);
	wall_print_ms(l->at, at);
	strbuf_addf(b, "{\"seq\":%lld,\"atMs\":%lld", (long long)l->seq, (long long)l->at.v);
	add(b, "at", at);
	add(b, "actor", l->row.actor);
	add(b, "identity", l->row.identity);
	add(b, "action", l->row.action);
	add(b, "object", l->row.object);
	add(b, "request", l->row.request);
	add(b, "outcome", l->row.outcome);
	add(b, "reason", l->row.reason);
	add(b, "detail", l->row.detail);
	add(b, "hash", l->hash);
	strbuf_addc(b, '}');
	puts(b->s);
}

enum exit_code verb_audit(struct cli *c)
{
	char dir[PATH_BYTES], path[PATH_BYTES + 16];
	int64_t rows = 0;
	struct error e;
	struct strbuf line;
	bool export = text_eq(c->words[0], "export");
	if (!export && !text_eq(c->words[0], "verify"))
		return cli_usage(c, "there is audit verify and audit export");
	enum exit_code code = cli_data_dir(c, dir, sizeof dir);
	if (code != EXIT_DONE)
		return code;
	(void)snprintf(path, sizeof path, "%s/rollcall.db", dir);
	if (access(path, F_OK) != 0)
		return cli_fail(c, EXIT_NOT_FOUND, "%s: %m", path);
	strbuf_init(&line, LINE_BYTES);
	enum result r = audit_verify(path, export ? print_line : NULL, &line, &rows, &e);
	strbuf_finish(&line);
	if (r != RC_OK)
		return cli_fail_result(c, &e);
	fprintf(export ? stderr : stdout, "%lld rows, whole\n", (long long)rows);
	return EXIT_DONE;
}
