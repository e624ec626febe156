/* Charts as pictures: that they are ones, what is on them, that no value breaks them. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cairo.h>
#include <cmocka.h>

#include "bot/cards/chart.h"

#define T0 1763978551000ll
static const struct chart_point weights[] = {
	{ { T0 }, 0 }, { { T0 + 20000 }, 20 }, { { T0 + 60000 }, 40 }, { { T0 + 100000 }, 60 }, { { T0 + 140000 }, 80 }
};
static const struct chart_point rates[] = {
	{ { T0 + 20000 }, 99.9 }, { { T0 + 60000 }, 99.7 }, { { T0 + 100000 }, 99.95 }, { { T0 + 140000 }, 99.8 }
};
static const struct chart_point slow[] = {
	{ { T0 + 20000 }, 210 }, { { T0 + 60000 }, 260 }, { { T0 + 100000 }, 430 }, { { T0 + 140000 }, 812 }
};
static const struct chart_mark marks[] = { { { T0 + 20000 }, MARK_APPROVED, "lin.wei" },
					   { { T0 + 100000 }, MARK_ASKED, "" },
					   { { T0 + 150000 }, MARK_REJECTED, "zhao" } };
static const struct chart_series series[] = {
	{ "success-rate", "≥ 99%", "99.8%", true, true, 99, rates, 4 },
	{ "duration-p99", "≤ 500ms", "812ms", false, true, 500, slow, 4 },
};

static struct chart sample(void)
{
	return (struct chart){ .title = "default/podinfo-default",
			       .from = { T0 },
			       .until = { T0 + 180000 },
			       .weights = weights,
			       .weight_count = 5,
			       .marks = marks,
			       .mark_count = 3,
			       .series = series,
			       .series_count = 2 };
}

struct source {
	const unsigned char *at;
	size_t left;
};

static cairo_status_t give(void *owner, unsigned char *bytes, unsigned int len)
{
	struct source *s = owner;
	if (len > s->left)
		return CAIRO_STATUS_READ_ERROR;
	memcpy(bytes, s->at, len);
	s->at += len;
	s->left -= len;
	return CAIRO_STATUS_SUCCESS;
}

/* The picture, as somebody else's eyes read the bytes. */
static cairo_surface_t *drawn(const struct chart *c)
{
	unsigned char *png = NULL;
	size_t len = 0;
	struct error e = { .text = "" };
	if (chart_png(c, &png, &len, &e) != RC_OK)
		fail_msg("%s", e.text);
	struct source s = { png, len };
	cairo_surface_t *picture = cairo_image_surface_create_from_png_stream(give, &s);
	assert_int_equal(cairo_surface_status(picture), CAIRO_STATUS_SUCCESS);
	free(png);
	return picture;
}

static uint32_t pixel(cairo_surface_t *s, int x, int y)
{
	uint32_t v;
	memcpy(&v, cairo_image_surface_get_data(s) + (ptrdiff_t)y * cairo_image_surface_get_stride(s) + x * 4, 4);
	return v;
}

/* How many pixels are nearly of this colour. */
static int count(cairo_surface_t *s, int r, int g, int b)
{
	int n = 0;
	for (int y = 0; y < cairo_image_surface_get_height(s); y++)
		for (int x = 0; x < cairo_image_surface_get_width(s); x++) {
			uint32_t v = pixel(s, x, y);
			n += v >> 24 == 0xff &&
			     abs((int)(v >> 16 & 0xff) - r) + abs((int)(v >> 8 & 0xff) - g) + abs((int)(v & 0xff) - b) <
				     24;
		}
	return n;
}

