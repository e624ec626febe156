/* SIGHUP: the file is read again. All or nothing: one mistake, and everything stays as it was. */
#include <stdio.h>
#include <string.h>

#include "app/config_diff.h"
#include "app/findings.h"
#include "app/house.h"
#include "base/log.h"
#include "base/text.h"
#include "bot/approvals/freezes.h"

static void tell_findings(const struct house *h, const struct findings *f)
{
	for (size_t i = 0; i < f->count; i++)
		log_warn(f->at[i].warning ? "config_warning" : "config_mistake",
			 "file=%s line=%u column=%u key=%s why=%s", h->file, f->at[i].line, f->at[i].column,
			 f->at[i].field, f->at[i].text);
}

static void refuse(struct house *h, const char *why)
{
	log_error("config_kept", "why=%s", why);
	metric_inc(h->reloads, 1, "refused");
	house_record(h, "config.changed", "refused", why);
}

static void key_differs(void *owner, const char *path)
{
	size_t *changed = owner;
	++*changed;
	if (!config_is_live(path))
		log_warn("restart_needed", "key=%s", path);
}

/* The certificate is read again even when its name is the same: it is renewed in place. */
static enum result reload_tls(struct house *h, const struct config *c, struct error *e)
{
	if (!h->config->listen.tls.cert || !c->listen.tls.cert)
		return RC_OK;
	return http_server_reload_tls(h->server, c->listen.tls.cert, c->listen.tls.key, e);
}

static void take_over(struct house *h, struct config *c)
{
	h->configs[h->config_count++] = c;
	h->config = c;
	approvals_set_policies(h->approvals, c->policies);
	approvals_set_freezes(h->approvals, c->freezes);
	bot_set_people(h->bot, c->users, c->routes, c->languages, c->language);
	bot_set_words(h->bot, c->words);
	if (h->console)
		console_people_changed(h->console);
}

void house_reload(struct house *h)
{
	struct findings f = { 0 };
	struct error e;
	struct config *c = NULL;
	if (h->stopping)
		return;
	if (!h->file) {
		log_warn("config_kept", "why=%s", "rollcall was started without a configuration file");
		return;
	}
	if (h->config_count == HOUSE_CONFIGS_MAX) {
		refuse(h, "it has been read too often in this process: restart");
		return;
	}
	enum result r = config_load(h->file, &c, &f, &e);
	tell_findings(h, &f);
	findings_finish(&f);
	if (r == RC_OK)
		r = reload_tls(h, c, &e);
	if (r == RC_OK)
		r = log_setup(config_log_level(c), config_log_format(h->config), &e);
	if (r != RC_OK) {
		config_free(c);
		refuse(h, e.text);
		return;
	}
	size_t changed = 0;
	config_diff(h->config, c, key_differs, &changed);
	take_over(h, c);
	metric_inc(h->reloads, 1, "ok");
	house_record(h, "config.changed", "ok", "");
	log_info("config_reloaded", "keys_changed=%zu", changed);
}
