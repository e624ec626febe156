/* Where we may go at Slack's word: an address in a forged answer would get secrets, or make us call for somebody else.
 */
#include <string.h>
#include <strings.h>

#include <curl/curl.h>

#include "base/text.h"
#include "bot/channels/slack/slack_private.h"

static void url_cleanup_p(CURLU **u)
{
	curl_url_cleanup(*u);
}

static void curl_free_p(char **s)
{
	curl_free(*s);
}

/* Scheme, host and port of the configured API, exactly. */
static bool same_origin(const char *url, const char *base)
{
	const char *host = strstr(base, "://");
	if (!host || strpbrk(url, "@\\"))
		return false;
	size_t len = (size_t)(host + 3 - base) + strcspn(host + 3, "/?#");
	return strncmp(url, base, len) == 0 && url[len] == '/';
}

/* The host of an address on the usual port and without a user; malloc'ed by curl; NULL: it is not like that. */
static char *plain_host(const char *url, const char *scheme)
{
	CLEANUP(url_cleanup_p) CURLU *u = curl_url();
	CLEANUP(curl_free_p) char *is = NULL, *user = NULL, *port = NULL;
	char *host = NULL;
	if (u && curl_url_set(u, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK &&
	    curl_url_get(u, CURLUPART_SCHEME, &is, 0) == CURLUE_OK && strcasecmp(is, scheme) == 0 &&
	    curl_url_get(u, CURLUPART_USER, &user, 0) == CURLUE_NO_USER &&
	    curl_url_get(u, CURLUPART_PORT, &port, 0) == CURLUE_NO_PORT &&
	    curl_url_get(u, CURLUPART_HOST, &host, 0) == CURLUE_OK)
		return host;
	return NULL;
}

bool slack_response_url_good(const struct slack *s, const char *url)
{
	if (same_origin(url, s->api_url))
		return true;
	CLEANUP(curl_free_p) char *host = plain_host(url, "https");
	for (size_t i = 0; host && s->hosts[i]; i++)
		if (text_eq(host, s->hosts[i]))
			return true;
	return false;
}

static bool host_ends(const char *host, const char *domain)
{
	size_t n = strlen(host), m = strlen(domain);
	return n > m && strcasecmp(host + n - m, domain) == 0;
}

bool slack_address_good(const struct slack *s, const char *url)
{
	/* a WebSocket of the configured API has its origin but for the name of the scheme */
	const char *api = strstr(s->api_url, "://"), *at = strstr(url, "://");
	bool socket = text_starts(url, "ws"), safe = text_starts(url, socket ? "wss" : "https");
	if (at && api && safe == text_starts(s->api_url, "https") && same_origin(at, api))
		return true;
	CLEANUP(curl_free_p) char *host = plain_host(url, socket ? "wss" : "https");
	return host && (host_ends(host, ".slack.com") || host_ends(host, ".slack-gov.com"));
}
