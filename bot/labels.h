#pragma once
/* Labels as the engine gives them, "a=b,c=d", and what of them is wanted. Pure. */
#include <stdbool.h>

/* Are all of wanted ("a=b, c=d") among labels? "" or NULL wants nothing. */
bool labels_have(const char *labels, const char *wanted);
