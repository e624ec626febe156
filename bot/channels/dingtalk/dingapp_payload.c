#include "bot/channels/dingtalk/dingapp_payload.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/strbuf.h"
#include "base/text.h"
#include "bot/cards/clean.h"

enum { ID_BYTES_MAX = 512, VALUE_BYTES_MAX = 1024, TEXT_CHARS_MAX = 2000, NAME_CHARS_MAX = 80 };

/* A member that identifies: too long is as good as missing. */
static const char *word(const cJSON *j, const char *path, size_t max, struct arena *a)
{
	const char *s = json_text(j, path, "");
	const char *copy = strlen(s) <= max ? arena_strdup(a, s) : "";
	return copy ? copy : "";
}

static enum result read_object(const char *text, size_t len, const char *what, cJSON **ret, struct error *e)
{
	enum result r = json_parse(text, len, ret, e);
	if (r != RC_OK)
		return error_in(e, r, "%s", what);
	return cJSON_IsObject(*ret) ? RC_OK : error_set(e, RC_INVALID, "%s: not an object", what);
}

/* ---- frames ---- */

static const char *decoded(const cJSON *j, struct arena *a)
{
	const char *data = json_text(j, "data", "");
	if (!text_eq(json_text(j, "headers.contentType", ""), "base64String"))
		return arena_strdup(a, data);
	unsigned char *bytes = NULL;
	size_t len = 0;
	if (text_unbase64(data, strlen(data), &bytes, &len, NULL) != RC_OK)
		return "";
	const char *copy = arena_strndup(a, (const char *)bytes, len);
	free(bytes);
	return copy;
}

enum result dingapp_read_frame(const char *text, size_t len, struct arena *a, struct dingapp_frame *ret,
			       struct error *e)
{
	static const char *const types[] = { "SYSTEM", "EVENT", "CALLBACK" };
	CLEANUP(json_delete_p) cJSON *j = NULL;
	enum result r = read_object(text, len, "frame", &j, e);
	if (r != RC_OK)
		return r;
	struct dingapp_frame f = { .type = DINGAPP_FRAME_OTHER };
	for (int i = 0; i < DINGAPP_FRAME_OTHER; i++)
		if (text_eq(json_text(j, "type", ""), types[i]))
			f.type = (enum dingapp_frame_type)i;
	f.topic = word(j, "headers.topic", ID_BYTES_MAX, a);
	f.message_id = word(j, "headers.messageId", ID_BYTES_MAX, a);
	f.event_type = word(j, "headers.eventType", ID_BYTES_MAX, a);
	f.data = decoded(j, a);
	if (!f.data)
		return error_set(e, RC_EXHAUSTED, "frame: no memory");
	if (!*f.message_id && f.type != DINGAPP_FRAME_SYSTEM)
		return error_set(e, RC_INVALID, "frame: no messageId");
	*ret = f;
	return RC_OK;
}

char *dingapp_ack(int code, const char *message_id, const char *data)
{
	struct strbuf b;
	strbuf_init(&b, DINGAPP_ARENA_BYTES);
	strbuf_addf(&b, "{\"code\":%d,\"headers\":{\"contentType\":\"application/json\",\"messageId\":", code);
	strbuf_add_json(&b, message_id);
	strbuf_addf(&b, "},\"message\":\"%s\",\"data\":", code == 200 ? "OK" : "no handler for this topic");
	strbuf_add_json(&b, data);
	strbuf_addc(&b, '}');
	char *text = strbuf_take(&b);
	strbuf_finish(&b);
	return text;
}

/* ---- presses ---- */

/* Templates carry the value of a button as a parameter; StandardCard has nothing but the id of the button. */
static enum result read_action(const char *content, struct arena *a, struct dingapp_press *p, struct error *e)
{
	CLEANUP(json_delete_p) cJSON *j = NULL;
	enum result r = read_object(content, strlen(content), "press: content", &j, e);
	if (r != RC_OK)
		return r;
	const char *reason = clean(a, json_text(j, "cardPrivateData.params.reason", ""), TEXT_CHARS_MAX);
	p->value = word(j, "cardPrivateData.params.value", VALUE_BYTES_MAX, a);
	if (!*p->value)
		p->value = word(j, "cardPrivateData.actionIds.0", VALUE_BYTES_MAX, a);
	p->reason = reason ? reason : "";
	return *p->value ? RC_OK : error_set(e, RC_INVALID, "press: it names no button");
}

