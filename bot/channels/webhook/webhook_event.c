#include "bot/channels/webhook/webhook_event.h"

#include <string.h>

#include "base/strbuf.h"
#include "base/text.h"
#include "bot/api/values.h"

enum { EVENT_MAX = 512 * 1024 };

const char *webhook_rollout_type(enum rollout_news news, bool waiting)
{
	static const char *const types[] = {
		[NEWS_CHANGED] = "rollout.progressed",   [NEWS_SAID] = "rollout.event",
		[NEWS_ALERT] = "rollout.alert",          [NEWS_STARTED] = "rollout.started",
		[NEWS_RESTARTED] = "rollout.restarted",  [NEWS_SUCCEEDED] = "rollout.succeeded",
		[NEWS_FAILED] = "rollout.failed",        [NEWS_CANCELLED] = "rollout.cancelled",
		[NEWS_REQUEST_DONE] = "rollout.request", [NEWS_GONE] = "rollout.deleted",
	};
	return news == NEWS_CHANGED && waiting ? "rollout.waiting" : types[news];
}

const char *webhook_approval_type(enum approval_news news)
{
	static const char *const types[] = {
		[APPROVAL_OPENED] = "approval.opened",
		[APPROVAL_VOTED] = "approval.voted",
		[APPROVAL_DECIDED] = "approval.decided",
		[APPROVAL_REMINDED] = "approval.reminded",
	};
	return types[news];
}

static void add_news(struct strbuf *b, const struct rollout_event *news)
{
	static const char *const severities[] = { "info", "warn", "error" };
	int severity = news->severity < 0 ? 0 : news->severity > 2 ? 2 : news->severity;
	strbuf_add(b, ",\"text\":");
	strbuf_add_json(b, news->text ? news->text : "");
	strbuf_addf(b, ",\"severity\":\"%s\",\"warning\":%s", severities[severity], news->warning ? "true" : "false");
	if (news->news != NEWS_REQUEST_DONE)
		return;
	strbuf_add(b, ",\"request\":{\"id\":");
	strbuf_add_json(b, news->request_id ? news->request_id : "");
	strbuf_addf(b, ",\"refused\":%s}", news->refused ? "true" : "false");
}

static void add_data(struct strbuf *b, const struct webhook_event *ev)
{
	strbuf_add(b, "{\"rollout\":");
	if (ev->rollout)
		rest_add_rollout(b, ev->rollout);
	else
		strbuf_add(b, "null");
	if (ev->news)
		add_news(b, ev->news);
	if (ev->approval) {
		strbuf_add(b, ",\"approval\":");
		rest_add_approval(b, ev->approval);
	}
	strbuf_addc(b, '}');
}

char *webhook_event_json(const struct webhook_event *ev)
{
	struct strbuf b;
	char at[32];
	wall_print_ms(ev->at, at);
	strbuf_init(&b, EVENT_MAX);
	strbuf_add(&b, "{\"specversion\":\"1.0\",\"id\":");
	strbuf_add_json(&b, ev->id);
	strbuf_add(&b, ",\"source\":\"/clusters/"); /* a URI reference: escaped, it needs nothing more */
	strbuf_add_urlencoded(&b, ev->cluster, strlen(ev->cluster));
	strbuf_addf(&b, "\",\"type\":\"" WEBHOOK_TYPES "%s\",\"subject\":", ev->type);
	struct strbuf subject;
	strbuf_init(&subject, 1024);
	strbuf_addf(&subject, "%s/%s", ev->ns, ev->name);
	strbuf_add_json(&b, subject.s);
	strbuf_finish(&subject);
	strbuf_addf(&b, ",\"time\":\"%s\",\"datacontenttype\":\"application/json\",\"data\":", at);
	add_data(&b, ev);
	strbuf_addc(&b, '}');
	char *text = strbuf_take(&b);
	strbuf_finish(&b);
	return text;
}

/* FNV-1a */
static uint64_t mix(uint64_t h, const char *s)
{
	for (; s && *s; s++)
		h = (h ^ (unsigned char)*s) * 1099511628211u;
	return (h ^ 0xff) * 1099511628211u;
}

uint64_t webhook_digest(const struct rollout *r)
{
	char numbers[160];
	(void)snprintf(numbers, sizeof numbers, "%d %d %d %d %d %d %d %d %d %d %d %d", (int)r->phase, r->active,
		       r->paused, r->suspended, r->completing, r->step, r->canary.weight, r->failed_checks,
		       r->gate.waiting, (int)r->gate.type, r->gate.step, r->unreachable_since.v != 0);
	uint64_t h = mix(14695981039346656037u, numbers);
	return mix(mix(mix(mix(h, r->revision), r->stable.images), r->canary.images), r->invalid) | 1;
}
