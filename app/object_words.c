#include "app/object_words.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

void object_kind_word(const char *kind, char buf[OBJECT_KIND_BYTES])
{
	(void)snprintf(buf, OBJECT_KIND_BYTES, "%s", *kind ? kind : "object");
	for (char *p = buf; *p; p++)
		*p = (char)tolower((unsigned char)*p);
}

static void add_step(struct strbuf *b, const char *s)
{
	strbuf_addc(b, '/');
	strbuf_add_urlencoded(b, s, strlen(s));
}

void object_path(struct strbuf *b, const char *kind, const char *ns, const char *name)
{
	strbuf_add(b, "/api/v1/objects");
	add_step(b, kind);
	add_step(b, text_empty(ns) ? "default" : ns);
	add_step(b, name);
}
