#include "bot/channels/slack/slack_frame.h"

#include "base/json.h"
#include "base/text.h"

enum { ACK_BYTES_MAX = 64 * 1024 };

static const char *take(const cJSON *j, const char *path, struct arena *a)
{
	const char *s = arena_strdup(a, json_text(j, path, ""));
	return s ? s : "";
}

static const char *member(void *from, const char *name)
{
	return json_text(from, name, "");
}

/* A slash command has no id of its own but that of its envelope. */
static enum result read_command(const cJSON *payload, const char *envelope_id, struct arena *a,
				struct slack_inbound *ret, struct error *e)
{
	cJSON *from = (cJSON *)payload; /* read only; the getter's owner has no const */
	enum result r = slack_read_command(member, from, a, ret, e);
	const char *id = r == RC_OK ? arena_printf(a, "envelope:%s", envelope_id) : NULL;
	if (id)
		ret->id = id;
	return r;
}

static void read_payload(const char *type, const cJSON *payload, const char *bot_user, struct arena *a,
			 struct slack_frame *f)
{
	struct error e = { .text = "" };
	enum result r;
	if (!cJSON_IsObject(payload))
		r = error_set(&e, RC_INVALID, "its payload is not an object");
	else if (text_eq(type, "events_api"))
		r = slack_take_event(payload, bot_user, a, &f->in, &e);
	else if (text_eq(type, "interactive"))
		r = slack_take_interactive(payload, a, &f->in, &e);
	else
		r = read_command(payload, f->envelope_id, a, &f->in, &e);
	f->readable = r == RC_OK;
	const char *why = arena_strdup(a, e.text);
	f->why = why ? why : "";
}

enum result slack_read_frame(const char *json, size_t len, const char *bot_user, struct arena *a,
			     struct slack_frame *ret, struct error *e)
{
	CLEANUP(json_delete_p) cJSON *j = NULL;
	enum result r = json_parse(json, len, &j, e);
	if (r != RC_OK)
		return error_in(e, r, "frame");
	const char *type = json_text(j, "type", "");
	struct slack_frame f = { .envelope_id = take(j, "envelope_id", a),
				 .reason = take(j, "reason", a),
				 .takes_answer = json_bool(j, "accepts_response_payload", false),
				 .why = "" };
	slack_inbound_init(&f.in);
	int64_t connections = json_int(j, "num_connections", 0);
	if (text_eq(type, "hello")) {
		f.kind = FRAME_HELLO;
		f.connections = connections > 0 && connections < 1000 ? (int)connections : 0;
	} else if (text_eq(type, "disconnect")) {
		f.kind = FRAME_DISCONNECT;
	} else if (*f.envelope_id &&
		   (text_eq(type, "events_api") || text_eq(type, "interactive") || text_eq(type, "slash_commands"))) {
		f.kind = FRAME_ENVELOPE;
		read_payload(type, json_at(j, "payload"), bot_user, a, &f);
	} else if (!cJSON_IsObject(j)) {
		return error_set(e, RC_INVALID, "frame is not an object");
	}
	*ret = f;
	return RC_OK;
}

const char *slack_frame_ack(const char *envelope_id, const char *answer, struct arena *a)
{
	struct strbuf b;
	strbuf_init(&b, ACK_BYTES_MAX);
	strbuf_add(&b, "{\"envelope_id\":");
	strbuf_add_json(&b, envelope_id);
	if (answer)
		strbuf_addf(&b, ",\"payload\":%s", answer);
	strbuf_addc(&b, '}');
	const char *ack = b.overflow ? NULL : arena_strdup(a, b.s);
	strbuf_finish(&b);
	return ack;
}
