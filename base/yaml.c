#include "base/yaml.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <yaml.h>

#include "base/text.h"
#include "base/yaml_doc.h"
#include "base/yaml_scalar.h"

enum {
	BYTES_MAX = 4 * 1024 * 1024,
	DEPTH_MAX = 64,
	NODES_MAX = 100000,
	ANCHORS_MAX = 256,
};

static const char core_tag[] = "tag:yaml.org,2002:";

/* A container that is being read. */
struct frame {
	cJSON *node;  /* borrowed from the document */
	cJSON *merge; /* borrowed: the value of "<<" */
	char *key;    /* owned: read, and waiting for its value */
	struct yaml_place key_at;
	bool merge_key; /* key is a plain "<<" */
	size_t anchor;  /* index + 1 of its anchor, which can be used once it is complete */
};

struct anchor {
	char *name; /* owned */
	const cJSON *node;
	unsigned height; /* of the containers below and including node */
	bool complete;
};

struct build {
	yaml_parser_t parser;
	const char *file, *text;
	size_t len;
	struct yaml_doc *doc; /* owned: the one that is being read */
	struct yaml_doc **docs;
	size_t doc_count, doc_cap;
	struct frame frames[DEPTH_MAX];
	unsigned depth;
	struct anchor anchors[ANCHORS_MAX];
	size_t anchor_count, nodes;
	struct error *e;
};

static struct yaml_place place_of_mark(yaml_mark_t mark)
{
	return (struct yaml_place){ (unsigned)mark.line + 1, (unsigned)mark.column + 1 };
}

static enum result fail_at(struct build *b, struct yaml_place at, const char *fmt, ...) PRINTF(3, 4);

static enum result fail_at(struct build *b, struct yaml_place at, const char *fmt, ...)
{
	char what[400];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(what, sizeof what, fmt, ap);
	va_end(ap);
	return error_set(b->e, RC_INVALID, "%s:%u:%u: %s", b->file, at.line, at.column, what);
}

static enum result no_memory(struct build *b)
{
	return error_set(b->e, RC_EXHAUSTED, "%s: no memory", b->file);
}

static enum result create_doc(struct build *b)
{
	b->doc = yaml_doc_create(b->file);
	return b->doc ? RC_OK : no_memory(b);
}

static enum result note_place(struct build *b, const cJSON *node, struct yaml_place at, struct yaml_place key)
{
	return yaml_doc_note(b->doc, node, at, key) ? RC_OK : no_memory(b);
}

static enum result count_node(struct build *b, struct yaml_place at)
{
	if (++b->nodes > NODES_MAX)
		return fail_at(b, at, "more than %d values (aliases count each time they are used)", (int)NODES_MAX);
	return RC_OK;
}

static struct frame *top(struct build *b)
{
	return b->depth ? &b->frames[b->depth - 1] : NULL;
}

/* Puts a node where the events are: the root, an element, or the value of the key that waits. Takes it over. */
static enum result attach(struct build *b, cJSON *node, struct yaml_place at)
{
	struct frame *f = top(b);
	struct yaml_place key_at = { 0 };
	bool ok = node != NULL;
	if (ok && !f) {
		b->doc->root = node;
	} else if (ok && cJSON_IsArray(f->node)) {
		ok = cJSON_AddItemToArray(f->node, node);
	} else if (ok) {
		key_at = f->key_at;
		ok = cJSON_AddItemToObject(f->node, f->key, node);
		if (f->merge_key)
			f->merge = node;
		free(TAKE(f->key));
	}
	if (!ok) {
		cJSON_Delete(node);
		return no_memory(b);
	}
	return note_place(b, node, at, key_at);
}

static bool wants_key(struct build *b)
{
	struct frame *f = top(b);
	return f && cJSON_IsObject(f->node) && !f->key;
}

static enum result add_anchor(struct build *b, const yaml_char_t *name, const cJSON *node, bool complete,
			      struct yaml_place at)
{
	if (!name)
		return RC_OK;
	if (b->anchor_count == ANCHORS_MAX)
		return fail_at(b, at, "more than %d anchors", (int)ANCHORS_MAX);
	char *copy = strdup((const char *)name);
	if (!copy)
		return no_memory(b);
	b->anchors[b->anchor_count++] = (struct anchor){ .name = copy, .node = node, .complete = complete };
	return RC_OK;
}

