#include "controller/cluster/kube/page.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/text.h"

enum { PART_MAX_BYTES = 16 * 1024 * 1024 };

void page_init(struct page *p, page_item *item, void *owner)
{
	*p = (struct page){ .item = item, .owner = owner };
	strbuf_init(&p->part, PART_MAX_BYTES);
}

void page_finish(struct page *p)
{
	strbuf_finish(&p->part);
	free(p->next);
	*p = (struct page){ 0 };
}

/* ---- a value, of which only the end is looked for: whether it is JSON is asked by whoever reads it ---- */

static void value_begin(struct page *p)
{
	strbuf_clear(&p->part);
	p->depth = 0;
	p->in_string = p->escaped = false;
}

/* true: the string that c belongs to goes on. */
static bool string_goes_on(struct page *p, char c)
{
	if (p->escaped)
		p->escaped = false;
	else if (c == '\\')
		p->escaped = true;
	else if (c == '"')
		p->in_string = false;
	return p->in_string;
}

/* How many bytes of data belong to the value; *over: it ends with them. */
static size_t value_span(struct page *p, const char *data, size_t len, bool *over)
{
	*over = false;
	for (size_t i = 0; i < len; i++) {
		char c = data[i];
		bool quoted = p->in_string;
		if (quoted && string_goes_on(p, c))
			continue;
		if (!quoted && p->depth == 0 && strchr(",}]", c) && c) {
			*over = true; /* a number, true, false, null */
			return i;
		}
		p->in_string = !quoted && c == '"';
		p->depth += !quoted && (c == '{' || c == '[');
		p->depth -= !quoted && (c == '}' || c == ']');
		if (p->depth == 0 && !p->in_string && (c == '"' || c == '}' || c == ']')) {
			*over = true;
			return i + 1;
		}
	}
	return len;
}

/* ---- what the values are ---- */

static enum result head_read(struct page *p, struct error *e)
{
	CLEANUP(json_delete_p) cJSON *tree = NULL;
	enum result r = json_parse(p->part.s, p->part.len, &tree, e);
	if (r != RC_OK)
		return error_in(e, r, "the metadata of a list");
	snprintf(p->resource_version, sizeof p->resource_version, "%s", json_text(tree, "resourceVersion", ""));
	const char *next = json_text(tree, "continue", "");
	free(p->next);
	p->next = *next ? strdup(next) : NULL;
	return *next && !p->next ? error_set(e, RC_EXHAUSTED, "no memory for a list") : RC_OK;
}

static enum result value_over(struct page *p, struct error *e)
{
	if (p->part.overflow)
		return error_set(e, RC_EXHAUSTED, "an item of a list has more than %d bytes", PART_MAX_BYTES);
	if (p->state == PAGE_ITEM) {
		p->state = PAGE_ITEM_END;
		if (!p->part.len)
			return error_set(e, RC_INVALID, "a list with an empty item");
		return p->item(p->owner, p->part.s, p->part.len)
			       ? RC_OK
			       : error_set(e, RC_EXHAUSTED, "no memory for an item of a list");
	}
	p->state = PAGE_VALUE_END;
	if (!p->part.len)
		return error_set(e, RC_INVALID, "a list with an empty member");
	if (text_eq(p->key, "metadata"))
		return head_read(p, e);
	size_t len = strcspn(p->part.s, " \t\r\n"); /* a null may have blanks after it */
	if (text_eq(p->key, "items") && (len != 4 || memcmp(p->part.s, "null", 4) != 0))
		return error_set(e, RC_INVALID, "the items of a list are not an array");
	return RC_OK;
}

static void key_over(struct page *p)
{
	snprintf(p->key, sizeof p->key, "%.*s", p->part.len > 2 ? (int)p->part.len - 2 : 0, p->part.s + 1);
	p->state = PAGE_COLON;
}

/* ---- what lies between ---- */

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Moves over one byte that is not blank; *taken is false when it begins a value and was only looked at. */
static enum result page_step(struct page *p, char c, bool *taken, struct error *e)
{
	static const struct {
		enum page_state from;
		char c; /* 0: any other, that begins a value */
		enum page_state to;
	} steps[] = {
		{ PAGE_START, '{', PAGE_FIRST_KEY },      { PAGE_FIRST_KEY, '}', PAGE_END },
		{ PAGE_FIRST_KEY, '"', PAGE_KEY },        { PAGE_COLON, ':', PAGE_VALUE },
		{ PAGE_FIRST_ITEM, ']', PAGE_VALUE_END }, { PAGE_FIRST_ITEM, 0, PAGE_ITEM },
		{ PAGE_ITEM_END, ',', PAGE_ITEM },        { PAGE_ITEM_END, ']', PAGE_VALUE_END },
		{ PAGE_VALUE_END, ',', PAGE_KEY },        { PAGE_VALUE_END, '}', PAGE_END },
	};
	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
		bool looked_at = steps[i].c == 0 || steps[i].c == '"';
		if (steps[i].from != p->state || (steps[i].c && steps[i].c != c))
			continue;
		p->state = steps[i].to;
		*taken = !looked_at;
		value_begin(p);
		return RC_OK;
	}
	return error_set(e, RC_INVALID, "a list that is not a JSON object with items");
}

static enum result page_begin_value(struct page *p, char c, bool *taken, struct error *e)
{
	if (p->state == PAGE_KEY && c != '"')
		return error_set(e, RC_INVALID, "a list that is not a JSON object");
	if (p->state != PAGE_VALUE || c != '[' || !text_eq(p->key, "items"))
		return RC_OK;
	p->state = PAGE_FIRST_ITEM;
	*taken = true;
	return RC_OK;
}

static bool state_is_value(enum page_state s)
{
	return s == PAGE_KEY || s == PAGE_VALUE || s == PAGE_ITEM;
}

/* Answers through *used how far it came: one byte between values, or a piece of a value. */
static enum result page_advance(struct page *p, const char *data, size_t len, size_t *used, struct error *e)
{
	bool over, taken = false;
	enum result r = RC_OK;
	*used = 1;
	if (is_blank(*data) && (!state_is_value(p->state) || p->part.len == 0))
		return RC_OK;
	if (!state_is_value(p->state))
		r = page_step(p, *data, &taken, e);
	else if (p->part.len == 0)
		r = page_begin_value(p, *data, &taken, e);
	if (r != RC_OK || taken)
		return r;
	*used = value_span(p, data, len, &over);
	strbuf_addn(&p->part, data, *used);
	if (!over)
		return RC_OK;
	if (p->state != PAGE_KEY)
		return value_over(p, e);
	key_over(p);
	return RC_OK;
}

enum result page_feed(struct page *p, const char *data, size_t len, struct error *e)
{
	while (len > 0) {
		size_t used;
		enum result r = page_advance(p, data, len, &used, e);
		if (r != RC_OK)
			return r;
		data += used;
		len -= used;
	}
	return RC_OK;
}

enum result page_end(const struct page *p, struct error *e)
{
	if (p->state != PAGE_END)
		return error_set(e, RC_INVALID, "a list without an end");
	if (!*p->resource_version)
		return error_set(e, RC_INVALID, "a list without metadata.resourceVersion");
	return RC_OK;
}
