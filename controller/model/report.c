#include "controller/model/report.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/yaml.h"

enum { FIELD_SIZE = sizeof(((struct finding *)0)->field) };

/* Takes back the bytes of a character that the end of the buffer cut in two. */
static void trim_cut(char *s)
{
	size_t len = strlen(s);
	size_t at = len;
	while (at > 0 && ((unsigned char)s[at - 1] & 0xc0) == 0x80)
		at--;
	if (at > 0 && (unsigned char)s[at - 1] >= 0xc0 && !text_is_utf8(s + at - 1, len - (at - 1)))
		s[at - 1] = '\0';
}

/* Keys and words come from people: nothing of them may break a line of output. */
static void clean(char *s)
{
	trim_cut(s);
	for (; *s; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			*s = '?';
}

struct path path_of(const char *text)
{
	return (struct path){ .word = text };
}

struct path path_member(const struct path *parent, const char *name)
{
	return (struct path){ .parent = parent, .word = name };
}

struct path path_key(const struct path *parent, const char *key)
{
	return (struct path){ .parent = parent, .word = key, .key = true };
}

struct path path_item(const struct path *parent, size_t index)
{
	return (struct path){ .parent = parent, .index = index };
}

/* Appends to what stands in buf; too long a path is cut. */
static void append(char buf[FIELD_SIZE], const char *fmt, ...) PRINTF(2, 3);
static void append(char buf[FIELD_SIZE], const char *fmt, ...)
{
	size_t len = strlen(buf);
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(buf + len, FIELD_SIZE - len, fmt, ap);
	va_end(ap);
}

/* As deep as the schema, which has no loops. */
static void print_path(const struct path *p, char buf[FIELD_SIZE])
{
	if (p->parent)
		print_path(p->parent, buf);
	else
		*buf = '\0';
	if (!p->word)
		append(buf, "[%zu]", p->index);
	else if (p->key)
		append(buf, "[%s]", p->word);
	else
		append(buf, "%s%s", *buf ? "." : "", p->word);
}

bool report_wants(const struct report *r, enum level level)
{
	return r->findings ? r->findings->count - r->begin <= REPORT_FINDINGS_MAX : level == LEVEL_FATAL && !r->failed;
}

static struct finding *finding_new(struct report *r)
{
	struct findings *f = r->findings;
	if (f->count == f->cap) {
		size_t cap = f->cap ? f->cap * 2 : 8;
		struct finding *at = reallocarray(f->at, cap, sizeof *at);
		if (!at) {
			r->exhausted = true;
			return NULL;
		}
		f->at = at;
		f->cap = cap;
	}
	struct finding *ret = &f->at[f->count++];
	*ret = (struct finding){ .warning = false };
	return ret;
}

static void add_finding(struct report *r, enum level level, struct yaml_place place, const char *field,
			const char *text)
{
	bool last = r->findings->count - r->begin == REPORT_FINDINGS_MAX;
	struct finding *f = finding_new(r);
	if (!f)
		return;
	f->line = place.line;
	f->column = place.column;
	f->warning = level == LEVEL_WARNING && !last;
	text_copy(f->field, sizeof f->field, field);
	size_t at = text_copy(f->text, sizeof f->text, f->field);
	if (at)
		at += text_copy(f->text + at, sizeof f->text - at, ": ");
	text_copy(f->text + at, sizeof f->text - at, last ? "and more mistakes, which are left out" : text);
	trim_cut(f->text);
	if (!f->warning)
		r->findings->errors++;
}

static void add(struct report *r, enum level level, struct yaml_place place, const struct path *p, const char *fmt,
		va_list ap) PRINTF(5, 0);
static void add(struct report *r, enum level level, struct yaml_place place, const struct path *p, const char *fmt,
		va_list ap)
{
	char text[sizeof(((struct finding *)0)->text)], field[FIELD_SIZE];
	print_path(p, field);
	clean(field);
	vsnprintf(text, sizeof text, fmt, ap);
	clean(text);
	if (level == LEVEL_FATAL)
		r->failed = true;
	if (r->findings)
		add_finding(r, level, place, field, text);
	else
		error_set(r->first, RC_INVALID, "%s%s%s", field, *field ? ": " : "", text);
}

void report_add(struct report *r, enum level level, const cJSON *node, const struct path *p, const char *fmt, ...)
{
	if (!report_wants(r, level))
		return;
	struct yaml_place place = { 0, 0 };
	if (r->doc && node)
		place = yaml_place(r->doc, node);
	va_list ap;
	va_start(ap, fmt);
	add(r, level, place, p, fmt, ap);
	va_end(ap);
}

void report_add_key(struct report *r, enum level level, const cJSON *node, const struct path *p, const char *fmt, ...)
{
	if (!report_wants(r, level))
		return;
	struct yaml_place place = { 0, 0 };
	if (r->doc && node)
		place = yaml_key_place(r->doc, node);
	if (r->doc && node && !place.line)
		place = yaml_place(r->doc, node);
	va_list ap;
	va_start(ap, fmt);
	add(r, level, place, p, fmt, ap);
	va_end(ap);
}

const char *report_quote(const char *s, char buf[REPORT_QUOTE])
{
	enum { ROOM = REPORT_QUOTE - 5 }; /* "..." and the closing quote */
	size_t n = 0;
	buf[n++] = '"';
	const char *at = s;
	for (; *at && n < ROOM; at++) {
		if ((unsigned char)*at < 0x20 || *at == 0x7f) {
			if (n + 4 > ROOM)
				break;
			n += (size_t)snprintf(buf + n, REPORT_QUOTE - n, "\\x%02x", (unsigned)(unsigned char)*at);
			continue;
		}
		if (*at == '"' || *at == '\\')
			buf[n++] = '\\';
		buf[n++] = *at;
	}
	buf[n] = '\0';
	trim_cut(buf);
	n = strlen(buf);
	snprintf(buf + n, REPORT_QUOTE - n, "%s\"", *at ? "..." : "");
	return buf;
}

const char *report_suggestion(const char *word, const char *const *words, char buf[REPORT_QUOTE])
{
	const char *near = text_nearest(word, words);
	*buf = '\0';
	if (near && *near)
		snprintf(buf, REPORT_QUOTE, "; did you mean \"%s\"?", near);
	return buf;
}

const char *report_words(const char *const *words, char *buf, size_t size)
{
	size_t n = 0;
	*buf = '\0';
	for (; *words; words++) {
		if (!**words)
			continue;
		int wrote = snprintf(buf + n, size - n, "%s%s", n ? ", " : "", *words);
		if (wrote < 0 || (size_t)wrote >= size - n)
			break;
		n += (size_t)wrote;
	}
	return buf;
}

static bool before(const struct finding *a, const struct finding *b)
{
	return a->line != b->line ? a->line < b->line : a->column < b->column;
}

void report_sort(struct report *r)
{
	struct finding *at = r->findings->at;
	for (size_t i = r->begin + 1; i < r->findings->count; i++)
		for (size_t j = i; j > r->begin && before(&at[j], &at[j - 1]); j--) {
			struct finding swap = at[j];
			at[j] = at[j - 1];
			at[j - 1] = swap;
		}
}

void findings_finish(struct findings *f)
{
	free(f->at);
	*f = (struct findings){ .at = NULL };
}
