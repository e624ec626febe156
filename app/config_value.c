/* Values that need more than the table: secrets and addresses. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/config_keys.h"
#include "base/log.h"
#include "base/text.h"

enum { SECRET_MAX = 64 * 1024 };

static const char *from_environment(struct arena *a, const char *written, struct error *why)
{
	size_t len = strlen(written);
	const char *name = arena_strndup(a, written + strlen("${env:"), len - strlen("${env:}"));
	const char *value = name ? getenv(name) : NULL;
	if (!text_empty(value))
		return arena_strdup(a, value);
	(void)error_set(why, RC_INVALID, "the environment variable %s is %s", name ? name : "",
			value ? "empty" : "not set");
	return NULL;
}

/* Without the line end that editors and `echo` leave. */
static const char *from_file(struct arena *a, const char *path, struct error *why)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *text = arena_alloc(a, SECRET_MAX + 1, 1);
	ssize_t n = fd >= 0 && text ? read(fd, text, SECRET_MAX) : -1;
	int code = errno;
	if (fd >= 0)
		close(fd);
	if (n < 0) {
		(void)error_set(why, RC_INVALID, "cannot read %s: %s", path, text ? strerror(code) : "no memory");
		return NULL;
	}
	while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == '\r'))
		n--;
	text[n] = '\0';
	if (*text && strlen(text) == (size_t)n)
		return text;
	(void)error_set(why, RC_INVALID, "%s is empty or no text", path);
	return NULL;
}

const char *config_secret(struct arena *a, const char *written, bool *ret_plain, struct error *why)
{
	const char *secret = NULL;
	*ret_plain = false;
	if (text_starts(written, "${env:") && text_ends(written, "}")) {
		secret = from_environment(a, written, why);
	} else if (text_starts(written, "file:")) {
		secret = from_file(a, written + strlen("file:"), why);
	} else if (!*written || text_starts(written, "$")) {
		(void)error_set(why, RC_INVALID, "a secret is written as ${env:NAME} or file:/path");
	} else {
		*ret_plain = true;
		secret = arena_strdup(a, written);
	}
	if (secret)
		log_redact(secret);
	return secret;
}

static bool is_host(const char *host)
{
	unsigned char bytes[sizeof(struct in6_addr)];
	return inet_pton(AF_INET, host, bytes) == 1 || inet_pton(AF_INET6, host, bytes) == 1;
}

enum result config_parse_address(struct arena *a, const char *text, struct config_address *ret, struct error *why)
{
	const char *colon = strrchr(text, ':');
	bool v6 = *text == '[';
	if (!colon || (v6 && (colon == text || colon[-1] != ']')))
		return error_set(why, RC_INVALID, "must be ADDRESS:PORT, such as 127.0.0.1:8484 or [::1]:8484");
	const char *host = v6 ? arena_strndup(a, text + 1, (size_t)(colon - text) - 2)
			      : arena_strndup(a, text, (size_t)(colon - text));
	uint64_t port = 0;
	if (text_u64(colon + 1, 0, 65535, &port, NULL) != RC_OK)
		return error_set(why, RC_INVALID, "the port must be a number from 0 to 65535");
	if (!host || !is_host(host) || v6 != (strchr(host, ':') != NULL))
		return error_set(why, RC_INVALID,
				 "must begin with a numeric address, such as 127.0.0.1, 0.0.0.0 or [::1]");
	*ret = (struct config_address){ .text = text, .host = host, .port = (int)port };
	return RC_OK;
}

bool config_is_public(const struct config_address *a)
{
	return !text_starts(a->host, "127.") && !text_eq(a->host, "::1");
}
