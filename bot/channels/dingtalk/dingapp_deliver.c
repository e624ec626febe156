/* The outbox's hand: cards are made once and updated in place, by an id that is ours, so that a card whose answer got
 * lost is found again instead of made twice. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "base/json.h"
#include "base/log.h"
#include "base/strbuf.h"
#include "base/text.h"
#include "bot/channels/dingtalk/dingapp_private.h"
#include "bot/channels/dingtalk/dingapp_render.h"

enum { TRACK_BYTES = 320, HASH_CHARS = 24, MULTIPART_BYTES_MAX = 1024 * 1024 };
#define SEND_STANDARD "/v1.0/im/v1.0/robot/interactiveCards/send"
#define UPDATE_STANDARD "/v1.0/im/robots/interactiveCards"
#define SEND_TEMPLATE "/v1.0/card/instances/createAndDeliver"
#define UPDATE_TEMPLATE "/v1.0/card/instances"

struct delivery {
	struct dingapp *ding;
	struct deferred early;
	enum result early_result;
	const char *early_why;
	uint64_t row;
	bool card, update, looking, plain, template;
	char *channel; /* owned; without the platform */
	char track[TRACK_BYTES];
	cJSON *body; /* owned; as rendered */
	outbox_sent *done;
	void *owner;
};

static void delivery_free(void *owner)
{
	struct delivery *w = owner;
	loop_defer_cancel(&w->early);
	free(w->channel);
	cJSON_Delete(w->body);
	free(w);
}

static void delivery_over(struct delivery *w, const struct outbox_result *result)
{
	outbox_sent *done = w->done;
	void *owner = w->owner;
	uint64_t row = w->row;
	done(owner, row, result);
	delivery_free(w);
}

static const char *bare(const char *channel)
{
	return text_starts(channel, DINGAPP_PREFIX) ? channel + strlen(DINGAPP_PREFIX) : channel;
}

static bool to_person(const char *channel)
{
	return *channel == '@';
}

/* ---- what an answer means ---- */

static void fail(struct delivery *w, const struct dingapp_answer *ans)
{
	struct outbox_result result = {
		.r = RC_INVALID, .retry_after_ms = ans->retry_after_ms, .message_id = "", .why = ans->why
	};
	switch (ans->trouble) {
	case DINGAPP_CREDENTIAL:
	case DINGAPP_SETUP:
	case DINGAPP_TOKEN_DEAD:
		result.r = RC_UNREACHABLE;
		result.pause_channel = true;
		break;
	case DINGAPP_SLOW:
		result.r = RC_UNREACHABLE;
		break;
	case DINGAPP_UNKNOWN:
	case DINGAPP_FINE: /* 200, and not delivered */
		/* an update can be repeated, a message may have arrived */
		result.r = w->update ? RC_UNREACHABLE : RC_CONFLICT;
		break;
	case DINGAPP_GONE:
		result.r = RC_NOT_FOUND;
		break;
	case DINGAPP_PLACE:
	case DINGAPP_CONTENT:
	case DINGAPP_REPEATED:
	case DINGAPP_REFUSED:
		break;
	}
	delivery_over(w, &result);
}

static void succeed(struct delivery *w)
{
	struct outbox_result result = { .r = RC_OK, .retry_after_ms = -1, .message_id = "", .why = "" };
	char track[TRACK_BYTES];
	memcpy(track, w->track, sizeof track);
	if (w->card)
		result.message_id = track;
	delivery_over(w, &result);
}

/* ---- bodies ---- */

static bool put_json_text(cJSON *to, const char *path, const cJSON *value)
{
	char *text = value ? json_print(value) : NULL;
	bool ok = text && json_put_text(to, path, text);
	free(text);
	return ok;
}

static bool put_copy(cJSON *to, const char *path, const cJSON *value)
{
	cJSON *copy = value ? cJSON_Duplicate(value, true) : NULL;
	return copy && json_put(to, path, copy);
}

static bool put_true(cJSON *to, const char *path)
{
	return json_put(to, path, cJSON_CreateTrue());
}

