/* `rollcall completion SHELL`: scripts made of the tables of verbs and options. Names of rollouts are asked of the
 * service while one types; without it there are none. */
#include <stdio.h>
#include <string.h>

#include "app/options.h"
#include "base/text.h"

/* First argument of the verb. */
static bool wants_rollout(const struct verb *v)
{
	return text_starts(v->args, "NAME") || text_starts(v->args, "[NAME");
}

static bool wants_file(const struct verb *v)
{
	return text_starts(v->args, "FILE");
}

/* "list|verify ..." at the beginning: the words to choose from. */
static void put_choices(const char *args, const char *between)
{
	char word[32];
	const char *p = *args == '[' ? args + 1 : args;
	bool first = true;
	while (*p) {
		size_t n = strspn(p, "abcdefghijklmnopqrstuvwxyz");
		if (!n || n >= sizeof word)
			return;
		(void)snprintf(word, sizeof word, "%.*s", (int)n, p);
		printf("%s%s", first ? "" : between, word);
		first = false;
		p += n;
		p += strcspn(p, "|"); /* what stands behind the word is its own argument */
		p += *p == '|';
	}
}

static bool has_choices(const struct verb *v)
{
	char first = v->args[*v->args == '['];
	return first >= 'a' && first <= 'z';
}

static void put_verbs(void)
{
	for (const struct verb *v = verbs; v->name; v++)
		printf("%s%s", v == verbs ? "" : " ", v->name);
}

/* ---- bash ---- */

static void bash_options(const struct verb *v)
{
	for (const struct cli_option *o = cli_options; o->name; o++)
		if (cli_takes(v, o))
			printf("--%s%s ", o->name, o->value ? "=" : "");
}

static void bash_values(void)
{
	for (const struct cli_option *o = cli_options; o->name; o++) {
		if (!o->value || (!o->choices && !text_eq(o->value, "FILE") && !text_eq(o->value, "DIR")))
			continue;
		printf("\t--%s%s%c) ", o->name, o->letter ? "|-" : "", o->letter ? o->letter : ' ');
		if (o->choices)
			printf("COMPREPLY=($(compgen -W '%s' -- \"$cur\")); return;;\n", o->choices);
		else
			printf("COMPREPLY=($(compgen -%c -- \"$cur\")); return;;\n", *o->value == 'F' ? 'f' : 'd');
	}
}

static void bash_words(const struct verb *v)
{
	if (wants_rollout(v)) {
		fputs("$(rollcall list -o name 2>/dev/null)", stdout);
	} else if (text_starts(v->args, "[VERB")) {
		put_verbs();
	} else {
		put_choices(v->args, " ");
	}
}

static void bash(void)
{
	fputs("# bash completion of rollcall\n"
	      "_rollcall()\n{\n"
	      "\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} verb= word options= words=\n"
	      "\tCOMPREPLY=()\n"
	      "\t# bash splits --name=value at the sign\n"
	      "\t[[ $cur == = ]] && cur=\n"
	      "\t[[ $prev == = ]] && prev=${COMP_WORDS[COMP_CWORD-2]}\n"
	      "\tcase $prev in\n",
	      stdout);
	bash_values();
	fputs("\tesac\n"
	      "\tfor word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
	      "\t\t[[ $word == -* ]] || { verb=$word; break; }\n"
	      "\tdone\n"
	      "\tcase $verb in\n"
	      "\t\"\") words='",
	      stdout);
	put_verbs();
	fputs("' options='", stdout);
	bash_options(NULL);
	fputs("';;\n", stdout);
	for (const struct verb *v = verbs; v->name; v++) {
		printf("\t%s) options='", v->name);
		bash_options(v);
		if (wants_file(v)) {
			fputs("'; [[ $cur == -* ]] || { COMPREPLY=($(compgen -f -- \"$cur\")); return; };;\n", stdout);
			continue;
		}
		fputs("'; [[ $cur == -* ]] || words=\"", stdout);
		bash_words(v);
		fputs("\";;\n", stdout);
	}
	fputs("\tesac\n"
	      "\tif [[ $cur == -* ]]; then\n"
	      "\t\tCOMPREPLY=($(compgen -W \"$options\" -- \"$cur\"))\n"
	      "\t\t[[ ${COMPREPLY[0]-} == *= ]] && compopt -o nospace\n"
	      "\telse\n"
	      "\t\tCOMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
	      "\tfi\n"
	      "}\n"
	      "complete -F _rollcall rollcall\n",
	      stdout);
}

/* ---- zsh ---- */

/* Inside single quotes, and where a colon or a bracket would mean something. */
static void put_escaped(const char *s, const char *special)
{
	for (; *s; s++) {
		if (*s == '\'')
			fputs("'\\''", stdout);
		else
			printf("%s%c", strchr(special, *s) ? "\\" : "", *s);
	}
}

static void zsh_option(const struct cli_option *o)
{
	if (o->letter)
		printf(" '(-%c --%s)'{-%c%s,--%s%s}'[", o->letter, o->name, o->letter, o->value ? "+" : "", o->name,
		       o->value ? "=" : "");
	else
		printf(" '--%s%s[", o->name, o->value ? "=" : "");
	put_escaped(o->help, "[]:");
	putchar(']');
	if (o->value) {
		printf(":%s:", o->value);
		if (o->choices)
			printf("(%s)", o->choices);
		else if (text_eq(o->value, "FILE") || text_eq(o->value, "DIR"))
			fputs(*o->value == 'F' ? "_files" : "_files -/", stdout);
	}
	putchar('\'');
}

