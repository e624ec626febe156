#include "app/demo/screen.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "app/terminal.h"

enum { CELLS = 20 };
#define CLEAR "\r\033[K"

static const struct {
	const char *sign;
	enum tone tone;
} tones[] = {
	[SCREEN_STEP] = { "·", TONE_MOVES }, [SCREEN_GOOD] = { "✓", TONE_GOOD },  [SCREEN_BAD] = { "✗", TONE_BAD },
	[SCREEN_ASKS] = { "?", TONE_WAITS }, [SCREEN_NOTE] = { " ", TONE_FAINT },
};

void screen_open(struct screen *s, struct loop *l)
{
	*s = (struct screen){
		.loop = l, .began_at = loop_now(l), .live = terminal_is_live(), .color = terminal_has_color()
	};
}

static void paint(const struct screen *s)
{
	struct strbuf b;
	size_t columns, rows;
	if (!s->live)
		return;
	terminal_size(&columns, &rows);
	strbuf_init(&b, SCREEN_LINE * 4);
	strbuf_add(&b, CLEAR);
	terminal_add_cut(&b, s->now, columns - 1);
	fputs(b.s, stdout);
	(void)fflush(stdout);
	strbuf_finish(&b);
}

void screen_close(struct screen *s)
{
	s->now[0] = '\0';
	paint(s);
}

void screen_say(struct screen *s, enum screen_tone tone, const char *fmt, ...)
{
	char text[SCREEN_LINE];
	va_list ap;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	printf("%s  %5.1fs  %s%s%s %s\n", s->live ? CLEAR : "", (double)(loop_now(s->loop).v - s->began_at.v) / 1000,
	       s->color ? tone_escape(tones[tone].tone) : "", tones[tone].sign, s->color ? TONE_END : "", text);
	(void)fflush(stdout);
	paint(s);
}

void screen_now(struct screen *s, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	(void)vsnprintf(s->now, sizeof s->now, fmt, ap);
	va_end(ap);
	paint(s);
}

const char *screen_bar(int percent, char buf[SCREEN_BAR])
{
	size_t len = 0;
	for (int i = 0; i < CELLS; i++)
		len += (size_t)snprintf(buf + len, SCREEN_BAR - len, "%s", i < percent * CELLS / 100 ? "█" : "░");
	return buf;
}
