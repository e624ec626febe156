#include "bot/channels/dingtalk/dingtalk.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/text.h"
#include "bot/channels/dingtalk/dingtalk_private.h"
#include "bot/channels/dingtalk/dingtalk_render.h"

enum { SPACING_MS = 300 };

static char *render_card(struct channel *c, const struct card *card, struct error *e)
{
	(void)c;
	char *body = NULL;
	return dingtalk_render_card(card, &body, e) == RC_OK ? body : NULL;
}

/* Who may is a line of the card: a robot's card mentions nobody. */
static char *render_ask(struct channel *c, const struct card *card, const char *const *who_may, struct error *e)
{
	(void)who_may;
	return render_card(c, card, e);
}

static char *render_text(struct channel *c, const char *text, struct error *e)
{
	(void)c;
	char *body = NULL;
	return dingtalk_render_text(text, &body, e) == RC_OK ? body : NULL;
}

static void dingtalk_destroy(struct channel *c)
{
	if (!c)
		return;
	struct dingtalk *d = DINGTALK_OF(c);
	dingtalk_sending_drop(d);
	free(d->lanes);
	free(d);
}

const struct channel_ops dingtalk_ops = {
	.platform = "dingtalk",
	.render_card = render_card,
	.render_ask = render_ask,
	.render_text = render_text,
	.deliver = dingtalk_deliver,
	/* no groups: a group robot knows nobody */
	.destroy = dingtalk_destroy,
	.buttons_are_links = true,
	.spacing_ms = SPACING_MS,
	.per_minute_channel = ROBOT_PER_MINUTE,
};

/* ---- life ---- */

static enum result check(const struct dingtalk_options *o, size_t *ret_count, struct error *e)
{
	size_t n = 0;
	for (const struct dingtalk_robot *r = o->robots; r && r->name; r++, n++) {
		if (text_empty(r->name))
			return error_set(e, RC_INVALID, "dingtalk: a robot has no name");
		if (!text_starts(r->url, "https://") && !text_starts(r->url, "http://"))
			return error_set(e, RC_INVALID, "dingtalk: the address of robot %s must begin with https://",
					 r->name);
		for (const struct dingtalk_robot *other = o->robots; other < r; other++)
			if (text_eq(other->name, r->name))
				return error_set(e, RC_INVALID, "dingtalk: two robots are named %s", r->name);
	}
	*ret_count = n;
	return RC_OK;
}

static void channel_destroy_p(struct channel **c)
{
	dingtalk_destroy(*c);
}

enum result dingtalk_create(const struct channel_context *ctx, const struct dingtalk_options *o, struct channel **ret,
			    struct error *e)
{
	size_t n = 0;
	enum result r = check(o, &n, e);
	if (r != RC_OK)
		return r;
	struct dingtalk *d = calloc(1, sizeof *d);
	if (!d)
		return error_set(e, RC_EXHAUSTED, "no memory for the DingTalk channel");
	CLEANUP(channel_destroy_p) struct channel *c = &d->channel;
	d->channel.ops = &dingtalk_ops;
	d->ctx = *ctx;
	d->lanes = calloc(n + 1, sizeof *d->lanes);
	if (!d->lanes)
		return error_set(e, RC_EXHAUSTED, "no memory for the DingTalk channel");
	for (d->lane_count = 0; d->lane_count < n; d->lane_count++) {
		const struct dingtalk_robot *robot = &o->robots[d->lane_count];
		d->lanes[d->lane_count].robot = robot;
		log_redact(robot->url);
		if (!text_empty(robot->secret))
			log_redact(robot->secret);
	}
	*ret = TAKE(c);
	return RC_OK;
}
