/* The table as a commented file. */
#include <string.h>

#include "app/config_keys.h"
#include "base/strbuf.h"
#include "base/text.h"

enum { EXAMPLE_MAX = 64 * 1024, COLUMNS = 100 };

static const char head[] = "# The configuration of `rollcall serve --config FILE`. Every key is here, with its "
			   "default. A key behind a `#`\n"
			   "# without a blank has no default and shows an example; the sections `users`, `policies`, "
			   "`slack`, `dingtalk`,\n"
			   "# `routes`, `languages`, `webhooks` and `inbound` are optional. Unknown keys are errors; "
			   "`rollcall check FILE` "
			   "tells all mistakes at once.\n"
			   "# Secrets: ${env:NAME} reads the environment, file:/path a file. One that stands here "
			   "itself is warned about.\n"
			   "# SIGHUP reads the file again: users, policies, routes, languages, log.level and the TLS "
			   "certificate change at once,\n"
			   "# all or nothing; for any other key the log says that a restart is needed.\n";

static void indent(struct strbuf *b, int depth)
{
	for (int i = 0; i < depth; i++)
		strbuf_add(b, "  ");
}

static void comment(struct strbuf *b, const char *text, int depth)
{
	size_t room = (size_t)(COLUMNS - 2 * depth - 2);
	while (text && *text) {
		size_t n = strlen(text);
		if (n > room) {
			n = room;
			while (n && text[n] != ' ')
				n--;
		}
		indent(b, depth);
		strbuf_add(b, "# ");
		strbuf_addn(b, text, n);
		strbuf_addc(b, '\n');
		text += n;
		text += *text == ' ';
	}
}

/* A section that must be filled in to be of use. */
static bool is_optional(const struct config_key *k)
{
	if (k->type != CONFIG_SECTION)
		return k->type == CONFIG_MAP || k->type == CONFIG_LIST;
	for (const struct config_key *child = k->keys; child->name; child++)
		if (child->required)
			return true;
	return false;
}

static void key_line(struct strbuf *b, const char *name, const char *value, int depth, bool off)
{
	indent(b, depth);
	strbuf_addf(b, "%s%s:%s%s\n", off ? "#" : "", name, *value ? " " : "", value);
}

static void print_keys(struct strbuf *b, const struct config_key *keys, int depth, bool off);

/* The first key of a list's element stands behind the dash. */
static void print_element(struct strbuf *b, const struct config_key *keys, int depth)
{
	for (const struct config_key *k = keys; k->name; k++) {
		comment(b, k->help, depth);
		indent(b, depth);
		strbuf_addf(b, "%s%s: %s\n", k == keys ? "#- " : "  #", k->name, k->example);
	}
}

static void print_entry(struct strbuf *b, const struct config_key *k, int depth)
{
	if (k->type == CONFIG_LIST) {
		print_element(b, k->keys, depth);
	} else if (!*k->keys->name) {
		key_line(b, k->example, k->keys->example, depth, true);
	} else {
		key_line(b, k->example, "", depth, true);
		print_keys(b, k->keys, depth + 1, true);
	}
}

static void print_key(struct strbuf *b, const struct config_key *k, int depth, bool off)
{
	comment(b, k->help, depth);
	switch (k->type) {
	case CONFIG_SECTION:
		key_line(b, k->name, "", depth, off || is_optional(k));
		print_keys(b, k->keys, depth + 1, off || is_optional(k));
		break;
	case CONFIG_MAP:
	case CONFIG_LIST:
		key_line(b, k->name, "", depth, true);
		print_entry(b, k, depth + 1);
		break;
	default:
		key_line(b, k->name, k->otherwise ? k->otherwise : k->example, depth, off || !k->otherwise);
		break;
	}
}

static void print_keys(struct strbuf *b, const struct config_key *keys, int depth, bool off)
{
	for (const struct config_key *k = keys; k->name; k++) {
		if (depth == 0)
			strbuf_addc(b, '\n');
		print_key(b, k, depth, off);
	}
}

char *config_example(void)
{
	struct strbuf b;
	strbuf_init(&b, EXAMPLE_MAX);
	strbuf_add(&b, head);
	print_keys(&b, config_keys, 0, false);
	return strbuf_take(&b);
}
