/* `rollcall help`, and what is said of a verb that there is not. */
#include <stdio.h>
#include <string.h>

#include "app/options.h"
#include "app/terminal.h"
#include "base/text.h"

enum { NAMES_MAX = 96, VERB_COLUMNS = 30 };

static void print_options(const struct verb *v)
{
	puts("\nOptions:");
	for (const struct cli_option *o = cli_options; o->name; o++) {
		char left[64], letter[8] = "    ";
		if (!cli_takes(v, o))
			continue;
		if (o->letter)
			(void)snprintf(letter, sizeof letter, "-%c, ", o->letter);
		(void)snprintf(left, sizeof left, "%s--%s%s%s", letter, o->name, o->value ? " " : "",
			       o->value ? o->value : "");
		printf("  %-28s %s%s%s%s\n", left, o->help, o->variable ? " [" : "", o->variable ? o->variable : "",
		       o->variable ? "]" : "");
	}
}

enum exit_code cli_unknown_verb(const struct cli *c, const char *name)
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

static void help_of(const struct verb *v)
{
	printf("usage: %s %s%s%s\n\n%s.\n", cli_program(), v->name, *v->args ? " " : "", v->args, v->help);
	if (v->more)
		printf("\n%s\n", v->more);
	print_options(v);
}

static void print_verbs(void)
{
	const char *on = terminal_has_color() ? tone_escape(TONE_STRONG) : "", *off = *on ? TONE_END : "";
	for (size_t i = 0; verb_groups[i].title; i++) {
		size_t at = 0;
		printf("\n%s%s%s\n", on, verb_groups[i].title, off);
		for (const struct verb *v; (v = verb_group_next(i, &at));) {
			char left[80];
			(void)snprintf(left, sizeof left, "%s%s%s", v->name, *v->args ? " " : "", v->args);
			if (strlen(left) > VERB_COLUMNS)
				printf("  %s\n  %*s %s\n", left, VERB_COLUMNS, "", v->help);
			else
				printf("  %-*s %s\n", VERB_COLUMNS, left, v->help);
		}
	}
}

enum exit_code cli_help(const char *name)
{
	const struct verb *one = name ? cli_verb(name) : NULL;
	struct cli none = { 0 };
	if (name && !one)
		return cli_unknown_verb(&none, name);
	if (one) {
		help_of(one);
		return EXIT_DONE;
	}
	printf("rollcall: canary rollouts that ask before they ship\n\nusage: %s VERB [ARGUMENTS] [OPTIONS]\n",
	       cli_program());
	print_verbs();
	print_options(NULL);
	printf("\nExit codes: 0 done, 1 failed, 2 usage, 3 refused, 4 not found, 5 the service cannot be reached.\n"
	       "`%s help VERB` says more of one.\n",
	       cli_program());
	return EXIT_DONE;
}

enum exit_code verb_help(struct cli *c)
{
	return cli_help(c->word_count ? c->words[0] : NULL);
}
