/* `rollcall chat`: the bot's own words in a terminal, without a chat account. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/client.h"
#include "app/terminal.h"
#include "base/json.h"
#include "base/strbuf.h"
#include "base/text.h"

enum { LINE_BYTES = 4096, BODY_BYTES = 32 * 1024, NAME_BYTES = 128, ANSWER_BYTES = 1 << 20 };

struct talk {
	const struct cli *cli;
	char as[NAME_BYTES]; /* "" who the token is of */
	bool person;         /* a person types, and sees a prompt */
};

/* Lines of an answer end where the bot ends them; nothing else in it moves the cursor. */
static void print_answer(const char *text)
{
	struct strbuf b;
	strbuf_init(&b, ANSWER_BYTES);
	while (*text) {
		size_t n = strcspn(text, "\n");
		CLEANUP(free_p) char *line = strndup(text, n);
		terminal_add_foreign(&b, line ? line : "");
		strbuf_addc(&b, '\n');
		text += n + (text[n] == '\n');
	}
	fputs(b.s, stdout);
	strbuf_finish(&b);
}

static enum exit_code say(const struct talk *t, const char *line)
{
	CLEANUP(json_delete_p) cJSON *answer = NULL;
	struct strbuf body;
	strbuf_init(&body, BODY_BYTES);
	strbuf_add(&body, "{\"line\":");
	strbuf_add_json(&body, line);
	if (*t->as) {
		strbuf_add(&body, ",\"as\":");
		strbuf_add_json(&body, t->as);
	}
	strbuf_addc(&body, '}');
	enum exit_code code = client_call(t->cli, "POST", "/api/v1/chat", body.s, &answer);
	strbuf_finish(&body);
	if (code == EXIT_DONE)
		print_answer(json_text(answer, "text", ""));
	(void)fflush(stdout);
	return code;
}

/* Words that are the terminal's own. false: the line is for the bot. */
static bool is_ours(struct talk *t, const char *line, bool *ret_end)
{
	*ret_end = text_eq(line, "exit") || text_eq(line, "quit");
	if (*ret_end || !*line)
		return true;
	if (!text_starts(line, "/as"))
		return false;
	const char *name = line + strlen("/as");
	(void)text_copy(t->as, sizeof t->as, name + strspn(name, " "));
	return true;
}

static void prompt(const struct talk *t)
{
	if (!t->person)
		return;
	fprintf(stderr, "%s> ", *t->as ? t->as : "you");
	(void)fflush(stderr);
}

/* In a pipe the first line that fails is the last; a person may try again. */
static enum exit_code converse(struct talk *t)
{
	char line[LINE_BYTES];
	bool ends = false;
	enum exit_code code = EXIT_DONE;
	for (prompt(t); !ends && fgets(line, sizeof line, stdin); prompt(t)) {
		line[strcspn(line, "\r\n")] = '\0';
		if (is_ours(t, line, &ends))
			continue;
		code = say(t, line);
		if (code == EXIT_UNREACHABLE || (code != EXIT_DONE && !t->person))
			return code;
	}
	if (t->person && !ends)
		fputc('\n', stderr);
	return t->person ? EXIT_DONE : code;
}

enum exit_code verb_chat(struct cli *c)
{
	struct talk t = { .cli = c, .person = isatty(STDIN_FILENO) };
	(void)text_copy(t.as, sizeof t.as, c->as ? c->as : "");
	if (t.person)
		fputs("What you would type in a chat: list, status NAME, approve NAME, help, ... ; /as NAME is "
		      "somebody else, "
		      "exit ends.\n",
		      stderr);
	return converse(&t);
}
