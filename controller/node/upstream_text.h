#pragma once
/* An NginxUpstream -> the file that the user's nginx includes, and whether a file is still as it was written. Pure.
 * Weighted: "upstream NAME". With conditions (A/B): "upstream NAME_primary", "upstream NAME_canary" and the variable
 * that chooses one. The variable $NAME (- becomes _) names the upstream to pass to in both. The
 * log_format NAME_traffic tells which side has answered. */
#include <stdbool.h>
#include <stddef.h>

#include <cjson/cJSON.h>

#include "base/crypto.h"
#include "base/error.h"
#include "base/strbuf.h"

enum { UPSTREAM_BYTES_MAX = 4 * 1024 * 1024 };
struct upstream_side {
	const char *const *servers; /* "127.0.0.1:8080" */
	size_t len;
};
struct upstream_wish {
	const char *name, *ns, *canary; /* canary: the Canary's name */
	const char *target;             /* by its name requests are counted (metrics/traffic.h) */
	int weight;                     /* of the canary's side, percent */
	const cJSON *match;             /* a list of {header, exact | prefix | suffix | regex}; NULL: by weight */
	struct upstream_side primary_side, canary_side;
};
/* What is really given: a side without servers gets nothing. */
int upstream_weight(const struct upstream_wish *w);
MUST_CHECK enum result upstream_text(const struct upstream_wish *w, struct strbuf *b, struct error *e);
/* It was written here and nobody has changed it since. */
bool upstream_text_untouched(const char *text);
