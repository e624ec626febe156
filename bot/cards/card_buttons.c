/* Which buttons a card has: few, and only those that can work now. */
#include <string.h>

#include "base/strbuf.h"
#include "base/text.h"
#include "bot/cards/card_build.h"

enum { URL_BYTES_MAX = 500 };

static struct card_button *add(struct card_draft *d, const char *action)
{
	if (d->button_count == CARD_BUTTONS_MAX)
		return NULL;
	const char *key = arena_printf(d->a, "button.%s", action);
	struct card_button *b = &d->buttons[d->button_count++];
	*b = (struct card_button){
		.label = WORDS(d, key ? key : "", d->a, NULL), .action = action, .value = "", .url = "", .confirm = ""
	};
	return b;
}

static struct card_button *add_verb(struct card_draft *d, const char *subject, const char *verb)
{
	const char *value = NULL;
	if (subject && d->o->button_value)
		value = d->o->button_value(d->o->button_owner, subject, verb, d->a);
	struct card_button *b = text_empty(value) ? NULL : add(d, verb);
	if (b)
		b->value = value;
	return b;
}

static void add_confirmed(struct card_draft *d, const char *subject, const char *verb, bool danger)
{
	struct card_button *b = add_verb(d, subject, verb);
	const char *key = arena_printf(d->a, "confirm.%s", verb);
	if (!b || !key)
		return;
	b->danger = danger;
	b->confirm = WORDS(d, key, d->a, "name", clean(d->a, d->r->name, 60), NULL);
}

/* The rollout's page in the console. */
static void add_open(struct card_draft *d)
{
	if (text_empty(d->o->console_url))
		return;
	struct strbuf url;
	strbuf_init(&url, URL_BYTES_MAX);
	strbuf_add(&url, d->o->console_url);
	if (!text_ends(d->o->console_url, "/"))
		strbuf_addc(&url, '/');
	strbuf_add(&url, "#/");
	strbuf_add_urlencoded(&url, d->r->ns, strlen(d->r->ns));
	strbuf_addc(&url, '/');
	strbuf_add_urlencoded(&url, d->r->name, strlen(d->r->name));
	const char *kept = url.overflow ? NULL : arena_strdup(d->a, url.s);
	strbuf_finish(&url);
	struct card_button *b = kept ? add(d, "open") : NULL;
	if (b)
		b->url = kept;
}

void buttons_of_request(struct card_draft *d, const struct approval *ap)
{
	if (d->o->link) {
		const char *url = d->o->link(d->o->link_owner, ap, "decide", d->a);
		struct card_button *b = text_empty(url) ? NULL : add(d, "decide");
		if (b) {
			b->url = url;
			b->primary = true;
		}
		return;
	}
	struct card_button *approve = add_verb(d, ap->id, "approve");
	if (approve)
		approve->primary = true;
	struct card_button *reject = add_verb(d, ap->id, "reject");
	if (reject)
		reject->danger = true;
}

/* What the engine would refuse is not offered. */
static void add_steering(struct card_draft *d, const char *subject)
{
	const struct rollout *r = d->r;
	bool being_promoted = r->phase == PHASE_PROMOTING || r->phase == PHASE_FINALISING;
	bool on_its_way =
		r->phase == PHASE_WAITING || r->phase == PHASE_PROGRESSING || r->phase == PHASE_WAITING_PROMOTION;
	if (on_its_way)
		add_confirmed(d, subject, "promote", false);
	if (on_its_way || (being_promoted && r->extension))
		add_confirmed(d, subject, "rollback", true);
	if (on_its_way)
		(void)add_verb(d, subject, r->paused ? "resume" : "pause");
}

void buttons_of_rollout(struct card_draft *d)
{
	const struct rollout *r = d->r;
	const char *subject = arena_printf(d->a, "%s@%s", r->uid, r->revision);
	if (!text_empty(r->invalid) || r->completing || d->o->end != END_NONE)
		;
	else if (d->open)
		buttons_of_request(d, d->open);
	else if (r->active)
		add_steering(d, subject);
	else if (r->phase == PHASE_SUCCEEDED && r->extension)
		add_confirmed(d, subject, "complete", false);
	else if (r->phase == PHASE_FAILED)
		(void)add_verb(d, subject, "restart");
	add_open(d);
}
