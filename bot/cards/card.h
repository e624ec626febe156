#pragma once
/* A rollout -> a platform-neutral card -> each platform's shape. Pure: values in, values out. Words come from
 * templates/text.LANG, shapes from templates/PLATFORM/; no value can break a shape or inject a mention (approvals.md
 * 5). */
#include "base/arena.h"
#include "bot/approvals/approvals.h"
#include "controller/engine.h"

enum card_lang { LANG_EN, LANG_ZH, LANG_COUNT };
MUST_CHECK enum result card_lang_parse(const char *name, enum card_lang *ret, struct error *e);

struct card_button {
	const char *label;
	const char *action; /* "approve", "reject", "promote", "rollback", "pause", "resume", "complete", "restart",
			       "open" */
	const char *value;  /* carried back by the platform: "v1.REQUEST.VERB.REVISION" */
	const char *url;    /* links: for platforms without callbacks and for "open"; "" */
	bool primary, danger;
	const char *confirm; /* question to ask first; "" none */
};
struct card_line {
	const char *label, *text; /* plain text, unescaped */
};
struct card {
	enum card_lang lang;
	const char *color;             /* "blue", "yellow", "green", "red", "grey" */
	const char *icon;              /* one emoji */
	const char *title;             /* verb first when a person is wanted: "Approve promotion of podinfo-default?" */
	const char *subtitle;          /* "default/podinfo-default on prod" */
	const char *bar;               /* "████████░░░░░░░░░░░░ 40%" */
	const struct card_line *lines; /* revision, primary, canary, checks, gates, next, ... in this order */
	size_t line_count;
	const struct card_button *buttons; /* none once it is final */
	size_t button_count;
	const char *footer; /* "as of 10:02:31 UTC", "cluster unreachable since ..." */
	const char *plain;  /* the same in plain text: notification, screen reader, terminal */
	bool final;
};
struct card_options {
	enum card_lang lang;
	const char *console_url; /* "" none */
	const char *link_base;   /* for platforms whose buttons are links: "https://rollcall.example.com"; "" none */
	/* link for a decision about a request, or NULL; called while building */
	const char *(*link)(void *owner, const struct approval *a, const char *verb, struct arena *arena);
	void *link_owner;
};
/* approvals: of this rollout and revision. */
const struct card *card_build(const struct rollout *r, const struct approval *const *approvals, size_t approval_count,
			      const struct card_options *o, struct arena *a);
/* "2 of 2: lin.wei, zhao". NULL-safe parts of cards for other uses. */
const char *card_gate_text(const struct approval *ap, enum card_lang lang, struct arena *a);
/* The reply in the thread when a gate opens, mentions are the platform's business (approver list as written). */
const struct card *card_ask(const struct rollout *r, const struct approval *ap, const struct card_options *o,
			    struct arena *a);
/* A text by its key from templates/text.LANG with {name}s replaced from pairs "name", "value", ..., NULL. */
const char *card_words(enum card_lang lang, const char *key, struct arena *a, ...);
