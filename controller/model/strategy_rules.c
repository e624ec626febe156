#include <string.h>

#include "base/duration.h"
#include "base/text.h"
#include "controller/model/build.h"
#include "controller/model/examine.h"
#include "controller/model/schema.h"

static bool has(const struct subject *s, const char *name)
{
	return member(s->analysis, name) != NULL;
}

/* 0 when absent or no number; the schema has told about wrong types. */
static double number(const struct subject *s, const char *name)
{
	const cJSON *v = member(s->analysis, name);
	return cJSON_IsNumber(v) ? v->valuedouble : 0;
}

static double top_step_weight(const struct subject *s)
{
	const cJSON *list = member(s->analysis, "stepWeights");
	double top = 0;
	for (const cJSON *m = cJSON_IsArray(list) ? list->child : NULL; m; m = m->next)
		if (cJSON_IsNumber(m) && m->valuedouble > top)
			top = m->valuedouble;
	return top;
}

/* A wrong type hides what was meant, and has its own finding. */
static bool steps_are_readable(const struct subject *s)
{
	static const char *const numbers[] = { "stepWeight", "iterations", "stepReplicas", "canaryWeight" };
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
		if (has(s, numbers[i]) && !cJSON_IsNumber(member(s->analysis, numbers[i])))
			return false;
	const cJSON *list = member(s->analysis, "stepWeights");
	return !list || cJSON_IsArray(list);
}

/* Whether there is anything that moves a release forward, or a person who does. */
static bool has_steps(const struct subject *s)
{
	if (number(s, "stepWeight") > 0 || number(s, "iterations") > 0 || top_step_weight(s) > 0)
		return true;
	return s->extension && (number(s, "stepReplicas") > 0 || has(s, "canaryWeight"));
}

static void rule_steps(const struct subject *s, struct report *r)
{
	bool skipped = cJSON_IsTrue(member(s->spec, "skipAnalysis"));
	/* Without a router the controller runs ten iterations when none are given. */
	bool counted = strcmp(s->provider, "kubernetes") == 0;
	if (skipped || counted || has_steps(s) || !steps_are_readable(s))
		return;
	const char *at = has(s, "stepWeight") ? "stepWeight" : has(s, "iterations") ? "iterations" : NULL;
	struct path p = at ? path_member(&s->analysis_path, at) : s->analysis_path;
	report_add(
		r, LEVEL_FATAL, at ? member(s->analysis, at) : s->analysis, &p,
		"no step would ever be taken: stepWeight and iterations are 0 and stepWeights is empty; set stepWeight "
		"(1 to 100), stepWeights or iterations%s",
		s->extension ? ", or canaryWeight for a manual release" : "");
}

static void refuse_both(const struct subject *s, const char *one, const char *other, struct report *r)
{
	struct path p = path_member(&s->analysis_path, other);
	if (has(s, one) && has(s, other))
		report_add_key(r, LEVEL_MISTAKE, member(s->analysis, other), &p,
			       "%s is given too, and the API server takes only one of them; leave one out", one);
}

static void rule_one_strategy(const struct subject *s, struct report *r)
{
	refuse_both(s, "iterations", "stepWeight", r);
	refuse_both(s, "iterations", "stepWeights", r);
	refuse_both(s, "stepWeight", "stepWeights", r);
	bool named = has(s, "iterations") || has(s, "stepWeight") || has(s, "stepWeights") || has(s, "stepReplicas");
	bool told = !has_steps(s) && s->router; /* by rule_steps */
	if (!named && !told)
		report_add_key(r, LEVEL_MISTAKE, s->analysis, &s->analysis_path,
			       "the API server wants one of iterations, stepWeight, stepWeights, stepReplicas%s",
			       has(s, "canaryWeight") ? "; for a manual release write stepWeight: 0" : "");
}

static void rule_ladder(const struct subject *s, struct report *r)
{
	const cJSON *list = member(s->analysis, "stepWeights");
	struct path p = path_member(&s->analysis_path, "stepWeights");
	size_t i = 1;
	for (const cJSON *m = cJSON_IsArray(list) ? list->child : NULL; m && m->next; m = m->next, i++) {
		if (!cJSON_IsNumber(m) || !cJSON_IsNumber(m->next) || m->next->valuedouble > m->valuedouble)
			continue;
		struct path at = path_item(&p, i);
		char a[32], b[32];
		text_from_double(m->next->valuedouble, a);
		text_from_double(m->valuedouble, b);
		report_add(r, LEVEL_WARNING, m->next, &at, "%s does not go beyond %s, the weight before it", a, b);
	}
}

