/* The outbox's hand: one item is one message of the robot, and beside a question a short text that mentions people. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "base/json.h"
#include "base/log.h"
#include "base/text.h"
#include "bot/channels/dingtalk/dingtalk_private.h"

enum { TIMEOUT_MS = 10000, ANSWER_BYTES_MAX = 64 * 1024 };

struct dingtalk_sending {
	struct dingtalk *ding;
	struct dingtalk_sending *next, **at;
	struct dingtalk_lane *lane;
	struct http_call *call;
	struct deferred failed;
	struct dingtalk_outcome early; /* of what is not sent at all */
	cJSON *body;                   /* owned */
	uint64_t row;
	bool question, plain, beside;
	outbox_sent *done; /* NULL for what goes beside */
	void *owner;
};

static void sending_free(struct dingtalk_sending *w)
{
	http_cancel(&w->call);
	loop_defer_cancel(&w->failed);
	*w->at = w->next;
	if (w->next)
		w->next->at = w->at;
	cJSON_Delete(w->body);
	free(w);
}

void dingtalk_sending_drop(struct dingtalk *d)
{
	while (d->sending)
		sending_free(d->sending);
}

static struct dingtalk_sending *sending_create(struct dingtalk *d, struct dingtalk_lane *lane)
{
	struct dingtalk_sending *w = calloc(1, sizeof *w);
	if (!w)
		return NULL;
	*w = (struct dingtalk_sending){ .ding = d, .lane = lane, .next = d->sending, .at = &d->sending };
	if (w->next)
		w->next->at = &w->next;
	d->sending = w;
	return w;
}

/* ---- the robot's limit ---- */

/* How long until it may send one more; 0: now. */
static int64_t lane_wait(const struct dingtalk_lane *l, int64_t now_ms)
{
	int64_t oldest = l->sent_ms[l->at];
	return oldest && now_ms - oldest < ROBOT_WINDOW_MS ? ROBOT_WINDOW_MS - (now_ms - oldest) : 0;
}

static void lane_use(struct dingtalk_lane *l, int64_t now_ms)
{
	l->sent_ms[l->at] = now_ms > 0 ? now_ms : 1;
	l->at = (l->at + 1) % ROBOT_PER_MINUTE;
}

/* ---- bodies ---- */

static const char *text_path(const cJSON *body)
{
	const char *type = json_text(body, "msgtype", "");
	return text_eq(type, "actionCard") ? "actionCard.text"
	       : text_eq(type, "markdown") ? "markdown.text"
					   : "text.content";
}

/* A robot with a keyword takes nothing without it. */
static bool with_keyword(cJSON *body, const char *keyword)
{
	const char *path = text_path(body), *text = json_text(body, path, "");
	if (text_empty(keyword) || strstr(text, keyword))
		return true;
	struct strbuf b;
	strbuf_init(&b, 64 * 1024);
	strbuf_addf(&b, "%s\n\n%s", text, keyword);
	bool ok = !b.overflow && json_put_text(body, path, b.s);
	strbuf_finish(&b);
	return ok;
}

static const char *title_of(const cJSON *body)
{
	const char *title = json_text(body, "actionCard.title", "");
	return *title ? title : json_text(body, "markdown.title", "");
}

static bool put_mentions(cJSON *j, const char *path, const char *const *who)
{
	cJSON *list = who ? cJSON_CreateArray() : NULL;
	bool ok = list || !who;
	for (; list && *who; who++)
		ok = cJSON_AddItemToArray(list, cJSON_CreateString(*who)) && ok;
	return (!list || json_put(j, path, list)) && ok;
}

static cJSON *text_body(const char *content, const struct dingtalk_robot *mentions)
{
	cJSON *j = cJSON_CreateObject();
	bool ok = j && json_put_text(j, "msgtype", "text") && json_put_text(j, "text.content", content);
	if (ok && mentions)
		ok = put_mentions(j, "at.atMobiles", mentions->at_mobiles) &&
		     put_mentions(j, "at.atUserIds", mentions->at_users);
	if (ok)
		return j;
	cJSON_Delete(j);
	return NULL;
}

/* ---- sending ---- */

static void start(struct dingtalk_sending *w);

static void over(struct dingtalk_sending *w, const struct dingtalk_outcome *o)
{
	outbox_sent *done = w->done;
	void *owner = w->owner;
	uint64_t row = w->row;
	if (!done && o->r != RC_OK)
		log_warn("mention_lost", "platform=dingtalk robot=%s why=%s", w->lane->robot->name, o->why);
	sending_free(w);
	struct outbox_result result = {
		.r = o->r, .retry_after_ms = o->retry_after_ms, .message_id = "", .why = o->why
	};
	if (done)
		done(owner, row, &result);
}

