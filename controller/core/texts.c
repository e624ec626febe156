#include "controller/core/texts.h"

#include <string.h>

#define N false
#define W true
#define X(id, warns, of, said, words)                                                                                  \
	[TEXT_##id] = { .warning = warns, .phase = PHASE_##of, .key = said, .text = words },
const struct event_text event_texts[TEXT_COUNT] = { TEXTS(X) };
#undef X
#undef N
#undef W

#define X(id, how, meta, said, words)                                                                                  \
	[ALERT_##id] = { .severity = SEVERITY_##how, .with_metadata = meta, .key = said, .text = words },
const struct alert_text alert_texts[ALERT_COUNT] = { ALERTS(X) };
#undef X

static const struct placeholder *placeholder_at(const char *s, const struct placeholder *list, size_t count)
{
	for (size_t i = 0; *s == '{' && i < count; i++)
		if (strncmp(s, list[i].name, strlen(list[i].name)) == 0)
			return &list[i];
	return NULL;
}

/* One pass; out NULL only measures. What is filled in is never looked at again, so a name with braces stays a name. */
static size_t fill(const char *text, const struct placeholder *list, size_t count, char *out)
{
	size_t n = 0;
	while (*text) {
		const struct placeholder *p = placeholder_at(text, list, count);
		const char *from = p ? (p->value ? p->value : "") : text;
		size_t len = p ? strlen(from) : 1;
		if (out)
			memcpy(out + n, from, len);
		n += len;
		text += p ? strlen(p->name) : 1;
	}
	return n;
}

char *text_fill(struct arena *a, const char *text, const struct placeholder *list, size_t count)
{
	size_t n = fill(text, list, count, NULL);
	char *out = arena_alloc(a, n + 1, 1);
	if (out)
		(void)fill(text, list, count, out);
	return out;
}
