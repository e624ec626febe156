/* Whatever Slack posts or frames is a value whose texts are there, or an error that says what is wrong in valid UTF-8.
 * The first byte says which door it comes in by. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/text.h"
#include "bot/channels/slack/slack_frame.h"

static void require(bool ok)
{
	if (!ok)
		abort();
}

static void check_inbound(const struct slack_inbound *in)
{
	require(in->app && in->team && in->enterprise && in->user && in->user_name && in->user_team && in->channel);
	require(in->message_ts && in->thread_ts && in->id && in->other_id && in->value && in->text);
	require(in->trigger_id && in->response_url && in->challenge);
	require(in->kind <= SLACK_GONE);
	require(*in->user || (in->kind != SLACK_COMMAND && in->kind != SLACK_PRESS && in->kind != SLACK_FORM));
	require(text_is_utf8(in->text, strlen(in->text)) && text_is_utf8(in->value, strlen(in->value)));
}

static void check_ack(const struct slack_frame *f, struct arena *a)
{
	const char *ack = *f->envelope_id ? slack_frame_ack(f->envelope_id, NULL, a) : NULL;
	if (ack)
		require(json_check(ack, strlen(ack), NULL) == RC_OK);
}

static void check_frame(const struct slack_frame *f, struct arena *a)
{
	require(f->envelope_id && f->reason && f->why && f->connections >= 0);
	check_inbound(&f->in);
	check_ack(f, a);
}

static const char *from_object(void *from, const char *name)
{
	return json_text(from, name, "");
}

static enum result read_command(const char *text, size_t len, struct arena *a, struct slack_inbound *in,
				struct error *e)
{
	CLEANUP(json_delete_p) cJSON *j = NULL;
	enum result r = json_parse(text, len, &j, e);
	return r == RC_OK ? slack_read_command(from_object, j, a, in, e) : r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(arena_destroy_p) struct arena *a = arena_create(16 << 20);
	struct error e = { .text = "" };
	struct slack_inbound in;
	struct slack_frame f;
	if (!a || !size)
		return 0;
	const char *text = (const char *)data + 1;
	enum result r;
	switch (*data % 4) {
	case 0:
		r = slack_read_interactive(text, size - 1, a, &in, &e);
		break;
	case 1:
		r = slack_read_event(text, size - 1, "U0B", a, &in, &e);
		break;
	case 2:
		r = read_command(text, size - 1, a, &in, &e);
		break;
	default:
		r = slack_read_frame(text, size - 1, "U0B", a, &f, &e);
		if (r == RC_OK)
			check_frame(&f, a);
		in = (struct slack_inbound){ 0 };
		slack_inbound_init(&in);
		break;
	}
	if (r == RC_OK)
		check_inbound(&in);
	else
		require(e.text[0] && text_is_utf8(e.text, strlen(e.text)));
	return 0;
}
