#include "bot/labels.h"

#include <string.h>

static bool has_label(const char *labels, const char *wanted, size_t n)
{
	for (const char *p = labels; p && *p; p = strchr(p, ',')) {
		p += *p == ',';
		if (strcspn(p, ",") == n && strncmp(p, wanted, n) == 0)
			return true;
	}
	return false;
}

bool labels_have(const char *labels, const char *wanted)
{
	for (const char *p = wanted; p && *p; p = strchr(p, ',')) {
		p += strspn(p, ", ");
		size_t n = strcspn(p, ", ");
		if (n && !has_label(labels, p, n))
			return false;
	}
	return true;
}
