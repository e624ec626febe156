/* `rollcall freeze`: what holds, and the switches. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/client.h"
#include "app/print.h"
#include "app/table.h"
#include "base/json.h"
#include "base/strbuf.h"
#include "base/text.h"

enum { PATH_BYTES = 1024, BODY_BYTES = 16 * 1024, REASON_BYTES = 4096 };

static enum exit_code list(const struct cli *c)
{
	static const char *const heads[] = { "NAME", "HOLDS", "UNTIL", "BY", "REASON" };
	CLEANUP(json_delete_p) cJSON *answer = NULL;
	struct table t;
	enum exit_code code = client_call(c, "GET", "/api/v1/freezes", NULL, &answer);
	if (code != EXIT_DONE)
		return code;
	const cJSON *rows = json_at(answer, "freezes"), *f;
	if (output_is_data(c))
		return output_data(c, rows);
	if (output_is(c, "name")) {
		cJSON_ArrayForEach (f, rows)
			puts(json_text(f, "name", ""));
		return EXIT_DONE;
	}
	table_init(&t, 5);
	for (size_t i = 0; i < 5; i++)
		table_add(&t, heads[i]);
	cJSON_ArrayForEach (f, rows) {
		bool holds = json_bool(f, "holds", false), switched = json_bool(f, "switched", false);
		table_add(&t, json_text(f, "name", ""));
		table_add(&t, holds ? "yes" : "no");
		table_add(&t, switched ? "switched off" : holds ? json_text(f, "until", "-") : "-");
		table_add(&t, switched ? json_text(f, "by", "") : holds ? "the clock" : "-");
		table_add(&t, switched ? json_text(f, "reason", "") : "");
	}
	table_print(&t);
	return EXIT_DONE;
}

static enum exit_code read_reason(const struct cli *c, struct strbuf *b)
{
	if (c->reason && c->word_count > 2)
		return cli_usage(c, "there is a reason behind the state, and --reason too");
	if (c->reason)
		strbuf_add(b, c->reason);
	for (size_t i = 2; i < c->word_count; i++) {
		strbuf_add(b, i > 2 ? " " : "");
		strbuf_add(b, c->words[i]);
	}
	return b->overflow ? cli_fail(c, EXIT_FAILED, "the reason is too long") : EXIT_DONE;
}

static enum exit_code turn(const struct cli *c, const char *reason)
{
	CLEANUP(json_delete_p) cJSON *answer = NULL;
	struct strbuf path, body;
	strbuf_init(&path, PATH_BYTES);
	strbuf_init(&body, BODY_BYTES);
	strbuf_add(&path, "/api/v1/freezes/");
	strbuf_add_urlencoded(&path, c->words[0], strlen(c->words[0]));
	strbuf_addf(&path, "/%s", c->words[1]);
	strbuf_add(&body, "{\"via\":\"cli\",\"reason\":");
	strbuf_add_json(&body, reason);
	strbuf_addc(&body, '}');
	enum exit_code code = path.overflow || body.overflow ? cli_fail(c, EXIT_FAILED, "that is too long")
							     : client_call(c, "POST", path.s, body.s, &answer);
	strbuf_finish(&path);
	strbuf_finish(&body);
	if (code == EXIT_DONE)
		puts(json_text(answer, "text", ""));
	return code;
}

enum exit_code verb_freeze(struct cli *c)
{
	struct strbuf reason;
	if (!c->word_count)
		return list(c);
	if (c->word_count < 2 || (!text_eq(c->words[1], "on") && !text_eq(c->words[1], "off")))
		return cli_usage(c, "say on or off behind the freeze's name");
	strbuf_init(&reason, REASON_BYTES);
	enum exit_code code = read_reason(c, &reason);
	if (code == EXIT_DONE)
		code = turn(c, reason.s);
	strbuf_finish(&reason);
	return code;
}
