#include "controller/cluster/kube/watch_lines.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/text.h"

void watch_lines_init(struct watch_lines *w, size_t max_bytes)
{
	strbuf_init(&w->part, max_bytes);
}

void watch_lines_finish(struct watch_lines *w)
{
	strbuf_finish(&w->part);
}

static bool give(watch_line *line, void *owner, const char *s, size_t len)
{
	if (len > 0 && s[len - 1] == '\r')
		len--;
	return len == 0 || line(owner, s, len);
}

/* Most lines come whole and are given as they lie in data; only a cut one is copied. */
enum result watch_lines_feed(struct watch_lines *w, const char *data, size_t len, watch_line *line, void *owner,
			     struct error *e)
{
	for (const char *end; len > 0 && (end = memchr(data, '\n', len));) {
		size_t n = (size_t)(end - data);
		bool whole = w->part.len == 0, go_on;
		if (!whole)
			strbuf_addn(&w->part, data, n);
		if (w->part.overflow || n > w->part.max)
			return error_set(e, RC_EXHAUSTED, "a watch event of more than %zu bytes", w->part.max);
		go_on = whole ? give(line, owner, data, n) : give(line, owner, w->part.s, w->part.len);
		strbuf_clear(&w->part);
		if (!go_on)
			return error_set(e, RC_REFUSED, "the reader of a watch has stopped");
		data += n + 1;
		len -= n + 1;
	}
	strbuf_addn(&w->part, data, len);
	if (w->part.overflow)
		return error_set(e, RC_EXHAUSTED, "a watch event of more than %zu bytes", w->part.max);
	return RC_OK;
}

static enum result type_parse(const char *name, enum watch_type *ret, struct error *e)
{
#define X(id) [WATCH_##id] = #id,
	static const char *const names[WATCH_TYPE_COUNT] = { WATCH_EVENTS(X) };
#undef X
	for (unsigned t = 0; t < WATCH_TYPE_COUNT; t++) {
		if (text_eq(names[t], name)) {
			*ret = (enum watch_type)t;
			return RC_OK;
		}
	}
	char shown[TEXT_SHOWN];
	return error_set(e, RC_INVALID, "a watch event of unknown type \"%s\"", text_show(name, strlen(name), shown));
}

enum result watch_event_parse(const char *line, size_t len, struct watch_event *ret, struct error *e)
{
	CLEANUP(json_delete_p) cJSON *tree = NULL;
	enum result r = json_parse(line, len, &tree, e);
	if (r != RC_OK)
		return error_in(e, r, "a watch event");
	enum watch_type type;
	r = type_parse(json_text(tree, "type", ""), &type, e);
	if (r != RC_OK)
		return r;
	if (!cJSON_IsObject(json_at(tree, "object")))
		return error_set(e, RC_INVALID, "a watch event without an object");
	*ret = (struct watch_event){ type, cJSON_DetachItemFromObjectCaseSensitive(tree, "object") };
	return RC_OK;
}
