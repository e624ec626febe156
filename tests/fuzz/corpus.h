#pragma once
/* Runs a fuzz target over its corpus as an ordinary test: include the target's source, then this. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/cleanup.h"

static void run_corpus_file(const char *folder, const char *name)
{
	char path[512];
	snprintf(path, sizeof path, "%s/%s", folder, name);
	FILE *f = fopen(path, "rb");
	if (!f)
		fail_msg("cannot open %s", path);
	char text[65536];
	size_t len = fread(text, 1, sizeof text, f);
	fclose(f);
	/* An exact copy, so that a sanitizer sees each byte that is read past the end. */
	CLEANUP(free_p) uint8_t *copy = malloc(len ? len : 1);
	assert_non_null(copy);
	for (size_t i = 0; i < len; i++)
		copy[i] = (uint8_t)text[i];
	assert_int_equal(LLVMFuzzerTestOneInput(copy, len), 0);
}

static void run_corpus(void **state)
{
	const char *folder = *state;
	DIR *d = opendir(folder);
	if (!d)
		fail_msg("cannot open %s", folder);
	unsigned files = 0;
	for (const struct dirent *entry; (entry = readdir(d));)
		if (entry->d_name[0] != '.') {
			run_corpus_file(folder, entry->d_name);
			files++;
		}
	closedir(d);
	assert_true(files > 0);
}
