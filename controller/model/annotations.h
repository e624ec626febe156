#pragma once
/* The annotations of a Canary that mean something here. Inside the model only. */
#include <cjson/cJSON.h>

#include "base/arena.h"
#include "controller/model/canary.h"
#include "controller/model/report.h"

#define ANNOTATION_POLICY "rollcall.dev/policy"
#define ANNOTATION_GATES "rollcall.dev/gates"
#define ANNOTATION_STEPS "rollcall.dev/steps"
#define ANNOTATION_REQUEST "rollcall.dev/request"
/* provider nginx without ingressRef: the upstream of the user's own nginx that is written. */
#define ANNOTATION_UPSTREAM "rollcall.dev/upstream"
#define ANNOTATION_EXTENSION "alicloud.canary.extension.switch"
#define ANNOTATION_DISTINGUISH "alicloud.canary.distinguish.labels"
#define ANNOTATION_GENERAL "alicloud.canary.general.labels"

/* The text of an annotation of the object; NULL when it is not there. */
const char *annotation_of(const cJSON *object, const char *key);
bool annotation_extension(const cJSON *object);
void annotations_check(const cJSON *object, struct report *r);
/* Marks the gates of a comma list; words that are no gate are skipped (annotations_check has told). */
void annotation_gates(const char *list, bool gates[HOOK_TYPE_COUNT]);
/* The next word of a comma list without blanks around it, copied into word (cut when too long, "" between two
 * commas). Returns where the rest begins; NULL: there was none. */
const char *comma_word(const char *at, char *word, size_t size);
/* What a policy may be called: letters, digits, '-', '_', '.', at most 63. */
bool policy_name_fits(const char *name);
/* RC_INVALID with what is wrong about it, when the text is no request; RC_EXHAUSTED when the arena is full. */
MUST_CHECK enum result request_parse(const char *text, struct arena *a, struct request *ret, struct error *e);
