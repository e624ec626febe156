#include "bot/cards/chart.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cairo.h>

#include "base/text.h"

/* Everything in points; the surface is CHART_SCALE times as fine. */
enum {
	PAD = 16,
	LEFT = 46,       /* where time begins */
	RIGHT_TEXT = 96, /* the newest value and its limit */
	TITLE = 34,
	MARKS = 18, /* the band over the plot with the names of who decided */
	PLOT = 132,
	AXIS = 22,
	ROW = 44, /* of one metric */
	PNG_BYTES_MAX = 180 * 1024,
	LABEL_BYTES = 96,
};

struct rgb {
	double r, g, b;
};
static const struct rgb ground = { 1, 1, 1 }, border = { .82, .84, .87 }, grid = { .91, .92, .94 },
			ink = { .12, .16, .22 }, faint = { .38, .42, .48 }, blue = { .15, .39, .92 },
			good = { .08, .50, .24 }, bad = { .78, .12, .14 }, amber = { .71, .41, .03 };
static const struct {
	const char *sign;
	const struct rgb *color;
} faces[MARK_KIND_COUNT] = {
	[MARK_ASKED] = { "?", &amber },   [MARK_APPROVED] = { "✓", &good },   [MARK_REJECTED] = { "✗", &bad },
	[MARK_PROMOTED] = { "▲", &good }, [MARK_ROLLED_BACK] = { "▼", &bad },
};

struct pen {
	cairo_t *cr;
	const struct chart *c;
	double right; /* where time ends */
};

static void color(struct pen *p, const struct rgb *c, double alpha)
{
	cairo_set_source_rgba(p->cr, c->r, c->g, c->b, alpha);
}

static double x_of(const struct pen *p, struct wall_ms at)
{
	double span = (double)(p->c->until.v - p->c->from.v), part = (double)(at.v - p->c->from.v) / span;
	part = part < 0 ? 0 : part > 1 ? 1 : part;
	return LEFT + part * (p->right - LEFT);
}

static double clamp(double v, double low, double high)
{
	return v < low ? low : v > high ? high : v;
}

/* ---- words ---- */

static double width_of(struct pen *p, const char *s)
{
	cairo_text_extents_t x;
	cairo_text_extents(p->cr, s, &x);
	return x.x_advance;
}

/* As much of the text as fits, as valid UTF-8: cairo stops working for good at an invalid byte. */
static const char *fitted(struct pen *p, const char *s, double room, char buf[LABEL_BYTES])
{
	size_t n = 0, len = s ? strlen(s) : 0;
	for (size_t i = 0, step; i < len && n + 4 < LABEL_BYTES - 4; i += step ? step : 1) {
		step = text_utf8_step(s + i, len - i);
		bool shown = step > 1 || (step == 1 && (unsigned char)s[i] >= 0x20 && s[i] != 0x7f);
		memcpy(buf + n, shown ? s + i : "?", shown ? step : 1);
		n += shown ? step : 1;
	}
	buf[n] = '\0';
	for (size_t chars = n; *buf && width_of(p, buf) > room && chars > 0;) {
		size_t cut = text_prefix(buf, --chars);
		(void)text_copy(buf + cut, LABEL_BYTES - cut, chars ? "…" : "");
	}
	return buf;
}

enum side { AT_LEFT, AT_MIDDLE, AT_RIGHT };
static void words(struct pen *p, double x, double y, enum side side, double room, const char *s)
{
	char buf[LABEL_BYTES];
	fitted(p, s, room, buf);
	double w = width_of(p, buf);
	cairo_move_to(p->cr, side == AT_LEFT ? x : side == AT_RIGHT ? x - w : x - w / 2, y);
	cairo_show_text(p->cr, buf);
}

static void font(struct pen *p, double size, bool bold)
{
	cairo_select_font_face(p->cr, "sans-serif", CAIRO_FONT_SLANT_NORMAL,
			       bold ? CAIRO_FONT_WEIGHT_BOLD : CAIRO_FONT_WEIGHT_NORMAL);
	cairo_set_font_size(p->cr, size);
}

/* ---- the weights ---- */

static void line(struct pen *p, double x0, double y0, double x1, double y1)
{
	cairo_move_to(p->cr, x0, y0);
	cairo_line_to(p->cr, x1, y1);
	cairo_stroke(p->cr);
}

static void plot_grid(struct pen *p, double top)
{
	font(p, 10, false);
	cairo_set_line_width(p->cr, 1);
	static const int levels[] = { 0, 50, 100 };
	for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
		double y = top + PLOT * (1 - levels[i] / 100.0);
		char text[8];
		(void)snprintf(text, sizeof text, "%d%%", levels[i]);
		color(p, &grid, 1);
		line(p, LEFT, y, p->right, y);
		color(p, &faint, 1);
		words(p, LEFT - 6, y + 3.5, AT_RIGHT, LEFT - 8, text);
	}
}

static double weight_y(double top, double weight)
{
	return top + PLOT * (1 - clamp(isfinite(weight) ? weight : 0, 0, 100) / 100);
}

