#include "app/cli.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/config.h"
#include "app/file.h"
#include "app/findings.h"
#include "app/options.h"
#include "app/terminal.h"
#include "base/json.h"
#include "base/text.h"
#include "base/yaml.h"

/* ---- words for people ---- */

static const char *program = "rollcall"; /* set once, by cli_main */

const char *cli_program(void)
{
	return program;
}

enum exit_code cli_fail(const struct cli *c, enum exit_code code, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	fprintf(stderr, "%s%s%s: ", program, c->verb ? " " : "", c->verb ? c->verb->name : "");
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
	fputs(program, stderr);
	if (c->verb)
		fprintf(stderr, " %s", c->verb->name);
	fputs(": ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
	if (c->verb)
		fprintf(stderr, "usage: %s %s%s%s\n", program, c->verb->name, *c->verb->args ? " " : "", c->verb->args);
	else
		fprintf(stderr, "`%s help` lists what there is\n", program);
	return EXIT_USAGE;
}

/* ---- parsing ---- */

struct parse {
	struct cli *c;
	char **argv;
	int argc, at;
	const struct cli_option *early; /* came before the verb, and cannot have been judged then */
};

static const struct cli_option *option_named(const char *name, size_t len)
{
	for (size_t i = 0; cli_options[i].name; i++)
		if (strlen(cli_options[i].name) == len && strncmp(cli_options[i].name, name, len) == 0)
			return &cli_options[i];
	return NULL;
}

static const struct cli_option *option_lettered(char letter)
{
	for (size_t i = 0; letter && cli_options[i].name; i++)
		if (cli_options[i].letter == letter)
			return &cli_options[i];
	return NULL;
}

static enum exit_code unknown_option(const struct cli *c, const char *word)
{
	const char *names[OPTIONS_MAX + 1] = { NULL };
	char shown[TEXT_SHOWN], name[64];
	for (size_t i = 0; cli_options[i].name && i < OPTIONS_MAX; i++)
		names[i] = cli_options[i].name;
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
	const struct cli_option *o;
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
	if (p->c->verb && !cli_takes(p->c->verb, o))
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
	for (size_t i = 0; cli_options[i].name; i++) {
		const char **field = (const char **)((char *)c + cli_options[i].offset);
		const char *value = cli_options[i].variable ? getenv(cli_options[i].variable) : NULL;
		if (cli_options[i].value && !*field && !text_empty(value))
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
			p->c->verb = cli_verb(word);
			p->at++;
			if (!p->c->verb)
				return cli_unknown_verb(p->c, word);
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
	if (p->early && !cli_takes(v, p->early))
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

/* kubectl runs kubectl-NAME; with an underscore it would stand for a hyphen in NAME. */
static bool is_plugin(const char *path)
{
	const char *slash = strrchr(path, '/');
	return text_eq(slash ? slash + 1 : path, "kubectl-rollcall");
}

enum exit_code cli_main(int argc, char **argv)
{
	struct cli c = { 0 };
	terminal_prepare();
	if (argc && is_plugin(argv[0]))
		program = "kubectl rollcall";
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
	if (r != RC_OK)
		return cli_fail(c, EXIT_FAILED, "%s", e.text);
	if (c->kubeconfig)
		(*ret)->cluster.kubeconfig = c->kubeconfig;
	if (c->context)
		(*ret)->cluster.context = c->context;
	return EXIT_DONE;
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
