/* What other systems post: mapped by an endpoint for one matter and by one for a list. */
#include <stdint.h>
#include <stdlib.h>

#include "base/json.h"
#include "bot/api/inbound_room.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const char *const firing[] = { "firing", NULL };
	static const struct inbound_condition when[] = { { "status", firing }, { NULL, NULL } };
	static const struct inbound_endpoint endpoints[] = {
		{ .name = "one",
		  .action = "{action}",
		  .ns = "{namespace}",
		  .rollout = "{name}",
		  .reason = "{reason}",
		  .id = "{id}" },
		{ .name = "list",
		  .each = "alerts",
		  .when = when,
		  .action = "rollback",
		  .ns = "{labels.namespace}",
		  .labels = "app={labels.app}",
		  .reason = "{labels.alertname}: {annotations.summary}",
		  .id = "{fingerprint}/{startsAt}" },
	};
	cJSON *body = NULL;
	if (json_parse((const char *)data, len, &body, NULL) != RC_OK)
		return 0;
	for (size_t i = 0; cJSON_IsObject(body) && i < 2; i++) {
		struct arena *a = arena_create(1 << 20);
		struct inbound_item *items = NULL;
		size_t n = 0;
		if (a && inbound_map(&endpoints[i], body, a, &items, &n, NULL) == RC_OK)
			for (size_t k = 0; k < n; k++)
				if (items[k].r == RC_OK && !items[k].ignored && !*items[k].rollout && !*items[k].labels)
					abort(); /* whatever acts acts on somebody */
		arena_destroy(a);
	}
	cJSON_Delete(body);
	return 0;
}
