#pragma once
/* The confirm page as HTML: templates/console/decide.html, every value escaped. Pure. */
#include "base/strbuf.h"
#include "bot/cards/card.h"

struct decide_page {
	enum card_lang lang;
	const struct approval *approval; /* NULL: there is nothing to show */
	bool details;                    /* all of it, not only how it ended */
	bool form;                       /* user, PIN, reason, the two buttons */
	const char *csrf, *user;         /* of the form */
	const char *notice;              /* what just happened; "" */
	struct wall_ms now;
};
/* "<" and the rest as entities; control and bidi characters dropped. */
void decide_escape(struct strbuf *b, const char *s);
/* malloc'ed; NULL: no memory. */
char *decide_page_html(const struct decide_page *p);
/* The Content-Security-Policy that lets exactly the template's own style through; malloc'ed; NULL: no memory. */
char *decide_page_policy(void);
