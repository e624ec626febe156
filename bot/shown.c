/* What every rollout's cards show: which revision, and how each looked when it was put last. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "bot/room.h"

struct shown *shown_find(const struct bot *b, const struct rollout *r)
{
	struct shown *s;
	HASH_FIND_STR(b->shown, r->uid, s);
	return s && text_eq(s->revision, r->revision) ? s : NULL;
}

uint64_t *shown_look(struct shown *s, const char *channel)
{
	for (struct look *l = s ? s->looks : NULL; l; l = l->next)
		if (text_eq(l->channel, channel))
			return &l->look;
	struct look *l = s ? calloc(1, sizeof *l) : NULL;
	char *name = l ? strdup(channel) : NULL;
	if (!name) {
		free(l);
		return NULL;
	}
	*l = (struct look){ .channel = name, .next = s->looks };
	s->looks = l;
	return &l->look;
}

void shown_forget_looks(struct shown *s)
{
	while (s->looks) {
		struct look *l = s->looks;
		s->looks = l->next;
		free(l->channel);
		free(l);
	}
}

struct shown *shown_of_uid(const struct bot *b, const char *uid)
{
	struct shown *s;
	HASH_FIND_STR(b->shown, uid, s);
	return s;
}

static struct shown *shown_of(struct bot *b, const struct rollout *r)
{
	struct shown *s = shown_of_uid(b, r->uid);
	if (s)
		return s;
	s = calloc(1, sizeof *s);
	if (!s)
		return NULL;
	*s = (struct shown){ .bot = b, .uid = strdup(r->uid), .revision = strdup("") };
	if (!s->uid || !s->revision) {
		free(s->uid);
		free(s->revision);
		free(s);
		return NULL;
	}
	HASH_ADD_KEYPTR(hh, b->shown, s->uid, strlen(s->uid), s);
	return s;
}

void shown_free(struct bot *b, struct shown *s)
{
	timer_stop(&s->timer);
	HASH_DEL(b->shown, s); /* NOLINT: the analyzer does not know uthash */
	shown_forget_looks(s);
	trace_free(s->trace);
	free(s->uid);
	free(s->revision);
	free(s->images);
	free(s);
}

struct shown *shown_turn(struct bot *b, const struct rollout *r)
{
	struct shown *s = shown_of(b, r);
	if (!s)
		return NULL;
	if (!text_eq(s->revision, r->revision)) {
		char *revision = strdup(r->revision);
		if (!revision) {
			shown_free(b, s);
			return NULL;
		}
		free(s->revision);
		s->revision = revision;
		shown_forget_looks(s);
		trace_free(s->trace);
		s->trace = NULL;
	}
	char *images = strdup(r->canary.images ? r->canary.images : "");
	if (images) {
		free(s->images);
		s->images = images;
	}
	s->phase = r->phase;
	s->waiting = r->gate.waiting;
	s->active = r->active;
	s->weight = r->canary.weight;
	s->started_at = r->started_at;
	return s;
}
