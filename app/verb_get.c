/* `rollcall get`: the objects of cluster.embedded in columns. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/client.h"
#include "app/object_words.h"
#include "app/print.h"
#include "app/table.h"
#include "base/clock.h"
#include "base/duration.h"
#include "base/json.h"
#include "base/strbuf.h"
#include "base/text.h"

enum { PATH_BYTES = 2048, CELL = 256 };

typedef void print_cell(const cJSON *o, char buf[CELL]);
struct column {
	const char *head;
	print_cell *print;
	bool wide; /* only with -o wide */
};

static void put(char buf[CELL], const char *text)
{
	(void)snprintf(buf, CELL, "%s", *text ? text : "-");
}

static void name(const cJSON *o, char buf[CELL])
{
	put(buf, json_text(o, "metadata.name", ""));
}

static void ns(const cJSON *o, char buf[CELL])
{
	put(buf, json_text(o, "metadata.namespace", ""));
}

static void age_of(const char *at, char buf[CELL])
{
	struct wall_ms then;
	if (wall_parse(at, &then, NULL) != RC_OK)
		return;
	int64_t ms = clock_system()->wall(clock_system()).v - then.v;
	duration_human(ms > 0 ? ms : 0, buf);
}

static void age(const cJSON *o, char buf[CELL])
{
	put(buf, "");
	age_of(json_text(o, "metadata.creationTimestamp", ""), buf);
}

static void join(char buf[CELL], const char *text)
{
	size_t n = strlen(buf);
	if (*text && n < CELL)
		(void)snprintf(buf + n, CELL - n, "%s%s", n ? "," : "", text);
}

static void images(const cJSON *o, char buf[CELL])
{
	const cJSON *c, *list = json_at(o, "spec.template.spec.containers");
	list = list ? list : json_at(o, "spec.containers");
	buf[0] = '\0';
	cJSON_ArrayForEach (c, list)
		join(buf, json_text(c, "image", ""));
}

static void ready_replicas(const cJSON *o, char buf[CELL])
{
	(void)snprintf(buf, CELL, "%d/%d", (int)json_int(o, "status.readyReplicas", 0),
		       (int)json_int(o, "spec.replicas", 1));
}

static void updated(const cJSON *o, char buf[CELL])
{
	(void)snprintf(buf, CELL, "%d", (int)json_int(o, "status.updatedReplicas", 0));
}

static void available(const cJSON *o, char buf[CELL])
{
	(void)snprintf(buf, CELL, "%d", (int)json_int(o, "status.availableReplicas", 0));
}

static void pod_ready(const cJSON *o, char buf[CELL])
{
	const cJSON *c;
	int ready = 0;
	cJSON_ArrayForEach (c, json_at(o, "status.containerStatuses"))
		ready += json_bool(c, "ready", false);
	(void)snprintf(buf, CELL, "%d/%d", ready, cJSON_GetArraySize(json_at(o, "spec.containers")));
}

/* Why a container does not run says more than the pod's phase. */
static void pod_status(const cJSON *o, char buf[CELL])
{
	const cJSON *c;
	put(buf, json_at(o, "metadata.deletionTimestamp") ? "Terminating" : json_text(o, "status.phase", ""));
	cJSON_ArrayForEach (c, json_at(o, "status.containerStatuses")) {
		const char *why = json_text(c, "state.waiting.reason", json_text(c, "state.terminated.reason", ""));
		if (*why && !json_at(o, "metadata.deletionTimestamp"))
			put(buf, why);
	}
}

static void restarts(const cJSON *o, char buf[CELL])
{
	const cJSON *c;
	int n = 0;
	cJSON_ArrayForEach (c, json_at(o, "status.containerStatuses"))
		n += (int)json_int(c, "restartCount", 0);
	(void)snprintf(buf, CELL, "%d", n);
}

static void pod_ip(const cJSON *o, char buf[CELL])
{
	put(buf, json_text(o, "status.podIP", ""));
}

static void selector(const cJSON *o, char buf[CELL])
{
	const cJSON *v;
	char pair[CELL];
	buf[0] = '\0';
	cJSON_ArrayForEach (v, json_at(o, "spec.selector")) {
		(void)snprintf(pair, sizeof pair, "%s=%s", v->string, cJSON_IsString(v) ? v->valuestring : "");
		join(buf, pair);
	}
}

static void ports(const cJSON *o, char buf[CELL])
{
	const cJSON *p;
	char one[32];
	buf[0] = '\0';
	cJSON_ArrayForEach (p, json_at(o, "spec.ports")) {
		(void)snprintf(one, sizeof one, "%d/%.8s", (int)json_int(p, "port", 0),
			       json_text(p, "protocol", "TCP"));
		join(buf, one);
	}
}

static void hosts(const cJSON *o, char buf[CELL])
{
	const cJSON *r;
	buf[0] = '\0';
	cJSON_ArrayForEach (r, json_at(o, "spec.rules"))
		join(buf, json_text(r, "host", "*"));
}

