#include "bot/channels/decide/decide_page.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/crypto.h"
#include "base/templates.h"
#include "base/text.h"
#include "bot/cards/clean.h"

enum { PAGE_BYTES_MAX = 256 * 1024, ARENA_BYTES = 1024 * 1024, ROWS_MAX = 12 };

/* A piece of the template. */
struct slice {
	const char *at, *end;
};
struct row {
	const char *label, *text;
};
struct page {
	const struct decide_page *p;
	struct arena *a;
	const char *title;
	struct row rows[ROWS_MAX];
	size_t row_count;
	const struct row *row; /* being drawn */
};

void decide_escape(struct strbuf *b, const char *s)
{
	for (; *s; s++)
		switch (*s) {
		case '&':
			strbuf_add(b, "&amp;");
			break;
		case '<':
			strbuf_add(b, "&lt;");
			break;
		case '>':
			strbuf_add(b, "&gt;");
			break;
		case '"':
			strbuf_add(b, "&quot;");
			break;
		case '\'':
			strbuf_add(b, "&#39;");
			break;
		default:
			strbuf_addc(b, *s);
		}
}

static struct slice template_of(const char *path)
{
	for (const struct template_file *f = template_files; f->path; f++)
		if (text_eq(f->path, path))
			return (struct slice){ f->body, f->body + f->len };
	return (struct slice){ "", "" };
}

/* ---- what it says ---- */

static void add_row(struct page *g, const char *label, const char *text)
{
	if (!text_empty(text) && g->row_count < ROWS_MAX)
		g->rows[g->row_count++] = (struct row){ card_words(g->p->lang, label, g->a, NULL), text };
}

static void gather(struct page *g)
{
	const struct decide_page *p = g->p;
	const struct approval *ap = p->approval;
	g->title = card_words(p->lang, "decide.title", g->a, NULL);
	if (!ap)
		return;
	/* the card's own lines, so that page and card cannot say different things */
	struct rollout r = { .ns = ap->ns, .name = ap->name, .cluster = ap->cluster, .rendered_at = p->now };
	struct card_options o = { .lang = p->lang };
	const struct card *card = card_ask(&r, ap, &o, g->a);
	if (!card)
		return;
	g->title = card_gate_name(ap, p->lang, g->a);
	g->title = card_words(p->lang, "title.state", g->a, "name", clean(g->a, ap->name, 60), "state", g->title, NULL);
	if (ap->state == REQ_OPEN && p->details)
		g->title = card->title;
	for (size_t i = 0; p->details && i < card->line_count && g->row_count < ROWS_MAX; i++)
		g->rows[g->row_count++] = (struct row){ card->lines[i].label, card->lines[i].text };
	if (p->details) {
		const char *where = arena_printf(g->a, "%s · %s/%s", clean(g->a, ap->cluster, 60),
						 clean(g->a, ap->ns, 60), clean(g->a, ap->name, 60));
		add_row(g, "decide.cluster", where);
	} else {
		add_row(g, "label.gate", card_gate_text(ap, p->lang, g->a));
	}
}

/* ---- drawing ---- */

static const char *value_of(struct page *g, const char *name)
{
	const struct decide_page *p = g->p;
	const struct {
		const char *name, *value;
	} values[] = {
		{ "lang", p->lang == LANG_ZH ? "zh-CN" : "en" },
		{ "title", g->title },
		{ "notice", clean_lines(g->a, p->notice, 1000) },
		{ "csrf", p->csrf },
		{ "user", clean(g->a, p->user, 100) },
		{ "label", g->row ? g->row->label : "" },
		{ "text", g->row ? g->row->text : "" },
	};
	for (size_t i = 0; i < sizeof values / sizeof *values; i++)
		if (text_eq(values[i].name, name))
			return values[i].value ? values[i].value : "";
	const char *key = text_starts(name, "label.") ? arena_printf(g->a, "decide.%s", name + 6) : name;
	return card_words(p->lang, key ? key : "", g->a, NULL);
}