static void forget_anchors(struct build *b)
{
	while (b->anchor_count)
		free(b->anchors[--b->anchor_count].name);
}

static unsigned height_of(const cJSON *v)
{
	unsigned height = 0;
	if (!cJSON_IsObject(v) && !cJSON_IsArray(v))
		return 0;
	for (const cJSON *child = v->child; child; child = child->next) {
		unsigned h = height_of(child);
		height = h > height ? h : height;
	}
	return height + 1;
}

static enum result read_key(struct build *b, const yaml_event_t *event)
{
	struct frame *f = top(b);
	const char *text = (const char *)event->data.scalar.value;
	f->key_at = place_of_mark(event->start_mark);
	if (memchr(text, 0, event->data.scalar.length))
		return fail_at(b, f->key_at, "a NUL character in a key");
	f->key = strdup(text);
	if (!f->key)
		return no_memory(b);
	f->merge_key = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && text_eq(text, "<<");
	if (f->merge_key && f->merge)
		return fail_at(b, f->key_at, "key \"<<\" for the second time");
	return add_anchor(b, event->data.scalar.anchor, NULL, true, f->key_at);
}

static bool tag_is(const yaml_char_t *tag, const char *name)
{
	return text_starts((const char *)tag, core_tag) && text_eq((const char *)tag + strlen(core_tag), name);
}

/* Is what a scalar says also what its tag says? */
static bool tag_allows(const yaml_char_t *tag, enum yaml_kind kind)
{
	switch (kind) {
	case YAML_IS_NULL:
		return tag_is(tag, "null");
	case YAML_IS_TRUE:
	case YAML_IS_FALSE:
		return tag_is(tag, "bool");
	case YAML_IS_NUMBER:
		return tag_is(tag, "int") || tag_is(tag, "float");
	case YAML_IS_TEXT:
	case YAML_IS_UNFIT:
		return false;
	}
	return false;
}

static enum result make_scalar(struct build *b, const yaml_event_t *event, struct yaml_place at, cJSON **ret)
{
	const char *text = (const char *)event->data.scalar.value;
	const yaml_char_t *tag = event->data.scalar.tag;
	char shown[TEXT_SHOWN], shown_tag[TEXT_SHOWN];
	text_show(text, event->data.scalar.length, shown);
	if (memchr(text, 0, event->data.scalar.length))
		return fail_at(b, at, "a NUL character in a text");
	double number = 0;
	bool typed = tag ? !tag_is(tag, "str") && !text_eq((const char *)tag, "!") : event->data.scalar.plain_implicit;
	enum yaml_kind kind = typed ? yaml_plain_kind(text, &number) : YAML_IS_TEXT;
	if (kind == YAML_IS_UNFIT)
		return fail_at(b, at,
			       "the number %s does not fit (integers up to 2^53), put it in quotes to have a text",
			       shown);
	if (tag && typed && !tag_allows(tag, kind))
		return fail_at(b, at, "\"%s\" cannot have the tag %s", shown,
			       text_show((const char *)tag, strlen((const char *)tag), shown_tag));
	switch (kind) {
	case YAML_IS_NULL:
		*ret = cJSON_CreateNull();
		break;
	case YAML_IS_TRUE:
	case YAML_IS_FALSE:
		*ret = cJSON_CreateBool(kind == YAML_IS_TRUE);
		break;
	case YAML_IS_NUMBER:
		*ret = cJSON_CreateNumber(number);
		break;
	case YAML_IS_TEXT:
	case YAML_IS_UNFIT:
		*ret = cJSON_CreateString(text);
		break;
	}
	return *ret ? RC_OK : no_memory(b);
}

/* "---" with nothing after it is no document. */
static bool is_nothing(const struct build *b, const yaml_event_t *event)
{
	return !b->depth && !event->data.scalar.length && !event->data.scalar.tag && !event->data.scalar.anchor &&
	       event->data.scalar.plain_implicit;
}

