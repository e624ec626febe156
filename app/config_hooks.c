/* What the tables of config_keys_hooks.c cannot say. */
#include <string.h>

#include "app/config_keys.h"
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

void config_rules_hooks(struct config_reader *r, struct config *c)
{
	rules_webhooks(r, c);
}