static bool put_callback(const struct delivery *w, cJSON *j)
{
	const struct dingapp *d = w->ding;
	if (d->mode == DINGAPP_STREAM)
		return !w->template || json_put_text(j, "callbackType", "STREAM");
	if (w->template)
		return json_put_text(j, "callbackType", "HTTP") && json_put_text(j, "callbackRouteKey", "rollcall");
	char url[1024];
	int n = snprintf(url, sizeof url, "%s%s", d->public_url, d->paths[1]);
	return n > 0 && (size_t)n < sizeof url && json_put_text(j, "callbackUrl", url);
}

/* Mentions of a StandardCard: a list as text. */
static bool put_standard_mentions(cJSON *j, const cJSON *at)
{
	CLEANUP(json_delete_p) cJSON *list = cJSON_CreateArray();
	const cJSON *staff;
	bool ok = list != NULL;
	cJSON_ArrayForEach (staff, at) {
		cJSON *one = cJSON_CreateObject();
		ok = one && json_put_text(one, "userId", staff->valuestring) &&
		     json_put_text(one, "nickName", staff->valuestring) && ok;
		ok = cJSON_AddItemToArray(list, one) && ok;
	}
	return ok && put_json_text(j, "sendOptions.atUserListJson", list);
}

static bool standard_body(const struct delivery *w, cJSON *j)
{
	const struct dingapp *d = w->ding;
	const cJSON *at = json_at(w->body, "at");
	bool ok = json_put_text(j, "cardBizId", w->track) && put_json_text(j, "cardData", json_at(w->body, "standard"));
	if (w->update)
		return ok && put_true(j, "updateOptions.updateCardDataByKey");
	ok = ok && json_put_text(j, "cardTemplateId", "StandardCard") && json_put_text(j, "robotCode", d->robot_code) &&
	     put_callback(w, j);
	if (!to_person(w->channel))
		return ok && json_put_text(j, "openConversationId", w->channel) &&
		       (!at || put_standard_mentions(j, at));
	CLEANUP(json_delete_p) cJSON *receiver = cJSON_CreateObject();
	return ok && receiver && json_put_text(receiver, "userId", w->channel + 1) &&
	       put_json_text(j, "singleChatReceiver", receiver);
}

static bool space_body(const struct delivery *w, cJSON *j)
{
	bool person = to_person(w->channel);
	char space[TRACK_BYTES];
	(void)snprintf(space, sizeof space, "dtv1.card//%s.%s", person ? "IM_ROBOT" : "IM_GROUP",
		       person ? w->channel + 1 : w->channel);
	const char *title = json_text(w->body, "title", "");
	const char *model = person ? "imRobotOpenSpaceModel" : "imGroupOpenSpaceModel";
	cJSON *m = cJSON_CreateObject();
	bool ok = m && json_put(m, "supportForward", cJSON_CreateFalse()) &&
		  json_put_text(m, "lastMessageI18n.ZH_CN", title) && json_put_text(m, "lastMessageI18n.EN_US", title);
	ok = json_put(j, model, m) && ok && json_put_text(j, "openSpaceId", space);
	if (person)
		return ok && json_put_text(j, "imRobotOpenDeliverModel.spaceType", "IM_ROBOT") &&
		       json_put_text(j, "imRobotOpenDeliverModel.robotCode", w->ding->robot_code);
	ok = ok && json_put_text(j, "imGroupOpenDeliverModel.robotCode", w->ding->robot_code);
	const cJSON *staff;
	cJSON *names = cJSON_CreateObject();
	cJSON_ArrayForEach (staff, json_at(w->body, "at"))
		ok = names && cJSON_AddStringToObject(names, staff->valuestring, staff->valuestring) && ok;
	return json_put(j, "imGroupOpenDeliverModel.atUserIds", names) && ok;
}

static bool template_body(const struct delivery *w, cJSON *j)
{
	const cJSON *private = json_at(w->body, "private");
	bool ok = json_put_text(j, "outTrackId", w->track) && json_put_int(j, "userIdType", 1) &&
		  put_copy(j, "cardData.cardParamMap", json_at(w->body, "params")) &&
		  (!private || put_copy(j, "privateData", private));
	if (w->update)
		return ok && put_true(j, "cardUpdateOptions.updateCardDataByKey") &&
		       put_true(j, "cardUpdateOptions.updatePrivateDataByKey");
	return ok && json_put_text(j, "cardTemplateId", w->ding->template) && put_callback(w, j) && space_body(w, j);
}