static enum result on_scalar(struct build *b, const yaml_event_t *event)
{
	struct yaml_place at = place_of_mark(event->start_mark);
	cJSON *node = NULL;
	if (wants_key(b))
		return read_key(b, event);
	if (is_nothing(b, event))
		return RC_OK;
	enum result r = count_node(b, at);
	if (r == RC_OK)
		r = make_scalar(b, event, at, &node);
	if (r == RC_OK)
		r = attach(b, node, at);
	return r != RC_OK ? r : add_anchor(b, event->data.scalar.anchor, node, true, at);
}

static enum result open_container(struct build *b, const yaml_event_t *event, bool mapping)
{
	struct yaml_place at = place_of_mark(event->start_mark);
	const yaml_char_t *tag = mapping ? event->data.mapping_start.tag : event->data.sequence_start.tag;
	const yaml_char_t *anchor = mapping ? event->data.mapping_start.anchor : event->data.sequence_start.anchor;
	char shown[TEXT_SHOWN];
	if (wants_key(b))
		return fail_at(b, at, "a key must be a text, not a %s", mapping ? "mapping" : "list");
	if (tag && !tag_is(tag, mapping ? "map" : "seq"))
		return fail_at(b, at, "a %s cannot have the tag %s", mapping ? "mapping" : "list",
			       text_show((const char *)tag, strlen((const char *)tag), shown));
	if (b->depth == DEPTH_MAX)
		return fail_at(b, at, "nested deeper than %d", (int)DEPTH_MAX);
	cJSON *node = NULL;
	enum result r = count_node(b, at);
	if (r == RC_OK)
		r = attach(b, node = mapping ? cJSON_CreateObject() : cJSON_CreateArray(), at);
	if (r == RC_OK)
		r = add_anchor(b, anchor, node, false, at);
	if (r == RC_OK)
		b->frames[b->depth++] = (struct frame){ .node = node, .anchor = anchor ? b->anchor_count : 0 };
	return r;
}

/* Enters copy and all below it with the places of their originals. */
static enum result note_copy(struct build *b, const cJSON *copy, const cJSON *original, bool is_top)
{
	const struct yaml_doc_place *p = yaml_doc_find(b->doc, original);
	enum result r = RC_OK;
	if (!is_top)
		r = note_place(b, copy, p->at, p->key);
	const cJSON *from = original->child;
	for (const cJSON *to = copy->child; r == RC_OK && to; to = to->next, from = from->next)
		r = note_copy(b, to, from, false);
	return r;
}

struct member {
	cJSON *node;
	size_t order;
};

static int compare_members(const void *a, const void *b)
{
	const struct member *x = a, *y = b;
	int c = strcmp(x->node->string, y->node->string);
	return c ? c : x->order < y->order ? -1 : 1;
}

static size_t list_members(const cJSON *object, struct member *members, size_t n)
{
	for (cJSON *m = object->child; m; m = m->next, n++)
		if (members)
			members[n] = (struct member){ m, n };
	return n;
}

/* Copies the members that "<<: *base" or "<<: [*a, *b]" brings to the end of the mapping. Copies, because an anchor may
 * stand on the original. */
static enum result copy_merged(struct build *b, struct frame *f)
{
	cJSON *source = f->merge;
	bool list = cJSON_IsArray(source);
	enum result r = RC_OK;
	cJSON_AddItemToArray(b->doc->replaced, cJSON_DetachItemViaPointer(f->node, source));
	for (cJSON *from = list ? source->child : source; from; from = list ? from->next : NULL) {
		if (!cJSON_IsObject(from))
			return fail_at(b, yaml_doc_find(b->doc, source)->at,
				       "\"<<\" needs a mapping or a list of mappings");
		for (cJSON *member = from->child; r == RC_OK && member; member = member->next) {
			cJSON *copy = cJSON_Duplicate(member, true);
			if (!copy)
				return no_memory(b);
			cJSON_AddItemToArray(f->node, copy); /* keeps its name */
			r = note_copy(b, copy, member, false);
		}
	}
	return r;
}

