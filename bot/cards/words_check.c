/* A file of one's own words: is every line one that a card can use? */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "bot/cards/words.h"

enum { TEXT_CHARS_MAX = 500, KEY_BYTES = 128 };

struct check {
	enum card_lang lang;
	const char *own, *line; /* the line being looked at */
	int number;
	bool good;
	card_words_mistake *cb;
	void *owner;
};

static void mistake(struct check *c, const char *at, const char *fmt, ...) PRINTF(3, 4);

static void mistake(struct check *c, const char *at, const char *fmt, ...)
{
	char text[512];
	va_list ap;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	c->good = false;
	c->cb(c->owner, c->number, (int)(at - c->line) + 1, text);
}

/* The known key that is nearest to a word; "" none. buf of KEY_BYTES. */
static const char *nearest_key(const struct check *c, const char *word, char *buf)
{
	char one[KEY_BYTES];
	const char *const candidates[] = { one, NULL };
	struct words_entry w;
	for (const char *at = words_file(c->lang); words_next(&at, &w);) {
		if (w.key_len >= KEY_BYTES)
			continue;
		(void)text_copy(one, w.key_len + 1, w.key);
		if (text_nearest(word, candidates)) {
			(void)text_copy(buf, KEY_BYTES, one);
			return buf;
		}
	}
	return "";
}

static bool known_value(const struct words_entry *entry, const char *at, size_t len)
{
	for (const char *p = entry->text, *end = p + entry->text_len; p < end; p++) {
		size_t n = words_placeholder(p, end);
		if (n == len && memcmp(p, at, len) == 0)
			return true;
	}
	return false;
}

/* "{name} {state}" */
static void values_of(const struct words_entry *entry, char *buf, size_t size)
{
	size_t n = 0;
	buf[0] = '\0';
	for (const char *p = entry->text, *end = p + entry->text_len; p < end && n < size; p++) {
		size_t len = words_placeholder(p, end);
		int wrote = len ? snprintf(buf + n, size - n, "%s%.*s", n ? " " : "", (int)len, p) : 0;
		n += wrote > 0 ? (size_t)wrote : 0;
	}
}

static void check_text(struct check *c, const char *text, const char *end, const struct words_entry *entry)
{
	char known[256];
	values_of(entry, known, sizeof known);
	if (text == end)
		mistake(c, text, "there is no text");
	for (const char *p = text; p < end;) {
		size_t step = text_utf8_step(p, (size_t)(end - p)), len = words_placeholder(p, end);
		if (!step || (unsigned char)*p < 0x20) {
			mistake(c, p, "a byte that is not UTF-8 text");
			return;
		}
		if (len && !known_value(entry, p, len))
			mistake(c, p, "%.*s is no value of this text%s%s", (int)(len > 60 ? 60 : len), p,
				*known ? ", which has " : "", known);
		p += len ? len : step;
	}
	if (text_prefix(text, TEXT_CHARS_MAX) < (size_t)(end - text))
		mistake(c, text, "longer than %d characters", TEXT_CHARS_MAX);
}

static bool stands_before(const struct check *c, const char *key, size_t len)
{
	struct words_entry w;
	for (const char *at = c->own; words_next(&at, &w) && w.key < c->line;)
		if (w.key_len == len && memcmp(w.key, key, len) == 0)
			return true;
	return false;
}

static void check_line(struct check *c, const char *end)
{
	const char *sign = memmem(c->line, (size_t)(end - c->line), " = ", 3);
	if (!sign) {
		mistake(c, c->line, "must be KEY = TEXT");
		return;
	}
	char key[KEY_BYTES], shown[TEXT_SHOWN], near[KEY_BYTES];
	size_t len = (size_t)(sign - c->line);
	struct words_entry entry;
	if (len < sizeof key)
		(void)text_copy(key, len + 1, c->line);
	if (len >= sizeof key || !words_find(c->lang, key, &entry)) {
		const char *other = len < sizeof key ? nearest_key(c, key, near) : "";
		mistake(c, c->line, "there is no text \"%s\"%s%s", text_show(c->line, len, shown),
			*other ? "; did you mean " : "", other);
		return;
	}
	if (stands_before(c, key, len))
		mistake(c, c->line, "\"%s\" stands twice", key);
	check_text(c, sign + 3, end, &entry);
}

bool card_words_check(const char *own, enum card_lang lang, card_words_mistake *cb, void *owner)
{
	struct check c = { .lang = lang, .own = own, .number = 1, .good = true, .cb = cb, .owner = owner };
	for (const char *line = own; *line; c.number++) {
		const char *end = strchrnul(line, '\n');
		c.line = line;
		if (end > line && *line != '#')
			check_line(&c, end);
		line = *end ? end + 1 : end;
	}
	return c.good;
}
