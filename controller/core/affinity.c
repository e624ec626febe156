#include "controller/core/affinity.h"

#include <string.h>

#include "base/crypto.h"
#include "base/text.h"

enum { COOKIE_LETTERS = 10 };

/* The same run makes the same value again after a crash; nobody gains by guessing it. NULL: no memory. */
static const char *make_cookie(struct draft *t, const char *name)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
	unsigned char sum[SHA256_BYTES];
	char value[COOKIE_LETTERS + 1] = "";
	const char *seed = draft_text(t, "%s/%d/%s", t->c->uid, t->s->own.run, name);
	if (!seed || crypto_sha256(seed, strlen(seed), sum, NULL) != RC_OK) {
		t->exhausted = true;
		return NULL;
	}
	for (size_t i = 0; i < COOKIE_LETTERS; i++)
		value[i] = letters[sum[i] % (sizeof letters - 1)];
	return draft_text(t, "%s=%s", name, value);
}

void affinity_cookies(struct draft *t, struct routes *r)
{
	const struct analysis *an = &t->c->analysis;
	struct canary_status *s = &t->d.status;
	if (!t->o->can_affinity || text_empty(an->cookie))
		return;
	if (r->canary > 0 && text_empty(s->session_cookie)) {
		s->session_cookie = make_cookie(t, an->cookie);
		draft_touch(t);
	}
	if (r->canary > 0 && text_empty(s->primary_session_cookie) && !text_empty(an->primary_cookie)) {
		s->primary_session_cookie = make_cookie(t, an->primary_cookie);
		draft_touch(t);
	}
	if (r->canary == 0 && !text_empty(s->session_cookie)) {
		s->previous_session_cookie = s->session_cookie;
		s->session_cookie = "";
		draft_touch(t);
	}
	r->session = s->session_cookie;
	r->previous_session = s->previous_session_cookie;
	r->primary_session = s->primary_session_cookie;
}
