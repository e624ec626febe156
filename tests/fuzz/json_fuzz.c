/* What json_parse accepts, it prints, reads again and finds equal; what it refuses, it explains with a place. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"

static void require(bool ok)
{
	if (!ok)
		abort();
}

static void check_tree(const cJSON *v)
{
	CLEANUP(free_p) char *printed = json_print(v);
	CLEANUP(free_p) char *canonical = json_canonical(v, false);
	CLEANUP(free_p) char *go = json_canonical(v, true);
	require(printed && canonical && go);
	CLEANUP(json_delete_p) cJSON *again = NULL;
	CLEANUP(json_delete_p) cJSON *from_go = NULL;
	require(json_parse(printed, strlen(printed), &again, NULL) == RC_OK);
	require(json_parse(go, strlen(go), &from_go, NULL) == RC_OK);
	require(json_equal(v, again) && json_equal(v, from_go));
	CLEANUP(free_p) char *canonical_again = json_canonical(again, false);
	require(text_eq(canonical, canonical_again));
}

static void check_patches(const cJSON *from, const cJSON *to)
{
	bool oom;
	CLEANUP(json_delete_p) cJSON *patch = json_diff_merge(from, to, &oom);
	CLEANUP(json_delete_p) cJSON *target = cJSON_Duplicate(from, true);
	require(!oom && target);
	if (!patch)
		return;
	require(json_merge_patch(&target, patch));
	CLEANUP(json_delete_p) cJSON *nothing = json_diff_merge(target, to, &oom);
	/* Values that are no objects cannot lose the nulls inside them, so only objects settle. */
	require(!oom && (!nothing || !cJSON_IsObject(from) || !cJSON_IsObject(to)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Up to a 0xff byte, which valid JSON cannot hold, stands one value; behind it another. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct error e = { .text = "" };
	const uint8_t *border = size ? memchr(data, 0xff, size) : NULL;
	size_t len = border ? (size_t)(border - data) : size;
	CLEANUP(json_delete_p) cJSON *v = NULL;
	CLEANUP(json_delete_p) cJSON *second = NULL;
	enum result r = json_parse((const char *)data, len, &v, &e);
	require(r == json_check((const char *)data, len, NULL));
	if (r != RC_OK) {
		require(text_starts(e.text, "line ") && text_is_utf8(e.text, strlen(e.text)));
		return 0;
	}
	check_tree(v);
	if (border && json_parse((const char *)border + 1, size - len - 1, &second, NULL) == RC_OK)
		check_patches(v, second);
	return 0;
}
