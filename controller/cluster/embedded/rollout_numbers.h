#pragma once
/* maxSurge and maxUnavailable. Pure. */
#include <stdbool.h>

#include <cjson/cJSON.h>

/* v is a whole number, or a percentage of total ("25%"). False: neither, or negative. */
bool share_of(const cJSON *v, int total, bool round_up, int *ret);
