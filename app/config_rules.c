/* What the table cannot say: keys that belong together, names that must exist. Makes of what was written what the rooms
 * want. */
#include <stdarg.h>
#include <string.h>

#include "app/config_keys.h"
#include "base/json.h"
#include "base/text.h"
#include "base/yaml.h"
#include "bot/api/cidr.h"

enum { PIN_MIN = 6, PATH_MAX_BYTES = 256, RESPONSE_HOSTS_MAX = 3 };

/* ---- places ---- */

/* The node at these steps ("policies", "prod", "quorum", NULL), or as deep as there is one. */
static const cJSON *node_at(const struct config_reader *r, va_list ap)
{
	const cJSON *v = r->doc ? yaml_root(r->doc) : NULL;
	for (const char *step = va_arg(ap, const char *); v && step; step = va_arg(ap, const char *)) {
		uint64_t i = 0;
		const cJSON *next = cJSON_GetObjectItemCaseSensitive(v, step);
		if (cJSON_IsArray(v) && text_u64(step, 0, INT32_MAX, &i, NULL) == RC_OK)
			next = cJSON_GetArrayItem(v, (int)i);
		if (!next)
			break;
		v = next;
	}
	return v;
}

__attribute__((sentinel)) static const cJSON *place(const struct config_reader *r, ...)
{
	va_list ap;
	va_start(ap, r);
	const cJSON *v = node_at(r, ap);
	va_end(ap);
	return v;
}

static const char *path_to(struct config_reader *r, const char *fmt, ...) PRINTF(2, 3);

static const char *path_to(struct config_reader *r, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	const char *p = arena_vprintf(r->arena, fmt, ap);
	va_end(ap);
	r->exhausted = r->exhausted || !p;
	return p ? p : "";
}

static const char *index_text(struct config_reader *r, size_t i)
{
	return path_to(r, "%zu", i);
}

/* Is the section written, however wrong? Then what depends on it is not missing too. */
static bool has(const struct config_reader *r, const char *section)
{
	return r->doc && cJSON_GetObjectItemCaseSensitive(yaml_root(r->doc), section);
}

static size_t count_texts(const char *const *list)
{
	size_t n = 0;
	while (list && list[n])
		n++;
	return n;
}

/* ---- listeners ---- */

static void rules_listen(struct config_reader *r, const struct config *c)
{
	bool tls = c->listen.tls.cert && c->listen.tls.key;
	if (!c->listen.tls.cert != !c->listen.tls.key)
		config_finding(r, place(r, "listen", "tls", NULL), true, "listen.tls", "needs both cert and key");
	if (!c->listen.address.host || !c->listen.admin.host)
		return;
	if (config_is_public(&c->listen.address) && !tls && !c->listen.behind_proxy)
		config_finding(r, place(r, "listen", "address", NULL), false, "listen.address",
			       "%s can be reached from other machines, and tokens would travel in the clear: set "
			       "listen.tls, or listen.behind_proxy: true when something in front speaks TLS",
			       c->listen.address.text);
	if (c->listen.address.port && text_eq(c->listen.address.text, c->listen.admin.text))
		config_finding(r, place(r, "listen", "admin", NULL), false, "listen.admin",
			       "must be another address than listen.address");
}

/* ---- users ---- */

static const struct config_user *user_find(const struct config *c, const char *name)
{
	for (const struct config_user *u = c->users_written; u && u->name; u++)
		if (text_eq(u->name, name))
			return u;
	return NULL;
}

static const struct config_user *identity_owner(const struct config *c, const struct config_user *before,
						const char *identity)
{
	for (const struct config_user *u = c->users_written; u != before; u++)
		for (const char *const *i = u->identities; i && *i; i++)
			if (text_eq(*i, identity))
				return u;
	return NULL;
}

static bool is_identity(const char *s)
{
	return (text_starts(s, "slack:") || text_starts(s, "dingtalk:") || text_starts(s, "token:")) &&
	       *(strchr(s, ':') + 1);
}

