/* Acknowledging: Slack is told that something has arrived once it has been dealt with - a vote is on disk then - and
 * at the latest before it gives up waiting (slack.md 2: 3 s). Killed before that, we have acknowledged nothing: the
 * person sees that it did not work, or Slack sends it again. */
#include <stdlib.h>
#include <string.h>

#include "bot/channels/slack/slack_private.h"

enum { PATIENCE_MS = 2000 };

struct slack_ack {
	struct slack_ack *next, **at; /* at NULL: the channel is gone */
	void *place;                  /* NULL: acknowledged, or whoever waited has gone */
	slack_ack_send *send;
	char *text;
	struct timer late;
};

static void acknowledge(struct slack_ack *a, const char *text)
{
	void *place = a->place;
	timer_stop(&a->late);
	a->place = NULL;
	if (place)
		a->send(place, text);
}

static void late(void *owner)
{
	struct slack_ack *a = owner;
	acknowledge(a, a->text);
}

struct slack_ack *slack_ack_create(struct slack *s, void *place, slack_ack_send *send, const char *text)
{
	struct slack_ack *a = calloc(1, sizeof *a);
	char *copy = a ? strdup(text) : NULL;
	if (!copy) {
		free(a);
		send(place, text);
		return NULL;
	}
	*a = (struct slack_ack){ .next = s->acks, .at = &s->acks, .place = place, .send = send, .text = copy };
	if (a->next)
		a->next->at = &a->next;
	s->acks = a;
	timer_start(s->ctx.loop, &a->late, s->patience_ms ? s->patience_ms : PATIENCE_MS, late, a);
	return a;
}

void slack_ack_forget(void *owner)
{
	struct slack_ack *a = owner;
	a->place = NULL;
	timer_stop(&a->late);
}

void slack_acks_forget(struct slack *s, const void *place)
{
	for (struct slack_ack *a = s->acks; a; a = a->next)
		if (a->place == place)
			slack_ack_forget(a);
}

void slack_ack_now(struct slack_ack **ack)
{
	struct slack_ack *a = *ack;
	*ack = NULL;
	if (!a)
		return;
	acknowledge(a, a->text);
	if (a->at) {
		*a->at = a->next;
		if (a->next)
			a->next->at = a->at;
	}
	free(a->text);
	free(a);
}

void slack_acks_finish(struct slack *s)
{
	while (s->acks) {
		struct slack_ack *a = s->acks;
		s->acks = a->next;
		if (a->next)
			a->next->at = &s->acks;
		a->at = NULL;
		a->next = NULL;
		acknowledge(a, NULL);
	}
}
