#include <stddef.h>

#include "base/text.h"
#include "controller/routers/nginx.h"
#include "controller/routers/none.h"
#include "controller/routers/router.h"

static const struct router *const routers[] = { &router_nginx, &router_none };
static const char *const names[] = { "nginx", "kubernetes", NULL };

const struct router *router_find(const char *provider)
{
	for (size_t i = 0; i < sizeof routers / sizeof *routers; i++) {
		const struct router *r = routers[i];
		if (r->prefix ? text_starts(provider, r->provider) : text_eq(provider, r->provider))
			return r;
	}
	return NULL;
}

const char *const *router_names(void)
{
	return names;
}
