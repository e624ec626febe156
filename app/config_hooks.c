/* What the tables of config_keys_hooks.c cannot say. */
#include <string.h>

#include "app/config_keys.h"
#include "base/json.h"
#include "base/standard_webhooks.h"
#include "base/text.h"
#include "base/yaml.h"

/* The value of a key of an entry, or as deep as there is one. */
static const cJSON *place_of(const struct config_reader *r, const char *section, const char *name, const char *key)
{
	const char *const steps[] = { section, name, key };
	const cJSON *v = r->doc ? yaml_root(r->doc) : NULL;
	for (size_t i = 0; v && i < sizeof steps / sizeof *steps; i++) {
		const cJSON *next = cJSON_GetObjectItemCaseSensitive(v, steps[i]);
		if (!next)
			break;
		v = next;
	}
	return v;
}

static void find(struct config_reader *r, const char *section, const char *name, const char *key, const char *fmt, ...)
	PRINTF(5, 6);

static void find(struct config_reader *r, const char *section, const char *name, const char *key, const char *fmt, ...)
{
	const char *path = arena_printf(r->arena, "%s.%s.%s", section, name, key);
	va_list ap;
	va_start(ap, fmt);
	const char *text = arena_vprintf(r->arena, fmt, ap);
	va_end(ap);
	r->exhausted = r->exhausted || !path || !text;
	config_finding(r, place_of(r, section, name, key), false, path ? path : section, "%s", text ? text : "");
}

static bool is_https(const struct config *c, const char *url)
{
	if (text_starts(url, "https://"))
		return true;
	return text_starts(url, "http://") && (c->controller.egress.private || text_starts(url, "http://127.0.0.1:"));
}

static bool is_entry_name(const char *s)
{
	size_t len = strlen(s);
	return len && len <= 63 && strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-_.") == len;
}

static void rules_secret(struct config_reader *r, const char *section, const char *name, const char *key,
			 const char *secret)
{
	struct webhook_key unused;
	struct error why;
	if (secret && webhook_key_parse(secret, &unused, &why) != RC_OK)
		find(r, section, name, key, "%s", why.text);
	explicit_bzero(&unused, sizeof unused);
}

static void rules_webhooks(struct config_reader *r, const struct config *c)
{
	static const char section[] = "webhooks";
	for (const struct webhook_receiver *w = c->webhooks; w && w->name; w++) {
		if (!is_entry_name(w->name))
			find(r, section, w->name, "", "a name has lower-case letters, digits, \"-\", \"_\", \".\"");
		if (w->url && !is_https(c, w->url))
			find(r, section, w->name, "url", "must start with https://");
		rules_secret(r, section, w->name, "secret", w->secret);
		rules_secret(r, section, w->name, "previous_secret", w->previous_secret);
	}
}

/* ---- inbound ---- */

static void otherwise(const char **field, const char *text)
{
	if (!*field)
		*field = text;
}

static void fill_in_alerts(struct inbound_endpoint *p)
{
	static const char *const firing[] = { "firing", NULL };
	static const struct inbound_condition when[] = { { "status", firing }, { NULL, NULL } };
	otherwise(&p->each, "alerts");
	otherwise(&p->action, "rollback");
	otherwise(&p->ns, "{labels.namespace}");
	if (!p->labels)
		otherwise(&p->rollout, "{labels.canary}");
	otherwise(&p->reason, "{labels.alertname}: {annotations.summary}");
	otherwise(&p->id, "{fingerprint}/{startsAt}");
	if (!p->when)
		p->when = when;
}

static void fill_in_json(struct inbound_endpoint *p)
{
	otherwise(&p->action, "{action}");
	otherwise(&p->ns, "{namespace}");
	if (!p->labels)
		otherwise(&p->rollout, "{name}");
	otherwise(&p->reason, "{reason}");
	otherwise(&p->revision, "{revision}");
	otherwise(&p->id, "{id}");
}

static bool is_action(const char *word)
{
	for (enum inbound_action i = 0; i < INBOUND_ACTION_COUNT; i++)
		if (text_eq(inbound_action_name(i), word))
			return true;
	return false;
}

static void rules_endpoint(struct config_reader *r, const struct inbound_endpoint *p)
{
	static const char section[] = "inbound";
	if (!is_entry_name(p->name))
		find(r, section, p->name, "", "a name has lower-case letters, digits, \"-\", \"_\", \".\"");
	if (!p->secret == !p->token)
		find(r, section, p->name, "secret", "there must be a secret or a token, one of the two");
	if (p->proof == INBOUND_STANDARD && !p->token) {
		rules_secret(r, section, p->name, "secret", p->secret);
		rules_secret(r, section, p->name, "previous_secret", p->previous_secret);
	}
	if (p->action && !strchr(p->action, '{') && !is_action(p->action))
		find(r, section, p->name, "action", "\"%.40s\" is no action", p->action);
}

static void rules_inbound(struct config_reader *r, const struct config *c)
{
	struct inbound_endpoint *list = (struct inbound_endpoint *)(uintptr_t)c->inbound; /* in our arena */
	for (struct inbound_endpoint *p = list; p && p->name; p++) {
		rules_endpoint(r, p);
		if (p->format == 0)
			fill_in_json(p);
		else
			fill_in_alerts(p);
	}
}

static void rules_teams(struct config_reader *r, const struct config *c)
{
	for (const struct teams_flow *f = c->teams.flows; f && f->name; f++)
		if (f->url && !text_starts(f->url, "https://") && !text_starts(f->url, "http://127.0.0.1:")) {
			const char *path = arena_printf(r->arena, "teams.channels.%s.url", f->name);
			const cJSON *at = place_of(r, "teams", "channels", f->name);
			config_finding(r, json_at(at, "url"), false, path ? path : "teams", "must start with https://");
		}
}

void config_rules_hooks(struct config_reader *r, struct config *c)
{
	rules_teams(r, c);
	rules_webhooks(r, c);
	rules_inbound(r, c);
}