char *dingapp_message_body(const struct dingapp *d, const char *channel, const char *key, const cJSON *param,
			   const char **ret_path)
{
	CLEANUP(json_delete_p) cJSON *j = cJSON_CreateObject();
	bool person = to_person(channel);
	bool ok = j && json_put_text(j, "robotCode", d->robot_code) && json_put_text(j, "msgKey", key) &&
		  put_json_text(j, "msgParam", param);
	if (ok && person) {
		const char *staff = channel + 1;
		ok = json_put(j, "userIds", cJSON_CreateStringArray(&staff, 1));
	} else {
		ok = ok && json_put_text(j, "openConversationId", channel);
	}
	*ret_path = person ? "/v1.0/robot/oToMessages/batchSend" : "/v1.0/robot/groupMessages/send";
	return ok ? json_print(j) : NULL;
}

/* ---- sending cards ---- */

static void card_answered(void *owner, const struct dingapp_answer *ans);

static void send_card(struct delivery *w)
{
	CLEANUP(json_delete_p) cJSON *j = cJSON_CreateObject();
	bool ok = j && (w->template ? template_body(w, j) : standard_body(w, j));
	char *body = ok ? json_print(j) : NULL;
	const char *path = w->template ? w->update ? UPDATE_TEMPLATE : SEND_TEMPLATE
			   : w->update ? UPDATE_STANDARD
				       : SEND_STANDARD;
	dingapp_send(w->ding, &(struct dingapp_request){ .auth = DINGAPP_TOKEN,
							 .method = w->update ? "PUT" : "POST",
							 .path = path,
							 .body = body,
							 .done = card_answered,
							 .drop = delivery_free,
							 .owner = w });
	free(body);
}

/* 200 is not enough: each space says for itself whether it has the card. NULL: all have. */
static const char *not_delivered(const cJSON *body)
{
	const cJSON *one;
	cJSON_ArrayForEach (one, json_at(body, "result.deliverResults"))
		if (!json_bool(one, "success", false)) {
			const char *why = json_text(one, "errorMsg", "");
			return *why ? why : "the card was not delivered";
		}
	return json_at(body, "success") && !json_bool(body, "success", false) ? "the card was not taken" : NULL;
}

/* The filter does not like a word of it: the title and the buttons are better than nothing. */
static bool make_plain(struct delivery *w)
{
	w->plain = true;
	return w->template ? json_put_text(w->body, "params.body", "")
			   : json_put_text(w->body, "standard.contents.0.text", "-");
}

static void card_answered(void *owner, const struct dingapp_answer *ans)
{
	struct delivery *w = owner;
	const char *not = ans->trouble == DINGAPP_FINE ? not_delivered(ans->body) : NULL;
	if (w->looking && (ans->trouble == DINGAPP_GONE || ans->trouble == DINGAPP_REFUSED)) {
		w->looking = w->update = false; /* it did not arrive */
		send_card(w);
	} else if (ans->trouble == DINGAPP_REPEATED && !w->update) {
		w->update = true; /* it is there, as an earlier try left it */
		send_card(w);
	} else if (ans->trouble == DINGAPP_CONTENT && !w->plain && make_plain(w)) {
		log_warn("dingtalk_content_refused", "why=%s", ans->why);
		send_card(w);
	} else if (not ) {
		char shown[TEXT_SHOWN], why[TEXT_SHOWN + 64];
		(void)snprintf(why, sizeof why, "%s: %s", SEND_TEMPLATE, text_show(not, strlen(not ), shown));
		delivery_over(w, &(struct outbox_result){
					 .r = RC_INVALID, .retry_after_ms = -1, .message_id = "", .why = why });
	} else if (ans->trouble == DINGAPP_FINE) {
		succeed(w);
	} else {
		fail(w, ans);
	}
}

/* ---- sending messages ---- */

static void message_answered(void *owner, const struct dingapp_answer *ans)
{
	struct delivery *w = owner;
	struct outbox_result result = { .r = RC_OK, .retry_after_ms = -1, .message_id = "", .why = "" };
	if (ans->trouble != DINGAPP_FINE) {
		fail(w, ans);
		return;
	}
	if (cJSON_GetArraySize(json_at(ans->body, "invalidStaffIdList"))) {
		result.r = RC_INVALID;
		result.why = "batchSend: nobody has this staff id";
	} else if (cJSON_GetArraySize(json_at(ans->body, "flowControlledStaffIdList"))) {
		result.r = RC_UNREACHABLE;
		result.retry_after_ms = 60 * 1000;
		result.why = "batchSend: this person has got too many messages";
	}
	delivery_over(w, &result);
}

