/* HTTP callbacks, for networks that allow no outgoing WebSocket. Their signatures do not cover the content: the path is
 * a secret, a press needs its button's token all the same, and the bot takes nothing through this door that cannot be
 * undone (dingtalk.md 8.3, 12, 14). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "base/json.h"
#include "base/log.h"
#include "base/strbuf.h"
#include "base/text.h"
#include "bot/channels/dingtalk/dingapp_crypt.h"
#include "bot/channels/dingtalk/dingapp_private.h"

enum {
	BODY_BYTES_MAX = 256 * 1024,
	REPLAY_KEEP_MS = 15 * 60 * 1000,
	MINUTE_MS = 60 * 1000,
	REGISTER_AGAIN_MS = 60 * 1000,
	KEY_BYTES_MAX = 1024,
};
#define CARD_TIMESTAMP "x-ddpaas-signature-timestamp"
#define CARD_SIGNATURE "x-ddpaas-signature"

/* One line, without anything of the body. */
static void refuse(struct dingapp *d, struct http_exchange *x, int status, const char *kind, const char *why)
{
	metric_inc(d->refused_metric, 1, kind);
	log_warn("dingtalk_request_refused", "status=%d peer=%s why=%s", status, http_peer(x)->address, why);
	http_respond(x, status, NULL, NULL, 0, NULL);
}

static bool repeated(const struct http_exchange *x, const char *a, const char *b)
{
	return http_header_repeated(x, a) || http_header_repeated(x, b);
}

static bool seen_key(struct dingapp *d, const char *kind, const char *a, const char *b, const char *c)
{
	char key[KEY_BYTES_MAX];
	(void)snprintf(key, sizeof key, "%s:%.64s:%.128s:%.512s", kind, a, b, c);
	return !seen_first(d->seen, key, loop_now(d->ctx.loop), REPLAY_KEEP_MS);
}

/* ---- the robot ---- */

/* A signature that came with another message is somebody who has read one. */
static bool stolen(struct dingapp *d, const char *timestamp, const char *sign, const char *message_id)
{
	bool used = seen_key(d, "sign", timestamp, sign, "");
	return !seen_key(d, "signed", timestamp, sign, message_id) && used;
}

static void hear(struct dingapp *d, struct http_exchange *x, const char *body, size_t len)
{
	struct dingapp_origin from = { .message_id = "", .http = true };
	const char *why = NULL;
	(void)dingapp_hear_message(d, &from, body, len, &why);
	if (why)
		log_warn("dingtalk_callback_refused", "topic=robot why=%s", why);
	http_respond_json(x, 200, "{}");
}

static void robot(void *owner, struct http_exchange *x)
{
	struct dingapp *d = owner;
	struct error e;
	struct dingapp_message m;
	size_t len;
	const char *body = http_body(x, &len);
	const char *timestamp = http_header(x, "timestamp"), *sign = http_header(x, "sign");
	if (repeated(x, "timestamp", "sign")) {
		refuse(d, x, 401, "signature", "timestamp or sign came twice");
		return;
	}
	if (dingapp_robot_proof(d->client_secret, timestamp, sign, loop_wall(d->ctx.loop).v, &e) != RC_OK) {
		refuse(d, x, 401, "signature", e.text);
		return;
	}
	CLEANUP(arena_destroy_p) struct arena *a = arena_create(DINGAPP_ARENA_BYTES);
	if (!a)
		refuse(d, x, 503, "memory", "no memory");
	else if (dingapp_read_message(body, len, a, &m, &e) != RC_OK)
		refuse(d, x, 400, "malformed", "the message is malformed");
	else if (stolen(d, timestamp, sign, m.id))
		refuse(d, x, 401, "replay", "the same signature came with another message");
	else
		hear(d, x, body, len);
}

/* ---- cards ---- */

/* Without an id of its own a press is told from its repeats by its content and its minute. */
static bool press_id(const struct dingapp *d, const struct http_exchange *x, const char *body, size_t len, char *buf,
		     size_t size)
{
	char hex[SHA256_HEX];
	const char *timestamp = http_header(x, CARD_TIMESTAMP);
	if (crypto_sha256_hex(body, len, hex, NULL) != RC_OK)
		return false;
	if (timestamp)
		(void)snprintf(buf, size, "http:%.32s:%s", timestamp, hex);
	else
		(void)snprintf(buf, size, "http:%lld:%s", (long long)(loop_wall(d->ctx.loop).v / MINUTE_MS), hex);
	return true;
}

static void card(void *owner, struct http_exchange *x)
{
	struct dingapp *d = owner;
	size_t len;
	const char *body = http_body(x, &len), *why = NULL;
	const char *timestamp = http_header(x, CARD_TIMESTAMP), *signature = http_header(x, CARD_SIGNATURE);
	const char *secret = *d->callback_secret ? d->callback_secret : d->client_secret;
	char id[160];
	if (repeated(x, CARD_TIMESTAMP, CARD_SIGNATURE) ||
	    ((timestamp || signature) && !dingapp_signature_good(secret, timestamp ? timestamp : "", signature))) {
		refuse(d, x, 401, "signature", "the signature is wrong");
		return;
	}
	if (!press_id(d, x, body, len, id, sizeof id)) {
		refuse(d, x, 503, "memory", "no memory");
		return;
	}
	struct dingapp_origin from = { .message_id = id, .http = true };
	(void)dingapp_hear_press(d, &from, body, len, &why);
	if (why)
		refuse(d, x, 400, "press", why);
	else
		http_respond_json(x, 200, "{}");
}

