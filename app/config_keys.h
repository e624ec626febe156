#pragma once
/* The table of all keys. Inside the configuration only (config*.c). */
#include <stddef.h>
#include <stdint.h>

#include "app/config.h"

enum config_type {
	CONFIG_SECTION,   /* keys: the same struct */
	CONFIG_MAP,       /* of any name: keys of an entry, whose struct begins with its name */
	CONFIG_LIST,      /* keys of an element's struct */
	CONFIG_TEXT,      /* const char * */
	CONFIG_URL,       /* const char *, without a slash at its end */
	CONFIG_SECRET,    /* const char *; written as ${env:NAME} or file:/path */
	CONFIG_FILE,      /* const char *; must be readable */
	CONFIG_ADDRESS,   /* struct config_address */
	CONFIG_TEXTS,     /* const char *const *; NULL-terminated, NULL when absent */
	CONFIG_BOOL,      /* bool */
	CONFIG_INT,       /* int64_t */
	CONFIG_DURATION,  /* int64_t, milliseconds */
	CONFIG_DURATIONS, /* const int64_t *; ends with 0 */
	CONFIG_WORD       /* int: index into words */
};
struct config_key {
	const char *name; /* NULL ends a table; "" in a map's table: an entry is this value */
	enum config_type type;
	size_t offset;            /* in the struct of the table */
	const char *otherwise;    /* the default, as YAML; NULL: none */
	const char *example;      /* shown where there is no default */
	int64_t min, max;         /* CONFIG_INT, and of durations in ms */
	const char *const *words; /* CONFIG_WORD; of CONFIG_TEXTS: the only ones allowed; NULL-terminated */
	const struct config_key *keys;
	size_t entry_bytes;
	bool required;
	const char *help;
};
extern const struct config_key config_keys[];
/* ---- config_keys_hooks.c: entries of what speaks with other systems ---- */
extern const struct config_key config_webhook_keys[], config_inbound_keys[], config_teams_keys[];

/* Who reads: config_parse.c by the table, config_rules.c what the table cannot say. */
struct config_reader {
	const struct yaml_doc *doc; /* NULL: the defaults */
	struct arena *arena;
	struct findings *findings;
	bool exhausted; /* no memory: what was read is not whole */
};
/* Fills base as the table says; node NULL: with the defaults. */
void config_parse(struct config_reader *r, const cJSON *node, const struct config_key *keys, void *base,
		  const char *path);
/* Makes what the rooms want of what was written, and finds what does not fit together. */
void config_rules(struct config_reader *r, struct config *c);
void config_rules_hooks(struct config_reader *r, struct config *c); /* config_hooks.c, as a part of that */
void config_words(struct config_reader *r, struct config *c);       /* config_words.c */
/* config_freezes.c */
void config_freezes(struct config_reader *r, struct config *c);
bool config_has_freeze(const struct config *c, const char *name);
/* ${env:NAME}, file:/path or the secret itself (*ret_plain). NULL: *why says what is wrong, and never the value. In the
 * arena. */
const char *config_secret(struct arena *a, const char *written, bool *ret_plain, struct error *why);
MUST_CHECK enum result config_parse_address(struct arena *a, const char *text, struct config_address *ret,
					    struct error *why);
void config_warning(struct config_reader *r, const cJSON *node, const char *path, const char *fmt, ...) PRINTF(4, 5);
void config_finding(struct config_reader *r, const cJSON *node, bool key, const char *path, const char *fmt, ...)
	PRINTF(5, 6);
