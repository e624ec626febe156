/* Words of one's own on cards: files that the configuration names. */
#include <stdlib.h>
#include <string.h>

#include "app/config_keys.h"
#include "app/file.h"
#include "base/text.h"
#include "base/yaml.h"

struct reading {
	struct config_reader *r;
	const cJSON *at;
	const char *path, *file;
};

static const cJSON *place_of(const struct config_reader *r, size_t n)
{
	const cJSON *root = r->doc ? yaml_root(r->doc) : NULL, *list = cJSON_GetObjectItemCaseSensitive(root, "words");
	const cJSON *entry = cJSON_GetArrayItem(list, (int)n), *file = cJSON_GetObjectItemCaseSensitive(entry, "file");
	return file ? file : entry;
}

static void mistake(void *owner, int line, int column, const char *text)
{
	const struct reading *x = owner;
	config_finding(x->r, x->at, false, x->path, "%s:%d:%d: %s", x->file, line, column, text);
}

static const char *load(struct reading *x, enum card_lang lang)
{
	CLEANUP(free_p) char *text = NULL;
	size_t len = 0;
	struct error e;
	if (file_load(x->file, &text, &len, &e) != RC_OK) {
		config_finding(x->r, x->at, false, x->path, "cannot be read: %s", e.text);
		return NULL;
	}
	if (strlen(text) != len) {
		config_finding(x->r, x->at, false, x->path, "%s is no text", x->file);
		return NULL;
	}
	if (!card_words_check(text, lang, mistake, x))
		return NULL;
	const char *kept = arena_strdup(x->r->arena, text);
	x->r->exhausted = x->r->exhausted || !kept;
	return kept;
}

static size_t places(const struct config_words *w)
{
	size_t n = 0;
	while (w->channels && w->channels[n])
		n++;
	return n ? n : 1;
}

void config_words(struct config_reader *r, struct config *c)
{
	size_t n = 0, kept = 0, i = 0;
	for (const struct config_words *w = c->words_written; w && w->file; w++)
		n += places(w);
	struct bot_words *list = arena_alloc(r->arena, n + 1, sizeof *list);
	r->exhausted = r->exhausted || !list;
	for (const struct config_words *w = c->words_written; list && w && w->file; w++, i++) {
		const char *path = arena_printf(r->arena, "words[%zu].file", i);
		struct reading x = { r, place_of(r, i), path ? path : "words", w->file };
		const char *own = load(&x, (enum card_lang)w->lang);
		for (size_t k = 0; own && k < places(w); k++)
			list[kept++] = (struct bot_words){ w->channels && w->channels[k] ? w->channels[k] : "",
							   (enum card_lang)w->lang, own };
	}
	c->words = list;
}