/* ---- events ---- */

static const char *query(const struct http_exchange *x, const char *name, const char *older)
{
	const char *value = http_query(x, name);
	return value ? value : http_query(x, older);
}

static void answer_event(const struct dingapp *d, struct http_exchange *x, const struct dingapp_envelope *v,
			 const char *nonce)
{
	unsigned char random[16];
	char now[24];
	(void)snprintf(now, sizeof now, "%lld", (long long)loop_wall(d->ctx.loop).v);
	char *text = crypto_random(random, sizeof random, NULL) == RC_OK
			     ? dingapp_answer_envelope(v, now, nonce, random, "success")
			     : NULL;
	if (text)
		http_respond_json(x, 200, text);
	else
		http_respond(x, 503, NULL, NULL, 0, NULL);
	free(text);
}

static void event(void *owner, struct http_exchange *x)
{
	struct dingapp *d = owner;
	struct error e;
	size_t len;
	const char *body = http_body(x, &len);
	const struct dingapp_envelope v = { d->event_token, d->event_aes_key, d->client_id };
	const struct dingapp_seal seal = { query(x, "msg_signature", "signature"), query(x, "timestamp", "timeStamp"),
					   http_query(x, "nonce") };
	CLEANUP(json_delete_p) cJSON *outer = NULL, *inner = NULL;
	CLEANUP(free_p) char *text = NULL;
	if (json_parse(body, len, &outer, &e) != RC_OK)
		refuse(d, x, 400, "malformed", "the body is not JSON");
	else if (dingapp_open_envelope(&v, &seal, json_text(outer, "encrypt", ""), &text, &e) != RC_OK)
		refuse(d, x, e.code == RC_REFUSED ? 401 : 400, "signature", e.text);
	else if (json_parse(text, strlen(text), &inner, &e) != RC_OK)
		refuse(d, x, 400, "malformed", "the event is not JSON");
	else {
		if (!seen_key(d, "event", seal.timestamp, seal.nonce, seal.signature))
			dingapp_hear_event(d, json_text(inner, "EventType", ""));
		answer_event(d, x, &v, seal.nonce);
	}
}

/* ---- life ---- */

static char *path_of(const struct dingapp *d, const char *leaf)
{
	size_t size = strlen(d->callback_path) + strlen(leaf) + 2;
	char *path = malloc(size);
	if (path)
		(void)snprintf(path, size, "%s/%s", d->callback_path, leaf);
	return path;
}

enum result dingapp_http_create(struct dingapp *d, struct error *e)
{
	static const char *const leaves[] = { "robot", "card", "events" };
	static http_handler *const handlers[] = { robot, card, event };
	for (size_t i = 0; i < 3; i++) {
		d->paths[i] = path_of(d, leaves[i]);
		if (!d->paths[i])
			return error_set(e, RC_EXHAUSTED, "no memory for the routes of DingTalk");
		if (i == 2 && !*d->event_token)
			continue;
		d->routes[i] = (struct http_route){ "POST", d->paths[i], BODY_BYTES_MAX, handlers[i], d };
	}
	return RC_OK;
}

static void register_now(void *owner)
{
	dingapp_http_register(owner);
}

static void registered(void *owner, const struct dingapp_answer *ans)
{
	struct dingapp *d = owner;
	if (ans->trouble == DINGAPP_FINE) {
		log_info("dingtalk_callback_registered", "key=rollcall");
		return;
	}
	log_warn("dingtalk_callback_not_registered", "why=%s", ans->why);
	timer_start(d->ctx.loop, &d->register_again, REGISTER_AGAIN_MS, register_now, d);
}

void dingapp_http_register(struct dingapp *d)
{
	struct strbuf b, url;
	strbuf_init(&b, 4096);
	strbuf_init(&url, 2048);
	strbuf_addf(&url, "%s%s", d->public_url, d->paths[1]);
	strbuf_add(&b, "{\"callbackRouteKey\":\"rollcall\",\"forceUpdate\":true,\"callbackUrl\":");
	strbuf_add_json(&b, url.s);
	strbuf_add(&b, ",\"apiSecret\":");
	strbuf_add_json(&b, *d->callback_secret ? d->callback_secret : d->client_secret);
	strbuf_addc(&b, '}');
	dingapp_send(d, &(struct dingapp_request){ .auth = DINGAPP_TOKEN,
						   .method = "POST",
						   .path = "/v1.0/card/callbacks/register",
						   .body = b.overflow || url.overflow ? NULL : b.s,
						   .done = registered,
						   .owner = d });
	if (b.s)
		memset(b.s, 0, b.len);
	strbuf_finish(&b);
	strbuf_finish(&url);
}