static void test_what_is_on_it(void **state)
{
	(void)state;
	struct chart c = sample();
	cairo_surface_t *s = drawn(&c);
	assert_int_equal(cairo_image_surface_get_width(s), CHART_WIDTH * CHART_SCALE);
	assert_int_equal(pixel(s, 0, 0) >> 24, 0);                            /* round corners */
	assert_int_equal(pixel(s, CHART_WIDTH, 14) & 0xffffffff, 0xffffffff); /* its own ground, also on dark */
	int blue = count(s, 38, 99, 235), good = count(s, 20, 128, 61), bad = count(s, 199, 31, 36);
	assert_true(blue > 1000 && good > 300 && bad > 300);
	cairo_surface_destroy(s);

	c.series_count = 0;
	c.mark_count = 0;
	cairo_surface_t *bare = drawn(&c);
	assert_true(cairo_image_surface_get_height(bare) < CHART_WIDTH);
	assert_int_equal(count(bare, 20, 128, 61), 0);
	cairo_surface_destroy(bare);
}

static void test_the_staircase_stands_where_it_should(void **state)
{
	(void)state;
	struct chart c = sample();
	static const struct chart_point half[] = { { { T0 }, 50 } };
	c.weights = half;
	c.weight_count = 1;
	c.mark_count = c.series_count = 0;
	cairo_surface_t *s = drawn(&c);
	int top = 0, x = CHART_WIDTH; /* the middle */
	while (top < cairo_image_surface_get_height(s) && (pixel(s, x, top) & 0xffffff) != 0x2663eb)
		top++;
	c.weights = &(struct chart_point){ { T0 }, 100 };
	cairo_surface_t *full = drawn(&c);
	int higher = 0;
	while (higher < cairo_image_surface_get_height(full) && (pixel(full, x, higher) & 0xffffff) != 0x2663eb)
		higher++;
	assert_int_equal(top - higher, 132 / 2 * CHART_SCALE);
	cairo_surface_destroy(s);
	cairo_surface_destroy(full);
}

static void test_no_value_breaks_it(void **state)
{
	(void)state;
	static const struct chart_point odd[] = { { { T0 - 99999 }, -5 },   { { T0 }, (double)NAN },
						  { { T0 + 1 }, INFINITY }, { { T0 + 2 }, 1e308 },
						  { { T0 + 3 }, -1e308 },   { { INT64_MAX / 4 }, 1e9 } };
	static const char junk[] = "\xff\xfe\x80 a\x01\n\xe4\xbd\xa0\xf0\x9f\x9a\x80\xe2\x80\xae"
				   "0123456789012345678901234567890123456789012345678901234567890123456789"
				   "0123456789012345678901234567890123456789012345678901234567890123456789";
	const struct chart_series lines[] = { { junk, junk, junk, false, true, (double)NAN, odd, 6 },
					      { NULL, NULL, NULL, true, true, 3, odd, 1 },
					      { "", "", "", true, false, 0, NULL, 0 },
					      { junk, junk, junk, false, true, 1e308, odd, 6 },
					      { "one too many", "", "", true, false, 0, NULL, 0 } };
	const struct chart_mark many[] = { { { T0 - 5 }, MARK_PROMOTED, junk },
					   { { T0 + 5 }, MARK_ROLLED_BACK, NULL },
					   { { INT64_MAX / 4 }, MARK_ASKED, junk } };
	struct chart c = { .title = junk,
			   .from = { T0 },
			   .until = { T0 + 1000 },
			   .weights = odd,
			   .weight_count = 6,
			   .marks = many,
			   .mark_count = 3,
			   .series = lines,
			   .series_count = 5 };
	cairo_surface_t *s = drawn(&c);
	assert_int_equal(cairo_image_surface_get_width(s), CHART_WIDTH * CHART_SCALE);
	cairo_surface_destroy(s);
}

static void test_without_time(void **state)
{
	(void)state;
	struct chart c = sample();
	c.until = c.from;
	unsigned char *png = NULL;
	size_t len = 0;
	struct error e;
	assert_int_equal(chart_png(&c, &png, &len, &e), RC_INVALID);
	assert_string_equal(e.text, "a chart needs a time that passes");
	assert_null(png);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_on_it),
		cmocka_unit_test(test_the_staircase_stands_where_it_should),
		cmocka_unit_test(test_no_value_breaks_it),
		cmocka_unit_test(test_without_time),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
