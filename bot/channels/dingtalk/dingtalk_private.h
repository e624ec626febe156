#pragma once
/* The inside of the DingTalk channel. */
#include <cjson/cJSON.h>

#include "bot/channels/dingtalk/dingtalk.h"

enum { ROBOT_PER_MINUTE = 18, ROBOT_WINDOW_MS = 60 * 1000 };

struct dingtalk_sending;
/* A robot and when it sent: beyond twenty a minute DingTalk blocks it for ten. */
struct dingtalk_lane {
	const struct dingtalk_robot *robot;
	int64_t sent_ms[ROBOT_PER_MINUTE];
	int at;
};
struct dingtalk {
	struct channel channel; /* first */
	struct channel_context ctx;
	struct dingtalk_lane *lanes; /* owned */
	size_t lane_count;
	struct dingtalk_sending *sending; /* under way */
};
#define DINGTALK_OF(c) ((struct dingtalk *)(c))

/* ---- dingtalk_sign.c ---- */
/* The robot's address with timestamp and sign added (dingtalk.md 1); malloc'ed, a secret; NULL: no memory. */
char *dingtalk_signed_url(const char *url, const char *secret, int64_t now_ms);

/* ---- dingtalk_outcome.c: what a robot's answer means (dingtalk.md 3). Pure. ---- */
struct dingtalk_outcome {
	enum result r; /* OK, INVALID, UNREACHABLE, CONFLICT (unknown) */
	int64_t retry_after_ms;
	bool plain_instead; /* the content was refused: a short plain text may pass */
	char why[256];
};
void dingtalk_outcome(int status, const char *body, size_t len, struct dingtalk_outcome *ret);

/* ---- dingtalk_deliver.c ---- */
void dingtalk_deliver(void *channel_owner, const struct outbox_item *item, outbox_sent *done, void *owner);
void dingtalk_sending_drop(struct dingtalk *d);
