/* An alert in the shape of each receiver, field by field as Flagger sends it (flagger-interfaces.md 4.7); DingTalk's
 * robot is ours. */
#include <string.h>

#include "base/json.h"
#include "base/strbuf.h"
#include "base/text.h"
#include "controller/alerts/alerts.h"

enum { FIELDS_MAX = 5, BODY_MAX = 64 * 1024 };

struct field {
	const char *name, *value;
};
struct fields {
	struct field at[FIELDS_MAX];
	size_t count;
};

static void add(struct fields *f, const char *name, const char *value)
{
	if (!text_empty(value))
		f->at[f->count++] = (struct field){ name, value };
}

static const char *weights_of(const struct plan *p, const struct analysis *an)
{
	const char *list = "";
	for (size_t i = 0; i < an->step_weight_count && list; i++)
		list = arena_printf(p->arena, "%s%s%d", list, i ? "," : "", an->step_weights[i]);
	return list;
}

static const char *routing(const struct plan *p)
{
	const struct analysis *an = &p->canary->analysis;
	if (an->has_match)
		return "A/B Testing";
	if (an->iterations > 0)
		return "Blue/Green";
	if (an->step_weight > 0)
		return arena_printf(p->arena, "Weight step: %d max: %d", an->step_weight, an->max_weight);
	if (an->step_weight_count)
		return arena_printf(p->arena, "Weight steps: %s max: %d", weights_of(p, an), an->max_weight);
	return "";
}

static void gather(const struct plan *p, const struct alert *al, struct fields *ret)
{
	const struct canary *c = p->canary;
	*ret = (struct fields){ .count = 0 };
	add(ret, "Cluster", p->options->cluster_name);
	if (!al->with_metadata)
		return;
	add(ret, "Target", arena_printf(p->arena, "%s/%s.%s", c->target.kind, c->target.name, c->ns));
	add(ret, "Failed checks threshold", arena_printf(p->arena, "%d", c->analysis.threshold));
	add(ret, "Progress deadline", arena_printf(p->arena, "%ds", c->progress_deadline_s));
	add(ret, "Traffic routing", routing(p));
}

/* Slack, Discord and Rocket.Chat. */
static void put_slack(struct strbuf *b, const struct alert_provider *to, const char *title, const struct alert *al,
		      const struct fields *f)
{
	bool bad = al->severity == SEVERITY_ERROR, rocket = text_eq(to->type, "rocket");
	const char *color = rocket ? (bad ? "#FF0000" : "#0076D7") : (bad ? "danger" : "good");
	strbuf_add(b, "{\"channel\":");
	strbuf_add_json(b, to->channel);
	strbuf_add(b, ",\"username\":");
	strbuf_add_json(b, to->username);
	strbuf_addf(
		b, ",\"icon_url\":\"\",\"icon_emoji\":\":rocket:\",\"attachments\":[{\"color\":\"%s\",\"author_name\":",
		color);
	strbuf_add_json(b, title);
	strbuf_add(b, ",\"text\":");
	strbuf_add_json(b, al->text);
	strbuf_add(b, ",\"mrkdwn_in\":[\"text\"],\"fields\":[");
	for (size_t i = 0; i < f->count; i++) {
		strbuf_add(b, i ? ",{\"title\":" : "{\"title\":");
		strbuf_add_json(b, f->at[i].name);
		strbuf_add(b, ",\"value\":");
		strbuf_add_json(b, f->at[i].value);
		strbuf_add(b, ",\"short\":false}");
	}
	strbuf_add(b, "]}]}");
}

static void put_teams(struct strbuf *b, const char *title, const struct alert *al, const struct fields *f)
{
	strbuf_addf(b,
		    "{\"@type\":\"MessageCard\",\"@context\":\"http://schema.org/extensions\",\"themeColor\":\"%s\","
		    "\"summary\":",
		    al->severity == SEVERITY_ERROR ? "FF0000" : "0076D7");
	strbuf_add_json(b, title);
	strbuf_add(b, ",\"sections\":[{\"activityTitle\":");
	strbuf_add_json(b, al->text);
	strbuf_add(b, ",\"activitySubtitle\":");
	strbuf_add_json(b, title);
	strbuf_add(b, ",\"facts\":[");
	for (size_t i = 0; i < f->count; i++) {
		strbuf_add(b, i ? ",{\"name\":" : "{\"name\":");
		strbuf_add_json(b, f->at[i].name);
		strbuf_add(b, ",\"value\":");
		strbuf_add_json(b, f->at[i].value);
		strbuf_addc(b, '}');
	}
	strbuf_add(b, "]}]}");
}

