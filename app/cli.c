#include "app/cli.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/config.h"
#include "app/file.h"
#include "app/findings.h"
#include "app/terminal.h"
#include "base/json.h"
#include "base/text.h"
#include "base/yaml.h"

/* ---- options ---- */

static const struct option {
	const char *name;
	char letter;
	bool common;       /* of every verb */
	bool word;         /* its values are words of the verb */
	const char *value; /* NULL: a switch */
	size_t offset;
	const char *variable, *help;
} options[] = {
#define AT(field) offsetof(struct cli, field)
	{ "namespace", 'n', false, false, "NS", AT(ns), NULL, "namespace of the rollout" },
	{ "all-namespaces", 'A', false, false, NULL, AT(all), NULL, "of every namespace" },
	{ "output", 'o', false, false, "FORMAT", AT(output), NULL, "json, yaml, wide or name" },
	{ "reason", 'm', false, false, "TEXT", AT(reason), NULL, "why; goes on record" },
	{ "revision", 0, false, false, "REV", AT(revision), NULL, "only if the rollout is still at this revision" },
	{ "request", 0, false, false, "ID", AT(request), NULL, "the very request for approval that is meant" },
	{ "override", 0, false, false, NULL, AT(override), NULL, "go past gates that are closed; a right of its own" },
	{ "scope", 0, false, false, "SCOPE", AT(scope), NULL, "read, decide or admin" },
	{ "expires", 0, false, false, "TIME", AT(expires), NULL, "how long it is good, such as 12h or 30d" },
	{ "limit", 0, false, false, "N", AT(limit), NULL, "at most so many, the newest" },
	{ "for", 0, false, false, "WHAT", AT(condition), NULL, "promoted (default), decided or failed" },
	{ "timeout", 0, false, false, "TIME", AT(timeout), NULL, "give up after so long, such as 10m" },
	{ "fail-at", 0, false, false, "WEIGHT", AT(fail_at), NULL, "from this weight on the canary is bad" },
	{ "approve-after", 0, false, false, "TIME", AT(approve_after), NULL,
	  "people say yes so long after they are asked" },
	{ "replicas", 0, false, false, "N", AT(replicas), NULL, "of the target" },
	{ "json", 0, false, false, NULL, AT(json), NULL, "the same as --output json" },
	{ "filename", 'f', false, true, "FILE", 0, NULL, "the manifest; \"-\" is standard input" },
	{ "server", 's', true, false, "URL", AT(server), "ROLLCALL_SERVER", "the service (http://127.0.0.1:8484)" },
	{ "token", 0, true, false, "TOKEN", AT(token), "ROLLCALL_TOKEN", "who asks (DATA_DIR/cli.token)" },
	{ "ca", 0, true, false, "FILE", AT(ca), "ROLLCALL_CA", "authorities that the service's certificate is of" },
	{ "config", 'c', true, false, "FILE", AT(config), "ROLLCALL_CONFIG", "the configuration" },
	{ "data-dir", 0, true, false, "DIR", AT(data_dir), NULL, "where the service keeps its data" },
	{ "auto", 0, false, false, NULL, AT(by_itself), NULL, "play the whole story, and end" },
	{ "keep", 0, false, false, NULL, AT(keep), NULL, "with --auto: go on running after the story" },
	{ "help", 'h', true, false, NULL, AT(help), NULL, "this" },
#undef AT
};
enum { OPTION_COUNT = sizeof options / sizeof *options, NAMES_MAX = 64 };

/* ---- words for people ---- */

enum exit_code cli_fail(const struct cli *c, enum exit_code code, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	fprintf(stderr, "rollcall%s%s: ", c->verb ? " " : "", c->verb ? c->verb->name : "");
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
	return code;
}

enum exit_code cli_exit_of(enum result r)
{
	switch (r) {
	case RC_OK:
		return EXIT_DONE;
	case RC_REFUSED:
		return EXIT_REFUSED;
	case RC_NOT_FOUND:
		return EXIT_NOT_FOUND;
	case RC_UNREACHABLE:
		return EXIT_UNREACHABLE;
	case RC_INVALID:
	case RC_CONFLICT:
	case RC_EXHAUSTED:
	case RC_COUNT:
		break;
	}
	return EXIT_FAILED;
}

enum exit_code cli_fail_result(const struct cli *c, const struct error *e)
{
	return cli_fail(c, cli_exit_of(e->code), "%s", e->text);
}

