#include "bot/commands/command.h"

#include <string.h>

#include "base/text.h"

struct entry {
	const char *name, *aliases;
};
#define X(id, name, aliases) { name, aliases },
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

/* Among all words of the table, as copies in the arena. */
static const char *nearest(const char *word, struct arena *a)
{
	enum { WORDS_MAX = COMMAND_COUNT * 6 };
	const char *names[WORDS_MAX + 1] = { NULL };
	size_t n = 0;
	for (unsigned i = 0; i < COMMAND_COUNT && n < WORDS_MAX; i++)
		names[n++] = table[i].name;
	for (unsigned i = 0; i < COMMAND_COUNT; i++)
		for (const char *p = table[i].aliases; *p && n < WORDS_MAX; p += *p == ',') {
			size_t len = strcspn(p, ",");
			const char *alias = len > 3 ? arena_strndup(a, p, len) : NULL; /* a short one is near to all */
			if (alias)
				names[n++] = alias;
			p += len;
		}
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
	return id != COMMAND_LIST && id != COMMAND_HISTORY && id != COMMAND_HELP && id != COMMAND_SUBSCRIBE &&
	       id != COMMAND_FREEZE;
}

static const char *keyed(enum card_lang lang, const char *group, enum command_id id, struct arena *a)
{
	const char *key = arena_printf(a, "%s.%s", group, table[id].name);
	const char *text = key ? card_words(lang, key, a, NULL) : "";
	return text_eq(text, "-") ? "" : text;
}

bool command_takes_selector(enum command_id id)
{
	static const bool takes[COMMAND_COUNT] = {
		[COMMAND_LIST] = true,     [COMMAND_APPROVE] = true, [COMMAND_REJECT] = true, [COMMAND_PROMOTE] = true,
		[COMMAND_ROLLBACK] = true, [COMMAND_PAUSE] = true,   [COMMAND_RESUME] = true, [COMMAND_RESTART] = true,
	};
	return takes[id];
}

static enum result usage(enum command_id id, const char *what, struct arena *a, struct error *e)
{
	const char *args = keyed(LANG_EN, "args", id, a);
	return error_set(e, RC_INVALID, "%s: usage: %s%s%s", what, table[id].name, *args ? " " : "", args);
}

static enum result unknown(const char *word_typed, const char *hint, struct arena *a, struct error *e)
{
	char shown[TEXT_SHOWN];
	const char *near = nearest(word_typed, a);
	return error_set(e, RC_INVALID, "there is no command \"%s\"%s%s%s%s",
			 text_show(word_typed, strlen(word_typed), shown), near ? "; did you mean " : "",
			 near ? near : "", near ? "?" : "", hint);
}

static enum result parse_help(const char *topic, struct arena *a, struct command *c, struct error *e)
{
	c->about = COMMAND_COUNT;
	if (!topic || find(topic, &c->about))
		return RC_OK;
	return unknown(topic, "", a, e);
}

