/* What people press and type before the cluster has been read: kept, and heard once it has been. Nobody's click is lost
 * because rollcall was being started; when the cluster stays away, they are told so. */
#include <stdlib.h>

#include "base/text.h"
#include "bot/room.h"

enum { EARLY_MAX = 1000, EARLY_WAIT_MS = 20000 };

struct early {
	struct arena *arena; /* owned; holds the strings */
	struct interaction in;
	struct early *next;
};

static const char *const patience = "the cluster is still being read, try again in a moment";

static void early_free(struct early *e)
{
	arena_destroy(e->arena);
	free(e);
}

static struct early *take_first(struct bot *b)
{
	struct early *e = b->early;
	b->early = e->next;
	b->early_count--;
	return e;
}

static void give_up(void *owner)
{
	struct bot *b = owner;
	while (b->early) {
		struct early *e = take_first(b);
		e->in.responder->say(e->in.responder, patience, false);
		early_free(e);
	}
}

static bool copy(struct early *e, const struct interaction *in)
{
	e->in = *in;
	const char **const texts[] = { &e->in.channel,   &e->in.message_id,  &e->in.thread_id,       &e->in.event_id,
				       &e->in.value,     &e->in.text,        &e->in.person.platform, &e->in.person.team,
				       &e->in.person.id, &e->in.person.name, &e->in.person.user };
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		*texts[i] = arena_strdup(e->arena, *texts[i] ? *texts[i] : "");
		if (!*texts[i])
			return false;
	}
	e->in.person.groups = e->in.person.identities = NULL; /* asked for when it is heard */
	return true;
}

void early_keep(struct bot *b, const struct interaction *in)
{
	struct early *e = b->early_count < EARLY_MAX ? calloc(1, sizeof *e) : NULL;
	if (e)
		e->arena = arena_create(1 << 20);
	if (!e || !e->arena || !copy(e, in)) {
		if (e)
			early_free(e);
		in->responder->say(in->responder, patience, false);
		return;
	}
	struct early **at = &b->early;
	while (*at)
		at = &(*at)->next;
	*at = e;
	if (b->early_count++ == 0)
		timer_start(b->o.loop, &b->early_timer, EARLY_WAIT_MS, give_up, b);
}

void early_hear(struct bot *b)
{
	timer_stop(&b->early_timer);
	while (b->early) {
		struct early *e = take_first(b);
		ears_heard(b, &e->in);
		early_free(e);
	}
}

void early_forget(struct bot *b)
{
	timer_stop(&b->early_timer);
	while (b->early) {
		struct early *e = take_first(b);
		e->in.responder->say(e->in.responder, BOT_STOPPING, false);
		early_free(e);
	}
}
