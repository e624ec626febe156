#include <stddef.h>

#include "base/text.h"
#include "controller/routers/router.h"
#include "controller/routers/table.h"

#define X(name, symbol) &router_##symbol,
static const struct router *const routers[] = { ROUTERS(X) };
#undef X
#define X(name, symbol) name,
static const char *const names[] = { ROUTERS(X) NULL };
#undef X

const struct router *router_find(const char *provider)
{
	for (size_t i = 0; i < sizeof routers / sizeof *routers; i++) {
		if (text_eq(provider, routers[i]->provider))
			return routers[i];
	}
	return NULL;
}

const char *const *router_names(void)
{
	return names;
}
