#include "controller/cluster/cluster.h"

#include <assert.h>

#include "base/text.h"

#define X(id, kind, plural, group, version) [KIND_##id] = { kind, plural, group, version },
static const struct kind_info infos[KIND_COUNT] = { KINDS(X) };
#undef X

const struct kind_info *kind_info(enum kind k)
{
	assert((unsigned)k < KIND_COUNT);
	return &infos[k];
}

const char *kind_name(enum kind k)
{
	return kind_info(k)->name;
}

static enum result kind_unknown(const char *name, struct error *e)
{
	const char *names[KIND_COUNT + 1] = { 0 };
	for (unsigned k = 0; k < KIND_COUNT; k++)
		names[k] = infos[k].name;
	char shown[TEXT_SHOWN];
	text_show(name, __builtin_strlen(name), shown);
	const char *nearest = text_nearest(name, names);
	if (nearest)
		return error_set(e, RC_INVALID, "unknown kind \"%s\" (did you mean \"%s\"?)", shown, nearest);
	return error_set(e, RC_INVALID, "unknown kind \"%s\"", shown);
}

enum result kind_parse(const char *name, enum kind *ret, struct error *e)
{
	for (unsigned k = 0; k < KIND_COUNT; k++) {
		if (text_eq(infos[k].name, name)) {
			*ret = (enum kind)k;
			return RC_OK;
		}
	}
	return kind_unknown(name ? name : "", e);
}
