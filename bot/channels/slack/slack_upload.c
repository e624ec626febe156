/* A picture into a thread, by the three steps that Slack has left (slack.md 10): an address, the bytes, the place. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/strbuf.h"
#include "base/text.h"
#include "bot/channels/slack/slack_private.h"

enum { BODY_BYTES_MAX = 16 * 1024, FILE_ID_BYTES = 64 };

struct upload {
	struct slack *slack;
	unsigned char *bytes; /* owned, as the texts */
	size_t len;
	char *channel, *thread_ts, *alt;
	char file[FILE_ID_BYTES]; /* its id at Slack */
	slack_uploaded *done;
	void (*drop)(void *owner);
	void *owner;
};

static void upload_free(struct upload *u)
{
	free(u->bytes);
	free(u->channel);
	free(u->thread_ts);
	free(u->alt);
	free(u);
}

static void upload_drop(void *owner)
{
	struct upload *u = owner;
	u->drop(u->owner);
	upload_free(u);
}

/* Before the last step nobody sees anything. */
static void upload_over(struct upload *u, const struct slack_answer *ans, bool last)
{
	u->done(u->owner, ans, last);
	upload_free(u);
}

static void send_step(struct upload *u, const char *method, enum slack_body as, const struct strbuf *body,
		      slack_answered *next)
{
	slack_send(u->slack, &(struct slack_request){ .as = as,
						      .method = method,
						      .body = body->overflow ? NULL : body->s,
						      .done = next,
						      .drop = upload_drop,
						      .owner = u });
}

static void placed(void *owner, const struct slack_answer *ans)
{
	upload_over(owner, ans, true);
}

static void bytes_taken(void *owner, const struct slack_answer *ans)
{
	struct upload *u = owner;
	if (ans->r != RC_OK) {
		upload_over(u, ans, false);
		return;
	}
	struct strbuf b;
	strbuf_init(&b, BODY_BYTES_MAX);
	strbuf_add(&b, "{\"files\":[{\"id\":");
	strbuf_add_json(&b, u->file);
	strbuf_add(&b, ",\"title\":");
	strbuf_add_json(&b, u->alt);
	strbuf_add(&b, "}],\"channel_id\":");
	strbuf_add_json(&b, u->channel);
	if (*u->thread_ts) {
		strbuf_add(&b, ",\"thread_ts\":");
		strbuf_add_json(&b, u->thread_ts);
	}
	strbuf_addc(&b, '}');
	send_step(u, "files.completeUploadExternal", SLACK_JSON, &b, placed);
	strbuf_finish(&b);
}

static void address_given(void *owner, const struct slack_answer *ans)
{
	struct upload *u = owner;
	const char *url = json_text(ans->body, "upload_url", ""), *file = json_text(ans->body, "file_id", "");
	static const struct slack_answer strange = { .r = RC_INVALID,
						     .error = "",
						     .why = "Slack named no address of its own for an upload",
						     .retry_after_ms = -1 };
	if (ans->r != RC_OK || !slack_address_good(u->slack, url) || strlen(file) >= sizeof u->file) {
		upload_over(u, ans->r != RC_OK ? ans : &strange, false);
		return;
	}
	(void)text_copy(u->file, sizeof u->file, file);
	slack_send(u->slack, &(struct slack_request){ .as = SLACK_BYTES,
						      .method = url,
						      .body = (const char *)u->bytes,
						      .len = u->len,
						      .done = bytes_taken,
						      .drop = upload_drop,
						      .owner = u });
}

/* base64 -> the picture. */
static bool take_picture(struct upload *u, const struct slack_picture *p)
{
	u->channel = strdup(p->channel);
	u->thread_ts = strdup(p->thread_ts);
	u->alt = strdup(p->alt);
	return u->channel && u->thread_ts && u->alt &&
	       text_unbase64(p->base64, strlen(p->base64), &u->bytes, &u->len, NULL) == RC_OK && u->len;
}

void slack_upload(struct slack *s, const struct slack_picture *p, slack_uploaded *done, void (*drop)(void *owner),
		  void *owner)
{
	static const struct slack_answer broken = {
		.r = RC_INVALID, .error = "", .why = "the stored picture is broken", .retry_after_ms = -1
	};
	struct upload *u = calloc(1, sizeof *u);
	if (u)
		*u = (struct upload){ .slack = s, .done = done, .drop = drop, .owner = owner };
	if (!u || !take_picture(u, p)) {
		if (u)
			upload_free(u);
		done(owner, &broken, false);
		return;
	}
	struct strbuf form;
	strbuf_init(&form, BODY_BYTES_MAX);
	strbuf_addf(&form, "filename=%s&length=%zu&alt_txt=", p->name, u->len);
	strbuf_add_urlencoded(&form, u->alt, strlen(u->alt));
	send_step(u, "files.getUploadURLExternal", SLACK_FORM_BODY, &form, address_given);
	strbuf_finish(&form);
}
