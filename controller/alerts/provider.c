/* An AlertProvider as it stands in the cluster, with its Secret. */
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "controller/alerts/alerts.h"

static const char *const types[] = { "slack", "msteams", "discord", "rocket", "gchat", "dingtalk", NULL };

static const char *ns_of(const struct plan *p, const struct alert_ref *ref)
{
	return text_empty(ref->provider.ns) ? p->canary->ns : ref->provider.ns;
}

void alerts_wants(const struct plan *p, void (*want)(void *owner, enum kind kind, const char *ns, const char *name),
		  void *owner)
{
	const struct analysis *an = &p->canary->analysis;
	for (size_t i = 0; i < an->alert_count; i++) {
		const struct alert_ref *ref = &an->alerts[i];
		const char *ns = ns_of(p, ref);
		if (text_empty(ref->provider.name))
			continue;
		want(owner, KIND_ALERT_PROVIDER, ns, ref->provider.name);
		CLEANUP(json_delete_p) cJSON *o = plan_tree(p, KIND_ALERT_PROVIDER, ns, ref->provider.name);
		const char *secret = json_text(o, "spec.secretRef.name", "");
		if (*secret)
			want(owner, KIND_SECRET, ns, secret);
	}
}

bool alert_passes(const char *least, enum severity severity)
{
	if (text_eq(least, "error"))
		return severity == SEVERITY_ERROR;
	if (text_eq(least, "warn"))
		return severity != SEVERITY_INFO;
	return text_empty(least) || text_eq(least, "info");
}

/* A value of a Secret in the arena, without blanks at its end; "" when there is none. */
static const char *secret_value(const struct plan *p, const cJSON *secret, const char *key)
{
	const cJSON *data = cJSON_GetObjectItemCaseSensitive(secret, "data");
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(data, key);
	CLEANUP(free_p) unsigned char *bytes = NULL;
	size_t len = 0;
	if (!cJSON_IsString(v) || text_unbase64(v->valuestring, strlen(v->valuestring), &bytes, &len, NULL) != RC_OK)
		return "";
	while (len && strchr(" \t\r\n", bytes[len - 1]))
		len--;
	const char *text = arena_strndup(p->arena, (const char *)bytes, len);
	explicit_bzero(bytes, len);
	return text ? text : "";
}

static enum result read_secret(const struct plan *p, const char *ns, const char *name, const char *of,
			       struct alert_provider *to, struct error *e)
{
	CLEANUP(json_delete_p) cJSON *secret = plan_tree(p, KIND_SECRET, ns, name);
	if (!secret)
		return error_set(e, RC_NOT_FOUND, "alert provider %s.%s secretRef error: no secret %s", of, ns, name);
	const char *address = secret_value(p, secret, "address");
	if (!*address)
		return error_set(e, RC_INVALID, "alert provider %s.%s secret does not contain an address", of, ns);
	to->url = address;
	to->token = secret_value(p, secret, "token");
	to->sign = secret_value(p, secret, "secret");
	return RC_OK;
}

static bool is_known(const char *type)
{
	for (const char *const *t = types; *t; t++)
		if (text_eq(*t, type))
			return true;
	return false;
}

static const char *spec_text(const struct plan *p, const cJSON *o, const char *path, const char *otherwise)
{
	const char *v = json_text(o, path, "");
	const char *kept = *v ? arena_strdup(p->arena, v) : otherwise;
	return kept ? kept : "";
}

enum result alert_provider_find(const struct plan *p, const struct alert_ref *ref, struct alert_provider *ret,
				struct error *e)
{
	const char *ns = ns_of(p, ref), *name = ref->provider.name;
	CLEANUP(json_delete_p) cJSON *o = plan_tree(p, KIND_ALERT_PROVIDER, ns, name);
	if (!o)
		return error_set(e, RC_NOT_FOUND, "alert provider %s.%s error: not found", name, ns);
	struct alert_provider to = { .type = spec_text(p, o, "spec.type", ""),
				     .url = spec_text(p, o, "spec.address", ""),
				     .channel = spec_text(p, o, "spec.channel", "general"),
				     .username = spec_text(p, o, "spec.username", "flagger"),
				     .proxy = spec_text(p, o, "spec.proxy", ""),
				     .token = "",
				     .sign = "" };
	if (!is_known(to.type))
		return error_set(e, RC_INVALID,
				 "alert provider %s.%s error: type \"%.40s\" is none of slack, msteams, "
				 "discord, rocket, gchat, dingtalk",
				 name, ns, to.type);
	const char *secret = json_text(o, "spec.secretRef.name", "");
	enum result r = *secret ? read_secret(p, ns, secret, name, &to, e) : RC_OK;
	if (r != RC_OK)
		return r;
	if (!text_starts(to.url, "https://") && !text_starts(to.url, "http://"))
		return error_set(e, RC_INVALID, "alert provider %s.%s error: there is no address to call", name, ns);
	*ret = to;
	return RC_OK;
}