static void send_message(struct delivery *w, const char *key, const cJSON *param)
{
	const char *path = "";
	char *body = dingapp_message_body(w->ding, w->channel, key, param, &path);
	dingapp_send(w->ding, &(struct dingapp_request){ .auth = DINGAPP_TOKEN,
							 .method = "POST",
							 .path = path,
							 .body = body,
							 .done = message_answered,
							 .drop = delivery_free,
							 .owner = w });
	free(body);
}

/* ---- pictures: uploaded first, then sent by their id ---- */

static void uploaded(void *owner, const struct dingapp_answer *ans)
{
	struct delivery *w = owner;
	const char *id = json_text(ans->body, "media_id", "");
	CLEANUP(json_delete_p) cJSON *param = cJSON_CreateObject();
	if (ans->trouble == DINGAPP_FINE && *id && param && json_put_text(param, "photoURL", id)) {
		send_message(w, "sampleImageMsg", param);
	} else if (ans->trouble != DINGAPP_FINE) {
		w->update = true; /* nothing has been said yet: it can be repeated */
		fail(w, ans);
	} else {
		delivery_over(w, &(struct outbox_result){ .r = RC_INVALID,
							  .retry_after_ms = -1,
							  .message_id = "",
							  .why = "media/upload: the answer names no picture" });
	}
}

static void upload(struct delivery *w)
{
	static const char boundary[] = "rollcall-4f1c2a9d7be0";
	const char *base64 = json_text(w->body, "png", "");
	unsigned char *png = NULL;
	size_t len = 0;
	struct strbuf b, type;
	strbuf_init(&b, MULTIPART_BYTES_MAX);
	strbuf_init(&type, 128);
	bool ok = text_unbase64(base64, strlen(base64), &png, &len, NULL) == RC_OK;
	strbuf_addf(&b, "--%s\r\nContent-Disposition: form-data; name=\"type\"\r\n\r\nimage\r\n", boundary);
	strbuf_addf(&b,
		    "--%s\r\nContent-Disposition: form-data; name=\"media\"; filename=\"rollout.png\"\r\n"
		    "Content-Type: image/png\r\n\r\n",
		    boundary);
	if (ok)
		strbuf_addn(&b, (const char *)png, len);
	strbuf_addf(&b, "\r\n--%s--\r\n", boundary);
	strbuf_addf(&type, "multipart/form-data; boundary=%s", boundary);
	ok = ok && !b.overflow && !type.overflow;
	dingapp_send(w->ding, &(struct dingapp_request){ .auth = DINGAPP_OLD_TOKEN,
							 .method = "POST",
							 .path = "/media/upload?type=image",
							 .body = ok ? b.s : NULL,
							 .body_len = b.len,
							 .content_type = type.s,
							 .done = uploaded,
							 .drop = delivery_free,
							 .owner = w });
	free(png);
	strbuf_finish(&b);
	strbuf_finish(&type);
}

/* ---- from an item to a call ---- */

static void not_sent(void *owner)
{
	struct delivery *w = owner;
	struct outbox_result result = {
		.r = w->early_result, .retry_after_ms = -1, .message_id = "", .why = w->early_why
	};
	delivery_over(w, &result);
}

static void refuse(struct delivery *w, enum result r, const char *why)
{
	w->early_result = r;
	w->early_why = why;
	loop_defer(w->ding->ctx.loop, &w->early, not_sent, w);
}

/* The same for every try of a row, so that a second one finds what the first one made. */
static bool make_track(struct delivery *w, const struct outbox_item *item)
{
	char hex[SHA256_HEX], about[1024];
	int n = snprintf(about, sizeof about, "%llu %s %s", (unsigned long long)item->row, item->channel,
			 item->subject);
	if (n < 0 || (size_t)n >= sizeof about || crypto_sha256_hex(about, (size_t)n, hex, NULL) != RC_OK)
		return false;
	n = snprintf(w->track, sizeof w->track, "%c.%s.%.*s", w->template ? 't' : 's', w->channel, HASH_CHARS, hex);
	return n > 0 && (size_t)n < sizeof w->track;
}

