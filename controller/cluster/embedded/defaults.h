#pragma once
/* The fields that an API server fills in, where they are missing. Pure. */
#include <stdbool.h>

#include <cjson/cJSON.h>

#include "controller/cluster/cluster.h"

/* false: no memory. What is no object of this kind at all is left to admission. */
bool defaults_fill(enum kind kind, cJSON *object);
