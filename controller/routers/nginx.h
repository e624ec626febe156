#pragma once
/* provider nginx: a canary Ingress beside the user's, with the weight in an annotation (flagger-controller.md 6.2). */
#include "controller/routers/router.h"

extern const struct router router_nginx;
