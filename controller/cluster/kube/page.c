#include "controller/cluster/kube/page.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/text.h"

struct cursor {
	const char *at, *end;
};
struct span {
	const char *s;
	size_t len;
};

static void skip_blanks(struct cursor *c)
{
	while (c->at < c->end && memchr(" \t\r\n", *c->at, 4))
		c->at++;
}

static bool skip_char(struct cursor *c, char wanted)
{
	skip_blanks(c);
	if (c->at >= c->end || *c->at != wanted)
		return false;
	c->at++;
	return true;
}

static bool skip_string(struct cursor *c)
{
	if (!skip_char(c, '"'))
		return false;
	for (; c->at < c->end; c->at++) {
		if (*c->at == '"') {
			c->at++;
			return true;
		}
		if (*c->at == '\\')
			c->at++;
	}
	c->at = c->end;
	return false;
}

/* Only finds where the value ends: whether it is JSON is asked by whoever reads it. */
static bool skip_value(struct cursor *c, struct span *ret)
{
	skip_blanks(c);
	const char *start = c->at;
	unsigned depth = 0;
	while (c->at < c->end) {
		char now = *c->at;
		if (now == '"') {
			if (!skip_string(c))
				return false;
		} else if (depth == 0 && (now == ',' || now == '}' || now == ']')) {
			break;
		} else {
			depth += now == '{' || now == '[';
			depth -= now == '}' || now == ']';
			c->at++;
		}
		if (depth == 0 && (now == '"' || now == '}' || now == ']'))
			break;
	}
	*ret = (struct span){ start, (size_t)(c->at - start) };
	return depth == 0 && c->at > start;
}

static enum result read_items(struct cursor *c, page_item *item, void *owner, struct error *e)
{
	struct span value;
	if (!skip_char(c, '['))
		return skip_value(c, &value) && value.len == 4 && memcmp(value.s, "null", 4) == 0
			       ? RC_OK
			       : error_set(e, RC_INVALID, "the items of a list are not an array");
	if (skip_char(c, ']'))
		return RC_OK;
	do {
		if (!skip_value(c, &value))
			return error_set(e, RC_INVALID, "a list that ends within an item");
		if (!item(owner, value.s, value.len))
			return error_set(e, RC_EXHAUSTED, "no memory for an item of a list");
	} while (skip_char(c, ','));
	return skip_char(c, ']') ? RC_OK : error_set(e, RC_INVALID, "a list without an end");
}

static enum result read_head(const struct span *metadata, struct page_head *head, struct error *e)
{
	CLEANUP(json_delete_p) cJSON *tree = NULL;
	enum result r = json_parse(metadata->s, metadata->len, &tree, e);
	if (r != RC_OK)
		return error_in(e, r, "the metadata of a list");
	snprintf(head->resource_version, sizeof head->resource_version, "%s", json_text(tree, "resourceVersion", ""));
	const char *next = json_text(tree, "continue", "");
	free(head->next);
	head->next = *next ? strdup(next) : NULL;
	return *next && !head->next ? error_set(e, RC_EXHAUSTED, "no memory for a list") : RC_OK;
}

static enum result read_member(struct cursor *c, page_item *item, void *owner, struct page_head *head, struct error *e)
{
	skip_blanks(c);
	const char *key = c->at;
	if (!skip_string(c) || c->at - key < 2)
		return error_set(e, RC_INVALID, "a list that is not a JSON object");
	struct span name = { key + 1, (size_t)(c->at - key - 2) }, value;
	if (!skip_char(c, ':'))
		return error_set(e, RC_INVALID, "a list that is not a JSON object");
	if (name.len == 5 && memcmp(name.s, "items", 5) == 0)
		return read_items(c, item, owner, e);
	if (!skip_value(c, &value))
		return error_set(e, RC_INVALID, "a list that ends within a member");
	if (name.len == 8 && memcmp(name.s, "metadata", 8) == 0)
		return read_head(&value, head, e);
	return RC_OK;
}

enum result page_read(const char *text, size_t len, page_item *item, void *owner, struct page_head *ret,
		      struct error *e)
{
	struct cursor c = { text, text + len };
	struct page_head head = { 0 };
	enum result r = skip_char(&c, '{') ? RC_OK : error_set(e, RC_INVALID, "a list that is not a JSON object");
	do {
		if (r == RC_OK)
			r = read_member(&c, item, owner, &head, e);
	} while (r == RC_OK && skip_char(&c, ','));
	if (r == RC_OK && !skip_char(&c, '}'))
		r = error_set(e, RC_INVALID, "a list without an end");
	if (r == RC_OK && !*head.resource_version)
		r = error_set(e, RC_INVALID, "a list without metadata.resourceVersion");
	if (r == RC_OK)
		*ret = head;
	else
		free(head.next);
	return r;
}
