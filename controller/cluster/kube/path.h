#pragma once
/* URL paths of the API server. */
#include <stdbool.h>

#include "base/error.h"
#include "base/strbuf.h"
#include "controller/cluster/cluster.h"

struct api_group {
	const char *group, *version; /* group "" is core */
};

/* What can be one segment of a path, so that a name out of a manifest cannot lead to another object: not empty, not "."
 * or "..", no '/' or '%'. */
bool path_segment_ok(const char *name);
/* "apps/v1", or "v1" for core. buf of 64 bytes. */
const char *path_api_version(const struct api_group *g, char buf[64]);
/* "/apis/apps/v1/namespaces/test/deployments/podinfo/status": ns, name and subresource may be NULL or "". */
void path_add(struct strbuf *b, const struct api_group *g, const char *plural, const char *ns, const char *name,
	      const char *subresource);
