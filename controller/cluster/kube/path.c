#include "controller/cluster/kube/path.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"

bool path_segment_ok(const char *name)
{
	return !text_empty(name) && !text_eq(name, ".") && !text_eq(name, "..") && !strpbrk(name, "/%");
}

const char *path_api_version(const struct api_group *g, char buf[64])
{
	snprintf(buf, 64, "%s%s%s", g->group, *g->group ? "/" : "", g->version);
	return buf;
}

static void path_add_segment(struct strbuf *b, const char *segment)
{
	if (text_empty(segment))
		return;
	strbuf_addc(b, '/');
	strbuf_add_urlencoded(b, segment, strlen(segment));
}

void path_add(struct strbuf *b, const struct api_group *g, const char *plural, const char *ns, const char *name,
	      const char *subresource)
{
	char api_version[64];
	strbuf_addf(b, "%s%s", *g->group ? "/apis/" : "/api/", path_api_version(g, api_version));
	if (!text_empty(ns)) {
		strbuf_add(b, "/namespaces");
		path_add_segment(b, ns);
	}
	path_add_segment(b, plural);
	path_add_segment(b, name);
	path_add_segment(b, subresource);
}
