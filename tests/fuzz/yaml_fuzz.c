/* What yaml_parse accepts has a place for each node, and survives printing and reading. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "base/yaml.h"

static void require(bool ok)
{
	if (!ok)
		abort();
}

static void check_places(const struct yaml_doc *d, const cJSON *v)
{
	require(yaml_place(d, v).line > 0 && yaml_place(d, v).column > 0);
	for (const cJSON *child = v->child; child; child = child->next) {
		require(cJSON_IsArray(v) || yaml_key_place(d, child).line > 0);
		check_places(d, child);
	}
}

static void check_printing(const cJSON *v)
{
	CLEANUP(free_p) char *text = yaml_print(v);
	struct yaml_doc **docs;
	size_t count;
	struct error e;
	require(text);
	/* What aliases made large can be too large to be read without them. */
	if (strlen(text) > 1024 * 1024)
		return;
	require(yaml_parse("printed", text, strlen(text), &docs, &count, &e) == RC_OK);
	require(count == 1 && json_equal(yaml_root(docs[0]), v));
	yaml_free(docs, count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct error e = { .text = "" };
	struct yaml_doc **docs;
	size_t count;
	if (yaml_parse("f", (const char *)data, size, &docs, &count, &e) != RC_OK) {
		require(text_starts(e.text, "f:") && text_is_utf8(e.text, strlen(e.text)));
		return 0;
	}
	for (size_t i = 0; i < count; i++) {
		check_places(docs[i], yaml_root(docs[i]));
		check_printing(yaml_root(docs[i]));
	}
	yaml_free(docs, count);
	return 0;
}
