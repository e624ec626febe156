/* Verbs that decide: a vote, or a request to the controller. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/client.h"
#include "base/crypto.h"
#include "base/json.h"
#include "base/strbuf.h"
#include "base/text.h"

enum { PATH_BYTES = 2048, REASON_BYTES = 4096 };

/* --reason, or the rest of the line. */
static enum exit_code reason_of(const struct cli *c, size_t from, struct strbuf *b)
{
	if (c->reason && c->word_count > from)
		return cli_usage(c, "there is a reason behind the name, and --reason too");
	if (c->reason)
		strbuf_add(b, c->reason);
	for (size_t i = from; i < c->word_count; i++) {
		strbuf_add(b, i > from ? " " : "");
		strbuf_add(b, c->words[i]);
	}
	return b->overflow ? cli_fail(c, EXIT_FAILED, "the reason is too long") : EXIT_DONE;
}

static void add_text(struct strbuf *b, const char *key, const char *value)
{
	if (text_empty(value))
		return;
	strbuf_addf(b, ",\"%s\":", key);
	strbuf_add_json(b, value);
}

static enum exit_code ask(const struct cli *c, size_t words_used, int weight)
{
	char ns[CLIENT_NAME], name[CLIENT_NAME];
	struct strbuf reason, body, path;
	CLEANUP(json_delete_p) cJSON *answer = NULL;
	strbuf_init(&reason, REASON_BYTES);
	strbuf_init(&body, REASON_BYTES * 8);
	strbuf_init(&path, PATH_BYTES);
	enum exit_code code = reason_of(c, words_used, &reason);
	if (code == EXIT_DONE)
		code = client_resolve(c, c->words[0], ns, name);
	if (code == EXIT_DONE) {
		strbuf_add(&body, "{\"via\":\"cli\"");
		add_text(&body, "reason", reason.s);
		add_text(&body, "revision", c->revision);
		add_text(&body, "request", c->request);
		if (weight >= 0)
			strbuf_addf(&body, ",\"weight\":%d", weight);
		strbuf_add(&body, c->override ? ",\"override\":true}" : "}");
		strbuf_addf(&path, "/api/v1/rollouts/");
		strbuf_add_urlencoded(&path, ns, strlen(ns));
		strbuf_addc(&path, '/');
		strbuf_add_urlencoded(&path, name, strlen(name));
		strbuf_addf(&path, "/%s", c->verb->name);
		code = client_call(c, "POST", path.s, body.s, &answer);
	}
	if (code == EXIT_DONE)
		puts(json_text(answer, "text", ""));
	strbuf_finish(&reason);
	strbuf_finish(&body);
	strbuf_finish(&path);
	return code;
}

enum exit_code verb_decide(struct cli *c)
{
	return ask(c, 1, -1);
}

enum exit_code verb_weight(struct cli *c)
{
	uint64_t weight = 0;
	char digits[8] = "";
	size_t len = strlen(c->words[1]);
	if (len && len < sizeof digits)
		memcpy(digits, c->words[1], c->words[1][len - 1] == '%' ? len - 1 : len);
	if (text_u64(digits, 0, 100, &weight, NULL) != RC_OK)
		return cli_usage(c, "PERCENT must be a number from 0 to 100");
	return ask(c, 2, (int)weight);
}