/* "webhook:NAME" is no person: it may be named in policies, and nobody may have it. */
static const char *webhook_name(const char *s)
{
	return text_starts(s, "webhook:") ? s + strlen("webhook:") : NULL;
}

static bool endpoint_exists(const struct config *c, const char *name)
{
	for (const struct inbound_endpoint *p = c->inbound; p && p->name; p++)
		if (text_eq(p->name, name))
			return true;
	return false;
}

static void rules_identities(struct config_reader *r, const struct config *c, const struct config_user *u)
{
	for (size_t i = 0; u->identities && u->identities[i]; i++) {
		const char *path = path_to(r, "users.%s.identities[%zu]", u->name, i), *id = u->identities[i];
		const cJSON *at = place(r, "users", u->name, "identities", index_text(r, i), NULL);
		const struct config_user *other = identity_owner(c, u, id);
		if (!is_identity(id))
			config_finding(r, at, false, path, "\"%.60s\" must be slack:ID, dingtalk:ID or token:NAME", id);
		else if (other)
			config_finding(r, at, false, path, "\"%.60s\" is also %s: an identity is one person's", id,
				       other->name);
	}
}

static bool is_pin_hash(const char *s)
{
	const char *colon = strchr(s, ':'), *hex = colon ? colon + 1 : s;
	return strlen(hex) == 64 && strspn(hex, "0123456789abcdef") == 64;
}

static void rules_pin(struct config_reader *r, const struct config_user *u)
{
	const char *path = path_to(r, "users.%s.pin%s", u->name, u->pin ? "" : "_sha256");
	if (u->pin && u->pin_sha256)
		config_finding(r, place(r, "users", u->name, "pin_sha256", NULL), true, path,
			       "there is pin_sha256 as well: one of the two is enough");
	else if (u->pin && strlen(u->pin) < PIN_MIN)
		config_finding(r, place(r, "users", u->name, "pin", NULL), false, path,
			       "a PIN has %d characters or more", PIN_MIN);
	else if (u->pin_sha256 && !is_pin_hash(u->pin_sha256))
		config_finding(
			r, place(r, "users", u->name, "pin_sha256", NULL), false, path,
			"must be SALT:HEX with the 64 lower-case hex digits of a SHA-256; `rollcall pin` makes one");
	else if (u->pin_sha256 && !strchr(u->pin_sha256, ':'))
		config_warning(r, place(r, "users", u->name, "pin_sha256", NULL), path,
			       "has no salt, so that equal PINs show; `rollcall pin` makes one that has");
}

static void rules_users(struct config_reader *r, const struct config *c)
{
	for (const struct config_user *u = c->users_written; u && u->name; u++) {
		rules_identities(r, c, u);
		rules_pin(r, u);
	}
}

/* ---- policies ---- */

static const char *known_group(const struct config *c, const char *group)
{
	for (const struct config_user *u = c->users_written; u && u->name; u++)
		for (const char *const *g = u->groups; g && *g; g++)
			if (text_eq(*g, group))
				return *g;
	return NULL;
}

static void rules_entry(struct config_reader *r, const struct config *c, const char *entry, const cJSON *at,
			const char *path)
{
	if (text_starts(entry, "user:")) {
		if (!user_find(c, entry + strlen("user:")))
			config_finding(r, at, false, path, "there is no \"%.60s\" under users",
				       entry + strlen("user:"));
	} else if (text_starts(entry, "group:")) {
		if (!known_group(c, entry + strlen("group:")))
			config_finding(r, at, false, path, "nobody under users is in the group \"%.60s\"",
				       entry + strlen("group:"));
	} else if (webhook_name(entry)) {
		if (!endpoint_exists(c, webhook_name(entry)))
			config_finding(r, at, false, path, "there is no \"%.60s\" under inbound", webhook_name(entry));
	} else if (!is_identity(entry) && !text_eq(entry, "anyone-in-channel")) {
		config_finding(
			r, at, false, path,
			"\"%.60s\" names nobody: use user:NAME, group:NAME, slack:ID, dingtalk:ID, token:NAME or "
			"anyone-in-channel",
			entry);
	}
}

