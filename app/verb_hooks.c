/* `rollcall hooks`: what was sent to webhooks, and once more. */
#include <stdio.h>
#include <string.h>

#include "app/cli.h"
#include "app/client.h"
#include "app/table.h"
#include "base/json.h"
#include "base/strbuf.h"
#include "base/text.h"

enum { PATH_BYTES = 2048, COLUMNS = 8 };

static enum exit_code print_log(const struct cli *c, const cJSON *rows)
{
	static const char *const heads[COLUMNS] = {
		"ID", "RECEIVER", "AT", "EVENT", "ROLLOUT", "STATE", "TRIES", "WHY"
	};
	static const char *const members[COLUMNS] = {
		"id", "receiver", "at", "type", "subject", "state", "tries", "why"
	};
	const cJSON *row;
	struct table t;
	if (text_eq(c->output, "json")) {
		CLEANUP(free_p) char *text = json_print(rows);
		return text && puts(text) >= 0 ? EXIT_DONE : EXIT_FAILED;
	}
	if (!cJSON_GetArraySize(rows))
		return fputs("nothing was sent\n", stderr) < 0 ? EXIT_FAILED : EXIT_DONE;
	table_init(&t, COLUMNS);
	for (size_t i = 0; i < COLUMNS; i++)
		table_add(&t, heads[i]);
	cJSON_ArrayForEach (row, rows)
		for (size_t i = 0; i < COLUMNS; i++) {
			char number[32];
			const cJSON *v = json_at(row, members[i]);
			text_from_double(cJSON_IsNumber(v) ? v->valuedouble : 0, number);
			table_add(&t, cJSON_IsString(v) ? v->valuestring : number);
		}
	table_print(&t);
	return EXIT_DONE;
}

static enum exit_code show_log(const struct cli *c)
{
	CLEANUP(json_delete_p) cJSON *answer = NULL;
	const char *limit = c->limit ? c->limit : "50", *receiver = c->word_count > 1 ? c->words[1] : "";
	struct strbuf path;
	strbuf_init(&path, PATH_BYTES);
	strbuf_add(&path, "/api/v1/hooks?limit=");
	strbuf_add_urlencoded(&path, limit, strlen(limit));
	strbuf_add(&path, "&receiver=");
	strbuf_add_urlencoded(&path, receiver, strlen(receiver));
	enum exit_code code = client_call(c, "GET", path.s, NULL, &answer);
	strbuf_finish(&path);
	return code == EXIT_DONE ? print_log(c, json_at(answer, "hooks")) : code;
}

static enum exit_code replay(const struct cli *c)
{
	CLEANUP(json_delete_p) cJSON *answer = NULL;
	struct strbuf path, body;
	strbuf_init(&path, PATH_BYTES);
	strbuf_init(&body, PATH_BYTES);
	strbuf_add(&path, "/api/v1/hooks/");
	strbuf_add_urlencoded(&path, c->words[1], strlen(c->words[1]));
	strbuf_add(&path, "/replay");
	strbuf_addc(&body, '{');
	if (c->word_count > 2) {
		strbuf_add(&body, "\"receiver\":");
		strbuf_add_json(&body, c->words[2]);
	}
	strbuf_addc(&body, '}');
	enum exit_code code = client_call(c, "POST", path.s, body.s, &answer);
	strbuf_finish(&path);
	strbuf_finish(&body);
	if (code == EXIT_DONE)
		fprintf(stderr, "%s\n", json_text(answer, "text", ""));
	return code;
}

enum exit_code verb_hooks(struct cli *c)
{
	if (text_eq(c->words[0], "log") && c->word_count <= 2)
		return show_log(c);
	if (text_eq(c->words[0], "replay") && c->word_count >= 2)
		return replay(c);
	return cli_usage(c, "hooks log [RECEIVER]; hooks replay ID; hooks replay failed [RECEIVER]");
}