static void zsh_words(const struct verb *v)
{
	if (wants_rollout(v)) {
		fputs(" '1:rollout:_rollcall_rollouts' '*: :'", stdout);
	} else if (wants_file(v) || text_starts(v->args, "-f")) {
		fputs(" '*:file:_files'", stdout);
	} else if (text_starts(v->args, "[VERB")) {
		fputs(" '1:verb:(", stdout);
		put_verbs();
		fputs(")'", stdout);
	} else if (has_choices(v)) {
		fputs(" '1:what:(", stdout);
		put_choices(v->args, " ");
		fputs(")' '*: :'", stdout);
	}
}

static void zsh(void)
{
	fputs("#compdef rollcall\n# zsh completion of rollcall\n"
	      "_rollcall_rollouts()\n{\n"
	      "\tlocal -a names\n"
	      "\tnames=(${(f)\"$(rollcall list -o name 2>/dev/null)\"})\n"
	      "\t(( $#names )) && compadd -a names\n"
	      "}\n"
	      "_rollcall()\n{\n"
	      "\tlocal -a verbs\n"
	      "\tverbs=(\n",
	      stdout);
	for (const struct verb *v = verbs; v->name; v++) {
		printf("\t\t'%s:", v->name);
		put_escaped(v->help, ":");
		puts("'");
	}
	fputs("\t)\n"
	      "\tif (( CURRENT == 2 )); then\n"
	      "\t\t_describe verb verbs\n"
	      "\t\treturn\n"
	      "\tfi\n"
	      "\tlocal verb=$words[2]\n"
	      "\tshift words\n"
	      "\t(( CURRENT-- ))\n"
	      "\tcase $verb in\n",
	      stdout);
	for (const struct verb *v = verbs; v->name; v++) {
		printf("\t%s) _arguments -s", v->name);
		for (const struct cli_option *o = cli_options; o->name; o++)
			if (cli_takes(v, o))
				zsh_option(o);
		zsh_words(v);
		puts(";;");
	}
	fputs("\tesac\n}\n"
	      "if [[ ${funcstack[1]-} == _rollcall ]]; then\n"
	      "\t_rollcall \"$@\"\n"
	      "else\n"
	      "\tcompdef _rollcall rollcall\n"
	      "fi\n",
	      stdout);
}

/* ---- fish ---- */

static void fish_option(const struct verb *v, const struct cli_option *o)
{
	fputs("complete -c rollcall", stdout);
	if (v)
		printf(" -n '__fish_seen_subcommand_from %s'", v->name);
	printf(" -l %s", o->name);
	if (o->letter)
		printf(" -s %c", o->letter);
	if (o->choices)
		printf(" -x -a '%s'", o->choices);
	else if (o->value)
		fputs(text_eq(o->value, "FILE") || text_eq(o->value, "DIR") ? " -r -F" : " -x", stdout);
	fputs(" -d '", stdout);
	put_escaped(o->help, "\\");
	puts("'");
}

static void fish_words(const struct verb *v)
{
	bool rollout = wants_rollout(v), file = wants_file(v) || text_starts(v->args, "-f");
	if (!rollout && !file && !has_choices(v) && !text_starts(v->args, "[VERB"))
		return;
	printf("complete -c rollcall -n '__fish_seen_subcommand_from %s'", v->name);
	if (rollout) {
		fputs(" -a '(rollcall list -o name 2>/dev/null)'", stdout);
	} else if (file) {
		fputs(" -F", stdout);
	} else {
		fputs(" -a '", stdout);
		if (text_starts(v->args, "[VERB"))
			put_verbs();
		else
			put_choices(v->args, " ");
		putchar('\'');
	}
	putchar('\n');
}

static void fish(void)
{
	fputs("# fish completion of rollcall\ncomplete -c rollcall -f\n", stdout);
	for (const struct verb *v = verbs; v->name; v++) {
		printf("complete -c rollcall -n __fish_use_subcommand -a %s -d '", v->name);
		put_escaped(v->help, "\\");
		puts("'");
	}
	for (const struct cli_option *o = cli_options; o->name; o++)
		if (o->common)
			fish_option(NULL, o);
	for (const struct verb *v = verbs; v->name; v++) {
		fish_words(v);
		for (const struct cli_option *o = cli_options; o->name; o++)
			if (!o->common && cli_takes(v, o))
				fish_option(v, o);
	}
}

enum exit_code verb_completion(struct cli *c)
{
	static const struct {
		const char *shell;
		void (*print)(void);
	} shells[] = { { "bash", bash }, { "zsh", zsh }, { "fish", fish } };
	for (size_t i = 0; i < sizeof shells / sizeof *shells; i++)
		if (text_eq(c->words[0], shells[i].shell)) {
			shells[i].print();
			return EXIT_DONE;
		}
	return cli_usage(c, "there are completions for bash, zsh and fish");
}
