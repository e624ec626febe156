#pragma once
/* What makes a revision: the pod template. A hash of our own canonical form in the shape of the original's
 * (flagger-controller.md 4.5): at most 10 characters of 456789bcdf. */
#include <cjson/cJSON.h>

#include "base/arena.h"
#include "controller/model/canary.h"

/* Of a pod template (metadata and spec; server defaults are part of it). "" when there is no memory. */
const char *revision_of_template(const cJSON *template_, struct arena *a);
/* SHA-256 of the same text, 64 hex digits: the short hash above is what the original has, and could be forged by
 * whoever may write templates. "" when there is no memory. */
const char *revision_digest(const cJSON *template_, struct arena *a);
/* The checksum of webhook payloads: of the pair (trackedConfigs, lastAppliedSpec). */
const char *revision_checksum(const struct canary_status *s, struct arena *a);
/* Identity of an approval's revision: template (its digest) and tracked configs together; 32 hex digits of a SHA-256.
 */
const char *revision_identity(const char *template_hash, const struct pairs *configs, struct arena *a);
/* 16 hex digits over the JSON of a ConfigMap's or Secret's data (4.4); data NULL hashes "null". */
const char *config_checksum(const cJSON *data, struct arena *a);
