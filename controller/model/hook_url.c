#include "controller/model/hook_url.h"

#include <stdio.h>
#include <string.h>

#include <curl/curl.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "controller/model/annotations.h"

DEFINE_CLEANUP(CURLU, curl_url_cleanup)

/* Absent parts are "". False: it does not fit, and an address that is cut is another address. */
static bool take_part(CURLU *u, CURLUPart part, char *ret, size_t size)
{
	char *text = NULL;
	CURLUcode rc = curl_url_get(u, part, &text, 0);
	if (rc == CURLUE_OUT_OF_MEMORY)
		return false;
	bool fits = (size_t)snprintf(ret, size, "%s", rc == CURLUE_OK ? text : "") < size;
	curl_free(text);
	return fits;
}

static void lower(char *s)
{
	for (; *s; s++)
		if (*s >= 'A' && *s <= 'Z')
			*s = (char)(*s + ('a' - 'A'));
}

static enum result judge(const struct hook_url *u, struct error *e)
{
	bool ours = strcmp(u->scheme, "rollcall") == 0;
	if (!ours && strcmp(u->scheme, "http") != 0 && strcmp(u->scheme, "https") != 0)
		return error_set(e, RC_INVALID, "scheme \"%s\" is not supported; http, https or rollcall://gate/POLICY",
				 u->scheme);
	if (!*u->host)
		return error_set(e, RC_INVALID, "the address has no host");
	if (!ours)
		return RC_OK;
	if (strcmp(u->host, "gate") != 0)
		return error_set(e, RC_INVALID,
				 "after rollcall:// only \"gate\" is known; write rollcall://gate/POLICY");
	if (u->has_query || *u->port || !policy_name_fits(u->path + (*u->path == '/')))
		return error_set(e, RC_INVALID,
				 "rollcall://gate/ wants the name of a policy and nothing else (letters, digits, '-', "
				 "'_' and '.', at most 63)");
	return RC_OK;
}

static enum result why_not(CURLUcode rc, struct error *e)
{
	if (rc == CURLUE_OUT_OF_MEMORY)
		return error_set(e, RC_EXHAUSTED, "no memory");
	if (rc == CURLUE_BAD_SCHEME)
		return error_set(e, RC_INVALID, "the address has no scheme; http, https or rollcall://gate/POLICY");
	return error_set(e, RC_INVALID, "it is not an address; write it like https://host/path");
}

enum result hook_url_parse(const char *text, struct hook_url *ret, struct error *e)
{
	CLEANUP(curl_url_cleanup_p) CURLU *u = curl_url();
	if (!u)
		return error_set(e, RC_EXHAUSTED, "no memory");
	CURLUcode rc = curl_url_set(u, CURLUPART_URL, text, CURLU_NON_SUPPORT_SCHEME);
	if (rc != CURLUE_OK)
		return why_not(rc, e);
	struct hook_url made = { .has_query = false };
	char query[2] = "";
	if (!take_part(u, CURLUPART_SCHEME, made.scheme, sizeof made.scheme))
		return error_set(e, RC_INVALID, "the scheme is not supported; http, https or rollcall://gate/POLICY");
	if (!take_part(u, CURLUPART_HOST, made.host, sizeof made.host) ||
	    !take_part(u, CURLUPART_PORT, made.port, sizeof made.port))
		return error_set(e, RC_INVALID, "the host is too long");
	/* a long path or query is fine: only short ones are compared with anything */
	if (!take_part(u, CURLUPART_PATH, made.path, sizeof made.path))
		*made.path = '\0';
	made.has_query = !take_part(u, CURLUPART_QUERY, query, sizeof query) || *query;
	lower(made.scheme);
	lower(made.host);
	enum result r = judge(&made, e);
	if (r == RC_OK)
		*ret = made;
	return r;
}

const char *hook_url_policy(const struct hook_url *u)
{
	return strcmp(u->scheme, "rollcall") == 0 ? u->path + 1 : NULL;
}

bool hook_url_is_dingtalk_robot(const struct hook_url *u)
{
	return strcmp(u->host, "oapi.dingtalk.com") == 0 && text_starts(u->path, "/robot/send");
}

bool hook_url_is_halt(const struct hook_url *u)
{
	static const char *const here[] = { "localhost", "127.0.0.1", "[::1]" };
	for (size_t i = 0; i < sizeof here / sizeof *here; i++)
		if (strcmp(u->host, here[i]) == 0)
			return strcmp(u->port, "9090") == 0 && text_ends(u->path, "/gate/halt");
	return false;
}
