#pragma once
/* What a plain (unquoted) YAML scalar means. Shared by yaml.c, which reads, and yaml_print.c, which must quote. */
#include <stdbool.h>

enum yaml_kind {
	YAML_IS_TEXT,
	YAML_IS_NULL,
	YAML_IS_TRUE,
	YAML_IS_FALSE,
	YAML_IS_NUMBER,
	YAML_IS_UNFIT, /* a number, but JSON cannot carry it: .inf, 1e999, beyond 2^53 */
};

/* *ret is set for numbers only. Integers as kubectl reads them: 0x1f, 0o17, 0b11, and 0644 is octal. */
enum yaml_kind yaml_plain_kind(const char *s, double *ret);
/* A text that must be quoted, because plain it would be something else, here or for readers of YAML 1.1. */
bool yaml_must_quote(const char *s);
