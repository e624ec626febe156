#include "bot/bot.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "bot/room.h"

struct channel *bot_channel(const struct bot *b, const char *name)
{
	for (struct channel *const *c = b->o.channels; c && *c; c++) {
		size_t n = strlen((*c)->ops->platform);
		if (strncmp(name, (*c)->ops->platform, n) == 0 && name[n] == ':')
			return *c;
	}
	return NULL;
}

enum card_lang bot_lang(const struct bot *b, const char *channel)
{
	for (const struct bot_channel_lang *l = b->o.langs; l && l->channel; l++)
		if (text_eq(l->channel, channel))
			return l->lang;
	return b->o.lang;
}

/* ---- routing ---- */

static bool has_label(const char *labels, const char *wanted)
{
	size_t n = strlen(wanted);
	for (const char *p = labels; p && *p; p = strchr(p, ',')) {
		p += *p == ',';
		if (strncmp(p, wanted, n) == 0 && (p[n] == ',' || p[n] == '\0'))
			return true;
	}
	return false;
}

static bool fits(const struct bot_route *route, const struct rollout *r)
{
	if (!text_empty(route->ns) && fnmatch(route->ns, r->ns, 0) != 0)
		return false;
	return text_empty(route->labels) || has_label(r->labels, route->labels);
}

static const char *const *split_channels(const char *list, struct arena *a)
{
	size_t n = 1;
	for (const char *p = list; *p; p++)
		n += *p == ',';
	const char **out = arena_alloc(a, n + 1, sizeof *out);
	size_t i = 0;
	for (const char *p = list; out && p && *p; p = strchr(p, ',')) {
		p += strspn(p, ", ");
		size_t len = strcspn(p, ", ");
		if (len)
			out[i++] = arena_strndup(a, p, len);
	}
	return out;
}

const char *const *bot_channels(const struct bot *b, const struct rollout *r, struct arena *a)
{
	static const char *const none[] = { NULL };
	const char *const *list = none;
	if (!text_empty(r->channels)) {
		list = split_channels(r->channels, a);
		return list ? list : none;
	}
	for (const struct bot_route *route = b->o.routes; route && route->channels; route++)
		if (fits(route, r))
			return route->channels;
	return none;
}

/* ---- people ---- */

static bool has_identity(const struct directory_user *u, const char *identity)
{
	for (const char *const *i = u->identities; i && *i; i++)
		if (text_eq(*i, identity))
			return true;
	return false;
}

void bot_recognise(const struct bot *b, struct person *who, struct arena *a)
{
	const char *identity = arena_printf(a, "%s:%s", who->platform, who->id);
	for (const struct directory_user *u = b->o.users; u && u->name; u++)
		if (identity &&
		    (has_identity(u, identity) || (text_eq(who->user, u->name) && !text_empty(who->user)))) {
			who->user = u->name;
			who->groups = u->groups;
			return;
		}
	if (!who->user)
		who->user = "";
}

/* ---- names ---- */

static bool named(const struct rollout *r, const char *name)
{
	const char *slash = strchr(name, '/');
	if (!slash)
		return text_eq(r->name, name);
	const char *second = strchr(slash + 1, '/');
	if (second) {
		size_t n = (size_t)(slash - name);
		if (strlen(r->cluster) != n || strncmp(r->cluster, name, n) != 0)
			return false;
		name = slash + 1;
		slash = second;
	}
	size_t n = (size_t)(slash - name);
	return strlen(r->ns) == n && strncmp(r->ns, name, n) == 0 && text_eq(r->name, slash + 1);
}

const struct rollout *const *bot_find(struct bot *b, const char *name, struct arena *a, size_t *ret_count)
{
	size_t all = 0, n = 0;
	const struct rollout *const *list = engine_list(b->o.engine, NULL, a, &all);
	const struct rollout **found = arena_alloc(a, all + 1, sizeof *found);
	for (size_t i = 0; found && i < all; i++)
		if (named(list[i], name))
			found[n++] = list[i];
	*ret_count = n;
	return found;
}

/* ---- life ---- */

static void heard_early(void *owner, const struct interaction *in)
{
	struct bot **slot = owner;
	if (*slot)
		ears_heard(*slot, in);
	else
		in->responder->say(in->responder, "not ready yet, try again in a moment", false);
}

struct bot_ears bot_ears(struct bot **slot)
{
	return (struct bot_ears){ .interaction = heard_early, .owner = slot };
}

enum result bot_create(const struct bot_options *o, struct bot **ret, struct error *e)
{
	struct bot *b = calloc(1, sizeof *b);
	if (!b)
		return error_set(e, RC_EXHAUSTED, "no memory for the bot");
	b->o = *o;
	for (struct channel *const *c = o->channels; c && *c; c++) {
		char prefix[32];
		(void)snprintf(prefix, sizeof prefix, "%s:", (*c)->ops->platform);
		outbox_platform(o->outbox, prefix, (*c)->ops->spacing_ms, (*c)->ops->per_minute,
				(*c)->ops->per_minute_channel, (*c)->ops->deliver, *c);
	}
	engine_listen(o->engine, speak_event, b);
	approvals_record(o->approvals, speak_record, b);
	approvals_listen(o->approvals, speak_news, b);
	*ret = b;
	return RC_OK;
}

void bot_destroy(struct bot *b)
{
	if (!b)
		return;
	calls_cancel(b);
	speak_forget(b);
	free(b);
}

void bot_start(struct bot *b)
{
	struct arena *a = arena_create(BOT_ARENA_BYTES * 8);
	size_t n = 0;
	const struct rollout *const *list = a ? engine_list(b->o.engine, NULL, a, &n) : NULL;
	for (size_t i = 0; list && i < n; i++) {
		/* A card that says "progressing" for ever is a lie: what ended while we were away is told as well. */
		const char *subject = arena_printf(a, "%s/%s", list[i]->uid, list[i]->revision);
		bool posted = false;
		for (const char *const *c = bot_channels(b, list[i], a); subject && *c; c++)
			posted = posted || *outbox_message_id(b->o.outbox, *c, subject);
		if (list[i]->active || posted)
			speak_rollout(b, list[i], true);
	}
	arena_destroy(a);
}
