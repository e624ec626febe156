#pragma once
/* What the API server means by an answer that is not 2xx. Pure. */
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/* What was asked, for texts: "patch", "deployments.apps", "test", "podinfo" (ns and name may be ""). */
struct api_subject {
	const char *verb, *resource, *ns, *name;
};
/* Never RC_OK. The text says verb and resource, and the message of the Status object when body is one. */
enum result status_result(int http_status, const char *body, size_t len, const struct api_subject *s, struct error *e);
/* Worth another try with the same bytes. */
bool status_is_passing(int http_status);