/* The same key twice is an error among the mapping's own members; what "<<" brought gives way. */
static enum result check_members(struct build *b, struct frame *f, size_t own, size_t n, struct member *members)
{
	const struct yaml_doc_place *again = NULL;
	const char *key = NULL;
	size_t first_order = SIZE_MAX;
	qsort(members, n, sizeof *members, compare_members);
	for (size_t i = 1, kept = 0; i < n; i++) {
		if (strcmp(members[i].node->string, members[kept].node->string) != 0) {
			kept = i;
		} else if (members[i].order >= own) {
			cJSON_AddItemToArray(b->doc->replaced, cJSON_DetachItemViaPointer(f->node, members[i].node));
		} else if (members[i].order < first_order) {
			first_order = members[i].order;
			again = yaml_doc_find(b->doc, members[i].node);
			key = members[i].node->string;
		}
	}
	char shown[TEXT_SHOWN];
	if (!again)
		return RC_OK;
	return fail_at(b, again->key, "key \"%s\" for the second time", text_show(key, strlen(key), shown));
}

static enum result close_mapping(struct build *b, struct frame *f)
{
	enum result r = RC_OK;
	size_t own = list_members(f->node, NULL, 0);
	if (f->merge) {
		own--;
		r = copy_merged(b, f);
	}
	size_t n = list_members(f->node, NULL, 0);
	if (r != RC_OK || n < 2)
		return r;
	CLEANUP(free_p) struct member *members = reallocarray(NULL, n, sizeof *members);
	if (!members)
		return no_memory(b);
	list_members(f->node, members, 0);
	return check_members(b, f, own, n, members);
}

static enum result close_container(struct build *b)
{
	struct frame *f = top(b);
	enum result r = cJSON_IsObject(f->node) ? close_mapping(b, f) : RC_OK;
	if (r != RC_OK)
		return r;
	if (f->anchor) {
		struct anchor *anchor = &b->anchors[f->anchor - 1];
		anchor->complete = true;
		anchor->height = height_of(f->node);
	}
	b->depth--;
	return RC_OK;
}

static enum result count_nodes(struct build *b, const cJSON *v, struct yaml_place at)
{
	enum result r = count_node(b, at);
	for (const cJSON *child = v->child; r == RC_OK && child; child = child->next)
		r = count_nodes(b, child, at);
	return r;
}

static enum result on_alias(struct build *b, const yaml_event_t *event)
{
	struct yaml_place at = place_of_mark(event->start_mark);
	const char *name = (const char *)event->data.alias.anchor;
	char shown[TEXT_SHOWN];
	text_show(name, strlen(name), shown);
	size_t i = b->anchor_count;
	while (i && !text_eq(b->anchors[i - 1].name, name))
		i--; /* from the end: the last of a name counts */
	const struct anchor *anchor = i ? &b->anchors[i - 1] : NULL;
	if (!anchor)
		return fail_at(b, at, "alias *%s has no anchor before it", shown);
	if (!anchor->complete)
		return fail_at(b, at, "alias *%s stands inside its own anchor", shown);
	if (wants_key(b) || !anchor->node)
		return fail_at(b, at, "alias *%s as a key or of a key is not supported", shown);
	if (b->depth + anchor->height > DEPTH_MAX)
		return fail_at(b, at, "nested deeper than %d", (int)DEPTH_MAX);
	enum result r = count_nodes(b, anchor->node, at);
	if (r != RC_OK)
		return r;
	cJSON *copy = cJSON_Duplicate(anchor->node, true);
	r = attach(b, copy, at);
	return r != RC_OK ? r : note_copy(b, copy, anchor->node, true);
}

static enum result keep_doc(struct build *b)
{
	forget_anchors(b);
	if (!b->doc->root) {
		yaml_doc_destroy(TAKE(b->doc));
		return RC_OK;
	}
	if (b->doc_count == b->doc_cap) {
		size_t cap = b->doc_cap ? b->doc_cap * 2 : 4;
		struct yaml_doc **docs = reallocarray(b->docs, cap, sizeof(struct yaml_doc *));
		if (!docs)
			return no_memory(b);
		b->docs = docs;
		b->doc_cap = cap;
	}
	b->docs[b->doc_count++] = TAKE(b->doc);
	return RC_OK;
}