static void backends(const cJSON *o, char buf[CELL])
{
	const cJSON *r, *p;
	buf[0] = '\0';
	cJSON_ArrayForEach (r, json_at(o, "spec.rules"))
		cJSON_ArrayForEach (p, json_at(r, "http.paths"))
			join(buf, json_text(p, "backend.service.name", json_text(p, "backend.serviceName", "")));
}

/* Whatever prefix the ingress controller has. */
static void canary_weight(const cJSON *o, char buf[CELL])
{
	const cJSON *v;
	put(buf, "");
	cJSON_ArrayForEach (v, json_at(o, "metadata.annotations"))
		if (text_ends(v->string, "/canary-weight") && cJSON_IsString(v))
			(void)snprintf(buf, CELL, "%s%%", v->valuestring);
}

static void phase(const cJSON *o, char buf[CELL])
{
	put(buf, json_text(o, "status.phase", ""));
}

static void weight(const cJSON *o, char buf[CELL])
{
	(void)snprintf(buf, CELL, "%d%%", (int)json_int(o, "status.canaryWeight", 0));
}

static void target(const cJSON *o, char buf[CELL])
{
	put(buf, json_text(o, "spec.targetRef.name", ""));
}

static void event_age(const cJSON *o, char buf[CELL])
{
	put(buf, "");
	age_of(json_text(o, "lastTimestamp", ""), buf);
}

static void event_type(const cJSON *o, char buf[CELL])
{
	put(buf, json_text(o, "type", ""));
}

static void event_reason(const cJSON *o, char buf[CELL])
{
	put(buf, json_text(o, "reason", ""));
}

static void event_object(const cJSON *o, char buf[CELL])
{
	char kind[OBJECT_KIND_BYTES];
	object_kind_word(json_text(o, "involvedObject.kind", ""), kind);
	(void)snprintf(buf, CELL, "%s/%s", kind, json_text(o, "involvedObject.name", ""));
}

static void event_message(const cJSON *o, char buf[CELL])
{
	int count = (int)json_int(o, "count", 1);
	if (count > 1)
		(void)snprintf(buf, CELL, "%s (%d times)", json_text(o, "message", ""), count);
	else
		put(buf, json_text(o, "message", ""));
}

static void version(const cJSON *o, char buf[CELL])
{
	put(buf, json_text(o, "spec.version", ""));
}

static void instances(const cJSON *o, char buf[CELL])
{
	(void)snprintf(buf, CELL, "%d", (int)json_int(o, "spec.instances", 1));
}

/* What nginx has taken over, or why not. */
static void upstream_weight(const cJSON *o, char buf[CELL])
{
	(void)snprintf(buf, CELL, "%d%%", (int)json_int(o, "status.canaryWeight", 0));
}

static void message(const cJSON *o, char buf[CELL])
{
	put(buf, json_text(o, "status.message", ""));
}

#define COMMON_HEAD                                                                                                    \
	{ "NAMESPACE", ns, false },                                                                                    \
	{                                                                                                              \
		"NAME", name, false                                                                                    \
	}
#define COMMON_TAIL                                                                                                    \
	{                                                                                                              \
		"AGE", age, false                                                                                      \
	}
static const struct kind_columns {
	const char *kind;
	struct column columns[TABLE_COLUMNS];
} kinds[] = {
	{ "Canary",
	  { COMMON_HEAD,
	    { "TARGET", target, false },
	    { "PHASE", phase, false },
	    { "WEIGHT", weight, false },
	    COMMON_TAIL } },
	{ "Deployment",
	  { COMMON_HEAD,
	    { "READY", ready_replicas, false },
	    { "UP-TO-DATE", updated, false },
	    { "AVAILABLE", available, false },
	    COMMON_TAIL,
	    { "IMAGES", images, true } } },
	{ "Pod",
	  { COMMON_HEAD,
	    { "READY", pod_ready, false },
	    { "STATUS", pod_status, false },
	    { "RESTARTS", restarts, false },
	    COMMON_TAIL,
	    { "IP", pod_ip, true },
	    { "IMAGES", images, true } } },
	{ "Process", { COMMON_HEAD, { "VERSION", version, false }, { "INSTANCES", instances, false }, COMMON_TAIL } },
	{ "SystemdUnit",
	  { COMMON_HEAD, { "VERSION", version, false }, { "INSTANCES", instances, false }, COMMON_TAIL } },
	{ "NginxUpstream",
	  { COMMON_HEAD, { "CANARY", upstream_weight, false }, { "MESSAGE", message, false }, COMMON_TAIL } },
	{ "Service", { COMMON_HEAD, { "PORTS", ports, false }, COMMON_TAIL, { "SELECTOR", selector, true } } },
	{ "Ingress",
	  { COMMON_HEAD,
	    { "HOSTS", hosts, false },
	    { "CANARY", canary_weight, false },
	    COMMON_TAIL,
	    { "SERVICES", backends, true } } },
	{ "Event",
	  { { "NAMESPACE", ns, false },
	    { "LAST", event_age, false },
	    { "TYPE", event_type, false },
	    { "REASON", event_reason, false },
	    { "OBJECT", event_object, false },
	    { "MESSAGE", event_message, false } } },
	{ "", { COMMON_HEAD, COMMON_TAIL } },
};

