#include "app/directory.h"

#include <stdio.h>
#include <string.h>

#include <openssl/crypto.h>

#include "base/crypto.h"
#include "base/text.h"

/* Without a salt the hash is of the PIN alone. */
static enum result hash_salted(const char *salt, size_t salt_len, const char *pin, char ret[SHA256_HEX],
			       struct error *e)
{
	char text[512];
	int n = snprintf(text, sizeof text, "%.*s%s%s", (int)salt_len, salt, salt_len ? ":" : "", pin);
	enum result r = n < 0 || (size_t)n >= sizeof text ? error_set(e, RC_INVALID, "the PIN is too long")
							  : crypto_sha256_hex(text, (size_t)n, ret, e);
	OPENSSL_cleanse(text, sizeof text);
	return r;
}

enum result directory_hash_pin(const char *salt, const char *pin, char *ret, size_t size, struct error *e)
{
	char hex[SHA256_HEX];
	enum result r = hash_salted(salt, strlen(salt), pin, hex, e);
	if (r != RC_OK)
		return r;
	int n = snprintf(ret, size, "%s%s%s", salt, *salt ? ":" : "", hex);
	return n < 0 || (size_t)n >= size ? error_set(e, RC_INVALID, "the salt is too long") : RC_OK;
}

static bool pin_matches(const struct config_user *u, const char *pin)
{
	if (u->pin)
		return crypto_equal_text(u->pin, pin);
	if (!u->pin_sha256)
		return false;
	char hex[SHA256_HEX];
	const char *colon = strchr(u->pin_sha256, ':');
	size_t salt_len = colon ? (size_t)(colon - u->pin_sha256) : 0;
	if (hash_salted(u->pin_sha256, salt_len, pin, hex, NULL) != RC_OK)
		return false;
	return crypto_equal_text(colon ? colon + 1 : u->pin_sha256, hex);
}

const struct person *directory_identify(const struct config *c, const char *user, const char *pin)
{
	for (size_t i = 0; c->users_written && c->users_written[i].name; i++)
		if (text_eq(c->users_written[i].name, user))
			return pin_matches(&c->users_written[i], pin) ? &c->persons[i] : NULL;
	return NULL;
}

static bool stands_for(const char *approver, const struct config_user *u)
{
	if (text_starts(approver, "user:"))
		return text_eq(approver + strlen("user:"), u->name);
	for (const char *const *g = u->groups; text_starts(approver, "group:") && g && *g; g++)
		if (text_eq(approver + strlen("group:"), *g))
			return true;
	return false;
}

void directory_identities(const struct config *c, const char *approver, const char *platform,
			  const char *ret[DIRECTORY_MENTIONS_MAX + 1])
{
	size_t n = 0;
	for (const struct config_user *u = c->users_written; u && u->name; u++)
		for (const char *const *i = u->identities; stands_for(approver, u) && i && *i; i++)
			if (text_starts(*i, platform) && n < DIRECTORY_MENTIONS_MAX)
				ret[n++] = *i;
	ret[n] = NULL;
}

const char *directory_robot_secret(const struct config *c, const char *url)
{
	for (const struct dingtalk_robot *b = c->dingtalk.robots; b && b->name; b++)
		if (text_eq(b->url, url) && *b->secret)
			return b->secret;
	return NULL;
}