static enum result parse_weight(const char **at, struct arena *a, struct command *c, struct error *e)
{
	char *number = word(at, a);
	if (!number)
		return usage(COMMAND_WEIGHT, "which weight", a, e);
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

static void take_override(const char **at, struct arena *a, struct command *c, const char * or)
{
	const char *look = *at;
	const char *w = word(&look, a);
	if (!text_eq(w, or) && !text_eq(w, "--override"))
		return;
	c->override_gates = true;
	*at = look;
}

/* "-l team=shop", "-phase Failed", "--yes": in front of the name or right after it. */
static enum result take_options(const char **at, struct arena *a, struct command *c, struct error *e)
{
	for (;;) {
		const char *look = *at;
		char *w = word(&look, a), shown[TEXT_SHOWN];
		if (!w || *w != '-' || text_eq(w, "--override"))
			return RC_OK;
		if (text_eq(w, "--yes") || text_eq(w, "-y")) {
			c->yes = true;
		} else if (command_takes_selector(c->id) && (text_eq(w, "-l") || text_eq(w, "--selector"))) {
			c->selector = word(&look, a);
			if (!c->selector)
				return error_set(e, RC_INVALID, "which labels: -l team=shop");
		} else if (c->id == COMMAND_LIST && (text_eq(w, "-phase") || text_eq(w, "--phase"))) {
			c->phase = word(&look, a);
			if (!c->phase)
				return error_set(e, RC_INVALID, "which phase: -phase Progressing");
		} else if (!*c->name && !*c->selector) {
			return error_set(e, RC_INVALID, "there is no option \"%s\" here",
					 text_show(w, strlen(w), shown));
		} else {
			return RC_OK; /* a word of the reason */
		}
		*at = look;
	}
}

/* What it is about: a name, or labels. */
static enum result parse_subject(const char **at, struct arena *a, struct command *c, struct error *e)
{
	enum result r = take_options(at, a, c, e);
	if (r != RC_OK)
		return r;
	const char *look = *at, *name = *c->selector && c->id != COMMAND_LIST ? NULL : word(&look, a);
	if (name) {
		c->name = name;
		*at = look;
		r = take_options(at, a, c, e);
	} else if (!*c->selector && needs_name(c->id)) {
		bool pattern = c->id == COMMAND_UNSUBSCRIBE;
		r = usage(c->id, pattern ? "from what" : "which rollout", a, e);
	}
	return r;
}

static enum result parse_switch(const char **at, struct arena *a, struct command *c, struct error *e)
{
	char *w = word(at, a);
	if (w)
		lower(w);
	c->on = text_eq(w, "on") || text_eq(w, "开");
	if (c->on || text_eq(w, "off") || text_eq(w, "关"))
		return RC_OK;
	return usage(c->id, "on or off", a, e);
}

static enum result parse_rest(const char *at, struct arena *a, struct command *c, struct error *e)
{
	if (c->id == COMMAND_WEIGHT) {
		enum result r = parse_weight(&at, a, c, e);
		if (r != RC_OK)
			return r;
	}
	if (c->id == COMMAND_FREEZE && *c->name) {
		enum result r = parse_switch(&at, a, c, e);
		if (r != RC_OK)
			return r;
	}
	/* Anywhere else it is a word of the reason: a rollback in a hurry must not fail for want of a right. */
	if (c->id == COMMAND_PROMOTE || c->id == COMMAND_WEIGHT)
		take_override(&at, a, c, "override");
	if (c->id == COMMAND_APPROVE)
		take_override(&at, a, c, "--override");
	c->reason = rest_of(at, a);
	return c->id == COMMAND_REJECT && text_empty(c->reason) ? usage(c->id, "why", a, e) : RC_OK;
}

enum result command_parse(const char *line, struct arena *a, struct command *ret, struct error *e)
{
	const char *at = line;
	struct command c = { .name = "", .reason = "", .selector = "", .phase = "", .about = COMMAND_COUNT };
	char *first = word(&at, a);
	if (!first) {
		c.id = COMMAND_HELP;
		*ret = c;
		return RC_OK;
	}
	lower(first);
	if (!find(first, &c.id))
		return unknown(first, "; \"help\" lists them", a, e);
	enum result r;
	if (c.id == COMMAND_HELP) {
		char *topic = word(&at, a);
		if (topic)
			lower(topic);
		r = parse_help(topic, a, &c, e);
	} else {
		r = parse_subject(&at, a, &c, e);
		r = r == RC_OK ? parse_rest(at, a, &c, e) : r;
	}
	if (r == RC_OK)
		*ret = c;
	return r;
}

const char *command_usage(enum command_id id, enum card_lang lang, struct arena *a)
{
	const struct entry *x = &table[id];
	const char *last = strrchr(x->aliases, ','), *chinese = last ? last + 1 : x->aliases;
	const char *args = keyed(lang, "args", id, a), *gap = *args ? " " : "";
	const char *text = lang == LANG_ZH ? arena_printf(a, "%s (%s)%s%s", chinese, x->name, gap, args)
					   : arena_printf(a, "%s%s%s", x->name, gap, args);
	return text ? text : "";
}

static const char *one_line(enum command_id id, enum card_lang lang, struct arena *a)
{
	const char *line = arena_printf(a, "%s - %s", command_usage(id, lang, a), keyed(lang, "help", id, a));
	return line ? line : "";
}

const char *command_help(enum command_id about, enum card_lang lang, struct arena *a)
{
	if (about != COMMAND_COUNT)
		return card_words(lang, "help.one", a, "line", one_line(about, lang, a), "aliases",
				  table[about].aliases, NULL);
	const char *text = "";
	for (unsigned i = 0; i < COMMAND_COUNT && text; i++)
		text = arena_printf(a, "%s%s%s", text, *text ? "\n" : "", one_line((enum command_id)i, lang, a));
	return text ? text : "";
}