static const struct column *columns_of(const char *kind)
{
	const struct kind_columns *k = kinds;
	while (*k->kind && !text_eq(k->kind, kind))
		k++;
	return k->columns;
}

static void print_table(const struct cli *c, const cJSON *items)
{
	const struct column *columns = columns_of(json_text(items, "0.kind", ""));
	bool wide = output_is(c, "wide");
	size_t n = 0;
	struct table t;
	char cell[CELL];
	for (size_t i = 0; i < TABLE_COLUMNS && columns[i].head; i++)
		n += wide || !columns[i].wide;
	table_init(&t, n);
	for (size_t i = 0; i < TABLE_COLUMNS && columns[i].head; i++)
		if (wide || !columns[i].wide)
			table_add(&t, columns[i].head);
	const cJSON *o;
	cJSON_ArrayForEach (o, items) {
		for (size_t i = 0; i < TABLE_COLUMNS && columns[i].head; i++) {
			if (columns[i].wide && !wide)
				continue;
			columns[i].print(o, cell);
			table_add(&t, cell);
		}
	}
	table_print(&t);
}

static enum exit_code print_items(const struct cli *c, const cJSON *items)
{
	const cJSON *o;
	if (!cJSON_GetArraySize(items)) {
		fputs("nothing found\n", stderr);
		return EXIT_DONE;
	}
	if (!output_is(c, "name")) {
		print_table(c, items);
		return EXIT_DONE;
	}
	cJSON_ArrayForEach (o, items) {
		char kind[OBJECT_KIND_BYTES];
		object_kind_word(json_text(o, "kind", ""), kind);
		printf("%s/%s\n", kind, json_text(o, "metadata.name", ""));
	}
	return EXIT_DONE;
}

static enum exit_code get_one(const struct cli *c)
{
	CLEANUP(json_delete_p) cJSON *items = cJSON_CreateArray();
	cJSON *answer = NULL;
	struct strbuf path;
	strbuf_init(&path, PATH_BYTES);
	object_path(&path, c->words[0], c->ns, c->words[1]);
	enum exit_code code = client_call(c, "GET", path.s, NULL, &answer);
	strbuf_finish(&path);
	if (code != EXIT_DONE)
		return code;
	if (output_is_data(c)) {
		code = output_data(c, answer);
		cJSON_Delete(answer);
		return code;
	}
	if (!items || !cJSON_AddItemToArray(items, answer)) {
		cJSON_Delete(answer);
		return cli_fail(c, EXIT_FAILED, "no memory");
	}
	return print_items(c, items);
}

static bool is_events(const char *word)
{
	return text_eq(word, "events") || text_eq(word, "event") || text_eq(word, "ev");
}

/* Of the object of that name, when there is one. */
static enum exit_code get_events(const struct cli *c)
{
	CLEANUP(json_delete_p) cJSON *answer = NULL;
	struct strbuf path;
	const char *wanted = c->ns ? c->ns : "default";
	strbuf_init(&path, PATH_BYTES);
	strbuf_addf(&path, "/api/v1/objects/events?");
	if (!c->all) {
		strbuf_add(&path, "ns=");
		strbuf_add_urlencoded(&path, wanted, strlen(wanted));
	}
	if (c->word_count == 2) {
		strbuf_add(&path, "&name=");
		strbuf_add_urlencoded(&path, c->words[1], strlen(c->words[1]));
	}
	enum exit_code code = client_call(c, "GET", path.s, NULL, &answer);
	strbuf_finish(&path);
	if (code != EXIT_DONE)
		return code;
	return output_is_data(c) ? output_data(c, answer) : print_items(c, json_at(answer, "items"));
}

static enum exit_code get_all(const struct cli *c)
{
	CLEANUP(json_delete_p) cJSON *answer = NULL;
	struct strbuf path;
	strbuf_init(&path, PATH_BYTES);
	strbuf_add(&path, "/api/v1/objects/");
	strbuf_add_urlencoded(&path, c->words[0], strlen(c->words[0]));
	if (!c->all) {
		const char *wanted = c->ns ? c->ns : "default";
		strbuf_add(&path, "?ns=");
		strbuf_add_urlencoded(&path, wanted, strlen(wanted));
	}
	enum exit_code code = client_call(c, "GET", path.s, NULL, &answer);
	strbuf_finish(&path);
	if (code != EXIT_DONE)
		return code;
	return output_is_data(c) ? output_data(c, answer) : print_items(c, json_at(answer, "items"));
}

enum exit_code verb_get(struct cli *c)
{
	if (c->ns && c->all)
		return cli_usage(c, "--namespace and --all-namespaces exclude each other");
	if (c->word_count == 2 && c->all)
		return cli_usage(c, "NAME and --all-namespaces exclude each other");
	if (is_events(c->words[0]))
		return get_events(c);
	return c->word_count == 2 ? get_one(c) : get_all(c);
}
