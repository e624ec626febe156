#pragma once
/* Manifests as people write them: where something stands in one, and Lists. */
#include <stdbool.h>

#include <cjson/cJSON.h>

#include "base/yaml.h"

/* Errors about an object begin with the path of a field ("spec.ports[0].port: ..."): its place, or that of the nearest
 * one around it that is written. */
struct yaml_place manifest_place(const struct yaml_doc *doc, const cJSON *tree, const char *error);
/* What `kubectl get -o yaml` prints of several. */
bool manifest_is_list(const cJSON *tree);
