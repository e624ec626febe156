#pragma once
/* provider nginx without an Ingress: the annotation rollcall.dev/upstream names an upstream of the nginx that the user
 * runs. What it should be is written into an object NginxUpstream of the embedded cluster; controller/node/upstreams.h
 * makes the file from it and says in its status what nginx has taken over. */
#include "controller/routers/router.h"

extern const struct router router_nginx_upstream;
const char *nginx_upstream_name(const struct canary *c); /* NULL or "": another router's */