/* Google Chat reads HTML. */
static void put_html(struct strbuf *b, const char *text)
{
	for (const char *s = text; *s; s++) {
		if (*s == '<')
			strbuf_add(b, "&lt;");
		else if (*s == '>')
			strbuf_add(b, "&gt;");
		else if (*s == '&')
			strbuf_add(b, "&amp;");
		else
			strbuf_addc(b, *s);
	}
}

static void put_paragraph(struct strbuf *b, const char *head, const char *text)
{
	struct strbuf html;
	strbuf_init(&html, BODY_MAX);
	put_html(&html, head);
	strbuf_add(&html, *head ? "<br>" : "");
	strbuf_add(&html, "<font color=#848484><strong>");
	put_html(&html, text);
	strbuf_add(&html, "</strong></font>");
	strbuf_add(b, "{\"widgets\":[{\"textParagraph\":{\"text\":");
	strbuf_add_json_go(b, html.s);
	strbuf_add(b, "}}]}");
	b->overflow |= html.overflow;
	strbuf_finish(&html);
}

static void put_gchat(struct strbuf *b, const char *title, const struct alert *al, const struct fields *f)
{
	strbuf_add(b, "{\"cards\":[{\"header\":{\"title\":\"Flagger\",\"subtitle\":");
	strbuf_add_json(b, title);
	strbuf_add(b, ",\"imageUrl\":\"https://flagger.app/favicon.png\"},\"sections\":[");
	put_paragraph(b, "", al->text);
	for (size_t i = 0; i < f->count; i++) {
		strbuf_addc(b, ',');
		put_paragraph(b, f->at[i].name, f->at[i].value);
	}
	strbuf_add(b, "]}]}");
}

/* Markdown, in which foreign text must not begin anything. */
static void put_markdown(struct strbuf *b, const char *text)
{
	for (const char *s = text; *s; s++) {
		if (strchr("\\`*_{}[]()#+!|<>~@", *s))
			strbuf_addc(b, '\\');
		strbuf_addc(b, *s == '\n' ? ' ' : *s);
	}
}

static void put_dingtalk(struct strbuf *b, const char *title, const struct alert *al, const struct fields *f)
{
	static const char *const signs[] = { [SEVERITY_INFO] = "🔵", [SEVERITY_WARN] = "🟡", [SEVERITY_ERROR] = "🔴" };
	struct strbuf text;
	strbuf_init(&text, BODY_MAX);
	strbuf_addf(&text, "### %s ", signs[al->severity]);
	put_markdown(&text, title);
	strbuf_add(&text, "\n\n");
	put_markdown(&text, al->text);
	for (size_t i = 0; i < f->count; i++) {
		strbuf_addf(&text, "\n\n- **%s** ", f->at[i].name);
		put_markdown(&text, f->at[i].value);
	}
	strbuf_add(b, "{\"msgtype\":\"markdown\",\"markdown\":{\"title\":");
	strbuf_add_json(b, title);
	strbuf_add(b, ",\"text\":");
	strbuf_add_json(b, text.s);
	strbuf_add(b, "}}");
	b->overflow |= text.overflow;
	strbuf_finish(&text);
}

const char *alert_payload(const struct plan *p, const struct alert_provider *to, const struct alert *al)
{
	const char *title = arena_printf(p->arena, "%s.%s", p->canary->name, p->canary->ns);
	struct fields f;
	struct strbuf b;
	if (!title)
		return NULL;
	gather(p, al, &f);
	strbuf_init(&b, BODY_MAX);
	if (text_eq(to->type, "msteams"))
		put_teams(&b, title, al, &f);
	else if (text_eq(to->type, "gchat"))
		put_gchat(&b, title, al, &f);
	else if (text_eq(to->type, "dingtalk"))
		put_dingtalk(&b, title, al, &f);
	else
		put_slack(&b, to, title, al, &f);
	const char *text = b.overflow ? NULL : arena_strdup(p->arena, b.s);
	strbuf_finish(&b);
	return text;
}