static void rule_max_weight(const struct subject *s, struct report *r)
{
	double step = number(s, "stepWeight"), max = number(s, "maxWeight");
	struct path p = path_member(&s->analysis_path, "maxWeight");
	if (max > 0 && step > max && !has(s, "stepWeights")) {
		char a[32], b[32];
		text_from_double(max, a);
		text_from_double(step, b);
		report_add(r, LEVEL_WARNING, member(s->analysis, "maxWeight"), &p,
			   "%s is less than stepWeight; the first step goes to %s all the same", a, b);
	}
}

static bool is_gatewayapi(const struct subject *s)
{
	return text_starts(s->provider, "gatewayapi");
}

static void rule_mirror(const struct subject *s, struct report *r)
{
	struct path p = path_member(&s->analysis_path, "mirror");
	bool wanted = cJSON_IsTrue(member(s->analysis, "mirror"));
	bool can = strcmp(s->provider, "istio") == 0 || (is_gatewayapi(s) && number(s, "iterations") > 0);
	if (wanted && *s->provider && !can)
		report_add(r, LEVEL_WARNING, member(s->analysis, "mirror"), &p,
			   "provider %s does not mirror %s; it is ignored", s->provider,
			   is_gatewayapi(s) ? "without iterations" : "traffic");
	p = path_member(&s->analysis_path, "mirrorWeight");
	if (number(s, "mirrorWeight") > 0 && !wanted)
		report_add(r, LEVEL_WARNING, member(s->analysis, "mirrorWeight"), &p,
			   "it means nothing without mirror: true");
}

static void rule_match(const struct subject *s, struct report *r)
{
	static const char *const able[] = { "nginx", "contour", "gloo", "istio", "appmesh", "appmesh:v1beta2", NULL };
	const cJSON *match = member(s->analysis, "match");
	struct path p = path_member(&s->analysis_path, "match");
	if (!cJSON_IsArray(match) || !match->child || !*s->provider)
		return;
	bool can = is_gatewayapi(s);
	for (const char *const *w = able; *w && !can; w++)
		can = strcmp(*w, s->provider) == 0;
	if (!can)
		report_add_key(r, LEVEL_MISTAKE, match, &p,
			       "provider %s cannot choose requests by their headers; use iterations without match, or "
			       "another provider",
			       s->provider);
	else if (number(s, "iterations") <= 0)
		report_add_key(r, LEVEL_WARNING, match, &p, "without iterations this is no A/B test; set iterations");
}

static void rule_no_router(const struct subject *s, struct report *r)
{
	if (strcmp(s->provider, "kubernetes") == 0 && number(s, "iterations") < 1 &&
	    !(s->extension && number(s, "stepReplicas") > 0))
		report_add_key(
			r, LEVEL_WARNING, s->analysis, &s->analysis_path,
			"provider kubernetes shifts no traffic by weight; 10 iterations are run, set iterations");
}

static void rule_affinity(const struct subject *s, struct report *r)
{
	const cJSON *v = member(s->analysis, "sessionAffinity");
	struct path p = path_member(&s->analysis_path, "sessionAffinity");
	const char *cookie = cJSON_GetStringValue(member(v, "cookieName"));
	const char *primary = cJSON_GetStringValue(member(v, "primaryCookieName"));
	if (!v)
		return;
	if (*s->provider && strcmp(s->provider, "istio") != 0 && !is_gatewayapi(s))
		report_add_key(r, LEVEL_WARNING, v, &p, "provider %s has no session affinity; it is ignored",
			       s->provider);
	struct path at_primary = path_member(&p, "primaryCookieName");
	if (!text_empty(cookie) && text_eq(cookie, primary))
		report_add(r, LEVEL_FATAL, member(v, "primaryCookieName"), &at_primary,
			   "can't use the same cookie name for both primary and cookie name; please update them to be "
			   "different");
}

static void rule_interval(const struct subject *s, struct report *r)
{
	const cJSON *v = member(s->analysis, "interval");
	const char *text = cJSON_GetStringValue(v);
	struct path p = path_member(&s->analysis_path, "interval");
	int64_t ms = 0;
	char quoted[REPORT_QUOTE];
	if (text && duration_parse(text, &ms, NULL) == RC_OK && ms >= 0 && ms < INTERVAL_LEAST_MS)
		report_add(r, LEVEL_WARNING, v, &p, "%s counts as 1s, the shortest interval",
			   report_quote(text, quoted));
}

void strategy_rules(const struct subject *s, struct report *r)
{
	if (!cJSON_IsObject(s->analysis))
		return;
	rule_steps(s, r);
	rule_one_strategy(s, r);
	rule_ladder(s, r);
	rule_max_weight(s, r);
	rule_mirror(s, r);
	rule_match(s, r);
	rule_no_router(s, r);
	rule_affinity(s, r);
	rule_interval(s, r);
}