static bool shown(const struct page *g, const char *section)
{
	const struct decide_page *p = g->p;
	if (text_eq(section, "notice"))
		return !text_empty(p->notice);
	if (text_eq(section, "facts"))
		return g->row_count > 0;
	return text_eq(section, "form") && p->form;
}

static void draw(struct page *g, struct strbuf *b, struct slice s);

static void draw_section(struct page *g, struct strbuf *b, const char *name, struct slice s)
{
	if (!text_eq(name, "row")) {
		if (shown(g, name))
			draw(g, b, s);
		return;
	}
	for (size_t i = 0; i < g->row_count; i++) {
		g->row = &g->rows[i];
		draw(g, b, s);
	}
	g->row = NULL;
}

/* "<!--name-->" at s: its inside, and what follows its end mark; false: it is something else. */
static bool section_at(struct slice s, char name[32], struct slice *inside, const char **after)
{
	const char *close = text_starts(s.at, "<!--") ? strstr(s.at, "-->") : NULL;
	size_t len = close ? (size_t)(close - s.at) - 4 : 0;
	if (!len || len >= 24)
		return false;
	char mark[48];
	memcpy(name, s.at + 4, len);
	name[len] = '\0';
	(void)snprintf(mark, sizeof mark, "<!--/%s-->", name);
	const char *end = strstr(close, mark);
	if (!end || end > s.end)
		return false;
	*inside = (struct slice){ close + 3, end };
	*after = end + strlen(mark);
	return true;
}

static const char *draw_value(struct page *g, struct strbuf *b, struct slice s)
{
	const char *close = text_starts(s.at, "{{") ? strstr(s.at, "}}") : NULL;
	char name[32];
	size_t len = close ? (size_t)(close - s.at) - 2 : sizeof name;
	if (len >= sizeof name)
		return NULL;
	memcpy(name, s.at + 2, len);
	name[len] = '\0';
	decide_escape(b, value_of(g, name));
	return close + 2;
}

static void draw(struct page *g, struct strbuf *b, struct slice s)
{
	while (s.at < s.end) {
		char name[32];
		struct slice inside;
		const char *after = NULL;
		if (*s.at == '<' && section_at(s, name, &inside, &after))
			draw_section(g, b, name, inside);
		else if (*s.at == '{')
			after = draw_value(g, b, s);
		if (!after) {
			strbuf_addc(b, *s.at);
			after = s.at + 1;
		}
		s.at = after;
	}
}

char *decide_page_html(const struct decide_page *p)
{
	struct page g = { .p = p, .a = arena_create(ARENA_BYTES) };
	if (!g.a)
		return NULL;
	gather(&g);
	struct strbuf b;
	strbuf_init(&b, PAGE_BYTES_MAX);
	draw(&g, &b, template_of("console/decide.html"));
	char *html = strbuf_take(&b);
	strbuf_finish(&b);
	arena_destroy(g.a);
	return html;
}

char *decide_page_policy(void)
{
	struct slice t = template_of("console/decide.html");
	const char *from = strstr(t.at, "<style>"), *to = strstr(t.at, "</style>");
	unsigned char digest[SHA256_BYTES];
	if (!from || !to || crypto_sha256(from + 7, (size_t)(to - from - 7), digest, NULL) != RC_OK)
		return NULL;
	char *hash = text_base64(digest, sizeof digest, false);
	struct strbuf b;
	strbuf_init(&b, 1024);
	strbuf_addf(&b,
		    "Content-Security-Policy: default-src 'none'; style-src 'sha256-%s'; form-action 'self'; "
		    "base-uri 'none'; frame-ancestors 'none'",
		    hash ? hash : "");
	char *policy = hash ? strbuf_take(&b) : NULL;
	strbuf_finish(&b);
	free(hash);
	return policy;
}
