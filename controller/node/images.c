#include "controller/node/images.h"

#include <ctype.h>
#include <string.h>

#include "base/strbuf.h"
#include "base/text.h"

enum { WORD_MAX = 64 * 1024, WORDS_MAX = 1024, PLACEHOLDER_MAX = 16 };

static const char *const placeholders[] = { "tag", "image", "port", "address", "pod", "namespace", "args", NULL };

/* ---- placeholders ---- */

/* {word}: word copied to name, bytes consumed answered; 0: s does not start a placeholder. */
static size_t placeholder_at(const char *s, char name[PLACEHOLDER_MAX])
{
	size_t len = 0;
	if (*s != '{')
		return 0;
	while (islower((unsigned char)s[1 + len]) && len < PLACEHOLDER_MAX - 1)
		len++;
	if (len == 0 || s[1 + len] != '}')
		return 0;
	memcpy(name, s + 1, len);
	name[len] = '\0';
	return len + 2;
}

static bool is_placeholder(const char *name)
{
	for (size_t i = 0; placeholders[i]; i++) {
		if (text_eq(placeholders[i], name))
			return true;
	}
	return false;
}

static enum result word_check(const char *word, bool alone_allowed, struct error *e)
{
	char name[PLACEHOLDER_MAX];
	for (const char *s = word; *s; s++) {
		if (!placeholder_at(s, name))
			continue;
		if (!is_placeholder(name))
			return error_set(e, RC_INVALID,
					 "\"%.100s\": there is no {%s}; there are {tag} {image} {port} {address} "
					 "{pod} {namespace} and, as a whole argument, {args}",
					 word, name);
		if (text_eq(name, "args") && (!alone_allowed || !text_eq(word, "{args}")))
			return error_set(e, RC_INVALID, "\"%.100s\": {args} must be an argument of its own", word);
	}
	return RC_OK;
}

static enum result env_check(const char *const *env, struct error *e)
{
	for (; env && *env; env++) {
		if (!strchr(*env, '=') || **env == '=')
			return error_set(e, RC_INVALID, "env \"%.100s\": not NAME=value", *env);
		enum result r = word_check(*env, false, e);
		if (r != RC_OK)
			return error_in(e, r, "env");
	}
	return RC_OK;
}

static enum result image_check(const struct node_image *i, struct error *e)
{
	const char *star = strchr(i->pattern, '*');
	if (!*i->pattern || (star && star[1]))
		return error_set(e, RC_INVALID, "a pattern is an image's name, and \"*\" may only be its end");
	if (!i->command || !i->command[0] || !*i->command[0])
		return error_set(e, RC_INVALID, "there is no command");
	for (const char *const *word = i->command; *word; word++) {
		enum result r = word_check(*word, word != i->command, e);
		if (r != RC_OK)
			return error_in(e, r, "command");
	}
	return env_check(i->env, e);
}

enum result images_check(const struct node_image *images, size_t n, struct error *e)
{
	char shown[TEXT_SHOWN];
	for (size_t i = 0; i < n; i++) {
		enum result r = image_check(&images[i], e);
		if (r != RC_OK)
			return error_in(e, r, "image \"%s\"",
					text_show(images[i].pattern, strlen(images[i].pattern), shown));
		for (size_t k = 0; k < i; k++) {
			if (text_eq(images[k].pattern, images[i].pattern))
				return error_set(e, RC_INVALID, "image \"%s\" is there twice",
						 text_show(images[i].pattern, strlen(images[i].pattern), shown));
		}
	}
	return RC_OK;
}

/* ---- choice ---- */

/* 0: does not fit; an exact fit is greater than any beginning. */
static size_t fit(const char *pattern, const char *image)
{
	size_t len = strlen(pattern);
	if (len == 0 || pattern[len - 1] != '*')
		return text_eq(pattern, image) ? SIZE_MAX : 0;
	return strncmp(pattern, image, len - 1) == 0 ? len : 0;
}

const struct node_image *images_find(const struct node_image *images, size_t n, const char *image)
{
	const struct node_image *best = NULL;
	size_t best_fit = 0;
	for (size_t i = 0; i < n; i++) {
		size_t f = fit(images[i].pattern, image);
		if (f > best_fit) {
			best_fit = f;
			best = &images[i];
		}
	}
	return best;
}

const char *image_tag(struct arena *a, const char *image)
{
	const char *slash = strrchr(image, '/');
	const char *name = slash ? slash + 1 : image;
	size_t len = strcspn(name, "@");
	const char *colon = memchr(name, ':', len);
	if (!colon)
		return "latest";
	return arena_strndup(a, colon + 1, len - (size_t)(colon + 1 - name));
}

/* ---- replacement ---- */

static enum result placeholder_add(struct arena *a, struct strbuf *b, const char *name, const struct image_use *use,
				   struct error *e)
{
	const struct {
		const char *name, *value;
	} texts[] = {
		{ "image", use->image },
		{ "address", use->address },
		{ "pod", use->pod },
		{ "namespace", use->ns },
	};
	if (text_eq(name, "tag")) {
		const char *tag = image_tag(a, use->image);
		strbuf_add(b, tag ? tag : "");
	} else if (text_eq(name, "port")) {
		if (use->port == 0)
			return error_set(e, RC_INVALID,
					 "the command wants {port}, and the container has no ports[0].containerPort");
		strbuf_addf(b, "%u", use->port);
	}
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		if (text_eq(texts[i].name, name))
			strbuf_add(b, texts[i].value);
	}
	return RC_OK;
}

static enum result word_expand(struct arena *a, const char *word, const struct image_use *use, const char **ret,
			       struct error *e)
{
	struct strbuf b;
	char name[PLACEHOLDER_MAX];
	enum result r = RC_OK;
	strbuf_init(&b, WORD_MAX);
	for (const char *s = word; *s && r == RC_OK;) {
		size_t len = placeholder_at(s, name);
		if (len && is_placeholder(name))
			r = placeholder_add(a, &b, name, use, e);
		else
			strbuf_addn(&b, s, len = 1);
		s += len;
	}
	if (r == RC_OK && (b.overflow || !(*ret = arena_strdup(a, b.s))))
		r = error_set(e, RC_EXHAUSTED, "a word of the command is too long");
	strbuf_finish(&b);
	return r;
}

static size_t count(const char *const *words)
{
	size_t n = 0;
	while (words && words[n])
		n++;
	return n;
}

static size_t count_expanded(const char *const *words, size_t args)
{
	size_t n = 0;
	for (; words && *words; words++)
		n += text_eq(*words, "{args}") ? args : 1;
	return n;
}

enum result image_expand(struct arena *a, const char *const *words, const struct image_use *use,
			 const char *const **ret, struct error *e)
{
	size_t n = 0, args = count(use->args), most = count_expanded(words, args);
	const char **out = most <= WORDS_MAX ? arena_alloc(a, most + 1, sizeof *out) : NULL;
	if (!out)
		return error_set(e, RC_EXHAUSTED, "too many arguments");
	for (; words && *words; words++) {
		if (text_eq(*words, "{args}")) {
			for (size_t i = 0; i < args; i++)
				out[n++] = use->args[i];
			continue;
		}
		enum result r = word_expand(a, *words, use, &out[n++], e);
		if (r != RC_OK)
			return r;
	}
	*ret = out;
	return RC_OK;
}
