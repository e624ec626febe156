/* The texts that people read, by key and language: templates/text.LANG, scanned as they are. */
#include "bot/cards/words.h"

#include <string.h>

#include "base/templates.h"
#include "base/text.h"

static const struct {
	const char *name, *file;
} langs[LANG_COUNT] = {
	[LANG_EN] = { "en", "text.en" },
	[LANG_ZH] = { "zh", "text.zh" },
};

enum result card_lang_parse(const char *name, enum card_lang *ret, struct error *e)
{
	for (unsigned i = 0; i < LANG_COUNT; i++)
		if (text_eq(name, langs[i].name)) {
			*ret = (enum card_lang)i;
			return RC_OK;
		}
	char shown[TEXT_SHOWN];
	return error_set(e, RC_INVALID, "unknown language %s, known are en and zh",
			 text_show(name ? name : "", strlen(name ? name : ""), shown));
}

const char *card_lang_name(enum card_lang lang)
{
	return langs[lang].name;
}

const char *words_file(enum card_lang lang)
{
	for (const struct template_file *f = template_files; f->path; f++)
		if (strcmp(f->path, langs[lang].file) == 0)
			return f->body;
	return "";
}

bool words_next(const char **at, struct words_entry *ret)
{
	for (const char *line = *at; *line;) {
		const char *end = strchrnul(line, '\n'), *sign = memmem(line, (size_t)(end - line), " = ", 3);
		const char *next = *end ? end + 1 : end;
		if (*line != '#' && sign) {
			*ret = (struct words_entry){ .key = line,
						     .key_len = (size_t)(sign - line),
						     .text = sign + 3,
						     .text_len = (size_t)(end - sign - 3) };
			*at = next;
			return true;
		}
		line = next;
	}
	return false;
}

static bool find_in(const char *file, const char *key, struct words_entry *ret)
{
	size_t len = strlen(key);
	struct words_entry w;
	for (const char *at = file; at && words_next(&at, &w);)
		if (w.key_len == len && memcmp(w.key, key, len) == 0) {
			*ret = w;
			return true;
		}
	return false;
}

bool words_find(enum card_lang lang, const char *key, struct words_entry *ret)
{
	return find_in(words_file(lang), key, ret);
}

size_t words_placeholder(const char *at, const char *end)
{
	if (at == end || *at != '{')
		return 0;
	const char *close = memchr(at, '}', (size_t)(end - at));
	return close && close > at + 1 ? (size_t)(close - at) + 1 : 0;
}

/* The value of "{name}" in the pairs; NULL: not among them. */
static const char *value_of(const char *at, size_t len, va_list pairs)
{
	va_list ap;
	va_copy(ap, pairs);
	const char *name, *found = NULL;
	while (!found && (name = va_arg(ap, const char *))) {
		const char *value = va_arg(ap, const char *);
		if (strlen(name) == len - 2 && memcmp(name, at + 1, len - 2) == 0)
			found = value ? value : "";
	}
	va_end(ap);
	return found;
}

/* One pass; out NULL only measures. What is filled in is never looked at again. */
static size_t fill(const struct words_entry *w, char *out, va_list pairs)
{
	const char *end = w->text + w->text_len;
	size_t n = 0;
	for (const char *at = w->text; at < end;) {
		size_t len = words_placeholder(at, end);
		const char *value = len ? value_of(at, len, pairs) : NULL;
		const char *from = value ? value : at;
		size_t from_len = value ? strlen(value) : 1;
		if (out)
			memcpy(out + n, from, from_len);
		n += from_len;
		at += value ? len : 1;
	}
	return n;
}

static const char *filled(const struct card_wording *w, const char *key, struct arena *a, va_list pairs)
{
	struct words_entry entry = { .text = key, .text_len = strlen(key) };
	if (!find_in(w->own, key, &entry))
		(void)words_find(w->lang, key, &entry);
	size_t n = fill(&entry, NULL, pairs);
	char *out = arena_alloc(a, n + 1, 1);
	if (out)
		(void)fill(&entry, out, pairs);
	return out ? out : "";
}

const char *card_words(enum card_lang lang, const char *key, struct arena *a, ...)
{
	va_list ap;
	va_start(ap, a);
	const char *text = filled(&(struct card_wording){ .lang = lang }, key, a, ap);
	va_end(ap);
	return text;
}

const char *card_words_of(const struct card_wording *w, const char *key, struct arena *a, ...)
{
	va_list ap;
	va_start(ap, a);
	const char *text = filled(w, key, a, ap);
	va_end(ap);
	return text;
}
