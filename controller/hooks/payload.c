#include <string.h>

#include "base/strbuf.h"
#include "base/text.h"
#include "controller/core/revision.h"
#include "controller/hooks/hooks.h"

enum { PAYLOAD_MAX = 256 * 1024 };

static void add_member(struct strbuf *b, bool *first, const char *key, const char *value)
{
	strbuf_add(b, *first ? "" : ",");
	strbuf_add_json_go(b, key);
	strbuf_addc(b, ':');
	strbuf_add_json_go(b, value);
	*first = false;
}

struct member {
	const char *key, *value;
};

/* The hook's own metadata with our members between them, all keys sorted; ours win (flagger-interfaces.md 1.7). */
static void add_metadata(struct strbuf *b, const struct pairs *own, const struct member *ours, size_t count)
{
	bool first = true;
	size_t i = 0, k = 0;
	while (i < own->count || k < count) {
		int order = i >= own->count ? 1 : k >= count ? -1 : strcmp(own->at[i].key, ours[k].key);
		if (order < 0) {
			add_member(b, &first, own->at[i].key, own->at[i].value);
			i++;
			continue;
		}
		i += order == 0;
		add_member(b, &first, ours[k].key, ours[k].value);
		k++;
	}
}

/* A robot takes nothing but its own message (ack-extension.md, "The webhook of the walk-through"). */
static const char *robot_body(const struct hook *h, struct arena *a)
{
	const char *data = pairs_get(&h->metadata, "data");
	return data ? arena_strdup(a, data) : NULL;
}

const char *hook_payload(const struct hook_ask *ask, bool dingtalk_robot, struct arena *a)
{
	const char *robot = dingtalk_robot ? robot_body(ask->hook, a) : NULL;
	if (robot)
		return robot;
	char at[32];
	(void)snprintf(at, sizeof at, "%lld", (long long)ask->at.v);
	const struct member event[] = { { "eventMessage", ask->event_message ? ask->event_message : "" },
					{ "eventType", ask->event_warning ? "Warning" : "Normal" },
					{ "timestamp", at } };
	size_t events = ask->event_message ? sizeof event / sizeof *event : 0;

	struct strbuf b;
	strbuf_init(&b, PAYLOAD_MAX);
	bool first = true;
	strbuf_addc(&b, '{');
	add_member(&b, &first, "name", ask->canary->name);
	add_member(&b, &first, "namespace", ask->canary->ns);
	add_member(&b, &first, "phase", phase_name(ask->phase));
	add_member(&b, &first, "checksum", revision_checksum(&ask->canary->status, a));
	if (ask->hook->metadata.count || events) {
		strbuf_add(&b, ",\"metadata\":{");
		add_metadata(&b, &ask->hook->metadata, event, events);
		strbuf_addc(&b, '}');
	}
	strbuf_addc(&b, '}');
	const char *text = b.overflow ? NULL : arena_strdup(a, b.s);
	strbuf_finish(&b);
	return text;
}
