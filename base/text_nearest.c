#include "base/text.h"

#include <string.h>

enum { WORD_MAX = 64 };

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
	unsigned least = a < b ? a : b;
	return least < c ? least : c;
}

/* Insertions, deletions, replacements and swaps of neighbours that turn a into b. Both are at most WORD_MAX bytes. */
static unsigned distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
	unsigned row[3][WORD_MAX + 1]; /* of i - 2, i - 1 and i, in turn */
	for (size_t j = 0; j <= b_len; j++)
		row[0][j] = (unsigned)j;
	for (size_t i = 1; i <= a_len; i++) {
		unsigned *now = row[i % 3];
		const unsigned *before = row[(i + 2) % 3], *two_before = row[(i + 1) % 3];
		now[0] = (unsigned)i;
		for (size_t j = 1; j <= b_len; j++) {
			unsigned replaced = before[j - 1] + (a[i - 1] != b[j - 1]);
			now[j] = min3(before[j] + 1, now[j - 1] + 1, replaced);
			bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
			if (swapped && two_before[j - 2] + 1 < now[j])
				now[j] = two_before[j - 2] + 1;
		}
	}
	return row[a_len % 3][b_len];
}

const char *text_nearest(const char *word, const char *const *candidates)
{
	size_t len = strlen(word);
	if (len > WORD_MAX)
		return NULL;
	unsigned best = (len <= 4 ? 1 : 2) + 1;
	const char *nearest = NULL;
	for (; *candidates; candidates++) {
		size_t n = strlen(*candidates);
		if (n > WORD_MAX)
			continue;
		unsigned d = distance(word, len, *candidates, n);
		if (d < best) {
			best = d;
			nearest = *candidates;
		}
	}
	return nearest;
}
