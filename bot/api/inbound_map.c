#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "bot/api/inbound_room.h"

enum { TEXT_BYTES_MAX = 2000, PATH_BYTES = 256, RENDERED_MAX = 64 * 1024 };

const char *inbound_action_name(enum inbound_action a)
{
#define X(id, word) [INBOUND_##id] = word,
	static const char *const names[] = { INBOUND_ACTIONS(X) };
#undef X
	return names[a];
}

/* A scalar as text; "" of everything else. buf holds numbers. */
static const char *text_at(const cJSON *v, const char *path, char buf[32])
{
	const cJSON *at = json_at(v, path);
	if (cJSON_IsString(at))
		return at->valuestring;
	if (cJSON_IsBool(at))
		return cJSON_IsTrue(at) ? "true" : "false";
	if (!cJSON_IsNumber(at))
		return "";
	text_from_double(at->valuedouble, buf);
	return buf;
}

/* "alert {labels.alertname}" with the values that stand there. NULL: no memory. */
static const char *render(const char *template, const cJSON *v, struct arena *a)
{
	struct strbuf b;
	char path[PATH_BYTES], number[32];
	strbuf_init(&b, RENDERED_MAX);
	for (const char *p = template ? template : ""; *p;) {
		const char *end = *p == '{' ? strchr(p, '}') : NULL;
		size_t len = end ? (size_t)(end - p) - 1 : 0;
		if (!end || len >= sizeof path) {
			strbuf_addc(&b, *p++);
			continue;
		}
		memcpy(path, p + 1, len);
		path[len] = '\0';
		strbuf_add(&b, text_at(v, path, number));
		p = end + 1;
	}
	size_t keep = b.len > TEXT_BYTES_MAX ? TEXT_BYTES_MAX : b.len;
	while (keep && keep < b.len && ((unsigned char)b.s[keep] & 0xc0) == 0x80)
		keep--; /* not within a character */
	const char *text = arena_strndup(a, b.s, keep);
	strbuf_finish(&b);
	return text;
}

static bool holds(const struct inbound_condition *c, const cJSON *v)
{
	char number[32];
	const char *is = text_at(v, c->path, number);
	for (const char *const *value = c->values; value && *value; value++)
		if (text_eq(*value, is))
			return true;
	return false;
}

static const struct inbound_condition *unmet(const struct inbound_endpoint *p, const cJSON *v)
{
	for (const struct inbound_condition *c = p->when; c && c->path; c++)
		if (!holds(c, v))
			return c;
	return NULL;
}

static bool find_action(const struct inbound_endpoint *p, const char *word, enum inbound_action *ret)
{
	bool foreign = p->words && strchr(p->action, '{');
	for (const struct inbound_word *w = foreign ? p->words : NULL; w && w->word; w++)
		if (text_eq(w->word, word)) {
			*ret = (enum inbound_action)w->action;
			return true;
		}
	for (enum inbound_action i = 0; !foreign && i < INBOUND_ACTION_COUNT; i++)
		if (text_eq(inbound_action_name(i), word)) {
			*ret = i;
			return true;
		}
	return false;
}

static void fail(struct inbound_item *m, struct arena *a, const char *what, const char *value)
{
	char shown[TEXT_SHOWN];
	const char *why = arena_printf(a, "%s%s", what, *value ? text_show(value, strlen(value), shown) : "");
	m->r = RC_INVALID;
	m->why = why ? why : what;
}

/* A selector without a value selects what nobody meant. */
static bool is_selector(const char *labels)
{
	for (const char *p = labels; *p;) {
		size_t len = strcspn(p, ",");
		const char *equals = memchr(p, '=', len);
		if (!equals || equals == p || equals + 1 == p + len)
			return false;
		p += len + (p[len] == ',');
	}
	return *labels;
}

static void map_item(const struct inbound_endpoint *p, const cJSON *v, struct arena *a, struct inbound_item *m)
{
	const struct inbound_condition *c = unmet(p, v);
	const char *word = render(p->action, v, a);
	*m = (struct inbound_item){ .why = "",
				    .id = render(p->id, v, a),
				    .ns = render(p->ns, v, a),
				    .rollout = render(p->rollout, v, a),
				    .labels = render(p->labels, v, a),
				    .reason = render(p->reason, v, a),
				    .revision = render(p->revision, v, a) };
	if (!word || !m->id || !m->ns || !m->rollout || !m->labels || !m->reason || !m->revision) {
		m->r = RC_EXHAUSTED;
		m->why = "no memory for this now";
	} else if (c) {
		m->ignored = true;
		m->why = arena_printf(a, "%s is another", c->path);
	} else if (!find_action(p, word, &m->action)) {
		m->ignored = p->words != NULL;
		if (m->ignored)
			m->why = "nothing is meant by this word";
		else
			fail(m, a,
			     "the action must be approve, reject, promote, rollback, hold, resume or annotate, and is ",
			     *word ? word : "missing");
	} else if (strlen(m->id) > INBOUND_ID_MAX) {
		fail(m, a, "the id is longer than 256 bytes", "");
	} else if (!*m->rollout && !is_selector(m->labels)) {
		fail(m, a, "it names no rollout", "");
	} else if (m->action == INBOUND_ANNOTATE && !*m->reason) {
		fail(m, a, "annotate needs a reason", "");
	}
}

static enum result list_of(const struct inbound_endpoint *p, const cJSON *body, const cJSON **ret, size_t *ret_count,
			   struct error *e)
{
	const cJSON *list = text_empty(p->each) ? NULL : json_at(body, p->each);
	if (!text_empty(p->each) && !cJSON_IsArray(list))
		return error_set(e, RC_INVALID, "%s must be a list", p->each);
	size_t n = list ? (size_t)cJSON_GetArraySize(list) : 1;
	if (n > INBOUND_ITEMS_MAX)
		return error_set(e, RC_INVALID, "%s has %zu entries, and at most %d are taken at once", p->each, n,
				 INBOUND_ITEMS_MAX);
	*ret = list ? list->child : body;
	*ret_count = n;
	return RC_OK;
}

enum result inbound_map(const struct inbound_endpoint *p, const cJSON *body, struct arena *a, struct inbound_item **ret,
			size_t *ret_count, struct error *e)
{
	const cJSON *v = NULL;
	size_t n = 0;
	enum result r = list_of(p, body, &v, &n, e);
	if (r != RC_OK)
		return r;
	struct inbound_item *items = arena_alloc(a, n + 1, sizeof *items);
	if (!items)
		return error_set(e, RC_EXHAUSTED, "no memory for this now");
	for (size_t i = 0; i < n; i++, v = v->next) {
		if (!cJSON_IsObject(v))
			return error_set(e, RC_INVALID, "%s[%zu] must be an object", p->each, i);
		map_item(p, v, a, &items[i]);
	}
	*ret = items;
	*ret_count = n;
	return RC_OK;
}