static void rules_entries(struct config_reader *r, const struct config *c, const char *policy, const char *section,
			  const char *key, const char *const *list)
{
	for (size_t i = 0; list && list[i]; i++) {
		const char *nr = index_text(r, i);
		const cJSON *at = *section ? place(r, "policies", policy, section, key, nr, NULL)
					   : place(r, "policies", policy, key, nr, NULL);
		rules_entry(r, c, list[i], at,
			    path_to(r, "policies.%s.%s%s%s[%zu]", policy, section, *section ? "." : "", key, i));
	}
}

static void rules_freezes(struct config_reader *r, const struct config *c)
{
	for (const struct config_freeze *f = c->freezes_written; f && f->name; f++)
		for (size_t i = 0; f->by && f->by[i]; i++)
			rules_entry(r, c, f->by[i], place(r, "freezes", f->name, "by", index_text(r, i), NULL),
				    path_to(r, "freezes.%s.by[%zu]", f->name, i));
}

static bool may_approve(const struct config_policy *p, const struct config_user *u)
{
	for (const char *const *a = p->approvers; *a; a++) {
		if (text_starts(*a, "user:") && text_eq(*a + strlen("user:"), u->name))
			return true;
		for (const char *const *g = u->groups; text_starts(*a, "group:") && g && *g; g++)
			if (text_eq(*a + strlen("group:"), *g))
				return true;
	}
	return false;
}

/* Only where the configuration knows everybody who may approve. */
static void rules_quorum(struct config_reader *r, const struct config *c, const struct config_policy *p)
{
	int64_t people = 0;
	for (const char *const *a = p->approvers; *a; a++)
		if (!text_starts(*a, "user:") && !text_starts(*a, "group:"))
			return;
	for (const struct config_user *u = c->users_written; u && u->name; u++)
		people += may_approve(p, u);
	if (p->distinct && p->quorum > people)
		config_finding(r, place(r, "policies", p->name, "quorum", NULL), false,
			       path_to(r, "policies.%s.quorum", p->name), "%lld can never be reached: %lld may approve",
			       (long long)p->quorum, (long long)people);
}

static void rules_freezes_of(struct config_reader *r, const struct config *c, const struct config_policy *p)
{
	for (size_t i = 0; p->freezes && p->freezes[i]; i++)
		if (!config_has_freeze(c, p->freezes[i]))
			config_finding(r, place(r, "policies", p->name, "freezes", index_text(r, i), NULL), false,
				       path_to(r, "policies.%s.freezes[%zu]", p->name, i),
				       "there is no \"%.60s\" under freezes", p->freezes[i]);
}

static void rules_policy(struct config_reader *r, const struct config *c, const struct config_policy *p)
{
	size_t before = r->findings->errors;
	rules_entries(r, c, p->name, "", "approvers", p->approvers);
	if (p->approvers && *p->approvers && r->findings->errors == before)
		rules_quorum(r, c, p);
	rules_entries(r, c, p->name, "rights", "promote", p->promote);
	rules_entries(r, c, p->name, "rights", "rollback", p->rollback);
	rules_entries(r, c, p->name, "rights", "pause", p->pause);
	rules_entries(r, c, p->name, "rights", "complete", p->complete);
	rules_entries(r, c, p->name, "rights", "weight", p->weight);
	rules_entries(r, c, p->name, "rights", "override", p->override);
	rules_freezes_of(r, c, p);
	if (p->link_identity && (c->dingtalk.robots || c->teams.flows) && !c->public_url)
		config_finding(r, place(r, "policies", p->name, "link_identity", NULL), false,
			       path_to(r, "policies.%s.link_identity", p->name), "links need public_url");
}

static bool has_word(const char *const *list, const char *word)
{
	for (; list && *list; list++)
		if (text_eq(*list, word))
			return true;
	return false;
}

