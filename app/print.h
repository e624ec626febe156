#pragma once
/* Data for programs: what --output json and yaml print. */
#include <cjson/cJSON.h>

#include "app/cli.h"

bool output_is(const struct cli *c, const char *format);
/* Is it json or yaml that is wanted? */
bool output_is_data(const struct cli *c);
/* In that format; v NULL counts as null. */
enum exit_code output_data(const struct cli *c, const cJSON *v);
