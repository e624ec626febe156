#pragma once
/* What differs between two configurations. */
#include "app/config.h"

/* Called with the path of each key that differs: "listen.address", "policies". */
typedef void config_differs(void *owner, const char *path);
void config_diff(const struct config *a, const struct config *b, config_differs *cb, void *owner);
/* Does a change of this key take effect without a restart? */
bool config_is_live(const char *path);
