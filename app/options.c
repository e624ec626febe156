#include "app/options.h"

#include <string.h>

#include "base/text.h"

/* clang-format off */
const struct cli_option cli_options[] = {
#define AT(field) offsetof(struct cli, field)
	{ "namespace", 'n', false, false, "NS", AT(ns), NULL, "namespace of the rollout", NULL },
	{ "all-namespaces", 'A', false, false, NULL, AT(all), NULL, "of every namespace", NULL },
	{ "output", 'o', false, false, "FORMAT", AT(output), NULL, "json, yaml, wide or name", "json yaml wide name" },
	{ "reason", 'm', false, false, "TEXT", AT(reason), NULL, "why; goes on record", NULL },
	{ "revision", 0, false, false, "REV", AT(revision), NULL, "only if the rollout is still at this revision", NULL },
	{ "request", 0, false, false, "ID", AT(request), NULL, "the very request for approval that is meant", NULL },
	{ "override", 0, false, false, NULL, AT(override), NULL, "go past gates and freezes; a right of its own", NULL },
	{ "scope", 0, false, false, "SCOPE", AT(scope), NULL, "read, decide or admin", "read decide admin" },
	{ "expires", 0, false, false, "TIME", AT(expires), NULL, "how long it is good, such as 12h or 30d", NULL },
	{ "limit", 0, false, false, "N", AT(limit), NULL, "at most so many, the newest", NULL },
	{ "for", 0, false, false, "WHAT", AT(condition), NULL, "promoted (default), decided or failed", "promoted decided failed" },
	{ "timeout", 0, false, false, "TIME", AT(timeout), NULL, "give up after so long, such as 10m", NULL },
	{ "fail-at", 0, false, false, "WEIGHT", AT(fail_at), NULL, "from this weight on the canary is bad", NULL },
	{ "approve-after", 0, false, false, "TIME", AT(approve_after), NULL, "people say yes so long after they are asked", NULL },
	{ "replicas", 0, false, false, "N", AT(replicas), NULL, "of the target", NULL },
	{ "words", 0, false, false, "FILE", AT(own_words), NULL, "other words than the built-in ones, KEY = TEXT a line", NULL },
	{ "json", 0, false, false, NULL, AT(json), NULL, "the same as --output json", NULL },
	{ "dry-run", 0, false, false, NULL, AT(dry_run), NULL, "say what would be done, and do nothing", NULL },
	{ "filename", 'f', false, true, "FILE", 0, NULL, "the manifest; \"-\" is standard input", NULL },
	{ "as", 0, false, false, "NAME", AT(as), NULL, "somebody of console.people, whose words they are then", NULL },
	{ "kubeconfig", 0, false, false, "FILE", AT(kubeconfig), NULL, "in place of cluster.kubeconfig", NULL },
	{ "context", 0, false, false, "NAME", AT(context), NULL, "in place of cluster.context", NULL },
	{ "server", 's', true, false, "URL", AT(server), "ROLLCALL_SERVER", "the service (http://127.0.0.1:8484)", NULL },
	{ "token", 0, true, false, "TOKEN", AT(token), "ROLLCALL_TOKEN", "who asks (DATA_DIR/cli.token)", NULL },
	{ "ca", 0, true, false, "FILE", AT(ca), "ROLLCALL_CA", "authorities that the service's certificate is of", NULL },
	{ "config", 'c', true, false, "FILE", AT(config), "ROLLCALL_CONFIG", "the configuration", NULL },
	{ "data-dir", 0, true, false, "DIR", AT(data_dir), NULL, "where the service keeps its data", NULL },
	{ "auto", 0, false, false, NULL, AT(by_itself), NULL, "play the whole story, and end", NULL },
	{ "keep", 0, false, false, NULL, AT(keep), NULL, "with --auto: go on running after the story", NULL },
	{ "slack", 0, false, false, NULL, AT(slack), NULL, "talk in a Slack channel too, by Socket Mode", NULL },
	{ "dingtalk", 0, false, false, NULL, AT(dingtalk), NULL, "talk in a DingTalk group too, by its stream", NULL },
	{ "help", 'h', true, false, NULL, AT(help), NULL, "this", NULL },
#undef AT
	{ 0 }
};

const struct verb_group verb_groups[] = {
	{ "Run it", "serve node demo" },
	{ "Release", "set-image apply get delete simulate" },
	{ "Look", "list status watch wait who history" },
	{ "Decide", "approve reject promote rollback pause resume restart weight complete freeze chat" },
	{ "Administer", "check config doctor policy token pin audit outbox hooks card" },
	{ "More", "" },
	{ 0 }
};
/* clang-format on */

static bool has_word(const char *list, const char *word)
{
	size_t n = strlen(word);
	for (const char *p = list; p && *p; p += strcspn(p, " "), p += strspn(p, " "))
		if (strncmp(p, word, n) == 0 && (p[n] == ' ' || p[n] == '\0'))
			return true;
	return false;
}

bool cli_takes(const struct verb *v, const struct cli_option *o)
{
	return o->common || (v && has_word(v->options, o->name));
}

const struct verb *cli_verb(const char *name)
{
	for (const struct verb *v = verbs; v->name; v++)
		if (text_eq(v->name, name))
			return v;
	return NULL;
}

static bool is_grouped(const char *name)
{
	for (const struct verb_group *g = verb_groups; g->title; g++)
		if (has_word(g->verbs, name))
			return true;
	return false;
}

const struct verb *verb_group_next(size_t group, size_t *at)
{
	bool last = !verb_groups[group + 1].title;
	while (verbs[*at].name) {
		const struct verb *v = &verbs[(*at)++];
		if (last ? !is_grouped(v->name) : has_word(verb_groups[group].verbs, v->name))
			return v;
	}
	return NULL;
}
