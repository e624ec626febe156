#include "bot/commands/command.h"

#include <string.h>

#include "base/text.h"

struct entry {
	const char *name, *aliases, *args, *help;
};
#define X(id, name, aliases, args, help) { name, aliases, args, help },
static const struct entry table[COMMAND_COUNT] = { COMMANDS(X) };
#undef X

const char *command_name(enum command_id id)
{
	return table[id].name;
}

/* Is word one of a comma list? */
static bool in_list(const char *list, const char *word)
{
	size_t n = strlen(word);
	for (const char *p = list; p && *p; p = strchr(p, ',')) {
		p += *p == ',';
		size_t len = strcspn(p, ",");
		if (len == n && strncmp(p, word, n) == 0)
			return true;
	}
	return false;
}

static bool find(const char *word, enum command_id *ret)
{
	for (unsigned i = 0; i < COMMAND_COUNT; i++)
		if (text_eq(table[i].name, word) || in_list(table[i].aliases, word)) {
			*ret = (enum command_id)i;
			return true;
		}
	return false;
}

static const char *nearest(const char *word)
{
	const char *names[COMMAND_COUNT + 1];
	for (unsigned i = 0; i < COMMAND_COUNT; i++)
		names[i] = table[i].name;
	names[COMMAND_COUNT] = NULL;
	return text_nearest(word, names);
}

static const char wide[] = "\xe3\x80\x80"; /* full-width blank */

static const char *skip_blanks(const char *at)
{
	for (;;) {
		at += strspn(at, " \t\r\n");
		if (strncmp(at, wide, 3) != 0)
			return at;
		at += 3;
	}
}

/* The next word, or NULL; *at moves behind it and the blanks that follow. Full-width blanks count: people type them. */
static char *word(const char **at, struct arena *a)
{
	*at = skip_blanks(*at);
	size_t len = strcspn(*at, " \t\r\n");
	const char *gap = strstr(*at, wide);
	if (gap && (size_t)(gap - *at) < len)
		len = (size_t)(gap - *at);
	if (!len)
		return NULL;
	char *w = arena_strndup(a, *at, len);
	*at += len;
	return w;
}

/* ASCII only: Chinese words have no case. */
static void lower(char *s)
{
	for (; *s; s++)
		if (*s >= 'A' && *s <= 'Z')
			*s = (char)(*s - 'A' + 'a');
}

static const char *rest_of(const char *at, struct arena *a)
{
	at = skip_blanks(at);
	size_t len = strlen(at);
	for (;;) {
		if (len && strchr(" \t\r\n", at[len - 1]))
			len--;
		else if (len >= 3 && strncmp(at + len - 3, wide, 3) == 0)
			len -= 3;
		else
			break;
	}
	const char *r = arena_strndup(a, at, len);
	return r ? r : "";
}

static bool needs_name(enum command_id id)
{
	return id != COMMAND_LIST && id != COMMAND_HISTORY && id != COMMAND_HELP;
}

static enum result usage(enum command_id id, const char *what, struct error *e)
{
	return error_set(e, RC_INVALID, "%s: %s %s %s", what, "usage:", table[id].name, table[id].args);
}

static enum result unknown(const char *word_typed, const char *hint, struct error *e)
{
	char shown[TEXT_SHOWN];
	const char *near = nearest(word_typed);
	return error_set(e, RC_INVALID, "there is no command \"%s\"%s%s%s%s",
			 text_show(word_typed, strlen(word_typed), shown), near ? "; did you mean " : "",
			 near ? near : "", near ? "?" : "", hint);
}

static enum result parse_help(const char *topic, struct command *c, struct error *e)
{
	c->about = COMMAND_COUNT;
	if (!topic || find(topic, &c->about))
		return RC_OK;
	return unknown(topic, "", e);
}

static enum result parse_weight(const char **at, struct arena *a, struct command *c, struct error *e)
{
	char *number = word(at, a);
	if (!number)
		return usage(COMMAND_WEIGHT, "which weight", e);
	char shown[TEXT_SHOWN];
	text_show(number, strlen(number), shown);
	static const char *const signs[] = { "%", "\xef\xbc\x85" /* full-width */ };
	for (size_t i = 0; i < sizeof signs / sizeof *signs; i++)
		if (text_ends(number, signs[i])) {
			number[strlen(number) - strlen(signs[i])] = '\0';
			break;
		}
	uint64_t n;
	if (text_u64(number, 0, 100, &n, NULL) != RC_OK)
		return error_set(e, RC_INVALID, "\"%s\" is not a percentage from 0 to 100", shown);
	c->weight = (int)n;
	return RC_OK;
}

static void take_override(const char **at, struct arena *a, struct command *c)
{
	const char *look = *at;
	const char *w = word(&look, a);
	if (!text_eq(w, "override") && !text_eq(w, "--override"))
		return;
	c->override_gates = true;
	*at = look;
}

enum result command_parse(const char *line, struct arena *a, struct command *ret, struct error *e)
{
	const char *at = line;
	struct command c = { .name = "", .reason = "", .about = COMMAND_COUNT };
	char *first = word(&at, a);
	if (!first) {
		c.id = COMMAND_HELP;
		*ret = c;
		return RC_OK;
	}
	lower(first);
	if (!find(first, &c.id))
		return unknown(first, "; \"help\" lists them", e);
	char *name = word(&at, a);
	if (c.id == COMMAND_HELP) {
		if (name)
			lower(name);
		enum result r = parse_help(name, &c, e);
		if (r == RC_OK)
			*ret = c;
		return r;
	}
	if (!name && needs_name(c.id))
		return usage(c.id, "which rollout", e);
	c.name = name ? name : "";
	if (c.id == COMMAND_WEIGHT) {
		enum result r = parse_weight(&at, a, &c, e);
		if (r != RC_OK)
			return r;
	}
	/* Anywhere else it is a word of the reason: a rollback in a hurry must not fail for want of a right. */
	if (c.id == COMMAND_PROMOTE || c.id == COMMAND_WEIGHT)
		take_override(&at, a, &c);
	c.reason = rest_of(at, a);
	if (c.id == COMMAND_REJECT && text_empty(c.reason))
		return usage(c.id, "why", e);
	*ret = c;
	return RC_OK;
}

static const char *one_line(const struct entry *x, bool zh, struct arena *a)
{
	const char *last = strrchr(x->aliases, ',');
	const char *chinese = last ? last + 1 : x->aliases;
	return zh ? arena_printf(a, "%s (%s) %s - %s", chinese, x->name, x->args, x->help)
		  : arena_printf(a, "%s %s - %s", x->name, x->args, x->help);
}

const char *command_help(enum command_id about, bool zh, struct arena *a)
{
	if (about != COMMAND_COUNT) {
		const char *line = one_line(&table[about], zh, a);
		return arena_printf(a, "%s\nalso: %s", line ? line : "", table[about].aliases);
	}
	const char *text = "";
	for (unsigned i = 0; i < COMMAND_COUNT && text; i++) {
		const char *line = one_line(&table[i], zh, a);
		text = arena_printf(a, "%s%s%s", text, *text ? "\n" : "", line ? line : "");
	}
	return text ? text : "";
}
