#include "controller/cluster/embedded/rollout_numbers.h"

#include <stdint.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"

enum { SHARE_MAX = 100000, DIGITS_MAX = 8 };

static bool percentage(const char *text, uint64_t *ret)
{
	char digits[DIGITS_MAX];
	size_t len = strlen(text);
	if (len < 2 || len > sizeof digits || text[len - 1] != '%')
		return false;
	memcpy(digits, text, len - 1);
	digits[len - 1] = '\0';
	return text_u64(digits, 0, SHARE_MAX, ret, NULL) == RC_OK;
}

bool share_of(const cJSON *v, int total, bool round_up, int *ret)
{
	uint64_t percent;
	if (cJSON_IsNumber(v)) {
		int64_t n = json_int(v, "", -1);
		if (n < 0 || n > SHARE_MAX)
			return false;
		*ret = (int)n;
		return true;
	}
	if (!cJSON_IsString(v) || !percentage(v->valuestring, &percent))
		return false;
	*ret = (int)(((int64_t)total * (int64_t)percent + (round_up ? 99 : 0)) / 100);
	return true;
}
