#include "app/manifest.h"

#include <stdint.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"

enum { STEP_MAX = 128 };

/* The next step of "spec.ports[0].name"; false at its end. */
static bool path_step(const char **path, char step[STEP_MAX])
{
	size_t n = strcspn(*path, ".[]: ");
	if (!n || n >= STEP_MAX)
		return false;
	memcpy(step, *path, n);
	step[n] = '\0';
	*path += n;
	*path += **path == ']' ? 1 : 0;
	*path += **path == '.' || **path == '[' ? 1 : 0;
	return true;
}

struct yaml_place manifest_place(const struct yaml_doc *doc, const cJSON *tree, const char *error)
{
	char step[STEP_MAX];
	const cJSON *v = tree;
	while (path_step(&error, step)) {
		uint64_t i = 0;
		const cJSON *next = cJSON_GetObjectItemCaseSensitive(v, step);
		if (cJSON_IsArray(v) && text_u64(step, 0, INT32_MAX, &i, NULL) == RC_OK)
			next = cJSON_GetArrayItem(v, (int)i);
		if (!next)
			break;
		v = next;
	}
	struct yaml_place at = yaml_key_place(doc, v);
	return at.line ? at : yaml_place(doc, v);
}

bool manifest_is_list(const cJSON *tree)
{
	return text_eq(json_text(tree, "kind", ""), "List") && cJSON_IsArray(json_at(tree, "items"));
}