static struct policy policy_of(const struct config_policy *p)
{
	return (struct policy){
		.name = p->name,
		.approvers = p->approvers,
		.rights = { [RIGHT_PROMOTE] = p->promote,
			    [RIGHT_ROLLBACK] = p->rollback,
			    [RIGHT_PAUSE] = p->pause,
			    [RIGHT_COMPLETE] = p->complete,
			    [RIGHT_WEIGHT] = p->weight,
			    [RIGHT_OVERRIDE] = p->override },
		.quorum = (int)p->quorum,
		.reject_quorum = (int)p->reject_quorum,
		.distinct = p->distinct,
		.self_approval = p->self_approval,
		.reason_approve = has_word(p->require_reason, "approve"),
		.reason_reject = has_word(p->require_reason, "reject"),
		.reason_rollback = has_word(p->require_reason, "rollback"),
		.timeout_ms = p->timeout_ms,
		.on_timeout = (enum on_timeout)p->on_timeout,
		.hold_on_reject = p->on_reject == 1,
		.remind_ms = p->remind_ms,
		.escalate_ms = p->escalate_ms,
		.escalate_to = p->escalate_to,
		.freezes = p->freezes,
		.link_identity = p->link_identity == 1 ? "pin" : "",
	};
}

/* Somebody with the data folder's token is this machine's operator; without a policy nobody else decides. */
static struct policy policy_builtin(void)
{
	static const char *const local[] = { "token:local", NULL };
	return (struct policy){ .name = "default",
				.approvers = local,
				.rights = { [RIGHT_OVERRIDE] = local },
				.quorum = 1,
				.reject_quorum = 1,
				.distinct = true,
				.self_approval = true,
				.link_identity = "" };
}

static void rules_policies(struct config_reader *r, struct config *c)
{
	size_t n = 0;
	bool has_default = false;
	for (const struct config_policy *p = c->policies_written; p && p->name; p++, n++)
		rules_policy(r, c, p);
	struct policy *list = arena_alloc(r->arena, n + 2, sizeof *list);
	if (!list) {
		r->exhausted = true;
		return;
	}
	for (size_t i = 0; i < n; i++) {
		list[i] = policy_of(&c->policies_written[i]);
		has_default = has_default || text_eq(list[i].name, "default");
	}
	if (!has_default)
		list[n] = policy_builtin();
	c->policies = list;
}

/* ---- channels ---- */

static bool robot_exists(const struct config *c, const char *name)
{
	for (const struct dingtalk_robot *b = c->dingtalk.robots; b && b->name; b++)
		if (text_eq(b->name, name))
			return true;
	return false;
}

static bool flow_exists(const struct config *c, const char *name)
{
	for (const struct teams_flow *f = c->teams.flows; f && f->name; f++)
		if (text_eq(f->name, name))
			return true;
	return false;
}

static void rules_channel(struct config_reader *r, const struct config *c, const char *channel, const cJSON *at,
			  bool key, const char *path)
{
	if (text_starts(channel, "slack:")) {
		if (!has(r, "slack"))
			config_finding(r, at, key, path, "there is no slack section to reach \"%.60s\"", channel);
	} else if (text_starts(channel, "dingtalk-app:")) {
		const char *to = channel + strlen("dingtalk-app:");
		if (!c->dingtalk.app.client_id)
			config_finding(r, at, key, path, "there is no dingtalk.app section to reach \"%.60s\"",
				       channel);
		else if (!to[*to == '@'])
			config_finding(r, at, key, path,
				       "\"%.60s\" must be dingtalk-app:CONVERSATION or dingtalk-app:@STAFFID", channel);
	} else if (text_starts(channel, "dingtalk:")) {
		if (!robot_exists(c, channel + strlen("dingtalk:")))
			config_finding(r, at, key, path, "there is no robot \"%.60s\" under dingtalk.robots",
				       channel + strlen("dingtalk:"));
	} else if (text_starts(channel, "teams:")) {
		if (!flow_exists(c, channel + strlen("teams:")))
			config_finding(r, at, key, path, "there is no channel \"%.60s\" under teams.channels",
				       channel + strlen("teams:"));
	} else {
		config_finding(
			r, at, key, path,
			"\"%.60s\" must be slack:CHANNEL, dingtalk:ROBOT, dingtalk-app:CONVERSATION or teams:CHANNEL",
			channel);
	}
}

