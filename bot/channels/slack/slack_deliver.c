/* The outbox's hand: posts, updates, thread replies. A post whose answer got lost may stand in the channel: where our
 * app may read back, it is looked for (by an id in its metadata) before it is repeated. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "base/strbuf.h"
#include "base/text.h"
#include "bot/channels/slack/slack_private.h"

enum { MARK_BYTES = 320, LOOK_BACK_MESSAGES = 50, FORM_BYTES_MAX = 4096, RENEWAL_MS = 2000 };
#define EVENT_TYPE "rollcall_message"

struct delivery {
	struct slack *slack;
	uint64_t row;
	bool card, update, fallback;
	bool broken;                    /* the item is no message: nothing is sent */
	bool repeatable;                /* whatever became of it, doing it again doubles nothing */
	char *channel, *ts, *thread_ts; /* owned */
	cJSON *body;                    /* owned */
	char mark[MARK_BYTES];          /* what its metadata carries */
	char file[MARK_BYTES];          /* the name of its picture, which is its mark as well */
	outbox_sent *done;
	void *owner;
};

static void delivery_free(void *owner)
{
	struct delivery *d = owner;
	free(d->channel);
	free(d->ts);
	free(d->thread_ts);
	cJSON_Delete(d->body);
	free(d);
}

static void delivery_over(struct delivery *d, const struct outbox_result *result)
{
	outbox_sent *done = d->done;
	void *owner = d->owner;
	uint64_t row = d->row;
	done(owner, row, result);
	delivery_free(d);
}

/* ---- what an answer means ---- */

static enum result meaning(const struct delivery *d, const struct slack_answer *ans)
{
	switch (slack_trouble_of(ans->error)) {
	case TROUBLE_CREDENTIAL:
	case TROUBLE_SETUP:
	case TROUBLE_SLOW:
		return RC_UNREACHABLE;
	case TROUBLE_GONE:
		return RC_NOT_FOUND;
	case TROUBLE_PLACE:
	case TROUBLE_CONTENT:
	case TROUBLE_TRIGGER:
		return RC_INVALID;
	case TROUBLE_THEIRS:
		break;
	case TROUBLE_UNKNOWN:
		if (ans->r == RC_INVALID)
			return RC_INVALID;
		break;
	}
	return d->repeatable ? RC_UNREACHABLE : RC_CONFLICT; /* a post may have arrived */
}

static void fail(struct delivery *d, const struct slack_answer *ans)
{
	enum slack_trouble t = slack_trouble_of(ans->error);
	bool renewed = d->slack->token && text_eq(ans->error, "token_expired"); /* another one is on its way */
	struct outbox_result result = { .r = meaning(d, ans),
					.retry_after_ms = renewed ? RENEWAL_MS : ans->retry_after_ms,
					.message_id = "",
					.why = ans->why,
					.pause_channel = !renewed && (t == TROUBLE_CREDENTIAL || t == TROUBLE_SETUP) };
	delivery_over(d, &result);
}

/* The message id of a card. A post to a person is answered with the conversation's id, and only that one can be used to
 * update it: then the id is "D024/TS". */
static void succeed(struct delivery *d, const char *channel, const char *ts)
{
	struct outbox_result result = { .r = RC_OK, .retry_after_ms = -1, .message_id = "", .why = "" };
	char id[128];
	bool elsewhere = *channel && !text_eq(channel, d->channel);
	(void)snprintf(id, sizeof id, "%s%s%s", elsewhere ? channel : "", elsewhere ? "/" : "", ts);
	if (d->card && !d->update)
		result.message_id = id;
	delivery_over(d, &result);
}

/* Our app's id comes with each message that it posted. */
static void learn_app(struct slack *s, const cJSON *body)
{
	const char *app = json_text(body, "message.app_id", "");
	if (*s->app || !*app)
		return;
	char *copy = strdup(app);
	if (!copy)
		return;
	free(s->app);
	s->app = copy;
}

/* ---- sending ---- */

static void sent(void *owner, const struct slack_answer *ans);

