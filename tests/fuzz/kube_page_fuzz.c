/* A page of a list, taken apart without a tree of the whole: where the strict reader has a tree, both see the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/text.h"
#include "controller/cluster/kube/entry.h"
#include "controller/cluster/kube/page.h"

static void require(bool ok)
{
	if (!ok)
		abort();
}

static bool item_read(void *owner, const char *json, size_t len)
{
	int *count = owner;
	struct entry *n = NULL;
	struct error e;
	++*count;
	if (entry_parse(KIND_SERVICE, "v1", json, len, &n, &e) != RC_OK)
		require(*e.text);
	entry_free(n);
	return true;
}

/* Escapes in keys are for the tree's reader alone: no API server writes them. */
static void compare(const char *text, size_t len, enum result r, int count, const struct page *page)
{
	CLEANUP(json_delete_p) cJSON *tree = NULL;
	if (memchr(text, '\\', len) || json_parse(text, len, &tree, NULL) != RC_OK || !cJSON_IsObject(tree))
		return;
	const cJSON *items = cJSON_GetObjectItemCaseSensitive(tree, "items");
	const char *version = json_text(tree, "metadata.resourceVersion", "");
	bool readable = (!items || cJSON_IsArray(items) || cJSON_IsNull(items)) && *version;
	require(readable == (r == RC_OK));
	if (!readable)
		return;
	require(count == cJSON_GetArraySize(items));
	require(strncmp(page->resource_version, version, sizeof page->resource_version - 1) == 0);
	require(text_eq(page->next ? page->next : "", json_text(tree, "metadata.continue", "")));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct page whole, cut;
	struct error e;
	int count = 0, count_cut = 0;
	page_init(&whole, item_read, &count);
	enum result r = page_feed(&whole, (const char *)data, len, &e);
	if (r == RC_OK)
		r = page_end(&whole, &e);
	require(r == RC_OK || *e.text);
	compare((const char *)data, len, r, count, &whole);
	page_init(&cut, item_read, &count_cut);
	enum result again = RC_OK;
	for (size_t i = 0; i < len && again == RC_OK; i++)
		again = page_feed(&cut, (const char *)data + i, 1, &e);
	if (again == RC_OK)
		again = page_end(&cut, &e);
	require(again == r && count == count_cut && text_eq(whole.resource_version, cut.resource_version));
	page_finish(&whole);
	page_finish(&cut);
	return 0;
}
