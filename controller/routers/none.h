#pragma once
/* provider kubernetes: no router, blue/green by switching Services (flagger-controller.md 6.1). */
#include "controller/routers/router.h"

extern const struct router router_none;
