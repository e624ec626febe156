#pragma once
/* Conditions as Istio writes them, said in the words of the Gateway API. */
#include <cjson/cJSON.h>

#include "base/error.h"

/* HTTPRouteMatch of each service.match (one for everything when there is none); who: analysis.match, whose headers and
 * query parameters take the place of theirs, each with each; cookie: a pattern that the Cookie header must have
 * besides. NULL: no memory (e untouched), or e says what cannot be expressed. */
cJSON *gateway_matches(const cJSON *service, const cJSON *who, const char *cookie, struct error *e);
/* Members by their names: the next one after last (NULL: the first). NULL: no more. */
const cJSON *gateway_next_name(const cJSON *map, const char *last);
