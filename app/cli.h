#pragma once
/* The command line: one table of verbs, one of options. Data goes to standard output, words for people to standard
 * error. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define EXITS(X) X(DONE) X(FAILED) X(USAGE) X(REFUSED) X(NOT_FOUND) X(UNREACHABLE)
#define X(id) EXIT_##id,
enum exit_code { EXITS(X) EXIT_CODE_COUNT };
#undef X

struct verb;
struct cli {
	const struct verb *verb;
	const char **words; /* what is left: the verb's arguments */
	size_t word_count;
	/* options; NULL, false: not given */
	const char *ns, *output, *server, *token, *ca, *config, *data_dir;
	const char *reason, *revision, *request, *scope, *expires, *limit, *condition, *timeout;
	const char *own_words;
	const char *fail_at, *approve_after, *replicas, *kubeconfig, *context, *as;
	bool all, override, help, json, dry_run, by_itself, keep, slack, dingtalk;
};
typedef enum exit_code verb_run(struct cli *c);
struct verb {
	const char *name, *args, *help;
	size_t min_words, max_words;
	const char *options; /* names of those it takes, separated by blanks, besides the common ones */
	verb_run *run;
	const char *more; /* a paragraph for `help VERB`; NULL none */
};
extern const struct verb verbs[]; /* ends with a NULL name */

/* Parses and runs. */
enum exit_code cli_main(int argc, char **argv);
/* "rollcall VERB: text" on standard error; answers code. */
enum exit_code cli_fail(const struct cli *c, enum exit_code code, const char *fmt, ...) PRINTF(3, 4);
/* The same for a result. */
enum exit_code cli_fail_result(const struct cli *c, const struct error *e);
enum exit_code cli_exit_of(enum result r);
enum exit_code cli_usage(const struct cli *c, const char *fmt, ...) PRINTF(2, 3);
/* What the program is called with: "rollcall", or "kubectl rollcall" as its plugin. */
const char *cli_program(void);
/* Prints the help of a verb, or of all when name is NULL. */
enum exit_code cli_help(const char *name);

struct config;
/* The configuration of --config; its mistakes are printed. */
enum exit_code cli_config(const struct cli *c, struct config **ret);
/* Where the service keeps its data: --data-dir, the configuration's, $ROLLCALL_DATA_DIR, ./rollcall-data. In buf. */
enum exit_code cli_data_dir(const struct cli *c, char *buf, size_t size);

verb_run verb_serve, verb_node, verb_check, verb_config, verb_status, verb_list, verb_decide, verb_weight, verb_history,
	verb_who, verb_outbox, verb_audit, verb_token, verb_pin, verb_version, verb_help, verb_apply, verb_get,
	verb_set_image, verb_set_version, verb_run_unit, verb_delete, verb_watch, verb_wait, verb_hooks, verb_card;
verb_run verb_freeze, verb_simulate, verb_demo;
verb_run verb_completion, verb_man, verb_policy, verb_doctor, verb_chat;
