/* From callbacks to interactions: whose they are, whether they came before, who acts where. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "base/strbuf.h"
#include "base/text.h"
#include "bot/channels/dingtalk/dingapp_private.h"

enum { LOOKUP_BYTES_MAX = 2048 };

static bool first(struct dingapp *d, const char *kind, const char *id, struct arena *a)
{
	const char *key = arena_printf(a, "%s:%s", kind, id);
	return key && seen_first(d->seen, key, loop_now(d->ctx.loop), DINGAPP_EVENT_KEEP_MS);
}

static bool refuse(struct dingapp *d, const char *kind, const char *why, const char **ret_why)
{
	metric_inc(d->refused_metric, 1, kind);
	*ret_why = why;
	return true;
}

static bool lost(void)
{
	log_error("interaction_lost", "platform=dingtalk why=no memory");
	return true;
}

/* ---- presses ---- */

/* A press by a unionId waits for the staff id, which is what policies name. */
struct lookup {
	struct dingapp *ding;
	struct responder *responder;
	char *channel, *track_id, *event_id, *value, *reason; /* owned */
	bool http;
};

static void lookup_free(void *owner)
{
	struct lookup *w = owner;
	if (w->responder)
		w->responder->say(w->responder, NULL, false);
	free(w->channel);
	free(w->track_id);
	free(w->event_id);
	free(w->value);
	free(w->reason);
	free(w);
}

static void tell_press(struct dingapp *d, struct lookup *w, const char *staff)
{
	struct interaction out = {
		.person = { .platform = "dingtalk",
			    .team = d->corp_id,
			    .id = staff,
			    .name = staff,
			    .user = "",
			    .in_channel = !text_starts(w->channel, DINGAPP_PREFIX "@") },
		.channel = w->channel,
		.message_id = w->track_id,
		.thread_id = "",
		.event_id = w->event_id,
		.value = w->value,
		.text = w->reason,
		.form = *w->reason != '\0',
		.unproven = w->http,
		.responder = TAKE(w->responder),
	};
	d->ctx.ears.interaction(d->ctx.ears.owner, &out);
}

static void looked_up(void *owner, const struct dingapp_answer *ans)
{
	struct lookup *w = owner;
	const char *staff = json_text(ans->body, "result.userid", "");
	/* 0 inside, 1 outside of the organisation */
	if (ans->trouble == DINGAPP_FINE && *staff && json_int(ans->body, "result.contact_type", 0) == 0)
		tell_press(w->ding, w, staff);
	else
		log_warn("dingtalk_person_unknown", "why=%s", ans->why);
	lookup_free(w);
}

static void look_up(struct lookup *w, const char *union_id)
{
	struct strbuf b;
	strbuf_init(&b, LOOKUP_BYTES_MAX);
	strbuf_add(&b, "{\"unionid\":");
	strbuf_add_json(&b, union_id);
	strbuf_addc(&b, '}');
	dingapp_send(w->ding, &(struct dingapp_request){ .auth = DINGAPP_OLD_TOKEN,
							 .method = "POST",
							 .path = "/topapi/user/getbyunionid",
							 .body = b.overflow ? NULL : b.s,
							 .done = looked_up,
							 .drop = lookup_free,
							 .owner = w });
	strbuf_finish(&b);
}

static struct lookup *lookup_create(struct dingapp *d, const struct dingapp_origin *from, const struct dingapp_press *p,
				    const char *channel)
{
	struct lookup *w = calloc(1, sizeof *w);
	if (!w)
		return NULL;
	*w = (struct lookup){ .ding = d,
			      .channel = strdup(channel),
			      .track_id = strdup(p->track_id),
			      .event_id = strdup(from->message_id),
			      .value = strdup(p->value),
			      .reason = strdup(p->reason),
			      .http = from->http };
	struct dingapp_reply reply = { .channel = channel,
				       .staff = p->union_id ? "" : p->user,
				       .session = "",
				       .press = true,
				       .template = dingapp_track_is_template(p->track_id),
				       .from = *from };
	w->responder = dingapp_responder_create(d, &reply);
	if (w->responder && w->channel && w->track_id && w->event_id && w->value && w->reason)
		return w;
	lookup_free(w);
	return NULL;
}

