/* What people do in Slack, whichever way it came: is it ours, did it come before, what is acknowledged, who hears it.
 */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/text.h"
#include "bot/cards/clean.h"
#include "bot/channels/slack/slack_private.h"

enum { EVENT_KEEP_MS = 3600 * 1000, REASON_CHARS_MIN = 3, HEARING_BYTES = 4 * 1024 * 1024 };

/* ---- whose it is ---- */

/* An app that an enterprise has installed for all of its workspaces, and none of them is named in the configuration. */
static bool serves_enterprise(const struct slack *s)
{
	return s->org_wide && *s->enterprise && !s->team_configured;
}

static bool is_our_place(const struct slack *s, const struct slack_inbound *in)
{
	if (serves_enterprise(s))
		return text_eq(in->enterprise, s->enterprise);
	return text_eq(in->team, s->team);
}

/* In an enterprise people have a workspace of their own; whether it is one of ours is asked of Slack (slack_people.c).
 */
static bool is_our_person(const struct slack *s, const struct slack_inbound *in)
{
	return text_empty(in->user_team) || text_eq(in->user_team, in->team) ||
	       (*s->enterprise && text_eq(in->enterprise, s->enterprise));
}

int slack_foreign(const struct slack *s, const struct slack_inbound *in, const char **why)
{
	if (!*s->team) {
		*why = "own workspace is not known yet (auth.test)";
		return 503;
	}
	*why = "another app";
	if (*s->app && !text_eq(in->app, s->app))
		return 403;
	*why = "another workspace";
	if (!is_our_place(s, in))
		return 403;
	*why = "somebody of another workspace";
	return is_our_person(s, in) ? 0 : 403;
}

/* ---- what is acknowledged ---- */

static bool too_short(const char *reason)
{
	return clean_chars(reason + strspn(reason, " \t\r\n")) < REASON_CHARS_MIN;
}

char *slack_form_answer(const struct slack *s, const struct slack_inbound *in, struct arena *a)
{
	if (in->kind != SLACK_FORM || !too_short(in->text))
		return NULL;
	return slack_form_error(card_words(s->ctx.lang, "reason.missing", a, NULL));
}

/* ---- who hears it ---- */

static bool heard_before(struct slack *s, const struct slack_inbound *in)
{
	struct mono_ms now = loop_now(s->ctx.loop);
	bool again = !text_empty(in->id) && !seen_first(s->seen, in->id, now, EVENT_KEEP_MS);
	return (!text_empty(in->other_id) && !seen_first(s->seen, in->other_id, now, EVENT_KEEP_MS)) || again;
}

static void tell(struct slack *s, const struct slack_inbound *in, const char *id, struct slack_ack **ack,
		 struct arena *a)
{
	struct responder *responder = slack_responder_create(s, in, ack);
	const char *channel = arena_printf(a, "slack:%s", in->channel);
	if (!responder || !channel || !id) {
		log_error("interaction_lost", "platform=slack why=no memory");
		if (responder)
			responder->say(responder, NULL, false);
		return;
	}
	bool press = in->kind == SLACK_PRESS || in->kind == SLACK_FORM;
	struct interaction out = {
		.person = { .platform = "slack",
			    .team = *s->enterprise ? s->enterprise : s->team,
			    .id = in->user,
			    .name = !text_empty(in->user_name) ? in->user_name : in->user,
			    .user = "",
			    .in_channel = *in->channel == 'C' || *in->channel == 'G' },
		.channel = channel,
		.message_id = in->message_ts,
		.thread_id = in->thread_ts,
		.event_id = id,
		.value = press ? in->value : "",
		.text = in->text,
		.form = in->kind == SLACK_FORM,
		.responder = responder,
	};
	s->ctx.ears.interaction(s->ctx.ears.owner, &out);
}

/* ---- may they act at all ---- */

/* Something that has arrived, until it is known who did it. */
struct hearing {
	struct slack *slack;
	struct arena *arena; /* owned; holds the texts */
	struct slack_inbound in;
	const char *id;
	struct slack_ack *ack; /* owned; NULL: sent */
};

static void hearing_drop(void *owner)
{
	struct hearing *h = owner;
	slack_ack_now(&h->ack);
	arena_destroy(h->arena);
	free(h);
}

static void refuse(struct slack *s, const struct slack_inbound *in, const char *refusal, struct slack_ack **ack,
		   struct arena *a)
{
	struct responder *responder = slack_responder_create(s, in, ack);
	log_warn("slack_person_refused", "user=%s why=%s", in->user, refusal);
	if (responder)
		responder->say(responder, card_words(s->ctx.lang, refusal, a, NULL), false);
}

static void person_known(void *owner, const char *refusal, const char *name)
{
	struct hearing *h = owner;
	struct slack *s = h->slack;
	if (*name && text_empty(h->in.user_name))
		h->in.user_name = name;
	if (h->in.kind == SLACK_HOME)
		slack_home_opened(s, h->in.user, refusal);
	else if (*refusal)
		refuse(s, &h->in, refusal, &h->ack, h->arena);
	else
		tell(s, &h->in, h->id, &h->ack, h->arena);
	hearing_drop(h);
}

static bool copy_texts(struct hearing *h)
{
	struct slack_inbound *in = &h->in;
	const char **const texts[] = { &in->app,       &in->team,       &in->enterprise,   &in->user,
				       &in->user_name, &in->user_team,  &in->channel,      &in->message_ts,
				       &in->thread_ts, &in->id,         &in->other_id,     &in->value,
				       &in->text,      &in->trigger_id, &in->response_url, &in->challenge,
				       &h->id };
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		*texts[i] = arena_strdup(h->arena, *texts[i]);
		if (!*texts[i])
			return false;
	}
	return true;
}

void slack_hear(struct slack *s, const struct slack_inbound *in, const char *id, struct slack_ack *ack)
{
	if (in->kind == SLACK_GONE)
		log_error("slack_app_removed", "team=%s what=the app was uninstalled or its tokens were revoked",
			  s->team);
	if (heard_before(s, in) || in->kind == SLACK_GONE || in->kind == SLACK_IGNORED || in->kind == SLACK_CHALLENGE) {
		slack_ack_now(&ack);
		return;
	}
	struct hearing *h = calloc(1, sizeof *h);
	if (h)
		*h = (struct hearing){
			.slack = s, .arena = arena_create(HEARING_BYTES), .in = *in, .id = id, .ack = ack
		};
	if (h && !text_empty(in->other_id))
		h->id = in->other_id;
	else if (h && !text_empty(in->id))
		h->id = in->id;
	if (!h || !h->arena || !h->id || !copy_texts(h)) {
		log_error("interaction_lost", "platform=slack why=no memory");
		if (h)
			hearing_drop(h);
		else
			slack_ack_now(&ack);
		return;
	}
	slack_person_ask(s, in->user, person_known, hearing_drop, h);
}
