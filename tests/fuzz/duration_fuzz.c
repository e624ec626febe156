/* Every text that duration_parse accepts has a value that prints and reads back as itself. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/duration.h"
#include "base/text.h"

static void require(bool ok)
{
	if (!ok)
		abort();
}

static void check_duration(const char *text)
{
	struct error e = { .text = "" };
	int64_t ms, back;
	char printed[32], human[32];
	if (duration_parse(text, &ms, &e) != RC_OK) {
		require(e.text[0] && text_is_utf8(e.text, strlen(e.text)));
		return;
	}
	duration_print(ms, printed);
	duration_human(ms, human);
	/* The least value was rounded down past what nanoseconds can say. */
	if (ms < -9223372036854)
		return;
	require(duration_parse(printed, &back, NULL) == RC_OK && back == ms);
}

static void check_time(const char *text)
{
	struct wall_ms t, back;
	char printed[32];
	if (wall_parse(text, &t, NULL) != RC_OK)
		return;
	wall_print_ms(t, printed);
	/* With an offset, the year can leave the four digits that are read. */
	if (printed[0] == '-' || strlen(printed) != 24)
		return;
	require(wall_parse(printed, &back, NULL) == RC_OK && back.v == t.v);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(free_p) char *text = malloc(size + 1);
	if (!text)
		return 0;
	if (size)
		memcpy(text, data, size);
	text[size] = '\0';
	check_duration(text);
	check_time(text);
	return 0;
}
