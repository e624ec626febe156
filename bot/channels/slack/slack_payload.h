#pragma once
/* What Slack posts, as one plain value. Pure: bytes in, value out. */
#include <cjson/cJSON.h>

#include "base/arena.h"
#include "base/error.h"

enum slack_kind {
	SLACK_IGNORED,   /* genuine, but nothing to do: acknowledge */
	SLACK_CHALLENGE, /* url_verification */
	SLACK_COMMAND,   /* slash command, mention, direct message: text */
	SLACK_PRESS,     /* a button: value */
	SLACK_FORM,      /* the reason form was submitted: value, text */
	SLACK_HOME,      /* somebody looks at the app's Home */
	SLACK_GONE       /* the app was uninstalled or its tokens revoked */
};
struct slack_inbound { /* members are never NULL */
	enum slack_kind kind;
	const char *app, *team; /* team "": outside of any workspace of the enterprise */
	const char *enterprise; /* Enterprise Grid; "" none */
	const char *user, *user_name, *user_team;
	const char *channel, *message_ts, *thread_ts;
	const char *id;       /* of the event or press, for deduplication; "" the request itself is the only mark */
	const char *other_id; /* a mention may come as two events: channel and ts */
	const char *value, *text;
	const char *trigger_id, *response_url; /* secrets */
	const char *challenge;
};
void slack_inbound_init(struct slack_inbound *in);
/* A slash command, whose fields come from a form or from a frame. field: NULL or "" when there is none. */
MUST_CHECK enum result slack_read_command(const char *(*field)(void *from, const char *name), void *from,
					  struct arena *a, struct slack_inbound *ret, struct error *e);
/* The JSON of a form's "payload". */
MUST_CHECK enum result slack_read_interactive(const char *json, size_t len, struct arena *a, struct slack_inbound *ret,
					      struct error *e);
/* A JSON body. bot_user: own user id, whose mention is not part of a command; "" not known. */
MUST_CHECK enum result slack_read_event(const char *json, size_t len, const char *bot_user, struct arena *a,
					struct slack_inbound *ret, struct error *e);
/* The same, parsed. */
MUST_CHECK enum result slack_take_interactive(const cJSON *j, struct arena *a, struct slack_inbound *ret,
					      struct error *e);
MUST_CHECK enum result slack_take_event(const cJSON *j, const char *bot_user, struct arena *a,
					struct slack_inbound *ret, struct error *e);
/* The reason form; what it must bring back travels in it. malloc'ed JSON for views.open; NULL: no memory. */
struct slack_form {
	const char *trigger_id, *title, *label, *submit, *cancel;
	const char *value, *channel, *message_ts, *thread_ts;
};
char *slack_form_json(const struct slack_form *f);
/* The answer that keeps the form open with a text at its input; malloc'ed. */
char *slack_form_error(const char *text);
