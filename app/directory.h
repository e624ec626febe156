#pragma once
/* Questions of the channels about people, answered from the configuration. */
#include <stddef.h>

#include "app/config.h"

enum { DIRECTORY_MENTIONS_MAX = 64 };
/* Whose PIN is this? Constant time in the PIN; NULL: nobody's. Lives as long as c. */
const struct person *directory_identify(const struct config *c, const char *user, const char *pin);
/* Identities on a platform ("slack:") that "user:lin" or "group:sre" stands for; n of them at most, then NULL. */
void directory_identities(const struct config *c, const char *approver, const char *platform,
			  const char *ret[DIRECTORY_MENTIONS_MAX + 1]);
/* The signing secret of the robot at this URL, or NULL. */
const char *directory_robot_secret(const struct config *c, const char *url);
/* "SALT:HEX" of a PIN. */
MUST_CHECK enum result directory_hash_pin(const char *salt, const char *pin, char *ret, size_t size, struct error *e);
