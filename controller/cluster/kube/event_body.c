#include "controller/cluster/kube/event_body.h"

#include <stdio.h>
#include <string.h>

#include "base/crypto.h"
#include "base/text.h"

enum { NAME_HEX = 16, OBJECT_NAME_MAX = 253 - 1 - NAME_HEX, SEED_MAX_BYTES = 64 * 1024 };

enum result event_name(const struct cluster_event *q, const char *seed, char ret[EVENT_NAME_MAX], struct error *e)
{
	char hex[SHA256_HEX];
	struct strbuf b;
	strbuf_init(&b, SEED_MAX_BYTES);
	strbuf_add(&b, q->uid ? q->uid : "");
	strbuf_add(&b, seed);
	enum result r = b.overflow ? error_set(e, RC_EXHAUSTED, "an Event's key is too long")
				   : crypto_sha256_hex(b.s, b.len, hex, e);
	strbuf_finish(&b);
	if (r != RC_OK)
		return r;
	int n = (int)strnlen(q->name, OBJECT_NAME_MAX);
	while (n > 0 && (q->name[n - 1] == '.' || q->name[n - 1] == '-'))
		n--; /* where it was cut, no part may end so */
	snprintf(ret, EVENT_NAME_MAX, "%.*s.%.*s", n, q->name, (int)NAME_HEX, hex);
	return RC_OK;
}

static void add_member(struct strbuf *b, const char *key, const char *value)
{
	if (b->len && b->s[b->len - 1] != '{')
		strbuf_addc(b, ',');
	strbuf_add_json(b, key);
	strbuf_addc(b, ':');
	strbuf_add_json(b, value ? value : "");
}

static void add_object_member(struct strbuf *b, const char *key)
{
	if (b->len && b->s[b->len - 1] != '{')
		strbuf_addc(b, ',');
	strbuf_add_json(b, key);
	strbuf_add(b, ":{");
}

void event_body_add(struct strbuf *b, const struct cluster_event *q, const char *name, const char *instance,
		    struct wall_ms now)
{
	char time[32];
	wall_print(now, time);
	strbuf_addc(b, '{');
	add_member(b, "apiVersion", "v1");
	add_member(b, "kind", "Event");
	add_object_member(b, "metadata");
	add_member(b, "name", name);
	add_member(b, "namespace", q->ns);
	strbuf_addc(b, '}');
	add_object_member(b, "involvedObject");
	add_member(b, "kind", q->kind);
	add_member(b, "namespace", q->ns);
	add_member(b, "name", q->name);
	add_member(b, "uid", q->uid);
	add_member(b, "apiVersion", q->api_version);
	add_member(b, "resourceVersion", q->resource_version);
	strbuf_addc(b, '}');
	add_member(b, "reason", q->reason);
	add_member(b, "message", q->message);
	add_object_member(b, "source");
	add_member(b, "component", "flagger"); /* what people and dashboards filter by */
	strbuf_addc(b, '}');
	add_member(b, "firstTimestamp", time);
	add_member(b, "lastTimestamp", time);
	strbuf_add(b, ",\"count\":1");
	add_member(b, "type", q->warning ? "Warning" : "Normal");
	add_member(b, "reportingComponent", "rollcall");
	add_member(b, "reportingInstance", instance);
	strbuf_addc(b, '}');
}

void event_count_add(struct strbuf *b, unsigned count, struct wall_ms now)
{
	char time[32];
	wall_print(now, time);
	strbuf_addf(b, "{\"count\":%u,\"lastTimestamp\":\"%s\"}", count, time);
}
