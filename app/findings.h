#pragma once
/* The list of mistakes in a file, as `check` and `serve` print it: "FILE:LINE:COL: path: text". The model has the same
 * list for manifests. */
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

#include "base/error.h"
#include "base/yaml.h"
#include "controller/model/canary.h"

/* A warning does not count as an error. */
bool findings_vwarn(struct findings *f, struct yaml_place at, const char *field, const char *fmt, va_list ap)
	PRINTF(4, 0);
enum { FINDINGS_MAX = 1000 }; /* what comes after is left out */

bool findings_vadd(struct findings *f, struct yaml_place at, const char *field, const char *fmt, va_list ap)
	PRINTF(4, 0); /* false: no memory */
bool findings_add(struct findings *f, struct yaml_place at, const char *field, const char *fmt, ...) PRINTF(4, 5);
void findings_sort(struct findings *f); /* by place */
void findings_print(const struct findings *f, const char *file, FILE *out);
