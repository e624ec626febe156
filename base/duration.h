#pragma once
/* Durations as Go writes and reads them ("1m30s", "250ms"), because Canary objects carry them so. */
#include <stdint.h>

#include "base/error.h"

/* Nanoseconds internally in the text; the value is milliseconds, rounded down. Accepts h m s ms us ns with fractions
 * and a leading sign; "0" alone is fine; the empty string and a bare number are errors. */
MUST_CHECK enum result duration_parse(const char *s, int64_t *ret_ms, struct error *e);
/* Go's Duration.String of a whole number of milliseconds: "1.515s", "500ms", "1m0s", "0s". buf of 32 bytes. */
void duration_print(int64_t ms, char buf[32]);
/* For people: "4s", "1m12s", "2h5m", "3d4h": at most two units. buf of 32 bytes. */
void duration_human(int64_t ms, char buf[32]);
