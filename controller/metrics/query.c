/* Template variables of queries (flagger-interfaces.md 3.4). */
#include <ctype.h>
#include <string.h>

#include "base/strbuf.h"
#include "base/text.h"
#include "controller/metrics/source.h"

enum { QUERY_MAX = 64 * 1024 };

/* Skipper writes "_" for what is neither letter, digit nor "_". NULL: no such word, or no memory. */
static const char *skipper_word(const struct plan *p, const char *name)
{
	const struct canary *c = p->canary;
	const char *from = text_eq(name, "namespace") ? c->ns
			   : text_eq(name, "ingress") ? c->ingress.name
			   : text_eq(name, "service") ? c->service.name
						      : NULL;
	char *word = from ? arena_strdup(p->arena, from) : NULL;
	for (char *at = word; at && *at; at++)
		if (!isalnum((unsigned char)*at) && *at != '_')
			*at = '_';
	return word;
}

static const char *variable(const struct plan *p, const struct metric_check *m, const char *name)
{
	const struct canary *c = p->canary;
	const struct {
		const char *name, *value;
	} known[] = {
		{ "name", c->name },
		{ "namespace", c->ns },
		{ "target", c->target.name },
		{ "service", c->service.name },
		{ "ingress", text_empty(c->ingress.name) ? c->target.name : c->ingress.name },
		{ "route", text_empty(c->route.name) ? c->target.name : c->route.name },
		{ "interval", m->interval },
	};
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (text_eq(name, known[i].name))
			return known[i].value;
	if (text_starts(name, "skipper."))
		return skipper_word(p, name + strlen("skipper."));
	return text_starts(name, "variables.") ? pairs_get(&m->variables, name + strlen("variables.")) : NULL;
}

/* Copies up to "{{", replaces the variable, goes on after "}}". *at moves. */
static enum result replace_one(const struct plan *p, const struct metric_check *m, const char **at, struct strbuf *b,
			       struct arena *a, struct error *e)
{
	const char *open = *at + 2;
	const char *close = strstr(open, "}}");
	if (!close)
		return error_set(e, RC_INVALID, "unclosed {{ in the query");
	open += strspn(open, " \t\n-");
	size_t len = (size_t)(close - open);
	while (len && strchr(" \t\n-", open[len - 1]))
		len--;
	const char *name = arena_strndup(a, open, len);
	const char *value = name ? variable(p, m, name) : NULL;
	if (!value)
		return error_set(e, RC_INVALID, "unknown variable \"%.60s\" in the query", name ? name : "");
	strbuf_add(b, value);
	*at = close + 2;
	return RC_OK;
}

const char *source_query(const struct plan *p, const struct metric_check *m, const char *template_, struct arena *a,
			 struct error *e)
{
	struct strbuf b;
	strbuf_init(&b, QUERY_MAX);
	enum result r = RC_OK;
	for (const char *at = template_; *at && r == RC_OK;) {
		if (at[0] == '{' && at[1] == '{')
			r = replace_one(p, m, &at, &b, a, e);
		else if (strchr(" \t\r\n", *at)) {
			at += strspn(at, " \t\r\n");
			strbuf_addc(&b, ' ');
		} else
			strbuf_addc(&b, *at++);
	}
	const char *text = r == RC_OK && !b.overflow ? arena_strdup(a, b.s) : NULL;
	if (r == RC_OK && !text)
		(void)error_set(e, RC_EXHAUSTED, "the query is too long");
	strbuf_finish(&b);
	return text;
}
