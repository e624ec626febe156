/* GET /api/v1/objects/events: what was recorded about objects, in the shape of Kubernetes' Events. */
#include <stdlib.h>
#include <string.h>

#include "app/objects_room.h"
#include "base/json.h"
#include "base/strbuf.h"
#include "base/text.h"
#include "controller/cluster/embedded/embedded.h"

static void add_text(struct strbuf *b, const char *key, const char *text)
{
	strbuf_addf(b, ",\"%s\":", key);
	strbuf_add_json(b, text);
}

static void add_moment(struct strbuf *b, const char *key, int64_t ms)
{
	char text[32];
	wall_print((struct wall_ms){ ms }, text);
	add_text(b, key, text);
}

static void add_event(struct strbuf *b, const cJSON *row)
{
	strbuf_addf(b, "{\"apiVersion\":\"v1\",\"kind\":\"Event\",\"metadata\":{\"name\":\"event-%lld\"",
		    (long long)json_int(row, "seq", 0));
	add_text(b, "namespace", json_text(row, "ns", ""));
	strbuf_add(b, "},\"involvedObject\":{\"kind\":");
	strbuf_add_json(b, json_text(row, "kind", ""));
	add_text(b, "namespace", json_text(row, "ns", ""));
	add_text(b, "name", json_text(row, "name", ""));
	strbuf_addc(b, '}');
	add_text(b, "type", json_text(row, "type", ""));
	add_text(b, "reason", json_text(row, "reason", ""));
	add_text(b, "message", json_text(row, "message", ""));
	strbuf_addf(b, ",\"count\":%lld", (long long)json_int(row, "count", 1));
	add_moment(b, "firstTimestamp", json_int(row, "first_ms", 0));
	add_moment(b, "lastTimestamp", json_int(row, "last_ms", 0));
	strbuf_addc(b, '}');
}

static void events_read(void *owner, enum result r, const char *json_array, const struct error *why)
{
	struct objects_call *c = owner;
	CLEANUP(json_delete_p) cJSON *rows = NULL;
	struct error e;
	struct strbuf b;
	const cJSON *row;
	const char *comma = "";
	if (r == RC_OK)
		r = json_parse(json_array, strlen(json_array), &rows, &e);
	else
		e = *why;
	strbuf_init(&b, OBJECTS_ANSWER_MAX);
	strbuf_add(&b, "{\"items\":[");
	cJSON_ArrayForEach (row, rows) {
		strbuf_add(&b, comma);
		add_event(&b, row);
		comma = ",";
	}
	strbuf_add(&b, "]}\n");
	if (r == RC_OK && b.overflow)
		r = error_set(&e, RC_EXHAUSTED, "the answer is too large");
	objects_call_end(c, b.s, r == RC_OK ? NULL : &e);
	strbuf_finish(&b);
}

void events_get(void *owner, struct http_exchange *x)
{
	struct objects *o = owner;
	const struct token *t = objects_admit(o, x, SCOPE_READ);
	struct objects_call *c = t ? objects_call_begin(o, x, t, sizeof *c, NULL) : NULL;
	if (c)
		embedded_events(o->view, http_query(x, "ns"), http_query(x, "name"), events_read, c);
}
