#pragma once
#include <cjson/cJSON.h>

/* The item that names a path's Service: backend.service.name (v1), backend.serviceName (the betas); NULL: none. */
static inline cJSON *ingress_service_name(cJSON *path)
{
	cJSON *backend = cJSON_GetObjectItemCaseSensitive(path, "backend");
	cJSON *v1 = cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(backend, "service"), "name");
	return v1 ? v1 : cJSON_GetObjectItemCaseSensitive(backend, "serviceName");
}
