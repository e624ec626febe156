/* What the house says in English - the controller, the policies, the record - for people who read another language:
 * templates/said.zh has the sentence with {name}s where foreign values stand, and what it becomes. */
#include <stdio.h>
#include <string.h>

#include "base/strbuf.h"
#include "base/templates.h"
#include "base/text.h"
#include "bot/cards/words.h"

enum { CAPTURES_MAX = 8, SAID_BYTES_MAX = 64 * 1024, DEPTH_MAX = 3 };

struct span {
	const char *at;
	size_t len;
};
struct capture {
	struct span name, value;
};
struct captures {
	struct capture at[CAPTURES_MAX];
	size_t count;
};

static struct span placeholder(const char *at, const char *end)
{
	size_t len = words_placeholder(at, end);
	return len ? (struct span){ at + 1, len - 2 } : (struct span){ NULL, 0 };
}

static struct span literal(const char *at, const char *end)
{
	const char *stop = at;
	while (stop < end && !words_placeholder(stop, end))
		stop++;
	return (struct span){ at, (size_t)(stop - at) };
}

/* Where the value that begins at text ends: before the words that follow it, at the end before the last ones. */
static const char *value_end(const char *text, const char *end, struct span after, bool last)
{
	size_t left = (size_t)(end - text);
	if (!after.len)
		return end;
	if (!last)
		return memmem(text, left, after.at, after.len);
	bool ends = left >= after.len && memcmp(end - after.len, after.at, after.len) == 0;
	return ends ? end - after.len : NULL;
}

static bool matches(struct span pattern, const char *text, const char *end, struct captures *c)
{
	const char *p = pattern.at, *stop = p + pattern.len;
	c->count = 0;
	while (p < stop) {
		struct span name = placeholder(p, stop), words = literal(p, stop);
		if (!name.len) {
			if ((size_t)(end - text) < words.len || memcmp(text, words.at, words.len) != 0)
				return false;
			text += words.len;
			p += words.len;
			continue;
		}
		p += name.len + 2;
		struct span after = literal(p, stop);
		const char *until = value_end(text, end, after, p + after.len == stop);
		if (!until || until == text || c->count == CAPTURES_MAX)
			return false;
		c->at[c->count++] = (struct capture){ name, { text, (size_t)(until - text) } };
		text = until;
	}
	return text == end;
}

static const struct template_file *file_of(enum card_lang lang)
{
	char path[32];
	(void)snprintf(path, sizeof path, "said.%s", card_lang_name(lang));
	for (const struct template_file *f = template_files; f->path; f++)
		if (text_eq(f->path, path))
			return f;
	return NULL;
}

static bool add(struct strbuf *out, const struct template_file *f, struct span text, int depth);

/* Values stay as they are; those named {!x} are the house's own words. */
static void add_value(struct strbuf *out, const struct template_file *f, struct span name, const struct captures *c,
		      int depth)
{
	for (size_t i = 0; i < c->count; i++) {
		const struct capture *v = &c->at[i];
		if (v->name.len != name.len || memcmp(v->name.at, name.at, name.len) != 0)
			continue;
		if (name.at[0] != '!' || depth == 0 || !add(out, f, v->value, depth - 1))
			strbuf_addn(out, v->value.at, v->value.len);
	}
}

/* False: nothing is known of this sentence, and nothing was added. */
static bool add(struct strbuf *out, const struct template_file *f, struct span text, int depth)
{
	struct words_entry w;
	struct captures c;
	for (const char *at = f->body; words_next(&at, &w);) {
		if (!matches((struct span){ w.key, w.key_len }, text.at, text.at + text.len, &c))
			continue;
		for (const char *p = w.text, *end = w.text + w.text_len; p < end;) {
			struct span name = placeholder(p, end), words = literal(p, end);
			if (name.len)
				add_value(out, f, name, &c, depth);
			else
				strbuf_addn(out, words.at, words.len);
			p += name.len ? name.len + 2 : words.len;
		}
		return true;
	}
	return false;
}

const char *card_said(enum card_lang lang, const char *english, struct arena *a)
{
	const struct template_file *f = file_of(lang);
	struct strbuf out;
	strbuf_init(&out, SAID_BYTES_MAX);
	const char *text = english ? english : "";
	if (f && add(&out, f, (struct span){ text, strlen(text) }, DEPTH_MAX) && !out.overflow) {
		const char *kept = arena_strdup(a, out.s);
		text = kept ? kept : text;
	}
	strbuf_finish(&out);
	return text;
}
