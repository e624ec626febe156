#pragma once
/* How objects are named to the command line and to its service. */
#include "base/strbuf.h"

enum { OBJECT_KIND_BYTES = 64 };
/* "Deployment" as people type it: "deployment". */
void object_kind_word(const char *kind, char buf[OBJECT_KIND_BYTES]);
/* "/api/v1/objects/KIND/NS/NAME"; ns NULL: default. */
void object_path(struct strbuf *b, const char *kind, const char *ns, const char *name);
