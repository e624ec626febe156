/* Whatever DingTalk sends is a frame, a press, a message or an event whose texts are there, or an error in valid UTF-8.
 * The first byte says which parser reads the rest. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "bot/channels/dingtalk/dingapp_crypt.h"
#include "bot/channels/dingtalk/dingapp_payload.h"

static void require(bool ok)
{
	if (!ok)
		abort();
}

static void read_frame(const char *text, size_t len, struct arena *a, struct error *e)
{
	struct dingapp_frame f;
	if (dingapp_read_frame(text, len, a, &f, e) != RC_OK)
		return;
	require(f.topic && f.event_type && f.data && f.message_id);
	require(*f.message_id || f.type == DINGAPP_FRAME_SYSTEM);
	char *ack = dingapp_ack(200, f.message_id, f.data);
	require(!ack || text_is_utf8(ack, strlen(ack)));
	free(ack);
}

static void read_press(const char *text, size_t len, struct arena *a, struct error *e)
{
	struct dingapp_press p;
	if (dingapp_read_press(text, len, a, &p, e) != RC_OK)
		return;
	require(*p.track_id && *p.user && *p.value && p.corp && text_is_utf8(p.reason, strlen(p.reason)));
	const char *channel = dingapp_track_channel(p.track_id, a);
	require(!channel || channel[strlen("dingtalk-app:")]);
}

static void read_message(const char *text, size_t len, struct arena *a, struct error *e)
{
	struct dingapp_message m;
	if (dingapp_read_message(text, len, a, &m, e) != RC_OK)
		return;
	require(*m.id && *m.conversation && m.staff && m.session && m.sender_corp && m.robot_corp);
	require(text_is_utf8(m.text, strlen(m.text)) && !strpbrk(m.text, "\n\r\t") && *m.text != ' ');
}

/* Beyond its signature: whoever has the token and not the key. */
static void open_envelope(const char *text, struct error *e)
{
	static const struct dingapp_envelope v = { "t", "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG", "o" };
	char *answer = dingapp_answer_envelope(&v, "1", "n", (const unsigned char *)"0123456789abcdef", text),
	     *back = NULL;
	require(answer != NULL);
	const char *seal = strstr(answer, "\"msg_signature\":\""), *sent = strstr(answer, "\"encrypt\":\"");
	char hex[41] = "";
	memcpy(hex, seal + strlen("\"msg_signature\":\""), 40);
	char *encrypted = strdup(sent + strlen("\"encrypt\":\""));
	require(encrypted != NULL);
	encrypted[strcspn(encrypted, "\"")] = '\0';
	struct dingapp_seal s = { hex, "1", "n" };
	require(dingapp_open_envelope(&v, &s, encrypted, &back, e) == RC_OK && text_eq(back, text));
	free(back);
	back = NULL;
	require(dingapp_open_envelope(&v, &s, text, &back, e) != RC_OK && !back);
	free(encrypted);
	free(answer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(arena_destroy_p) struct arena *a = arena_create(16 << 20);
	CLEANUP(free_p) char *text = size ? malloc(size) : NULL;
	struct error e = { .text = "" };
	if (!a || !text)
		return 0;
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	switch (data[0] % 4) {
	case 0:
		read_frame(text, size - 1, a, &e);
		break;
	case 1:
		read_press(text, size - 1, a, &e);
		break;
	case 2:
		read_message(text, size - 1, a, &e);
		break;
	default:
		open_envelope(text, &e);
		break;
	}
	require(text_is_utf8(e.text, strlen(e.text)));
	return 0;
}
