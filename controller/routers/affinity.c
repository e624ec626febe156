#include "controller/routers/affinity.h"

#include <string.h>

#include "base/json.h"
#include "base/text.h"

enum { MAX_AGE_S = 24 * 60 * 60 };

int affinity_of(const struct plan *p, const struct routes *r)
{
	if (text_empty(p->canary->analysis.cookie))
		return 0;
	if (r->canary > 0)
		return text_empty(r->session) ? 0 : 1;
	return text_empty(r->previous_session) ? 0 : -1;
}

const char *affinity_pattern(const struct plan *p, const char *cookie)
{
	const char *value = strchr(cookie, '=');
	if (!value)
		return arena_printf(p->arena, ".*%s.*", cookie);
	return arena_printf(p->arena, ".*%.*s.*%s.*", (int)(value - cookie), cookie, value + 1);
}

const char *affinity_set_cookie(const struct plan *p, const cJSON *affinity, const char *cookie)
{
	const char *domain = json_text(affinity, "domain", ""), *path = json_text(affinity, "path", "");
	const char *same_site = json_text(affinity, "sameSite", "");
	int64_t age = json_int(affinity, "maxAge", 0);
	return arena_printf(
		p->arena, "%s; Max-Age=%d%s%s%s%s%s%s%s%s%s", cookie, age > 0 ? (int)age : MAX_AGE_S,
		*domain ? "; Domain=" : "", domain, json_bool(affinity, "httpOnly", false) ? "; HttpOnly" : "",
		json_bool(affinity, "partitioned", false) ? "; Partitioned" : "", *path ? "; Path=" : "", path,
		*same_site ? "; SameSite=" : "", same_site, json_bool(affinity, "secure", false) ? "; Secure" : "");
}

const char *affinity_set_primary(const struct plan *p, const char *cookie)
{
	return arena_printf(p->arena, "%s; Max-Age=%d", cookie, (int)(p->canary->analysis.interval_ms / 1000));
}

const char *affinity_take_back(const struct plan *p, const char *cookie)
{
	return arena_printf(p->arena, "%s; Max-Age=-1", cookie);
}