bool dingapp_hear_press(struct dingapp *d, const struct dingapp_origin *from, const char *data, size_t len,
			const char **ret_why)
{
	struct dingapp_press p;
	struct error e;
	CLEANUP(arena_destroy_p) struct arena *a = arena_create(DINGAPP_ARENA_BYTES);
	if (!a)
		return lost();
	if (dingapp_read_press(data, len, a, &p, &e) != RC_OK)
		return refuse(d, "malformed", "the press is malformed", ret_why);
	/* the same staff id means somebody else in another organisation */
	if (!text_eq(p.corp, d->corp_id))
		return refuse(d, "organisation", "somebody of another organisation", ret_why);
	const char *channel = dingapp_track_channel(p.track_id, a);
	if (!channel)
		return refuse(d, "card", "not a card of ours", ret_why);
	if (!first(d, "press", from->message_id, a))
		return true; /* heard, and answered or about to be */
	struct lookup *w = lookup_create(d, from, &p, channel);
	if (!w)
		return lost();
	if (p.union_id) {
		look_up(w, p.user);
	} else {
		tell_press(d, w, p.user);
		lookup_free(w);
	}
	return false;
}

/* ---- messages ---- */

static const char *foreign(const struct dingapp *d, const struct dingapp_message *m)
{
	if (!text_eq(m->sender_corp, d->corp_id) || !text_eq(m->robot_corp, d->corp_id))
		return "somebody of another organisation";
	if (*m->robot_code && !text_eq(m->robot_code, d->robot_code))
		return "another robot";
	return *m->staff ? NULL : "DingTalk does not say who it is: an outsider, or the app is not released";
}

static void tell_message(struct dingapp *d, const struct dingapp_origin *from, const struct dingapp_message *m,
			 const char *channel, const char *event_id, struct responder *responder)
{
	struct interaction out = {
		.person = { .platform = "dingtalk",
			    .team = d->corp_id,
			    .id = m->staff,
			    .name = *m->nick ? m->nick : m->staff,
			    .user = "",
			    .in_channel = m->group },
		.channel = channel,
		.message_id = "",
		.thread_id = "",
		.event_id = event_id,
		.value = "",
		.text = m->text,
		.unproven = from->http,
		.responder = responder,
	};
	d->ctx.ears.interaction(d->ctx.ears.owner, &out);
}

/* How an operator learns what to write into routes. */
static void introduce(struct dingapp *d, const struct dingapp_message *m, const char *channel, struct arena *a)
{
	if (m->group && first(d, "group", channel, a))
		log_info("dingtalk_group", "channel=%s title=%s", channel, m->title);
}

bool dingapp_hear_message(struct dingapp *d, const struct dingapp_origin *from, const char *data, size_t len,
			  const char **ret_why)
{
	struct dingapp_message m;
	struct error e;
	CLEANUP(arena_destroy_p) struct arena *a = arena_create(DINGAPP_ARENA_BYTES);
	if (!a)
		return lost();
	if (dingapp_read_message(data, len, a, &m, &e) != RC_OK)
		return refuse(d, "malformed", "the message is malformed", ret_why);
	const char *why = foreign(d, &m);
	if (why)
		return refuse(d, "person", why, ret_why);
	const char *channel = m.group ? arena_printf(a, DINGAPP_PREFIX "%s", m.conversation)
				      : arena_printf(a, DINGAPP_PREFIX "@%s", m.staff);
	/* the message's own id: redeliveries keep it, whatever carries them */
	const char *event_id = arena_printf(a, "dingtalk:%s", m.id);
	if (!channel || !event_id)
		return lost();
	introduce(d, &m, channel, a);
	if (!first(d, "message", m.id, a))
		return true;
	struct dingapp_reply reply = { .channel = channel,
				       .staff = m.staff,
				       .session = m.session,
				       .session_end = { m.session_end },
				       .from = *from };
	struct responder *responder = dingapp_responder_create(d, &reply);
	if (!responder)
		return lost();
	tell_message(d, from, &m, channel, event_id, responder);
	return false;
}

/* ---- events ---- */

/* Who is in a role or a department may be another answer now. */
void dingapp_hear_event(struct dingapp *d, const char *type)
{
	if (text_starts(type, "user_") || text_starts(type, "org_") || text_starts(type, "label_"))
		dingapp_groups_stale(d);
}
