/* Text between people and Slack's markup (slack.md 12). */
#include <string.h>

#include "base/text.h"
#include "bot/channels/slack/slack_render.h"

#define GRAVE "\xcb\x8b" /* U+02CB looks like a backtick and is none */

void slack_escape(struct strbuf *b, const char *s, size_t max_chars)
{
	const char *end = s + text_prefix(s, max_chars);
	bool cut = *end != '\0';
	if (cut && max_chars > 0)
		end = s + text_prefix(s, max_chars - 1);
	for (; s < end; s++)
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
		case '`':
			strbuf_add(b, GRAVE);
			break;
		default:
			strbuf_addc(b, *s);
		}
	if (cut)
		strbuf_add(b, "…");
}

/* "<@U1|mira>" -> "@mira", "<#C1|ops>" -> "#ops", "<https://x|label>" -> "https://x"; returns what follows it, or NULL
 * when at is no such thing. */
static const char *put_entity(struct strbuf *b, const char *at)
{
	const char *close = strchr(at, '>');
	if (!close)
		return NULL;
	const char *bar = memchr(at, '|', (size_t)(close - at));
	bool mention = at[1] == '@' || at[1] == '#' || at[1] == '!';
	if (mention)
		strbuf_addc(b, at[1] == '#' ? '#' : '@');
	const char *from = at + 1 + mention, *to = bar && !mention ? bar : close;
	if (bar && mention)
		from = bar + 1;
	if (from < to)
		strbuf_addn(b, from, (size_t)(to - from));
	return close + 1;
}

char *slack_unescape(struct arena *a, const char *s)
{
	static const struct {
		const char *code;
		char is;
	} codes[] = { { "&amp;", '&' }, { "&lt;", '<' }, { "&gt;", '>' } };
	struct strbuf b;
	strbuf_init(&b, strlen(s) + 1);
	while (*s) {
		const char *next = *s == '<' ? put_entity(&b, s) : NULL;
		for (size_t i = 0; !next && i < sizeof codes / sizeof *codes; i++)
			if (text_starts(s, codes[i].code)) {
				strbuf_addc(&b, codes[i].is);
				next = s + strlen(codes[i].code);
			}
		if (!next)
			strbuf_addc(&b, *s);
		s = next ? next : s + 1;
	}
	char *out = b.overflow ? NULL : arena_strdup(a, b.s);
	strbuf_finish(&b);
	return out;
}