static void deliver_card(struct delivery *w, const struct outbox_item *item)
{
	const char *id = item->message_id ? item->message_id : "";
	w->template = json_at(w->body, "params") != NULL;
	if (*id && dingapp_track_is_template(id) != w->template) {
		refuse(w, RC_NOT_FOUND, "the card is of another kind than is configured now");
		return;
	}
	w->update = *id || item->maybe_sent;
	w->looking = !*id && item->maybe_sent;
	bool ok = *id ? text_copy(w->track, sizeof w->track, id) == strlen(id) : make_track(w, item);
	if (ok)
		send_card(w);
	else
		refuse(w, RC_INVALID, "the card's destination is too long");
}

static void deliver(struct delivery *w, const struct outbox_item *item)
{
	const cJSON *param = json_at(w->body, "param");
	w->card = item->kind == OUTBOX_CARD;
	if (w->card)
		deliver_card(w, item);
	else if (json_at(w->body, "png"))
		upload(w);
	else if (param)
		send_message(w, json_text(w->body, "key", ""), param);
	else
		deliver_card(w, item); /* a card that stands alone */
}

void dingapp_deliver(void *channel_owner, const struct outbox_item *item, outbox_sent *done, void *owner)
{
	static const struct outbox_result none = {
		.r = RC_UNREACHABLE, .retry_after_ms = -1, .message_id = "", .why = "no memory for a message"
	};
	struct dingapp *d = channel_owner;
	struct delivery *w = calloc(1, sizeof *w);
	if (!w) { /* not even memory to answer later */
		done(owner, item->row, &none);
		return;
	}
	*w = (struct delivery){ .ding = d, .row = item->row, .done = done, .owner = owner };
	w->channel = strdup(bare(item->channel));
	enum result r = json_parse(item->body, strlen(item->body), &w->body, NULL);
	if (!w->channel || r == RC_EXHAUSTED)
		refuse(w, RC_UNREACHABLE, none.why);
	else if (r != RC_OK)
		refuse(w, RC_INVALID, "the stored message is not JSON");
	else
		deliver(w, item);
}

/* ---- what nobody waits for ---- */

static void offered(void *owner, uint64_t row, const struct outbox_result *result)
{
	(void)owner;
	(void)row;
	if (result->r != RC_OK)
		log_warn("answer_lost", "platform=dingtalk why=%s", result->why);
}

void dingapp_offer(struct dingapp *d, const char *channel, const char *text, const struct card_button *buttons,
		   size_t count)
{
	char token[32];
	CLEANUP(free_p) char *body = NULL;
	struct error e = { .text = "no memory" };
	struct delivery *w = calloc(1, sizeof *w);
	if (w)
		*w = (struct delivery){ .ding = d, .channel = strdup(bare(channel)), .done = offered };
	if (!w || !w->channel || dingapp_render_offer(text, buttons, count, &body, &e) != RC_OK ||
	    json_parse(body, strlen(body), &w->body, &e) != RC_OK ||
	    crypto_token(16, token, sizeof token, &e) != RC_OK) {
		log_warn("answer_lost", "platform=dingtalk why=%s", e.text);
		if (w)
			delivery_free(w);
		return;
	}
	int n = snprintf(w->track, sizeof w->track, "s.%s.%s", w->channel, token);
	if (n > 0 && (size_t)n < sizeof w->track)
		send_card(w);
	else
		refuse(w, RC_INVALID, "the card's destination is too long");
}

static void said(void *owner, const struct dingapp_answer *ans)
{
	(void)owner;
	if (ans->trouble != DINGAPP_FINE)
		log_warn("answer_lost", "platform=dingtalk why=%s", ans->why);
}

void dingapp_say(struct dingapp *d, const char *channel, const char *text)
{
	const char *path = "";
	CLEANUP(json_delete_p) cJSON *param = cJSON_CreateObject();
	const char *to = bare(channel);
	char *body = param && json_put_text(param, "content", text)
			     ? dingapp_message_body(d, to, "sampleText", param, &path)
			     : NULL;
	dingapp_send(d, &(struct dingapp_request){ .auth = DINGAPP_TOKEN,
						   .method = "POST",
						   .path = path,
						   .body = body,
						   .done = said,
						   .owner = d });
	free(body);
}
