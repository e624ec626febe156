#include "base/text.h"

#include <string.h>

enum { WORD_MAX = 64 };

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
	unsigned least = a < b ? a : b;
	return least < c ? least : c;
}

/* A word as its letters, so that one wrong Chinese one is one mistake. */
struct letters {
	uint32_t at[WORD_MAX];
	size_t count;
};

static bool spell(const char *word, struct letters *ret)
{
	size_t len = strlen(word);
	ret->count = 0;
	for (size_t i = 0, step; i < len; i += step) {
		if (ret->count == WORD_MAX)
			return false;
		step = text_utf8_step(word + i, len - i);
		step = step ? step : 1;
		uint32_t letter = 0;
		for (size_t k = 0; k < step; k++)
			letter = letter << 8 | (unsigned char)word[i + k];
		ret->at[ret->count++] = letter;
	}
	return true;
}

/* Insertions, deletions, replacements and swaps of neighbours that turn a into b. */
static unsigned distance(const uint32_t *a, size_t a_len, const uint32_t *b, size_t b_len)
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
	struct letters typed, known;
	if (!spell(word, &typed))
		return NULL;
	unsigned best = (typed.count <= 4 ? 1 : 2) + 1;
	const char *nearest = NULL;
	for (; *candidates; candidates++) {
		if (!spell(*candidates, &known))
			continue;
		unsigned d = distance(typed.at, typed.count, known.at, known.count);
		if (d < best) {
			best = d;
			nearest = *candidates;
		}
	}
	return nearest;
}