static void send_on(struct delivery *d)
{
	char *body = d->broken ? NULL : json_print(d->body); /* without a body the call fails, later */
	slack_send(d->slack, &(struct slack_request){ .as = SLACK_JSON,
						      .method = d->update ? "chat.update" : "chat.postMessage",
						      .body = body,
						      .done = sent,
						      .drop = delivery_free,
						      .owner = d });
	free(body);
}

/* Slack does not like the shape: the words alone are better than nothing. */
static void send_plain(struct delivery *d, const struct slack_answer *ans)
{
	log_warn("slack_blocks_refused", "why=%s", ans->why);
	d->fallback = true;
	json_remove(d->body, "metadata");
	json_remove(d->body, "blocks");
	if (d->update && !json_put(d->body, "blocks", cJSON_CreateArray()))
		fail(d, ans);
	else
		send_on(d);
}

static void sent(void *owner, const struct slack_answer *ans)
{
	struct delivery *d = owner;
	if (d->broken) {
		delivery_over(d, &(struct outbox_result){ .r = RC_INVALID,
							  .retry_after_ms = -1,
							  .message_id = "",
							  .why = "the stored message is not JSON" });
	} else if (ans->r == RC_OK) {
		learn_app(d->slack, ans->body);
		succeed(d, json_text(ans->body, "channel", ""), json_text(ans->body, "ts", ""));
	} else if (!d->fallback && slack_trouble_of(ans->error) == TROUBLE_CONTENT && json_at(d->body, "blocks")) {
		send_plain(d, ans);
	} else {
		fail(d, ans);
	}
}

/* ---- pictures ---- */

/* Without its picture the message is its text, rather than nothing, when the app may not upload. */
static void chart_sent(void *owner, const struct slack_answer *ans, bool posted)
{
	struct delivery *d = owner;
	enum slack_trouble t = slack_trouble_of(ans->error);
	d->repeatable = !posted;
	if (ans->r == RC_OK) {
		succeed(d, "", "");
	} else if (ans->r == RC_INVALID && (t == TROUBLE_SETUP || t == TROUBLE_CONTENT || t == TROUBLE_UNKNOWN)) {
		log_warn("slack_chart_refused", "why=%s", ans->why);
		d->repeatable = false;
		send_on(d);
	} else {
		fail(d, ans);
	}
}

static void send_chart(struct delivery *d)
{
	cJSON *chart = cJSON_DetachItemFromObjectCaseSensitive(d->body, "chart");
	slack_upload(d->slack,
		     &(struct slack_picture){ .base64 = cJSON_IsString(chart) ? chart->valuestring : "",
					      .name = d->file,
					      .alt = json_text(d->body, "text", ""),
					      .channel = d->channel,
					      .thread_ts = d->thread_ts },
		     chart_sent, delivery_free, d);
	cJSON_Delete(chart);
}

static void send_first(struct delivery *d)
{
	if (!d->broken && json_at(d->body, "chart"))
		send_chart(d);
	else
		send_on(d);
}

/* ---- looking back ---- */

static const char *found_in(const struct delivery *d, const cJSON *body)
{
	const cJSON *m;
	cJSON_ArrayForEach (m, json_at(body, "messages"))
		if ((text_eq(json_text(m, "metadata.event_type", ""), EVENT_TYPE) &&
		     text_eq(json_text(m, "metadata.event_payload.id", ""), d->mark)) ||
		    text_eq(json_text(m, "files.0.name", ""), d->file))
			return json_text(m, "ts", "");
	return NULL;
}

static void looked_back(void *owner, const struct slack_answer *ans)
{
	struct delivery *d = owner;
	const char *ts = ans->r == RC_OK ? found_in(d, ans->body) : NULL;
	bool answered = ans->r == RC_OK;
	if (answered)
		d->slack->history = HISTORY_YES;
	else if (text_eq(ans->error, "missing_scope"))
		d->slack->history = HISTORY_NO;
	if (ts)
		succeed(d, "", ts);
	else if (answered || ans->r == RC_INVALID)
		send_first(d); /* it did not arrive, or nobody can tell */
	else
		fail(d, ans);
}

