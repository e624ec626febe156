#pragma once
/* A Canary without a mistake, and what becomes of it by a merge patch: each row of a table is one patch. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <cmocka.h>

#include "base/json.h"

static inline cJSON *object_from(const char *text)
{
	cJSON *v = NULL;
	struct error e = { .text = "" };
	if (json_parse(text, strlen(text), &v, &e) != RC_OK)
		fail_msg("%s in %s", e.text, text);
	return v;
}

static inline cJSON *patched(const char *patch)
{
	cJSON *v = object_from(
		"{\"apiVersion\":\"flagger.app/v1beta1\",\"kind\":\"Canary\","
		"\"metadata\":{\"name\":\"podinfo\",\"namespace\":\"test\"},"
		"\"spec\":{\"provider\":\"nginx\","
		"\"targetRef\":{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"name\":\"podinfo\"},"
		"\"ingressRef\":{\"apiVersion\":\"networking.k8s.io/v1\",\"kind\":\"Ingress\",\"name\":\"podinfo\"},"
		"\"service\":{\"port\":80},"
		"\"analysis\":{\"interval\":\"10s\",\"threshold\":2,\"stepWeight\":20}}}");
	CLEANUP(json_delete_p) cJSON *p = object_from(patch);
	assert_true(json_merge_patch(&v, p));
	return v;
}

static inline char *file_read(const char *path, size_t *ret_len)
{
	FILE *f = fopen(path, "rb");
	if (!f)
		fail_msg("cannot read %s", path);
	enum { FILE_MAX = 1 << 20 };
	char *text = malloc(FILE_MAX + 1);
	assert_non_null(text);
	*ret_len = fread(text, 1, FILE_MAX, f);
	assert_true(feof(f));
	fclose(f);
	text[*ret_len] = '\0';
	return text;
}
