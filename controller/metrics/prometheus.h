#pragma once
/* Prometheus: instant queries (flagger-interfaces.md 3.9). Pure parts; sources.c does the asking. */
#include <stddef.h>

#include "base/error.h"

/* ADDRESS/api/v1/query?query=..., the address's own path kept; malloc'ed; NULL: no memory. */
char *prometheus_url(const char *address, const char *query);
/* RC_OK: the value of the last series of an instant vector; RC_NOT_FOUND: "no values found" (empty, NaN); RC_INVALID:
 * everything else, with the server's words. */
MUST_CHECK enum result prometheus_read(int status, const char *body, size_t len, double *ret, struct error *e);
