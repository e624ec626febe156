/* Queries: the built-in ones of each provider's dialect and the template variables (flagger-interfaces.md 3.3, 3.4). */
#include <string.h>

#include "base/strbuf.h"
#include "base/text.h"
#include "controller/metrics/builtin.h"
#include "controller/metrics/source.h"

enum { QUERY_MAX = 64 * 1024 };

static const struct builtin_query builtins[] = {
	{ "nginx", "request-success-rate", 1,
	  " sum( rate( nginx_ingress_controller_requests{ namespace=\"{{ namespace }}\", ingress=\"{{ ingress }}\", "
	  "canary!=\"\", status!~\"5.*\" }[{{ interval }}] ) ) / sum( rate( nginx_ingress_controller_requests{ "
	  "namespace=\"{{ namespace }}\", ingress=\"{{ ingress }}\", canary!=\"\" }[{{ interval }}] ) ) * 100" },
	{ "nginx", "request-duration", 1,
	  " sum( rate( nginx_ingress_controller_response_duration_seconds_sum{ namespace=\"{{ namespace }}\", "
	  "ingress=\"{{ ingress }}\", canary!=\"\" }[{{ interval }}] ) ) / sum( rate( "
	  "nginx_ingress_controller_response_duration_seconds_count{ namespace=\"{{ namespace }}\", "
	  "ingress=\"{{ ingress }}\", canary!=\"\" }[{{ interval }}] ) ) * 1000" },
	{ "kubernetes", "request-success-rate", 1,
	  " sum( rate( http_request_duration_seconds_count{ kubernetes_namespace=\"{{ namespace }}\", "
	  "kubernetes_pod_name=~\"{{ target }}-[0-9a-zA-Z]+(-[0-9a-zA-Z]+)\", status!~\"5.*\" }[{{ interval }}] ) ) / "
	  "sum( rate( http_request_duration_seconds_count{ kubernetes_namespace=\"{{ namespace }}\", "
	  "kubernetes_pod_name=~\"{{ target }}-[0-9a-zA-Z]+(-[0-9a-zA-Z]+)\" }[{{ interval }}] ) ) * 100" },
	{ "kubernetes", "request-duration", 1000,
	  " histogram_quantile( 0.99, sum( rate( http_request_duration_seconds_bucket{ "
	  "kubernetes_namespace=\"{{ namespace }}\", "
	  "kubernetes_pod_name=~\"{{ target }}-[0-9a-zA-Z]+(-[0-9a-zA-Z]+)\" }[{{ interval }}] ) ) by (le) )" },
};

const struct builtin_query *builtin_find(const char *provider, const char *metric)
{
	for (size_t i = 0; i < sizeof builtins / sizeof *builtins; i++)
		if (text_eq(builtins[i].provider, provider) && text_eq(builtins[i].metric, metric))
			return &builtins[i];
	return NULL;
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
