#include "app/sse.h"

#include <string.h>

#include "base/text.h"

void sse_init(struct sse *s, sse_event *cb, void *owner)
{
	*s = (struct sse){ .cb = cb, .owner = owner };
	strbuf_init(&s->line, SSE_EVENT_MAX);
	strbuf_init(&s->data, SSE_EVENT_MAX);
}

void sse_finish(struct sse *s)
{
	strbuf_finish(&s->line);
	strbuf_finish(&s->data);
}

static void clear_event(struct sse *s)
{
	strbuf_clear(&s->data);
	s->name[0] = '\0';
	s->has_data = false;
}

void sse_restart(struct sse *s)
{
	strbuf_clear(&s->line);
	clear_event(s);
	s->after_cr = false;
	(void)text_copy(s->id, sizeof s->id, s->last_id);
}

static void field(struct sse *s, const char *name, size_t name_len, const char *value)
{
	if (name_len == 4 && strncmp(name, "data", 4) == 0) {
		strbuf_add(&s->data, s->has_data ? "\n" : "");
		strbuf_add(&s->data, value);
		s->has_data = true;
	} else if (name_len == 5 && strncmp(name, "event", 5) == 0) {
		(void)text_copy(s->name, sizeof s->name, value);
	} else if (name_len == 2 && strncmp(name, "id", 2) == 0) {
		(void)text_copy(s->id, sizeof s->id, value);
	}
}

static void end_of_event(struct sse *s)
{
	(void)text_copy(s->last_id, sizeof s->last_id, s->id);
	if (s->has_data)
		s->cb(s->owner, *s->name ? s->name : "message", s->data.s, s->data.len);
	clear_event(s);
}

/* A line without a colon is a field without a value; one that starts with it is a comment. */
static void end_of_line(struct sse *s)
{
	const char *line = s->line.s, *colon = strchr(line, ':');
	if (!s->line.len) {
		end_of_event(s);
	} else if (colon != line) {
		const char *value = colon ? colon + 1 : "";
		field(s, line, colon ? (size_t)(colon - line) : s->line.len, value + (*value == ' '));
	}
	strbuf_clear(&s->line);
}

bool sse_feed(struct sse *s, const char *bytes, size_t len)
{
	const char *end = bytes + len;
	while (bytes < end) {
		size_t n = 0;
		while (bytes + n < end && bytes[n] != '\n' && bytes[n] != '\r')
			n++;
		if (n)
			s->after_cr = false;
		strbuf_addn(&s->line, bytes, n);
		if (s->line.overflow || s->data.overflow)
			return false;
		bytes += n;
		if (bytes == end)
			break;
		bool second = s->after_cr && *bytes == '\n'; /* of "\r\n" */
		s->after_cr = *bytes++ == '\r';
		if (!second)
			end_of_line(s);
	}
	return true;
}