static void look_back(struct delivery *d)
{
	struct strbuf form;
	strbuf_init(&form, FORM_BYTES_MAX);
	strbuf_add(&form, "channel=");
	strbuf_add_urlencoded(&form, d->channel, strlen(d->channel));
	strbuf_addf(&form, "&limit=%d&include_all_metadata=true", LOOK_BACK_MESSAGES);
	if (*d->thread_ts) {
		strbuf_add(&form, "&ts=");
		strbuf_add_urlencoded(&form, d->thread_ts, strlen(d->thread_ts));
	}
	slack_send(d->slack,
		   &(struct slack_request){ .as = SLACK_FORM_BODY,
					    .method = *d->thread_ts ? "conversations.replies" : "conversations.history",
					    .body = form.overflow ? NULL : form.s,
					    .done = looked_back,
					    .drop = delivery_free,
					    .owner = d });
	strbuf_finish(&form);
}

/* ---- from an item to a call ---- */

/* "D024/1700.1" and "1700.1" */
static bool take_address(struct delivery *d, const struct outbox_item *item)
{
	const char *ts = item->message_id ? item->message_id : "", *slash = strchr(ts, '/');
	const char *channel = text_starts(item->channel, "slack:") ? item->channel + 6 : item->channel;
	const char *thread = item->kind == OUTBOX_REPLY ? ts : item->thread_id ? item->thread_id : "";
	const char *in_thread = strrchr(thread, '/');
	if (!*ts && in_thread) /* the thread is in a conversation with a person */
		slash = in_thread, ts = thread;
	if (slash && item->kind != OUTBOX_MESSAGE)
		d->channel = strndup(ts, (size_t)(slash - ts));
	else
		d->channel = strdup(channel);
	d->card = item->kind == OUTBOX_CARD;
	d->update = d->repeatable = d->card && item->message_id && *item->message_id;
	d->ts = strdup(d->update ? slash ? slash + 1 : ts : "");
	d->thread_ts = strdup(d->update ? "" : in_thread ? in_thread + 1 : thread);
	return d->channel && d->ts && d->thread_ts;
}

static bool complete_body(struct delivery *d)
{
	cJSON *b = d->body;
	if (!json_put_text(b, "channel", d->channel) || !json_put(b, "unfurl_links", cJSON_CreateFalse()) ||
	    !json_put(b, "unfurl_media", cJSON_CreateFalse()))
		return false;
	if (d->update)
		return json_put_text(b, "ts", d->ts);
	if (*d->thread_ts && !json_put_text(b, "thread_ts", d->thread_ts))
		return false;
	return json_put_text(b, "metadata.event_type", EVENT_TYPE) &&
	       json_put_text(b, "metadata.event_payload.id", d->mark);
}

static const struct outbox_result no_memory = {
	.r = RC_UNREACHABLE, .retry_after_ms = -1, .message_id = "", .why = "no memory for a message"
};

void slack_deliver(void *channel_owner, const struct outbox_item *item, outbox_sent *done, void *owner)
{
	struct slack *s = channel_owner;
	struct delivery *d = calloc(1, sizeof *d);
	if (!d) {
		done(owner, item->row, &no_memory);
		return;
	}
	*d = (struct delivery){ .slack = s, .row = item->row, .done = done, .owner = owner };
	(void)snprintf(d->mark, sizeof d->mark, "%llu/%.240s", (unsigned long long)item->row, item->subject);
	(void)snprintf(d->file, sizeof d->file, "rollout-%llu.png", (unsigned long long)item->row);
	enum result r = json_parse(item->body, strlen(item->body), &d->body, NULL);
	if (!take_address(d, item) || r == RC_EXHAUSTED || (r == RC_OK && !complete_body(d))) {
		delivery_over(d, &no_memory);
		return;
	}
	d->broken = r != RC_OK;
	if (item->maybe_sent && !d->update && !d->broken && s->history != HISTORY_NO)
		look_back(d);
	else
		send_first(d);
}
