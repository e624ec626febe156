#include "bot/bot.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "bot/labels.h"
#include "bot/room.h"

struct channel *bot_channel(const struct bot *b, const char *name)
{
	for (struct channel *const *c = b->o.channels; c && *c; c++) {
		size_t n = strlen((*c)->ops->platform);
		if (strncmp(name, (*c)->ops->platform, n) == 0 && name[n] == ':')
			return (*c)->ops->deliver ? *c : NULL;
	}
	return NULL;
}

struct channel *bot_groups_of(const struct bot *b, const char *platform)
{
	for (struct channel *const *c = b->o.channels; c && *c; c++) {
		const struct channel_ops *ops = (*c)->ops;
		if (ops->groups && text_eq(ops->people ? ops->people : ops->platform, platform))
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

struct card_wording bot_wording(const struct bot *b, const char *channel)
{
	struct card_wording w = { .lang = bot_lang(b, channel) };
	for (const struct bot_words *own = b->o.words; own && own->own && !w.own; own++)
		if (own->lang == w.lang && (!*own->channel || text_eq(own->channel, channel)))
			w.own = own->own;
	return w;
}

/* ---- routing ---- */

static bool fits(const struct bot_route *route, const struct rollout *r)
{
	if (!text_empty(route->ns) && fnmatch(route->ns, r->ns, 0) != 0)
		return false;
	return labels_have(r->labels, route->labels);
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

const char *const *bot_routed(const struct bot *b, const struct rollout *r, struct arena *a)
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

static bool is_in(const char *const *list, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (text_eq(list[i], name))
			return true;
	return false;
}

const char *const *bot_channels(const struct bot *b, const struct rollout *r, struct arena *a)
{
	const char *const *routed = bot_routed(b, r, a);
	size_t n = 0, most = 0;
	while (routed[n])
		n++;
	for (const struct subscription *s = b->subscriptions; s; s = s->next)
		most += !*s->thread && subscription_fits(s, r);
	const char **all = most ? arena_alloc(a, n + most + 1, sizeof *all) : NULL;
	if (!all)
		return routed;
	memcpy(all, routed, n * sizeof *all);
	for (const struct subscription *s = b->subscriptions; s; s = s->next)
		if (!*s->thread && subscription_fits(s, r) && !is_in(all, n, s->channel))
			all[n++] = s->channel;
	return all;
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
			who->identities = u->identities;
			return;
		}
	if (!who->user)
		who->user = "";
}

/* ---- names ---- */

/* "CLUSTER/NS/NAME" or "NS/NAME" */
static const struct rollout *find_whole(struct bot *b, const char *name, struct arena *a)
{
	const char *slash = strchr(name, '/'), *second = strchr(slash + 1, '/');
	const char *cluster = second ? arena_strndup(a, name, (size_t)(slash - name)) : NULL;
	if (second) {
		name = slash + 1;
		slash = second;
	}
	const char *ns = arena_strndup(a, name, (size_t)(slash - name));
	const struct rollout *r = ns ? engine_find(b->o.engine, ns, slash + 1, a) : NULL;
	return r && (!second || text_eq(r->cluster, cluster)) ? r : NULL;
}

const struct rollout *const *bot_find(struct bot *b, const char *name, struct arena *a, size_t *ret_count)
{
	size_t all = 0, n = 0;
	*ret_count = 0;
	if (strchr(name, '/')) {
		const struct rollout **one = arena_alloc(a, 2, sizeof *one);
		if (one)
			*one = find_whole(b, name, a);
		*ret_count = one && *one;
		return one;
	}
	/* All of them may be many; only those that are meant are kept. */
	CLEANUP(arena_destroy_p) struct arena *scratch = arena_create(BOT_LIST_BYTES);
	const struct rollout *const *list = scratch ? engine_list(b->o.engine, NULL, scratch, &all) : NULL;
	const struct rollout **found = arena_alloc(a, all + 1, sizeof *found);
	for (size_t i = 0; found && i < all; i++)
		if (text_eq(list[i]->name, name) && (found[n] = engine_find(b->o.engine, list[i]->ns, name, a)))
			n++;
	*ret_count = n;
	return found;
}

/* ---- life ---- */

static void heard_early(void *owner, const struct interaction *in)
{
	struct bot **slot = owner;
	if (*slot && !(*slot)->stopping)
		ears_heard(*slot, in);
	else
		in->responder->say(in->responder, BOT_STOPPING, false);
}

static void asked_what_waits(void *owner, const struct person *who, const char *channel, waiting_told *told, void *to)
{
	struct bot **slot = owner;
	if (*slot)
		waiting_for(*slot, who, channel, told, to);
	else
		told(to, NULL, 0);
}

struct bot_ears bot_ears(struct bot **slot)
{
	return (struct bot_ears){ .interaction = heard_early, .waiting = asked_what_waits, .owner = slot };
}

void bot_free(struct bot *b)
{
	subscriptions_free(b);
	answers_free(b);
	free(b);
}

enum result bot_create(const struct bot_options *o, struct bot **ret, struct error *e)
{
	struct bot *b = calloc(1, sizeof *b);
	if (!b)
		return error_set(e, RC_EXHAUSTED, "no memory for the bot");
	b->o = *o;
	for (struct channel *const *c = o->channels; c && *c; c++) {
		char prefix[32];
		if ((*c)->ops->listen)
			(*c)->ops->listen(*c, o->engine);
		if (!(*c)->ops->deliver)
			continue;
		(void)snprintf(prefix, sizeof prefix, "%s:", (*c)->ops->platform);
		outbox_platform(o->outbox, prefix, (*c)->ops->spacing_ms, (*c)->ops->per_minute,
				(*c)->ops->per_minute_channel, (*c)->ops->deliver, *c);
		outbox_platform_updates(o->outbox, (*c)->ops->updates_per_minute);
	}
	enum result r = subscriptions_load(b, e);
	r = r == RC_OK ? answers_load(b, e) : r;
	if (r != RC_OK) {
		bot_free(b);
		return error_in(e, r, "bot");
	}
	outbox_on_trouble(o->outbox, speak_trouble, b);
	engine_listen(o->engine, speak_event, b);
	approvals_record(o->approvals, speak_record, b);
	approvals_listen(o->approvals, speak_news, b);
	*ret = b;
	return RC_OK;
}

bool bot_idle(const struct bot *b)
{
	return !b->calls;
}

void bot_set_people(struct bot *b, const struct directory_user *users, const struct bot_route *routes,
		    const struct bot_channel_lang *langs, enum card_lang lang)
{
	b->o.users = users;
	b->o.routes = routes;
	b->o.langs = langs;
	b->o.lang = lang;
}

void bot_set_words(struct bot *b, const struct bot_words *words)
{
	b->o.words = words;
}

void bot_stop(struct bot *b)
{
	if (b->stopping)
		return;
	b->stopping = true;
	approvals_forget(b->o.approvals, b);
	outbox_on_trouble(b->o.outbox, NULL, NULL);
	outbox_stop(b->o.outbox);
	approvals_stop(b->o.approvals);
	speak_forget(b);
	early_forget(b);
	waiting_forget(b);
	bot_calls_cancel(b);
}

void bot_destroy(struct bot *b)
{
	if (!b)
		return;
	bot_stop(b);
	calls_forget(b);
	b->destroyed = true;
	if (!b->flying)
		bot_free(b);
}

static enum rollout_life life_of(void *owner, const char *uid)
{
	struct bot *b = owner;
	CLEANUP(arena_destroy_p) struct arena *a = arena_create(BOT_ARENA_BYTES);
	const struct rollout *r = a ? engine_find_uid(b->o.engine, uid, a) : NULL;
	return !a || (r && r->active) ? ROLLOUT_ACTIVE : r ? ROLLOUT_AT_REST : ROLLOUT_GONE;
}

/* A card that says "progressing" for ever is a lie: what changed after its card was sent is told. */
static bool is_stale(struct bot *b, const struct rollout *r, struct arena *a)
{
	const char *subject = arena_printf(a, "%s/%s", r->uid, r->revision);
	for (const char *const *c = bot_channels(b, r, a); subject && *c; c++) {
		int64_t at = outbox_card_at(b->o.outbox, *c, subject);
		if (at && (!r->changed_at.v || r->changed_at.v / 1000 >= at / 1000))
			return true;
	}
	return false;
}

void bot_start(struct bot *b)
{
	CLEANUP(arena_destroy_p) struct arena *a = arena_create(BOT_LIST_BYTES);
	size_t n = 0;
	if (engine_synced(b->o.engine))
		approvals_reconcile(b->o.approvals, life_of, b);
	const struct rollout *const *list = a ? engine_list(b->o.engine, NULL, a, &n) : NULL;
	for (size_t i = 0; list && i < n; i++)
		if (list[i]->active || is_stale(b, list[i], a))
			speak_now(b, list[i]);
	b->started = true;
	early_hear(b);
	waiting_changed(b);
}
