#pragma once
/* AWS Signature Version 4 of a POST without a query string. The signature is of the request as it is sent: the same
 * headers and body must go out. */
#include "base/arena.h"
#include "base/clock.h"
#include "base/error.h"

struct sigv4 {
	const char *key_id, *secret, *token; /* token NULL: none */
	const char *region, *service;
	const char *host;                  /* "monitoring.eu-west-1.amazonaws.com" */
	const char *content_type, *target; /* X-Amz-Target */
	const char *body;
	struct wall_ms now;
};
/* Of the arena: the values of X-Amz-Date and Authorization. */
MUST_CHECK enum result sigv4_sign(const struct sigv4 *s, struct arena *a, const char **ret_date,
				  const char **ret_authorization, struct error *e);