static void rules_escalation(struct config_reader *r, const struct config *c)
{
	for (const struct config_policy *p = c->policies_written; p && p->name; p++) {
		const char *path = path_to(r, "policies.%s.escalate", p->name);
		const cJSON *at = place(r, "policies", p->name, "escalate", NULL);
		if (p->escalate_to)
			rules_channel(r, c, p->escalate_to, place(r, "policies", p->name, "escalate", "to", NULL),
				      false, path_to(r, "policies.%s.escalate.to", p->name));
		if (!p->escalate_to != !p->escalate_ms)
			config_finding(r, at, false, path, "wants both: after, and to");
	}
}

static void rules_routes(struct config_reader *r, struct config *c)
{
	size_t n = 0;
	for (const struct config_route *w = c->routes_written; w && w->channels; w++, n++)
		for (size_t i = 0; w->channels[i]; i++)
			rules_channel(r, c, w->channels[i],
				      place(r, "routes", index_text(r, n), "channels", index_text(r, i), NULL), false,
				      path_to(r, "routes[%zu].channels[%zu]", n, i));
	struct bot_route *list = arena_alloc(r->arena, n + 1, sizeof *list);
	r->exhausted = r->exhausted || !list;
	for (size_t i = 0; list && i < n; i++) {
		const struct config_route *w = &c->routes_written[i];
		list[i] = (struct bot_route){ w->ns ? w->ns : "", w->labels ? w->labels : "", w->channels };
	}
	c->routes = list;
}

static void rules_languages(struct config_reader *r, struct config *c)
{
	size_t n = 0, kept = 0;
	while (c->languages_written && c->languages_written[n].channel)
		n++;
	struct bot_channel_lang *list = arena_alloc(r->arena, n + 1, sizeof *list);
	r->exhausted = r->exhausted || !list;
	for (size_t i = 0; list && i < n; i++) {
		const struct config_language *w = &c->languages_written[i];
		if (text_eq(w->channel, "default")) {
			c->language = (enum card_lang)w->lang;
			continue;
		}
		rules_channel(r, c, w->channel, place(r, "languages", w->channel, NULL), true,
			      path_to(r, "languages.%s", w->channel));
		list[kept++] = (struct bot_channel_lang){ w->channel, (enum card_lang)w->lang };
	}
	c->languages = list;
}

static void rules_slack(struct config_reader *r, const struct config *c)
{
	if (!has(r, "slack"))
		return;
	const cJSON *written = place(r, "slack", NULL);
	if (!json_at(written, "signing_secret") && !json_at(written, "app_token"))
		config_finding(r, written, true, "slack",
			       "needs a signing_secret (Slack posts to us) or an app_token (Socket Mode)");
	if (json_at(written, "refresh_token") && (!json_at(written, "client_id") || !json_at(written, "client_secret")))
		config_finding(r, place(r, "slack", "refresh_token", NULL), false, "slack.refresh_token",
			       "needs client_id and client_secret of the app as well");
	if (c->slack.path &&
	    (*c->slack.path != '/' || text_starts(c->slack.path, "/api/") || text_starts(c->slack.path, "/gate/")))
		config_finding(r, place(r, "slack", "path", NULL), false, "slack.path",
			       "must start with \"/\", and not be a path of rollcall's own (/api/, /gate/)");
	if (count_texts(c->slack.response_hosts) > RESPONSE_HOSTS_MAX)
		config_finding(r, place(r, "slack", "response_hosts", NULL), false, "slack.response_hosts",
			       "has more than %d entries", RESPONSE_HOSTS_MAX);
	if (c->slack.api_url && !text_starts(c->slack.api_url, "https://") &&
	    !text_starts(c->slack.api_url, "http://127.0.0.1:"))
		config_finding(r, place(r, "slack", "api_url", NULL), false, "slack.api_url",
			       "must start with https://: the bot's token travels there");
}

