#pragma once
/* The options of the command line, in one table: parser, help, completions and the manual page are made of it. */
#include <stdbool.h>
#include <stddef.h>

#include "app/cli.h"

enum { OPTIONS_MAX = 64 };
struct cli_option {
	const char *name; /* NULL ends the table */
	char letter;
	bool common;       /* of every verb */
	bool word;         /* its values are words of the verb */
	const char *value; /* what it wants: "FILE" and "DIR" are completed as such; NULL: a switch */
	size_t offset;     /* of its field in struct cli: const char *, or bool of a switch */
	const char *variable, *help;
	const char *choices; /* the only values, separated by blanks; NULL: any */
};
extern const struct cli_option cli_options[];

/* Has this verb (NULL: every one) this option? */
bool cli_takes(const struct verb *v, const struct cli_option *o);
const struct verb *cli_verb(const char *name); /* NULL: there is none */
enum exit_code cli_unknown_verb(const struct cli *c, const char *name);

/* Verbs under headings, as help and the manual show them; each verb stands under one. */
struct verb_group {
	const char *title, *verbs; /* separated by blanks; title NULL ends the table */
};
extern const struct verb_group verb_groups[];
/* The verbs of group i, in the order of the table of verbs, one at a call: *at from 0. NULL: no more. The last group
 * has those that none names. */
const struct verb *verb_group_next(size_t group, size_t *at);
