#pragma once
/* What DingTalk sends: frames, presses, messages (dingtalk.md 8, 10, 11), read and bounded. Pure; strings are in the
 * arena. */
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"

enum { DINGAPP_ARENA_BYTES = 4 * 1024 * 1024 };

enum dingapp_frame_type { DINGAPP_FRAME_SYSTEM, DINGAPP_FRAME_EVENT, DINGAPP_FRAME_CALLBACK, DINGAPP_FRAME_OTHER };
struct dingapp_frame {
	enum dingapp_frame_type type;
	const char *topic, *message_id, *event_type; /* "" */
	const char *data;                            /* JSON as text; "" */
};
MUST_CHECK enum result dingapp_read_frame(const char *text, size_t len, struct arena *a, struct dingapp_frame *ret,
					  struct error *e);

/* An acknowledgement; malloc'ed; NULL: no memory. */
char *dingapp_ack(int code, const char *message_id, const char *data);

struct dingapp_press {
	const char *track_id, *user, *corp; /* never "" but corp */
	bool union_id;                      /* user is a unionId */
	const char *value;                  /* of the button */
	const char *reason;                 /* typed on the card; "" */
};
MUST_CHECK enum result dingapp_read_press(const char *data, size_t len, struct arena *a, struct dingapp_press *ret,
					  struct error *e);

struct dingapp_message {
	const char *id, *text, *conversation, *title, *staff, *nick, *sender_corp, *robot_corp, *robot_code, *session;
	int64_t session_end;
	bool group;
};
MUST_CHECK enum result dingapp_read_message(const char *data, size_t len, struct arena *a, struct dingapp_message *ret,
					    struct error *e);

/* ---- the id of a card says what it is and where it stands: "s.cidAbC==.HASH", "t.@staff77.HASH" ---- */
/* "dingtalk-app:cidAbC=="; NULL: it is no id of ours. */
const char *dingapp_track_channel(const char *track_id, struct arena *a);
bool dingapp_track_is_template(const char *track_id);