static void rules_robots(struct config_reader *r, const struct config *c)
{
	for (const struct dingtalk_robot *b = c->dingtalk.robots; b && b->name; b++)
		if (b->url && !text_starts(b->url, "https://") && !text_starts(b->url, "http://127.0.0.1:"))
			config_finding(r, place(r, "dingtalk", "robots", b->name, "url", NULL), false,
				       path_to(r, "dingtalk.robots.%s.url", b->name), "must start with https://");
}

static bool address_safe(const char *url)
{
	return !url || text_starts(url, "https://") || text_starts(url, "http://127.0.0.1:");
}

static void rules_app(struct config_reader *r, const struct config *c)
{
	const struct {
		const char *key;
		bool wrong;
		const char *why;
	} rules[] = {
		{ "card_template",
		  c->dingtalk.app.card_template && !text_ends(c->dingtalk.app.card_template, ".schema"),
		  "must end with .schema, as the card platform shows it" },
		{ "api_url", !address_safe(c->dingtalk.app.api_url),
		  "must start with https://: the app's secret travels there" },
		{ "oapi_url", !address_safe(c->dingtalk.app.oapi_url),
		  "must start with https://: the app's token travels there" },
		{ "mode", c->dingtalk.app.mode == DINGAPP_HTTP && !c->public_url, "http needs public_url" },
		{ "mode", c->dingtalk.app.mode == DINGAPP_HTTP && !c->dingtalk.app.callback_path,
		  "http needs callback_path" },
		{ "callback_path",
		  c->dingtalk.app.callback_path &&
			  (*c->dingtalk.app.callback_path != '/' || strlen(c->dingtalk.app.callback_path) < 17),
		  "must start with \"/\" and hold a secret of 16 characters or more" },
		{ "event_aes_key",
		  c->dingtalk.app.event_token &&
			  (!c->dingtalk.app.event_aes_key || strlen(c->dingtalk.app.event_aes_key) != 43),
		  "must have 43 characters" },
	};
	for (size_t i = 0; c->dingtalk.app.client_id && i < sizeof rules / sizeof *rules; i++)
		if (rules[i].wrong)
			config_finding(r, place(r, "dingtalk", "app", rules[i].key, NULL), false,
				       path_to(r, "dingtalk.app.%s", rules[i].key), "%s", rules[i].why);
}

static void rules_gates(struct config_reader *r, const struct config *c)
{
	struct cidr unused;
	struct error why;
	for (size_t i = 0; c->gates.allow_cidrs && c->gates.allow_cidrs[i]; i++)
		if (cidr_parse(c->gates.allow_cidrs[i], &unused, &why) != RC_OK)
			config_finding(r, place(r, "gates", "allow_cidrs", index_text(r, i), NULL), false,
				       path_to(r, "gates.allow_cidrs[%zu]", i), "%s", why.text);
}

static void rules_console(struct config_reader *r, const struct config *c)
{
	const char *const *people = c->console.people;
	if (!people)
		return;
	if (c->listen.address.host && config_is_public(&c->listen.address))
		config_finding(r, place(r, "console", "people", NULL), false, "console.people",
			       "whoever reaches %s could be any of them: only with a loopback listen.address",
			       c->listen.address.text);
	if (c->listen.behind_proxy)
		config_finding(r, place(r, "console", "people", NULL), false, "console.people",
			       "whoever reaches the proxy could be any of them: not with listen.behind_proxy");
	for (size_t i = 0; people[i]; i++)
		if (!user_find(c, people[i]))
			config_finding(r, place(r, "console", "people", index_text(r, i), NULL), false,
				       path_to(r, "console.people[%zu]", i), "there is no \"%.60s\" under users",
				       people[i]);
}

static void make_users(struct config_reader *r, struct config *c)
{
	size_t n = 0;
	while (c->users_written && c->users_written[n].name)
		n++;
	struct directory_user *list = arena_alloc(r->arena, n + 1, sizeof *list);
	r->exhausted = r->exhausted || !list;
	for (size_t i = 0; list && i < n; i++) {
		const struct config_user *u = &c->users_written[i];
		list[i] = (struct directory_user){ .name = u->name,
						   .identities = u->identities,
						   .groups = u->groups,
						   .pin_sha256 = u->pin_sha256 ? u->pin_sha256 : "" };
	}
	c->users = list;
}

