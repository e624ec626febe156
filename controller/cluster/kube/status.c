#include "controller/cluster/kube/status.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/text.h"

bool status_is_passing(int http_status)
{
	return http_status == 429 || http_status == 500 || http_status == 502 || http_status == 503 ||
	       http_status == 504;
}

static enum result code_of(int http_status)
{
	switch (http_status) {
	case 401:
	case 403:
		return RC_REFUSED;
	case 404:
		return RC_NOT_FOUND;
	case 409:
	case 410:
	case 412:
		return RC_CONFLICT;
	case 408:
	case 429:
		return RC_UNREACHABLE;
	default:
		return http_status >= 400 && http_status < 500 ? RC_INVALID : RC_UNREACHABLE;
	}
}

static void describe(const struct api_subject *s, char *buf, size_t size)
{
	const char *in = text_empty(s->ns) ? "" : " in namespace ", *ns = text_empty(s->ns) ? "" : s->ns;
	const char *slash = text_empty(s->name) ? "" : "/", *name = text_empty(s->name) ? "" : s->name;
	snprintf(buf, size, "%s %s%s%s%s%s", s->verb, s->resource, slash, name, in, ns);
}

enum result status_result(int http_status, const char *body, size_t len, const struct api_subject *s, struct error *e)
{
	CLEANUP(json_delete_p) cJSON *tree = NULL;
	char what[256], shown[TEXT_SHOWN];
	const char *message = "";
	describe(s, what, sizeof what);
	if (json_parse(body, len, &tree, NULL) == RC_OK && text_eq(json_text(tree, "kind", ""), "Status"))
		message = json_text(tree, "message", "");
	else if (len)
		message = text_show(body, strcspn(body, "\r\n"), shown);
	const char *refused = http_status == 403 ? "not allowed to " : "";
	if (http_status == 401)
		return error_set(e, RC_REFUSED, "%s: the API server does not accept our credentials (401)%s%s", what,
				 *message ? ": " : "", message);
	return error_set(e, code_of(http_status), "%s%s: %s (%d)", refused, what,
			 *message ? message : "the API server gave no reason", http_status);
}