/* Weights hold until they change: a staircase. */
static void trace_weights(struct pen *p, double top)
{
	const struct chart *c = p->c;
	double y = top + PLOT;
	cairo_new_path(p->cr);
	for (size_t i = 0; i < c->weight_count; i++) {
		double x = x_of(p, c->weights[i].at), next = weight_y(top, c->weights[i].value);
		if (i > 0)
			cairo_line_to(p->cr, x, y);
		cairo_line_to(p->cr, x, next);
		y = next;
	}
	cairo_line_to(p->cr, p->right, y);
}

static void plot_weights(struct pen *p, double top)
{
	plot_grid(p, top);
	if (!p->c->weight_count)
		return;
	trace_weights(p, top);
	color(p, &blue, 1);
	cairo_set_line_width(p->cr, 2);
	cairo_stroke_preserve(p->cr);
	cairo_line_to(p->cr, p->right, top + PLOT);
	cairo_line_to(p->cr, x_of(p, p->c->weights[0].at), top + PLOT);
	cairo_close_path(p->cr);
	color(p, &blue, .14);
	cairo_fill(p->cr);
	char now[16];
	double y = weight_y(top, p->c->weights[p->c->weight_count - 1].value);
	(void)snprintf(now, sizeof now, "%.0f%%", 100 * (top + PLOT - y) / PLOT);
	font(p, 14, true);
	color(p, &blue, 1);
	words(p, p->right + 8, clamp(y + 5, top + 12, top + PLOT), AT_LEFT, RIGHT_TEXT - 8, now);
}

static void draw_marks(struct pen *p, double top, double bottom)
{
	static const double dashes[] = { 3, 3 };
	double free_from = 0;
	font(p, 10, true);
	for (size_t i = 0; i < p->c->mark_count; i++) {
		const struct chart_mark *m = &p->c->marks[i];
		double x = x_of(p, m->at);
		color(p, faces[m->kind].color, .8);
		cairo_set_line_width(p->cr, 1);
		cairo_set_dash(p->cr, dashes, 2, 0);
		line(p, x, top, x, bottom);
		cairo_set_dash(p->cr, NULL, 0, 0);
		char label[LABEL_BYTES];
		(void)snprintf(label, sizeof label, "%s %.60s", faces[m->kind].sign, m->text ? m->text : "");
		double w = clamp(width_of(p, fitted(p, label, 110, (char[LABEL_BYTES]){ 0 })), 0, 110);
		double from = clamp(x - w / 2, LEFT, p->right + RIGHT_TEXT - w);
		if (from < free_from)
			continue; /* its line must do */
		color(p, faces[m->kind].color, 1);
		words(p, from, top - 5, AT_LEFT, 110, label);
		free_from = from + w + 8;
	}
}

static void time_axis(struct pen *p, double y)
{
	char from[32], until[32];
	wall_print(p->c->from, from); /* 2026-11-24T21:58:22Z */
	wall_print(p->c->until, until);
	from[19] = until[19] = '\0';
	font(p, 10, false);
	color(p, &faint, 1);
	words(p, LEFT, y + 14, AT_LEFT, 120, from + 11);
	char end[32];
	(void)snprintf(end, sizeof end, "%s UTC", until + 11);
	words(p, p->right, y + 14, AT_RIGHT, 120, end);
}

/* ---- the metrics ---- */

struct range {
	double low, high;
};

static struct range range_of(const struct chart_series *s)
{
	struct range r = { INFINITY, -INFINITY };
	for (size_t i = 0; i < s->count; i++)
		if (isfinite(s->points[i].value)) {
			r.low = fmin(r.low, s->points[i].value);
			r.high = fmax(r.high, s->points[i].value);
		}
	if (s->limited && isfinite(s->limit_value)) {
		r.low = fmin(r.low, s->limit_value);
		r.high = fmax(r.high, s->limit_value);
	}
	if (!isfinite(r.high - r.low))
		return (struct range){ 0, 1 };
	double room = r.high > r.low ? (r.high - r.low) * .12 : fabs(r.high) * .1 + 1e-9;
	return (struct range){ r.low - room, r.high + room };
}

static double spark_y(struct range r, double value, double top, double height)
{
	return top + height * (1 - clamp((value - r.low) / (r.high - r.low), 0, 1));
}

static void spark(struct pen *p, const struct chart_series *s, double top, double height)
{
	static const double dashes[] = { 4, 3 };
	struct range r = range_of(s);
	double x = 0, y = 0;
	if (s->limited && isfinite(s->limit_value)) {
		double at = spark_y(r, s->limit_value, top, height);
		color(p, &bad, .55);
		cairo_set_line_width(p->cr, 1);
		cairo_set_dash(p->cr, dashes, 2, 0);
		line(p, LEFT, at, p->right, at);
		cairo_set_dash(p->cr, NULL, 0, 0);
	}
	cairo_new_path(p->cr);
	for (size_t i = 0; i < s->count; i++) {
		if (!isfinite(s->points[i].value))
			continue;
		x = x_of(p, s->points[i].at);
		y = spark_y(r, s->points[i].value, top, height);
		cairo_line_to(p->cr, x, y);
	}
	if (!cairo_has_current_point(p->cr))
		return;
	color(p, s->good ? &good : &bad, 1);
	cairo_set_line_width(p->cr, 1.6);
	cairo_stroke(p->cr);
	cairo_arc(p->cr, x, y, 2.6, 0, 2 * M_PI);
	cairo_fill(p->cr);
}