enum result dingapp_read_press(const char *data, size_t len, struct arena *a, struct dingapp_press *ret,
			       struct error *e)
{
	CLEANUP(json_delete_p) cJSON *j = NULL;
	enum result r = read_object(data, len, "press", &j, e);
	if (r != RC_OK)
		return r;
	struct dingapp_press p = { .track_id = word(j, "outTrackId", ID_BYTES_MAX, a),
				   .user = word(j, "userId", ID_BYTES_MAX, a),
				   .corp = word(j, "corpId", ID_BYTES_MAX, a),
				   .union_id = json_int(j, "userIdType", 1) == 2 };
	if (!*p.track_id || !*p.user)
		return error_set(e, RC_INVALID, "press: it names no card, or nobody");
	const char *content = json_text(j, "content", "");
	r = read_action(*content ? content : json_text(j, "value", ""), a, &p, e);
	if (r == RC_OK)
		*ret = p;
	return r;
}

/* ---- messages ---- */

static const char *rich_text(const cJSON *j, struct arena *a)
{
	const char *text = "";
	const cJSON *part;
	cJSON_ArrayForEach (part, json_at(j, "content.richText"))
		if (text)
			text = arena_printf(a, "%s%s", text, json_text(part, "text", ""));
	return text ? text : "";
}

enum result dingapp_read_message(const char *data, size_t len, struct arena *a, struct dingapp_message *ret,
				 struct error *e)
{
	CLEANUP(json_delete_p) cJSON *j = NULL;
	enum result r = read_object(data, len, "message", &j, e);
	if (r != RC_OK)
		return r;
	bool rich = text_eq(json_text(j, "msgtype", ""), "richText");
	const char *text = clean(a, rich ? rich_text(j, a) : json_text(j, "text.content", ""), TEXT_CHARS_MAX);
	const char *nick = clean(a, json_text(j, "senderNick", ""), NAME_CHARS_MAX);
	const char *title = clean(a, json_text(j, "conversationTitle", ""), NAME_CHARS_MAX);
	if (!text || !nick || !title)
		return error_set(e, RC_EXHAUSTED, "message: no memory");
	struct dingapp_message m = {
		.id = word(j, "msgId", ID_BYTES_MAX, a),
		.text = text + strspn(text, " "),
		.conversation = word(j, "conversationId", ID_BYTES_MAX, a),
		.title = title,
		.staff = word(j, "senderStaffId", ID_BYTES_MAX, a),
		.nick = nick,
		.sender_corp = word(j, "senderCorpId", ID_BYTES_MAX, a),
		.robot_corp = word(j, "chatbotCorpId", ID_BYTES_MAX, a),
		.robot_code = word(j, "robotCode", ID_BYTES_MAX, a),
		.session = word(j, "sessionWebhook", 4096, a),
		.session_end = json_int(j, "sessionWebhookExpiredTime", 0),
		.group = text_eq(json_text(j, "conversationType", ""), "2"),
	};
	if (!*m.id || !*m.conversation)
		return error_set(e, RC_INVALID, "message: it has no msgId or no conversationId");
	*ret = m;
	return RC_OK;
}

/* ---- ids of cards ---- */

const char *dingapp_track_channel(const char *track_id, struct arena *a)
{
	bool ours = text_starts(track_id, "s.") || text_starts(track_id, "t.");
	const char *end = ours ? strrchr(track_id, '.') : NULL;
	if (!end || end <= track_id + 2)
		return NULL;
	return arena_printf(a, "dingtalk-app:%.*s", (int)(end - track_id - 2), track_id + 2);
}

bool dingapp_track_is_template(const char *track_id)
{
	return text_starts(track_id, "t.");
}