static enum result on_event(struct build *b, const yaml_event_t *event)
{
	switch (event->type) {
	case YAML_DOCUMENT_START_EVENT:
		return create_doc(b);
	case YAML_DOCUMENT_END_EVENT:
		return keep_doc(b);
	case YAML_SCALAR_EVENT:
		return on_scalar(b, event);
	case YAML_ALIAS_EVENT:
		return on_alias(b, event);
	case YAML_SEQUENCE_START_EVENT:
	case YAML_MAPPING_START_EVENT:
		return open_container(b, event, event->type == YAML_MAPPING_START_EVENT);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		return close_container(b);
	case YAML_NO_EVENT:
	case YAML_STREAM_START_EVENT:
	case YAML_STREAM_END_EVENT:
		return RC_OK;
	}
	return RC_OK;
}

/* Line and column of a byte. */
static struct yaml_place place_of_byte(const struct build *b, size_t offset)
{
	struct yaml_place at = { 1, 1 };
	for (size_t i = 0; i < offset && i < b->len; i++) {
		if (b->text[i] == '\n')
			at = (struct yaml_place){ at.line + 1, 1 };
		else if (((unsigned char)b->text[i] & 0xc0) != 0x80)
			at.column++;
	}
	return at;
}

/* The byte at a place, or 0. */
static char byte_at(const struct build *b, struct yaml_place at)
{
	struct yaml_place here = { 1, 1 };
	for (size_t i = 0; i < b->len; i++) {
		if (here.line == at.line && here.column == at.column)
			return b->text[i];
		if (b->text[i] == '\n')
			here = (struct yaml_place){ here.line + 1, 1 };
		else if (((unsigned char)b->text[i] & 0xc0) != 0x80)
			here.column++;
	}
	return 0;
}

static enum result parser_failed(struct build *b)
{
	const yaml_parser_t *p = &b->parser;
	const char *problem = p->problem ? p->problem : "not YAML";
	if (p->error == YAML_MEMORY_ERROR)
		return no_memory(b);
	if (p->error == YAML_READER_ERROR)
		return fail_at(b, place_of_byte(b, p->problem_offset), "%s", problem);
	struct yaml_place at = place_of_mark(p->problem_mark);
	if (byte_at(b, at) == '\t')
		return fail_at(b, at, "a tab where YAML wants blanks");
	if (!p->context)
		return fail_at(b, at, "%s", problem);
	return fail_at(b, at, "%s %s from line %zu on", problem, p->context, p->context_mark.line + 1);
}

static enum result run(struct build *b)
{
	for (bool more = true; more;) {
		yaml_event_t event;
		if (!yaml_parser_parse(&b->parser, &event))
			return parser_failed(b);
		more = event.type != YAML_STREAM_END_EVENT;
		enum result r = on_event(b, &event);
		yaml_event_delete(&event);
		if (r != RC_OK)
			return r;
	}
	return RC_OK;
}

static enum result check_bytes(struct build *b)
{
	size_t at = 0;
	if (b->len > BYTES_MAX)
		return error_set(b->e, RC_INVALID, "%s: %zu bytes, but at most %d (4 MiB) are read", b->file, b->len,
				 (int)BYTES_MAX);
	for (size_t n; at < b->len; at += n) {
		n = text_utf8_step(b->text + at, b->len - at);
		if (!n)
			return fail_at(b, place_of_byte(b, at), "byte 0x%02x is not valid UTF-8",
				       (unsigned)(unsigned char)b->text[at]);
	}
	return RC_OK;
}

enum result yaml_parse(const char *file, const char *text, size_t len, struct yaml_doc ***ret, size_t *ret_count,
		       struct error *e)
{
	CLEANUP(free_p) struct build *b = calloc(1, sizeof *b);
	if (!b)
		return error_set(e, RC_EXHAUSTED, "%s: no memory", file);
	b->file = file;
	b->text = text;
	b->len = len;
	b->e = e;
	enum result r = check_bytes(b);
	if (r != RC_OK)
		return r;
	if (!yaml_parser_initialize(&b->parser))
		return no_memory(b);
	yaml_parser_set_encoding(&b->parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&b->parser, (const unsigned char *)text, len);
	r = run(b);
	yaml_parser_delete(&b->parser);
	forget_anchors(b);
	while (b->depth)
		free(b->frames[--b->depth].key);
	yaml_doc_destroy(b->doc);
	if (r != RC_OK) {
		yaml_docs_free(b->docs, b->doc_count);
		return r;
	}
	*ret = b->docs;
	*ret_count = b->doc_count;
	return RC_OK;
}