/* An actionCard mentions nobody. */
static void mention(struct dingtalk_sending *w)
{
	struct dingtalk *d = w->ding;
	const struct dingtalk_robot *robot = w->lane->robot;
	const char *title = title_of(w->body);
	bool any = (robot->at_mobiles && robot->at_mobiles[0]) || (robot->at_users && robot->at_users[0]);
	if (!w->question || w->beside || !any || !*title || lane_wait(w->lane, loop_now(d->ctx.loop).v) > 0)
		return;
	struct dingtalk_sending *beside = sending_create(d, w->lane);
	if (!beside)
		return;
	beside->beside = true;
	beside->body = text_body(title, robot);
	start(beside);
}

static void answered(void *owner, enum result r, const struct http_answer *answer, const struct error *why)
{
	struct dingtalk_sending *w = owner;
	w->call = NULL;
	struct dingtalk_outcome o = { .r = RC_CONFLICT, .retry_after_ms = -1 };
	if (r == RC_OK)
		dingtalk_outcome(answer->status, answer->body, answer->len, &o);
	else
		(void)snprintf(o.why, sizeof o.why, "robot/send: %.200s", why->text);
	cJSON *plain = o.plain_instead && !w->plain && *title_of(w->body) ? text_body(title_of(w->body), NULL) : NULL;
	if (plain) {
		log_warn("dingtalk_content_refused", "robot=%s why=%s", w->lane->robot->name, o.why);
		cJSON_Delete(w->body);
		w->body = plain;
		w->plain = true;
		start(w);
		return;
	}
	if (o.r == RC_OK)
		mention(w);
	over(w, &o);
}

static void not_sent(void *owner)
{
	struct dingtalk_sending *w = owner;
	struct dingtalk_outcome o = w->early;
	over(w, &o);
}

static void fail(struct dingtalk_sending *w, enum result r, int64_t retry_after_ms, const char *why)
{
	w->early = (struct dingtalk_outcome){ .r = r, .retry_after_ms = retry_after_ms };
	(void)snprintf(w->early.why, sizeof w->early.why, "%s", why);
	loop_defer(w->ding->ctx.loop, &w->failed, not_sent, w);
}

static void start(struct dingtalk_sending *w)
{
	struct dingtalk *d = w->ding;
	const struct dingtalk_robot *robot = w->lane->robot;
	char *body = w->body && with_keyword(w->body, robot->keyword) ? json_print(w->body) : NULL;
	char *url = dingtalk_signed_url(robot->url, robot->secret, loop_wall(d->ctx.loop).v);
	static const char *const headers[] = { "Content-Type: application/json; charset=utf-8", NULL };
	struct http_request q = { .method = "POST",
				  .url = url,
				  .headers = headers,
				  .body = body,
				  .body_len = body ? strlen(body) : 0,
				  .timeout_ms = TIMEOUT_MS,
				  .max_body_bytes = ANSWER_BYTES_MAX };
	if (body && url)
		w->call = http_send(d->ctx.http, &q, answered, w, NULL);
	if (w->call)
		lane_use(w->lane, loop_now(d->ctx.loop).v);
	else
		fail(w, RC_UNREACHABLE, -1, "no memory for a message");
	free(body);
	crypto_free_secret(url);
}

static struct dingtalk_lane *lane_of(struct dingtalk *d, const char *channel)
{
	const char *name = text_starts(channel, "dingtalk:") ? channel + 9 : channel;
	for (size_t i = 0; i < d->lane_count; i++)
		if (text_eq(d->lanes[i].robot->name, name))
			return &d->lanes[i];
	return NULL;
}

void dingtalk_deliver(void *channel_owner, const struct outbox_item *item, outbox_sent *done, void *owner)
{
	struct dingtalk *d = channel_owner;
	struct dingtalk_lane *lane = lane_of(d, item->channel);
	struct dingtalk_sending *w = sending_create(d, lane);
	if (!w) { /* not even memory to answer later */
		static const struct outbox_result none = {
			.r = RC_UNREACHABLE, .retry_after_ms = -1, .message_id = "", .why = "no memory for a message"
		};
		done(owner, item->row, &none);
		return;
	}
	w->row = item->row;
	w->question = item->kind == OUTBOX_REPLY;
	w->done = done;
	w->owner = owner;
	int64_t wait = lane ? lane_wait(lane, loop_now(d->ctx.loop).v) : 0;
	if (!lane)
		fail(w, RC_INVALID, -1, "no robot of that name is configured");
	else if (wait > 0)
		fail(w, RC_UNREACHABLE, wait, "the robot has sent 18 messages within a minute");
	else if (json_parse(item->body, strlen(item->body), &w->body, NULL) != RC_OK)
		fail(w, RC_INVALID, -1, "the stored message is not JSON");
	else
		start(w);
}
