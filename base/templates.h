#pragma once
/* The files under templates/, embedded at build time by cmake/embed.cmake. */
#include <stddef.h>

struct template_file {
	const char *path; /* "slack/card.json", relative to templates/ */
	const char *body; /* ends in NUL, which len does not count */
	size_t len;
};
extern const struct template_file template_files[]; /* ends with a NULL path */