/* A PIN proves a user of ours; the DingTalk identity, when there is one, is what policies may name. */
static struct person person_of(const struct config_user *u)
{
	static const char dingtalk[] = "dingtalk:";
	struct person p = {
		.platform = "link", .team = "", .id = u->name, .name = u->name, .user = u->name, .groups = u->groups
	};
	for (const char *const *i = u->identities; i && *i; i++)
		if (text_starts(*i, dingtalk)) {
			p.platform = "dingtalk";
			p.id = *i + strlen(dingtalk);
			break;
		}
	return p;
}

static void make_persons(struct config_reader *r, struct config *c)
{
	size_t n = 0;
	while (c->users_written && c->users_written[n].name)
		n++;
	struct person *list = arena_alloc(r->arena, n + 1, sizeof *list);
	r->exhausted = r->exhausted || !list;
	for (size_t i = 0; list && i < n; i++)
		list[i] = person_of(&c->users_written[i]);
	c->persons = list;
}

/* Texts that may be missing are "" or NULL as the rooms want them. */
static void make_robots(struct config *c)
{
	struct dingtalk_robot *list = (struct dingtalk_robot *)(uintptr_t)c->dingtalk.robots; /* in our arena */
	for (struct dingtalk_robot *b = list; b && b->name; b++) {
		b->secret = b->secret ? b->secret : "";
		b->keyword = b->keyword ? b->keyword : "";
	}
}

static void rules_node(struct config_reader *r, struct config *c)
{
	struct config_address unused;
	struct error why;
	if (c->node.nginx.listen && config_parse_address(r->arena, c->node.nginx.listen, &unused, &why) != RC_OK)
		config_finding(r, place(r, "node", "nginx", "listen", NULL), false, "node.nginx.listen", "%s",
			       why.text);
	const struct {
		const char *key;
		const char *const *words;
	} commands[] = { { "test", c->node.upstreams.test }, { "reload", c->node.upstreams.reload } };
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
		if (!commands[i].words || !commands[i].words[0])
			config_finding(r, place(r, "node", "upstreams", commands[i].key, NULL), false,
				       path_to(r, "node.upstreams.%s", commands[i].key), "is empty; it is a command");
	if (c->node.upstreams.dir && *c->node.upstreams.dir != '/')
		config_finding(r, place(r, "node", "upstreams", "dir", NULL), false, "node.upstreams.dir",
			       "\"%.200s\" must begin with /: nginx reads it from a place of its own",
			       c->node.upstreams.dir);
}

static void rules_cluster(struct config_reader *r, const struct config *c)
{
	const struct {
		const char *key;
		bool given;
	} others[] = { { "kubeconfig", c->cluster.kubeconfig },
		       { "context", c->cluster.context },
		       { "namespace", c->cluster.ns },
		       { "leader_election", c->cluster.election.enabled } };
	for (size_t i = 0; c->cluster.embedded && i < sizeof others / sizeof *others; i++)
		if (others[i].given)
			config_finding(r, place(r, "cluster", others[i].key, NULL), true,
				       path_to(r, "cluster.%s", others[i].key),
				       "is for Kubernetes, and cluster.embedded is true: leave one of the two out");
}

void config_rules(struct config_reader *r, struct config *c)
{
	rules_listen(r, c);
	rules_users(r, c);
	make_users(r, c);
	make_persons(r, c);
	config_freezes(r, c);
	rules_freezes(r, c);
	rules_policies(r, c);
	rules_escalation(r, c);
	rules_routes(r, c);
	rules_languages(r, c);
	config_words(r, c);
	rules_slack(r, c);
	rules_robots(r, c);
	rules_app(r, c);
	make_robots(c);
	rules_gates(r, c);
	rules_console(r, c);
	config_rules_hooks(r, c);
	rules_cluster(r, c);
	rules_node(r, c);
}
