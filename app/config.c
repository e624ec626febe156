#include "app/config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "app/config_keys.h"
#include "app/file.h"
#include "app/findings.h"
#include "base/text.h"
#include "base/yaml.h"

enum { CONFIG_ARENA_BYTES = 32 << 20 };

static void wipe(const char *secret)
{
	if (secret)
		OPENSSL_cleanse((char *)(uintptr_t)secret, strlen(secret));
}

void config_free(struct config *c)
{
	if (!c)
		return;
	wipe(c->slack.bot_token);
	wipe(c->slack.app_token);
	wipe(c->slack.client_secret);
	wipe(c->slack.refresh_token);
	wipe(c->slack.signing_secret);
	wipe(c->slack.previous_signing_secret);
	wipe(c->controller.event_webhook);
	wipe(c->dingtalk.app.client_secret);
	wipe(c->dingtalk.app.callback_path);
	wipe(c->dingtalk.app.callback_secret);
	wipe(c->dingtalk.app.event_token);
	wipe(c->dingtalk.app.event_aes_key);
	for (const struct dingtalk_robot *r = c->dingtalk.robots; r && r->name; r++) {
		wipe(r->url);
		wipe(r->secret);
	}
	for (const struct config_user *u = c->users_written; u && u->name; u++)
		wipe(u->pin);
	arena_destroy(c->arena); /* c lives in it */
}

static enum result read_into(const struct yaml_doc *doc, struct arena *a, struct config **ret, struct findings *f,
			     struct error *e)
{
	struct config *c = arena_alloc(a, 1, sizeof *c);
	if (!c)
		return error_set(e, RC_EXHAUSTED, "no memory for the configuration");
	c->arena = a;
	struct config_reader r = { .doc = doc, .arena = a, .findings = f };
	size_t before = f->errors;
	config_parse(&r, doc ? yaml_root(doc) : NULL, config_keys, c, "");
	if (!r.exhausted)
		config_rules(&r, c);
	findings_sort(f);
	if (r.exhausted)
		return error_set(e, RC_EXHAUSTED, "no memory for the configuration");
	if (f->errors > before)
		return error_set(e, RC_INVALID, "%zu mistake%s in the configuration", f->errors - before,
				 f->errors - before == 1 ? "" : "s");
	*ret = c;
	return RC_OK;
}

enum result config_read(const struct yaml_doc *doc, struct config **ret, struct findings *f, struct error *e)
{
	struct arena *a = arena_create(CONFIG_ARENA_BYTES);
	if (!a)
		return error_set(e, RC_EXHAUSTED, "no memory for the configuration");
	enum result r = read_into(doc, a, ret, f, e);
	if (r != RC_OK)
		arena_destroy(a);
	return r;
}

enum result config_load(const char *file, struct config **ret, struct findings *f, struct error *e)
{
	if (!file)
		return config_read(NULL, ret, f, e);
	CLEANUP(free_p) char *text = NULL;
	size_t len = 0, count = 0;
	struct yaml_doc **docs = NULL;
	enum result r = file_load(file, &text, &len, e);
	if (r == RC_OK)
		r = yaml_parse(file, text, len, &docs, &count, e);
	if (r != RC_OK)
		return r;
	if (count > 1)
		r = error_set(e, RC_INVALID, "%s: a configuration is one document, and this has %zu", file, count);
	else
		r = config_read(count ? docs[0] : NULL, ret, f, e);
	yaml_free(docs, count);
	return r;
}