enum exit_code cli_usage(const struct cli *c, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	fputs("rollcall", stderr);
	if (c->verb)
		fprintf(stderr, " %s", c->verb->name);
	fputs(": ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
	if (c->verb)
		fprintf(stderr, "usage: rollcall %s%s%s\n", c->verb->name, *c->verb->args ? " " : "", c->verb->args);
	else
		fputs("`rollcall help` lists what there is\n", stderr);
	return EXIT_USAGE;
}

static bool has_word(const char *list, const char *word)
{
	size_t n = strlen(word);
	for (const char *p = list; p && *p; p += strcspn(p, " "), p += strspn(p, " "))
		if (strncmp(p, word, n) == 0 && (p[n] == ' ' || p[n] == '\0'))
			return true;
	return false;
}

static bool takes(const struct verb *v, const struct option *o)
{
	return o->common || (v && has_word(v->options, o->name));
}

static void print_options(const struct verb *v)
{
	puts("\nOptions:");
	for (size_t i = 0; i < OPTION_COUNT; i++) {
		const struct option *o = &options[i];
		char left[64], letter[8] = "    ";
		if (!takes(v, o))
			continue;
		if (o->letter)
			(void)snprintf(letter, sizeof letter, "-%c, ", o->letter);
		(void)snprintf(left, sizeof left, "%s--%s%s%s", letter, o->name, o->value ? " " : "",
			       o->value ? o->value : "");
		printf("  %-28s %s%s%s%s\n", left, o->help, o->variable ? " [" : "", o->variable ? o->variable : "",
		       o->variable ? "]" : "");
	}
}

static const struct verb *verb_find(const char *name)
{
	for (const struct verb *v = verbs; v->name; v++)
		if (text_eq(v->name, name))
			return v;
	return NULL;
}

static enum exit_code unknown_verb(const struct cli *c, const char *name)
{
	const char *names[NAMES_MAX + 1] = { NULL };
	char shown[TEXT_SHOWN];
	for (size_t i = 0; verbs[i].name && i < NAMES_MAX; i++)
		names[i] = verbs[i].name;
	const char *near = text_nearest(name, names);
	(void)text_show(name, strlen(name), shown);
	return near ? cli_usage(c, "there is no \"%s\"; did you mean \"%s\"?", shown, near)
		    : cli_usage(c, "there is no \"%s\"", shown);
}

enum exit_code cli_help(const char *name)
{
	const struct verb *one = name ? verb_find(name) : NULL;
	struct cli none = { 0 };
	if (name && !one)
		return unknown_verb(&none, name);
	if (one) {
		printf("usage: rollcall %s%s%s\n\n%s.\n", one->name, *one->args ? " " : "", one->args, one->help);
		if (one->more)
			printf("\n%s\n", one->more);
		print_options(one);
		return EXIT_DONE;
	}
	puts("rollcall: canary rollouts that ask before they ship\n\nusage: rollcall VERB [ARGUMENTS] [OPTIONS]\n");
	for (const struct verb *v = verbs; v->name; v++) {
		char left[80];
		(void)snprintf(left, sizeof left, "%s%s%s", v->name, *v->args ? " " : "", v->args);
		printf("  %-36s %s\n", left, v->help);
	}
	print_options(NULL);
	puts("\nExit codes: 0 done, 1 failed, 2 usage, 3 refused, 4 not found, 5 the service cannot be reached.\n"
	     "`rollcall help VERB` says more of one.");
	return EXIT_DONE;
}

/* ---- parsing ---- */

struct parse {
	struct cli *c;
	char **argv;
	int argc, at;
	const struct option *early; /* came before the verb, and cannot have been judged then */
};

static const struct option *option_named(const char *name, size_t len)
{
	for (size_t i = 0; i < OPTION_COUNT; i++)
		if (strlen(options[i].name) == len && strncmp(options[i].name, name, len) == 0)
			return &options[i];
	return NULL;
}

static const struct option *option_lettered(char letter)
{
	for (size_t i = 0; letter && i < OPTION_COUNT; i++)
		if (options[i].letter == letter)
			return &options[i];
	return NULL;
}

static enum exit_code unknown_option(const struct cli *c, const char *word)
{
	const char *names[OPTION_COUNT + 1] = { NULL };
	char shown[TEXT_SHOWN], name[64];
	for (size_t i = 0; i < OPTION_COUNT; i++)
		names[i] = options[i].name;
	(void)snprintf(name, sizeof name, "%.*s", (int)strcspn(word + strspn(word, "-"), "="),
		       word + strspn(word, "-"));
	const char *near = text_nearest(name, names);
	(void)text_show(word, strlen(word), shown);
	return near ? cli_usage(c, "unknown option \"%s\"; did you mean --%s?", shown, near)
		    : cli_usage(c, "unknown option \"%s\"", shown);
}

/* "--name", "--name=value", "--name value", "-n value", "-nvalue" */
static enum exit_code take_option(struct parse *p)
{
	const char *word = p->argv[p->at++], *value = NULL;
	const struct option *o;
	if (word[1] == '-') {
		size_t len = strcspn(word + 2, "=");
		o = option_named(word + 2, len);
		value = word[2 + len] == '=' ? word + 2 + len + 1 : NULL;
	} else {
		o = option_lettered(word[1]);
		value = word[1] && word[2] ? word + 2 : NULL;
	}
	if (!o)
		return unknown_option(p->c, word);
	if (!p->c->verb && !o->common)
		p->early = o;
	if (p->c->verb && !takes(p->c->verb, o))
		return cli_usage(p->c, "--%s does not belong here", o->name);
	char *field = (char *)p->c + o->offset;
	if (!o->value) {
		if (value)
			return cli_usage(p->c, "--%s takes no value", o->name);
		*(bool *)field = true;
		return EXIT_DONE;
	}
	if (!value && p->at < p->argc)
		value = p->argv[p->at++];
	if (!value)
		return cli_usage(p->c, "--%s wants %s", o->name, o->value);
	if (o->word)
		p->c->words[p->c->word_count++] = value;
	else
		*(const char **)field = value;
	return EXIT_DONE;
}

static void take_variables(struct cli *c)
{
	for (size_t i = 0; i < OPTION_COUNT; i++) {
		const char **field = (const char **)((char *)c + options[i].offset);
		const char *value = options[i].variable ? getenv(options[i].variable) : NULL;
		if (options[i].value && !*field && !text_empty(value))
			*field = value;
	}
}

static enum exit_code parse_all(struct parse *p)
{
	bool only_words = false;
	while (p->at < p->argc) {
		const char *word = p->argv[p->at];
		enum exit_code code = EXIT_DONE;
		if (!only_words && text_eq(word, "--")) {
			only_words = true;
			p->at++;
		} else if (!only_words && word[0] == '-' && word[1]) {
			code = take_option(p);
		} else if (!p->c->verb) {
			p->c->verb = verb_find(word);
			p->at++;
			if (!p->c->verb)
				return unknown_verb(p->c, word);
		} else {
			p->c->words[p->c->word_count++] = word;
			p->at++;
		}
		if (code != EXIT_DONE)
			return code;
	}
	return EXIT_DONE;
}

static enum exit_code check_use(const struct parse *p)
{
	const struct cli *c = p->c;
	static const char *const formats[] = { "json", "yaml", "wide", "name", NULL };
	const struct verb *v = c->verb;
	if (p->early && !takes(v, p->early))
		return cli_usage(c, "--%s does not belong here", p->early->name);
	if (c->word_count < v->min_words)
		return cli_usage(c, "something is missing");
	if (c->word_count > v->max_words)
		return cli_usage(c, "\"%s\" is too much", c->words[v->max_words]);
	for (size_t i = 0; c->output && formats[i]; i++)
		if (text_eq(c->output, formats[i]))
			return EXIT_DONE;
	return c->output ? cli_usage(c, "--output must be json, yaml, wide or name") : EXIT_DONE;
}

static enum exit_code run(struct parse *p)
{
	struct cli *c = p->c;
	enum exit_code code = parse_all(p);
	if (code != EXIT_DONE)
		return code;
	if (c->help)
		return cli_help(c->verb ? c->verb->name : NULL);
	if (!c->verb)
		return cli_usage(c, "what shall be done?");
	code = check_use(p);
	if (code != EXIT_DONE)
		return code;
	take_variables(c);
	return c->verb->run(c);
}

enum exit_code cli_main(int argc, char **argv)
{
	struct cli c = { 0 };
	terminal_prepare();
	c.words = calloc((size_t)argc + 1, sizeof *c.words);
	if (!c.words)
		return cli_fail(&c, EXIT_FAILED, "no memory");
	struct parse p = { .c = &c, .argv = argv, .argc = argc, .at = 1 };
	enum exit_code code = run(&p);
	free(c.words);
	if (fflush(stdout) != 0 && code == EXIT_DONE)
		return cli_fail(&c, EXIT_FAILED, "cannot write: %m");
	return code;
}

/* ---- what verbs share ---- */

enum exit_code cli_config(const struct cli *c, struct config **ret)
{
	struct findings f = { 0 };
	struct error e;
	enum result r = config_load(c->config, ret, &f, &e);
	findings_print(&f, c->config ? c->config : "defaults", stderr);
	findings_finish(&f);
	if (r == RC_OK)
		return EXIT_DONE;
	return cli_fail(c, EXIT_FAILED, "%s", e.text);
}

/* Only this one key: the secrets of the service are not the command line's. */
static enum exit_code configured_data_dir(const struct cli *c, char *buf, size_t size)
{
	CLEANUP(free_p) char *text = NULL;
	size_t len = 0, count = 0;
	struct yaml_doc **docs = NULL;
	struct error e;
	if (file_load(c->config, &text, &len, &e) != RC_OK ||
	    yaml_parse(c->config, text, len, &docs, &count, &e) != RC_OK)
		return cli_fail(c, EXIT_FAILED, "%s", e.text);
	(void)snprintf(buf, size, "%s",
		       count ? json_text(yaml_root(docs[0]), "data_dir", "./rollcall-data") : "./rollcall-data");
	yaml_free(docs, count);
	return EXIT_DONE;
}

enum exit_code cli_data_dir(const struct cli *c, char *buf, size_t size)
{
	const char *variable = getenv("ROLLCALL_DATA_DIR");
	if (!c->data_dir && c->config)
		return configured_data_dir(c, buf, size);
	const char *dir = c->data_dir ? c->data_dir : !text_empty(variable) ? variable : "./rollcall-data";
	(void)snprintf(buf, size, "%s", dir);
	return EXIT_DONE;
}