static void metric_row(struct pen *p, const struct chart_series *s, double top)
{
	font(p, 11, false);
	color(p, &ink, 1);
	words(p, LEFT, top + 12, AT_LEFT, p->right - LEFT, s->name);
	spark(p, s, top + 18, ROW - 24);
	font(p, 12, true);
	color(p, s->good ? &good : &bad, 1);
	words(p, p->right + 8, top + 26, AT_LEFT, RIGHT_TEXT - 8, s->last);
	font(p, 10, false);
	color(p, &faint, 1);
	words(p, p->right + 8, top + 39, AT_LEFT, RIGHT_TEXT - 8, s->limit);
}

/* ---- the whole ---- */

static size_t rows_of(const struct chart *c)
{
	return c->series_count < CHART_SERIES_MAX ? c->series_count : CHART_SERIES_MAX;
}

static double height_of(const struct chart *c)
{
	return TITLE + MARKS + PLOT + AXIS + (double)rows_of(c) * ROW + PAD;
}

static void draw_ground(struct pen *p, double height)
{
	const double radius = 10, w = CHART_WIDTH - .5, h = height - .5;
	cairo_new_sub_path(p->cr);
	cairo_arc(p->cr, w - radius, radius, radius, -M_PI / 2, 0);
	cairo_arc(p->cr, w - radius, h - radius, radius, 0, M_PI / 2);
	cairo_arc(p->cr, radius, h - radius, radius, M_PI / 2, M_PI);
	cairo_arc(p->cr, radius, radius, radius, M_PI, 3 * M_PI / 2);
	cairo_close_path(p->cr);
	color(p, &ground, 1);
	cairo_fill_preserve(p->cr);
	color(p, &border, 1);
	cairo_set_line_width(p->cr, 1);
	cairo_stroke(p->cr);
}

static void draw(struct pen *p)
{
	double top = TITLE + MARKS, rows = top + PLOT + AXIS;
	draw_ground(p, height_of(p->c));
	font(p, 13, true);
	color(p, &ink, 1);
	words(p, PAD, 24, AT_LEFT, CHART_WIDTH - 2 * PAD, p->c->title);
	plot_weights(p, top);
	time_axis(p, top + PLOT);
	size_t n = rows_of(p->c);
	for (size_t i = 0; i < n; i++)
		metric_row(p, &p->c->series[i], rows + (double)i * ROW);
	draw_marks(p, top, n ? rows + (double)n * ROW : top + PLOT);
}

struct png {
	unsigned char *bytes;
	size_t len, room;
};

static cairo_status_t take_bytes(void *owner, const unsigned char *bytes, unsigned int len)
{
	struct png *png = owner;
	if (len > PNG_BYTES_MAX - png->len)
		return CAIRO_STATUS_WRITE_ERROR;
	if (png->len + len > png->room) {
		size_t room = png->room ? png->room * 2 : 32 * 1024;
		room = room < png->len + len ? png->len + len : room;
		unsigned char *more = realloc(png->bytes, room);
		if (!more)
			return CAIRO_STATUS_NO_MEMORY;
		png->bytes = more;
		png->room = room;
	}
	memcpy(png->bytes + png->len, bytes, len);
	png->len += len;
	return CAIRO_STATUS_SUCCESS;
}

enum result chart_png(const struct chart *c, unsigned char **ret, size_t *ret_len, struct error *e)
{
	if (c->until.v <= c->from.v)
		return error_set(e, RC_INVALID, "a chart needs a time that passes");
	cairo_surface_t *surface = cairo_image_surface_create(CAIRO_FORMAT_ARGB32, CHART_WIDTH * CHART_SCALE,
							      (int)(height_of(c) * CHART_SCALE));
	cairo_t *cr = cairo_create(surface);
	cairo_scale(cr, CHART_SCALE, CHART_SCALE);
	struct pen p = { .cr = cr, .c = c, .right = CHART_WIDTH - PAD - RIGHT_TEXT };
	draw(&p);
	struct png png = { 0 };
	cairo_status_t status = cairo_status(cr);
	if (status == CAIRO_STATUS_SUCCESS)
		status = cairo_surface_write_to_png_stream(surface, take_bytes, &png);
	cairo_destroy(cr);
	cairo_surface_destroy(surface);
	if (status != CAIRO_STATUS_SUCCESS) {
		free(png.bytes);
		return error_set(e, RC_EXHAUSTED, "the chart could not be drawn: %s", cairo_status_to_string(status));
	}
	*ret = png.bytes;
	*ret_len = png.len;
	return RC_OK;
}

/* Fontconfig keeps some patterns by offsets, which a leak checker cannot follow. */
#ifdef __SANITIZE_ADDRESS__
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void) /* NOLINT: the name is the sanitizer's */
{
	return "leak:libfontconfig";
}
#endif
