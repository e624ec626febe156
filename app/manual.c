/* `rollcall man`: the manual page, made of the same tables as the help. */
#include <stdio.h>
#include <string.h>

#include "app/options.h"
#include "base/text.h"

/* What roff would read as its own: backslashes, hyphens that are typed, and a dot or quote that begins a line. */
static void put(const char *s)
{
	bool begin = true;
	for (; *s; s++) {
		if (begin && (*s == '.' || *s == '\''))
			fputs("\\&", stdout);
		begin = *s == '\n';
		if (*s == '\\')
			fputs("\\e", stdout);
		else if (*s == '-')
			fputs("\\-", stdout);
		else
			putchar(*s);
	}
}

static void option(const struct cli_option *o)
{
	fputs(".TP\n", stdout);
	if (o->letter)
		printf("\\fB\\-%c\\fR, ", o->letter);
	fputs("\\fB\\-\\-", stdout);
	put(o->name);
	fputs("\\fR", stdout);
	if (o->value)
		printf(" \\fI%s\\fR", o->value);
	putchar('\n');
	put(o->help);
	if (o->choices) {
		fputs(": one of ", stdout);
		put(o->choices);
	}
	puts(".");
	if (o->variable)
		printf("Also the environment variable\n.BR %s .\n", o->variable);
}

static void verb(const struct verb *v)
{
	bool any = false;
	fputs(".TP\n\\fB", stdout);
	put(v->name);
	fputs("\\fR", stdout);
	if (*v->args) {
		fputs(" \\fI", stdout);
		put(v->args);
		fputs("\\fR", stdout);
	}
	putchar('\n');
	put(v->help);
	puts(".");
	if (v->more) {
		put(v->more);
		putchar('\n');
	}
	for (const struct cli_option *o = cli_options; o->name; o++) {
		if (o->common || !cli_takes(v, o))
			continue;
		fputs(any ? ", " : ".br\nOptions: ", stdout);
		fputs("\\fB\\-\\-", stdout);
		put(o->name);
		fputs("\\fR", stdout);
		any = true;
	}
	if (any)
		puts(".");
}

static void commands(void)
{
	for (size_t i = 0; verb_groups[i].title; i++) {
		size_t at = 0;
		printf(".SS %s\n", verb_groups[i].title);
		for (const struct verb *v; (v = verb_group_next(i, &at));)
			verb(v);
	}
}

static void options(void)
{
	fputs(".SH OPTIONS\nOf every command:\n", stdout);
	for (const struct cli_option *o = cli_options; o->name; o++)
		if (o->common)
			option(o);
	fputs(".PP\nOf those that name them above:\n", stdout);
	for (const struct cli_option *o = cli_options; o->name; o++)
		if (!o->common)
			option(o);
}

static const char rest[] =
	".SH EXIT STATUS\n"
	".TP\n.B 0\nDone.\n"
	".TP\n.B 1\nFailed; for\n.BR check :\nsomething is wrong with a file; for\n.BR wait :\nit came to another "
	"end.\n"
	".TP\n.B 2\nThe command line was not understood.\n"
	".TP\n.B 3\nRefused by a policy, or the token does not suffice.\n"
	".TP\n.B 4\nThere is no such thing.\n"
	".TP\n.B 5\nThe service cannot be reached.\n"
	".SH ENVIRONMENT\n"
	".TP\n.B ROLLCALL_SERVER, ROLLCALL_TOKEN, ROLLCALL_CA, ROLLCALL_CONFIG\nIn place of the options of these "
	"names.\n"
	".TP\n.B ROLLCALL_DATA_DIR\nWhere the service keeps its data, when neither an option nor a configuration says "
	"it.\n"
	".TP\n.B NO_COLOR\nNo colours on a terminal.\n"
	".SH FILES\n"
	".TP\n.I DATA_DIR/cli.token\nThe token of this machine's operator, which the service writes at its start.\n"
	".TP\n.I DATA_DIR/rollcall.db\nApprovals, the record, the outbox, tokens.\n"
	".SH EXAMPLES\n"
	".TP\nWhat would this Canary do, and what if it goes wrong at 60 %?\n"
	".B rollcall simulate canary.yaml \\-\\-fail\\-at 60\n"
	".TP\nRelease on one machine, and look on:\n"
	".B rollcall set\\-image podinfo podinfod=registry/app:green && rollcall watch podinfo\n"
	".TP\nIn a pipeline:\n"
	".B rollcall wait podinfo \\-\\-for promoted \\-\\-timeout 30m\n"
	".TP\nStop every release at once:\n"
	".B rollcall freeze everything on \\(dqthe site is down\\(dq\n";

enum exit_code verb_man(struct cli *c)
{
	(void)c;
	fputs(".TH ROLLCALL 1 \"\" \"rollcall " ROLLCALL_VERSION "\" \"User Commands\"\n"
	      ".SH NAME\nrollcall \\- canary rollouts that ask before they ship\n"
	      ".SH SYNOPSIS\n.B rollcall\n.I VERB\n[\\fIARGUMENTS\\fR] [\\fIOPTIONS\\fR]\n"
	      ".SH DESCRIPTION\n"
	      "Steps canaries by Flagger's\n.I Canary\nresource and its ACK extension, on Kubernetes or on one "
	      "machine, and asks the\n"
	      "people who may decide, in chat and here. Data goes to standard output, words for people to standard "
	      "error.\n"
	      "As\n.B kubectl\\-rollcall\nin the search path it is\n.BR \"kubectl rollcall\" .\n"
	      ".PP\nA rollout is named NAME or NAMESPACE/NAME.\n"
	      ".SH COMMANDS\n",
	      stdout);
	commands();
	options();
	fputs(rest, stdout);
	return EXIT_DONE;
}
