#include "app/demo/chat.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "base/cleanup.h"
#include "base/strbuf.h"
#include "base/text.h"

enum { ANSWER_BYTES = 512, CONFIG_BYTES = 16 * 1024 };

struct wanted {
	const char *variable, *what;
	bool secret;
};
static const struct wanted slack_wants[] = {
	{ "SLACK_BOT_TOKEN", "bot token of your Slack app (xoxb-...)", true },
	{ "SLACK_APP_TOKEN", "its app-level token for Socket Mode (xapp-...)", true },
	{ "SLACK_CHANNEL", "id of the channel that it is in (C...)", false },
	{ 0 },
};
static const struct wanted dingtalk_wants[] = {
	{ "DINGTALK_CLIENT_ID", "client id of your DingTalk app", false },
	{ "DINGTALK_CLIENT_SECRET", "its client secret", true },
	{ "DINGTALK_CORP_ID", "id of your organisation (ding...)", false },
	{ "DINGTALK_CONVERSATION", "openConversationId of the group that the app is in (cid...)", false },
	{ 0 },
};

/* ---- asking ---- */

static bool read_line(char *answer, bool secret)
{
	struct termios before, silent;
	bool hide = secret && tcgetattr(STDIN_FILENO, &before) == 0;
	if (hide) {
		silent = before;
		silent.c_lflag &= ~(tcflag_t)ECHO;
		hide = tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent) == 0;
	}
	bool good = fgets(answer, ANSWER_BYTES, stdin) != NULL;
	if (hide) {
		(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
		fputc('\n', stderr);
	}
	answer[good ? strcspn(answer, "\r\n") : 0] = '\0';
	return *answer;
}

/* Into the environment, from where the configuration reads it. */
static bool ask(const struct wanted *w)
{
	char answer[ANSWER_BYTES];
	fprintf(stderr, "%s: ", w->what);
	bool good = read_line(answer, w->secret) && setenv(w->variable, answer, true) == 0;
	OPENSSL_cleanse(answer, sizeof answer);
	return good;
}

static bool is_there(const struct wanted *w)
{
	return !text_empty(getenv(w->variable));
}

static void gather(const struct wanted *w, struct strbuf *missing)
{
	bool somebody = isatty(STDIN_FILENO) && isatty(STDERR_FILENO);
	for (; w->variable; w++)
		if (!is_there(w) && !(somebody && ask(w)))
			strbuf_addf(missing, "%s%s, the %s", missing->len ? "; " : "", w->variable, w->what);
}

/* ---- words of others in YAML ---- */

static void add_quoted(struct strbuf *b, const char *variable)
{
	strbuf_add_json(b, getenv(variable)); /* JSON is YAML */
}

static void add_slack(struct strbuf *b)
{
	strbuf_add(b, "slack:\n  bot_token: ${env:SLACK_BOT_TOKEN}\n  app_token: ${env:SLACK_APP_TOKEN}\n");
	if (!text_empty(getenv("SLACK_API_URL"))) { /* of GovSlack, or of a proxy */
		strbuf_add(b, "  api_url: ");
		add_quoted(b, "SLACK_API_URL");
		strbuf_addc(b, '\n');
	}
}

static void add_dingtalk(struct strbuf *b)
{
	strbuf_add(b, "dingtalk:\n  app:\n    client_secret: ${env:DINGTALK_CLIENT_SECRET}\n    client_id: ");
	add_quoted(b, "DINGTALK_CLIENT_ID");
	strbuf_add(b, "\n    corp_id: ");
	add_quoted(b, "DINGTALK_CORP_ID");
	strbuf_addc(b, '\n');
}

static void add_channel(struct strbuf *b, const char *platform, const char *variable)
{
	char channel[ANSWER_BYTES * 2];
	(void)snprintf(channel, sizeof channel, "%s:%s", platform, getenv(variable));
	strbuf_add_json(b, channel);
}

static void add_routes(struct strbuf *b, bool slack, bool dingtalk)
{
	strbuf_add(b, "routes:\n  - channels: [");
	if (slack)
		add_channel(b, "slack", "SLACK_CHANNEL");
	if (dingtalk) {
		strbuf_add(b, slack ? ", " : "");
		add_channel(b, "dingtalk-app", "DINGTALK_CONVERSATION");
	}
	strbuf_add(b, "]\n");
}

enum result chat_prepare(bool slack, bool dingtalk, char **ret, struct error *e)
{
	struct strbuf b;
	enum result r = RC_OK;
	strbuf_init(&b, CONFIG_BYTES);
	if (slack)
		gather(slack_wants, &b);
	if (dingtalk)
		gather(dingtalk_wants, &b);
	if (b.len)
		r = error_set(e, RC_INVALID, "missing in the environment: %s", b.s);
	if (r == RC_OK && slack)
		add_slack(&b);
	if (r == RC_OK && dingtalk)
		add_dingtalk(&b);
	if (r == RC_OK && (slack || dingtalk))
		add_routes(&b, slack, dingtalk);
	if (r == RC_OK) {
		char *text = b.overflow ? NULL : b.len ? strbuf_take(&b) : strdup("");
		r = text ? RC_OK : error_set(e, RC_EXHAUSTED, "no memory");
		if (text)
			*ret = text;
	}
	strbuf_finish(&b);
	return r;
}
