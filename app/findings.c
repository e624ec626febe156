#include "app/findings.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"

static bool grow(struct findings *f)
{
	size_t cap = f->cap ? f->cap * 2 : 16;
	struct finding *at = reallocarray(f->at, cap, sizeof *at);
	if (!at)
		return false;
	f->at = at;
	f->cap = cap;
	return true;
}

static bool vadd(struct findings *f, bool warning, struct yaml_place at, const char *field, const char *fmt, va_list ap)
	PRINTF(5, 0);

static bool vadd(struct findings *f, bool warning, struct yaml_place at, const char *field, const char *fmt, va_list ap)
{
	f->errors += !warning;
	if (f->count >= FINDINGS_MAX)
		return true;
	if (f->count == f->cap && !grow(f))
		return false;
	struct finding *n = &f->at[f->count++];
	*n = (struct finding){ .warning = warning, .line = at.line, .column = at.column };
	(void)snprintf(n->field, sizeof n->field, "%s", field);
	(void)vsnprintf(n->text, sizeof n->text, fmt, ap);
	return true;
}

bool findings_vadd(struct findings *f, struct yaml_place at, const char *field, const char *fmt, va_list ap)
{
	return vadd(f, false, at, field, fmt, ap);
}

bool findings_vwarn(struct findings *f, struct yaml_place at, const char *field, const char *fmt, va_list ap)
{
	return vadd(f, true, at, field, fmt, ap);
}

bool findings_add(struct findings *f, struct yaml_place at, const char *field, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	bool ok = findings_vadd(f, at, field, fmt, ap);
	va_end(ap);
	return ok;
}

static int by_place(const void *x, const void *y)
{
	const struct finding *a = x, *b = y;
	if (a->line != b->line)
		return a->line < b->line ? -1 : 1;
	if (a->column != b->column)
		return a->column < b->column ? -1 : 1;
	return strcmp(a->field, b->field);
}

void findings_sort(struct findings *f)
{
	if (f->count)
		qsort(f->at, f->count, sizeof *f->at, by_place);
}

void findings_print(const struct findings *f, const char *file, FILE *out)
{
	for (size_t i = 0; i < f->count; i++) {
		const struct finding *n = &f->at[i];
		fputs(file, out);
		if (n->line)
			fprintf(out, ":%u:%u", n->line, n->column);
		/* those of manifests name their field themselves */
		bool named = !*n->field || text_starts(n->text, n->field);
		fprintf(out, ": %s%s%s%s\n", n->warning ? "warning: " : "", named ? "" : n->field, named ? "" : ": ",
			n->text);
	}
}
