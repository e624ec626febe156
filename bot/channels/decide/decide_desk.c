#include "bot/channels/decide/decide.h"

static const struct approval *find(void *owner, const char *id, struct arena *a)
{
	return approvals_find(owner, id, a);
}

static bool token_good(void *owner, const char *id, const char *verb, const char *token)
{
	return approvals_token_good(owner, id, verb, DECIDE_LINK, token);
}

static enum result token(void *owner, const char *id, const char *verb, char *buf, size_t size, struct error *e)
{
	static const int64_t life_ms = 60 * 1000; /* it is used at once */
	return approvals_token(owner, id, verb, DECIDE_LINK, life_ms, buf, size, e);
}

struct decide_desk decide_desk_of(struct approvals *approvals,
				  const struct person *(*identify)(void *owner, const char *user, const char *pin),
				  void *identify_owner)
{
	return (struct decide_desk){ .find = find,
				     .token_good = token_good,
				     .token = token,
				     .owner = approvals,
				     .identify = identify,
				     .identify_owner = identify_owner };
}
