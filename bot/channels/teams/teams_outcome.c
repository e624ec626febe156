#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "bot/channels/teams/teams_private.h"

enum { SLOW_MS = 60 * 1000, BUSY_MS = 5 * 1000 };

/* clang-format off */
static const struct {
	int status;
	enum result r;
	int64_t retry_after_ms; /* when the answer names none */
	const char *remedy;
} statuses[] = {
	{ 200, RC_OK,          -1,      "" },
	{ 202, RC_OK,          -1,      "" },
	{ 400, RC_INVALID,     -1,      "the flow's trigger wants another shape: make it from the template \"Post to a channel when a webhook request is received\"" },
	{ 401, RC_INVALID,     -1,      "the address's signature is wrong or was renewed: copy the flow's URL again" },
	{ 403, RC_INVALID,     -1,      "the flow lets nobody call it: its trigger must allow anyone" },
	{ 404, RC_INVALID,     -1,      "the flow was deleted or is switched off" },
	{ 410, RC_INVALID,     -1,      "the flow was deleted" },
	{ 413, RC_INVALID,     -1,      "" },
	{ 429, RC_UNREACHABLE, SLOW_MS, "" },
	{ 503, RC_UNREACHABLE, BUSY_MS, "" },
};
/* clang-format on */

/* {"error":{"code":"WorkflowNotFound","message":"..."}} */
static const char *code_of(const cJSON *answer)
{
	return json_text(answer, "error.code", "");
}

void teams_outcome(int status, const char *body, size_t len, int64_t retry_after_ms, struct teams_outcome *ret)
{
	CLEANUP(json_delete_p) cJSON *answer = NULL;
	char shown[TEXT_SHOWN];
	const char *remedy = "", *code = json_parse(body, len, &answer, NULL) == RC_OK ? code_of(answer) : "";
	/* Of other answers nobody knows whether the flow has run. */
	*ret = (struct teams_outcome){ .r = RC_CONFLICT, .retry_after_ms = retry_after_ms };
	for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
		if (statuses[i].status != status)
			continue;
		ret->r = statuses[i].r;
		if (retry_after_ms < 0)
			ret->retry_after_ms = statuses[i].retry_after_ms;
		remedy = statuses[i].remedy;
	}
	if (ret->r == RC_OK)
		return;
	(void)snprintf(ret->why, sizeof ret->why, "the flow answers HTTP %d%s%.60s%s%s", status, *code ? " " : "",
		       text_show(code, strlen(code), shown), *remedy ? "; " : "", remedy);
}
