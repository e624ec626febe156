#include "app/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "app/config_diff.h"
#include "app/config_keys.h"
#include "app/file.h"
#include "app/findings.h"
#include "base/strbuf.h"
#include "base/text.h"
#include "base/yaml.h"

/* What is read from a text: the configuration or its findings, printed as `check` prints them. */
struct outcome {
	enum result r;
	struct config *config;
	char *printed; /* owned */
	char error[512];
};

static char *print(const struct findings *f)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	assert_non_null(out);
	findings_print(f, "c.yaml", out);
	assert_int_equal(fclose(out), 0);
	return text;
}

static struct outcome read_text(const char *yaml)
{
	struct outcome o = { 0 };
	struct yaml_doc **docs = NULL;
	size_t n = 0;
	struct findings f = { 0 };
	struct error e = { .text = "" };
	if (yaml_parse("c.yaml", yaml, strlen(yaml), &docs, &n, &e) != RC_OK)
		fail_msg("the test's YAML: %s", e.text);
	o.r = config_read(n ? docs[0] : NULL, &o.config, &f, &e);
	(void)snprintf(o.error, sizeof o.error, "%s", e.text);
	o.printed = print(&f);
	findings_finish(&f);
	yaml_free(docs, n);
	return o;
}

static void outcome_free(struct outcome *o)
{
	config_free(o->config);
	free(o->printed);
}

/* ---- mistakes: each with its place and what to do ---- */

#define PEOPLE "users: {lin: {identities: [\"slack:U1\"], groups: [sre]}, zhao: {groups: [sre]}}\n"

static const struct {
	const char *name, *yaml, *printed;
} mistakes[] = {
	{ "unknown section, near", "listn: {}\n", "c.yaml:1:1: listn: unknown key; did you mean \"listen\"?\n" },
	{ "unknown key, nothing near", "log:\n  colour: blue\n",
	  "c.yaml:2:3: log.colour: unknown key; known here: level, format\n" },
	{ "unknown key in an entry", "policies:\n  default:\n    approvers: [\"token:a\"]\n    quorom: 2\n",
	  "c.yaml:4:5: policies.default.quorom: unknown key; did you mean \"quorum\"?\n" },
	{ "a section that is none", "listen: 8484\n",
	  "c.yaml:1:9: listen: must be a section of keys, and is a number\n" },
	{ "not even a section", "- 1\n", "c.yaml:1:1: must be a section of keys, and is a list\n" },
	{ "text that is a number", "cluster: {name: 17}\n",
	  "c.yaml:1:17: cluster.name: must be text, and is a number: put it in quotes\n" },
	{ "text that is a switch", "cluster: {name: true}\n",
	  "c.yaml:1:17: cluster.name: must be text, and is true or false: put it in quotes\n" },
	{ "Kubernetes, and none", "cluster: {embedded: true, context: x}\n",
	  "c.yaml:1:27: cluster.context: is for Kubernetes, and cluster.embedded is true: leave one of the two out\n" },
	{ "empty text", "cluster: {name: \"\"}\n", "c.yaml:1:17: cluster.name: must not be empty\n" },
	{ "a switch that is text", "gates: {open: \"yes\"}\n",
	  "c.yaml:1:15: gates.open: must be true or false, and is text\n" },
	{ "a list that is text", "gates: {allow_cidrs: 10.0.0.0/8}\n",
	  "c.yaml:1:22: gates.allow_cidrs: must be a list of texts, and is text\n" },
	{ "an element that is none", "gates: {allow_cidrs: [7]}\n",
	  "c.yaml:1:23: gates.allow_cidrs[0]: must be text, and is a number: put it in quotes\n" },
	{ "a range that is none", "gates: {allow_cidrs: [10.0.0.0/33]}\n",
	  "c.yaml:1:23: gates.allow_cidrs[0]: \"10.0.0.0/33\": the prefix must be a number from 0 to 32\n" },
	{ "chosen people behind a public address",
	  PEOPLE "listen: {address: \"0.0.0.0:8484\", behind_proxy: true}\nconsole: {people: [lin]}\n",
	  "c.yaml:3:19: console.people: whoever reaches 0.0.0.0:8484 could be any of them: only with a loopback "
	  "listen.address\n"
	  "c.yaml:3:19: console.people: whoever reaches the proxy could be any of them: not with "
	  "listen.behind_proxy\n" },
	{ "chosen people whom nobody knows", PEOPLE "console: {people: [lin, ghost]}\n",
	  "c.yaml:2:25: console.people[1]: there is no \"ghost\" under users\n" },
	{ "not one of the words", "log: {level: loud}\n",
	  "c.yaml:1:14: log.level: \"loud\" is not one of error, warn, info, debug\n" },
	{ "out of range", "policies: {default: {approvers: [\"token:a\"], quorum: 0}}\n",
	  "c.yaml:1:54: policies.default.quorum: must be a whole number from 1 to 20\n" },
	{ "half a number", "policies: {default: {approvers: [\"token:a\"], quorum: 1.5}}\n",
	  "c.yaml:1:54: policies.default.quorum: must be a whole number from 1 to 20\n" },
	{ "a bare number as a time", "policies: {default: {approvers: [\"token:a\"], timeout: 5}}\n",
	  "c.yaml:1:55: policies.default.timeout: must be a duration such as 90s, 15m or 4h, and is a number\n" },
	{ "too long a time", "policies: {default: {approvers: [\"token:a\"], timeout: 3000h}}\n",
	  "c.yaml:1:55: policies.default.timeout: must be from 0s to 2160h0m0s\n" },
	{ "reminders that come at once", "policies: {default: {approvers: [\"token:a\"], remind: [5s]}}\n",
	  "c.yaml:1:55: policies.default.remind[0]: must be from 1m0s to 2160h0m0s\n" },
	{ "what is needed is missing", "policies: {default: {quorum: 1}}\n",
	  "c.yaml:1:12: policies.default.approvers: is missing\n" },
	{ "nobody", "policies: {default: {approvers: []}}\n",
	  "c.yaml:1:33: policies.default.approvers: must name somebody or something\n" },
	{ "a secret that is not set", "slack: {bot_token: \"${env:RC_UNSET}\", signing_secret: file:/dev/null}\n",
	  "c.yaml:1:20: slack.bot_token: the environment variable RC_UNSET is not set\n"
	  "c.yaml:1:55: slack.signing_secret: /dev/null is empty or no text\n" },
	{ "a secret in no known way", "slack: {bot_token: \"$TOKEN\", signing_secret: \"${env:RC_EMPTY}\"}\n",
	  "c.yaml:1:20: slack.bot_token: a secret is written as ${env:NAME} or file:/path\n"
	  "c.yaml:1:46: slack.signing_secret: the environment variable RC_EMPTY is empty\n" },
	{ "a secret's file that is not there", "controller: {event_webhook: file:/nowhere/x}\n",
	  "c.yaml:1:29: controller.event_webhook: cannot read /nowhere/x: No such file or directory\n" },
	{ "the environment where no secret is", "data_dir: ${env:HOME}\n",
	  "c.yaml:1:11: data_dir: is not a secret: only those are read from the environment\n" },
	{ "a URL that is none", "public_url: rollcall.example.com\n",
	  "c.yaml:1:13: public_url: must start with https:// or http://\n" },
	{ "an address without a port", "listen: {address: 127.0.0.1}\n",
	  "c.yaml:1:19: listen.address: must be ADDRESS:PORT, such as 127.0.0.1:8484 or [::1]:8484\n" },
	{ "an address with a name", "listen: {address: \"localhost:80\"}\n",
	  "c.yaml:1:19: listen.address: must begin with a numeric address, such as 127.0.0.1, 0.0.0.0 or [::1]\n" },
	{ "a port too high", "listen: {address: \"127.0.0.1:65536\"}\n",
	  "c.yaml:1:19: listen.address: the port must be a number from 0 to 65535\n" },
	{ "IPv6 without brackets", "listen: {address: \"::1:80\"}\n",
	  "c.yaml:1:19: listen.address: must begin with a numeric address, such as 127.0.0.1, 0.0.0.0 or [::1]\n" },
	{ "the world without TLS", "listen: {address: \"0.0.0.0:8484\"}\n",
	  "c.yaml:1:19: listen.address: 0.0.0.0:8484 can be reached from other machines, and tokens would travel in "
	  "the "
	  "clear: set listen.tls, or listen.behind_proxy: true when something in front speaks TLS\n" },
	{ "the IPv6 world without TLS", "listen: {address: \"[::]:8484\"}\n",
	  "c.yaml:1:19: listen.address: [::]:8484 can be reached from other machines, and tokens would travel in the "
	  "clear: set listen.tls, or listen.behind_proxy: true when something in front speaks TLS\n" },
	{ "half of TLS", "listen: {tls: {cert: /dev/null}}\n", "c.yaml:1:10: listen.tls: needs both cert and key\n" },
	{ "two doors in one place", "listen: {address: \"127.0.0.1:1\", admin: \"127.0.0.1:1\"}\n",
	  "c.yaml:1:41: listen.admin: must be another address than listen.address\n" },
	{ "one identity, two people",
	  "users: {lin: {identities: [\"slack:U1\"]}, zhao: {identities: [\"slack:U1\"]}}\n",
	  "c.yaml:1:62: users.zhao.identities[0]: \"slack:U1\" is also lin: an identity is one person's\n" },
	{ "an identity of nowhere", "users: {lin: {identities: [lin@example.com]}}\n",
	  "c.yaml:1:28: users.lin.identities[0]: \"lin@example.com\" must be slack:ID, dingtalk:ID or token:NAME\n" },
	{ "a PIN that is a toy", "users: {lin: {pin: \"${env:RC_SHORT}\"}}\n",
	  "c.yaml:1:20: users.lin.pin: a PIN has 6 characters or more\n" },
	{ "a hash that is none", "users: {lin: {pin_sha256: \"s:xyz\"}}\n",
	  "c.yaml:1:27: users.lin.pin_sha256: must be SALT:HEX with the 64 lower-case hex digits of a SHA-256; "
	  "`rollcall pin` makes one\n" },
	{ "an unknown user", PEOPLE "policies: {default: {approvers: [\"user:li\"]}}\n",
	  "c.yaml:2:34: policies.default.approvers[0]: there is no \"li\" under users\n" },
	{ "an empty group", PEOPLE "policies: {default: {approvers: [\"group:ops\"]}}\n",
	  "c.yaml:2:34: policies.default.approvers[0]: nobody under users is in the group \"ops\"\n" },
	{ "a name alone", PEOPLE "policies: {default: {approvers: [lin]}}\n",
	  "c.yaml:2:34: policies.default.approvers[0]: \"lin\" names nobody: use user:NAME, group:NAME, slack:ID, "
	  "dingtalk:ID, token:NAME or anyone-in-channel\n" },
	{ "a right for nobody known",
	  PEOPLE "policies: {default: {approvers: [\"user:lin\"], rights: {override: [\"user:x\"]}}}\n",
	  "c.yaml:2:67: policies.default.rights.override[0]: there is no \"x\" under users\n" },
	{ "more than there are", PEOPLE "policies: {default: {approvers: [\"group:sre\"], quorum: 3}}\n",
	  "c.yaml:2:56: policies.default.quorum: 3 can never be reached: 2 may approve\n" },
	{ "a reason for what", "policies: {default: {approvers: [\"token:a\"], require_reason: [pause]}}\n",
	  "c.yaml:1:63: policies.default.require_reason[0]: \"pause\" is not one of approve, reject, rollback\n" },
	{ "a route to nowhere", "routes: [{channels: [\"slack:C1\", \"dingtalk:x\", \"irc:#a\"]}]\n",
	  "c.yaml:1:22: routes[0].channels[0]: there is no slack section to reach \"slack:C1\"\n"
	  "c.yaml:1:34: routes[0].channels[1]: there is no robot \"x\" under dingtalk.robots\n"
	  "c.yaml:1:48: routes[0].channels[2]: \"irc:#a\" must be slack:CHANNEL, dingtalk:ROBOT, "
	  "dingtalk-app:CONVERSATION or teams:CHANNEL\n" },
	{ "a route without channels", "routes:\n  - namespace: a\n", "c.yaml:2:5: routes[0].channels: is missing\n" },
	{ "escalation to nowhere",
	  "policies: {p: {approvers: [\"user:x\"], escalate: {after: 2h}}}\nusers: {x: {identities: [\"token:x\"]}}\n",
	  "c.yaml:1:49: policies.p.escalate: wants both: after, and to\n" },
	{ "a language that is none", "languages: {default: fr}\n",
	  "c.yaml:1:22: languages.default: \"fr\" is not one of en, zh\n" },
	{ "an app of DingTalk and what it leaves out",
	  "dingtalk: {app: {client_id: k, mode: http, card_template: x, api_url: \"http://a.example.com\"}}\n"
	  "routes: [{channels: [\"dingtalk-app:@\"]}]\n",
	  "c.yaml:1:12: dingtalk.app.client_secret: is missing\n"
	  "c.yaml:1:12: dingtalk.app.corp_id: is missing\n"
	  "c.yaml:1:38: dingtalk.app.mode: http needs public_url\n"
	  "c.yaml:1:38: dingtalk.app.mode: http needs callback_path\n"
	  "c.yaml:1:59: dingtalk.app.card_template: must end with .schema, as the card platform shows it\n"
	  "c.yaml:1:71: dingtalk.app.api_url: must start with https://: the app's secret travels there\n"
	  "c.yaml:2:22: routes[0].channels[0]: \"dingtalk-app:@\" must be dingtalk-app:CONVERSATION or "
	  "dingtalk-app:@STAFFID\n" },
	{ "a robot by plain HTTP", "dingtalk: {robots: {r: {url: \"${env:RC_PLAIN_URL}\"}}}\n",
	  "c.yaml:1:30: dingtalk.robots.r.url: must start with https://\n" },
	{ "Slack in our own house",
	  "slack: {bot_token: \"${env:RC_SECRET}\", signing_secret: \"${env:RC_SECRET}\", path: /api/x}\n",
	  "c.yaml:1:82: slack.path: must start with \"/\", and not be a path of rollcall's own (/api/, /gate/)\n" },
	{ "Slack with no way in", "slack: {bot_token: \"${env:RC_SECRET}\"}\n",
	  "c.yaml:1:1: slack: needs a signing_secret (Slack posts to us) or an app_token (Socket Mode)\n" },
	{ "links that lead nowhere",
	  "dingtalk: {robots: {r: {url: \"${env:RC_URL}\"}}}\npolicies: {default: {approvers: [\"token:a\"], "
	  "link_identity: pin}}\n",
	  "c.yaml:2:61: policies.default.link_identity: links need public_url\n" },
	{ "a webhook whose secret is none",
	  "webhooks: {ci: {url: \"${env:RC_PLAIN_URL}\", secret: \"${env:RC_SECRET}\"}}\n",
	  "c.yaml:1:22: webhooks.ci.url: must start with https://\n"
	  "c.yaml:1:53: webhooks.ci.secret: a secret of Standard Webhooks begins with whsec_\n" },
	{ "a flow by plain HTTP, and one that is none",
	  "teams: {channels: {r: {url: \"${env:RC_PLAIN_URL}\"}}}\nroutes: [{channels: [\"teams:x\"]}]\n",
	  "c.yaml:1:29: teams.channels.r.url: must start with https://\n"
	  "c.yaml:2:22: routes[0].channels[0]: there is no channel \"x\" under teams.channels\n" },
	{ "an endpoint without proof", "inbound: {ci: {action: rollback, rollout: x}}\n",
	  "c.yaml:1:15: inbound.ci.secret: there must be a secret or a token, one of the two\n" },
	{ "an action that is none",
	  "inbound: {ci: {token: ci, action: destroy}}\npolicies: {default: {approvers: [\"webhook:cd\"]}}\n",
	  "c.yaml:1:35: inbound.ci.action: \"destroy\" is no action\n"
	  "c.yaml:2:34: policies.default.approvers[0]: there is no \"cd\" under inbound\n" },
	{ "everything at once, by place",
	  "gates: {open: 1}\nlog: {level: x}\nslack: {bot_token: \"${env:RC_UNSET}\"}\nlog2: 1\n",
	  "c.yaml:1:15: gates.open: must be true or false, and is a number\n"
	  "c.yaml:2:14: log.level: \"x\" is not one of error, warn, info, debug\n"
	  "c.yaml:3:1: slack: needs a signing_secret (Slack posts to us) or an app_token (Socket Mode)\n"
	  "c.yaml:3:20: slack.bot_token: the environment variable RC_UNSET is not set\n"
	  "c.yaml:4:1: log2: unknown key; did you mean \"log\"?\n" },
};

static void every_mistake_says_where_and_what(void **state)
{
	(void)state;
	size_t wrong = 0;
	for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
		struct outcome o = read_text(mistakes[i].yaml);
		if (o.r != RC_INVALID || o.config || !text_eq(o.printed, mistakes[i].printed)) {
			print_error("%s: result %s\n--- wanted\n%s--- got\n%s", mistakes[i].name, result_name(o.r),
				    mistakes[i].printed, o.printed);
			wrong++;
		}
		outcome_free(&o);
	}
	assert_int_equal(wrong, 0);
}

static void mistakes_are_counted(void **state)
{
	(void)state;
	struct outcome o = read_text("a: 1\nb: 2\n");
	assert_string_equal(o.error, "2 mistakes in the configuration");
	outcome_free(&o);
	o = read_text("a: 1\n");
	assert_string_equal(o.error, "1 mistake in the configuration");
	outcome_free(&o);
}

/* A secret that stands in the file is used, and never shown. */
static void a_plain_secret_is_a_warning(void **state)
{
	(void)state;
	struct outcome o = read_text("slack: {bot_token: xoxb-very-secret, signing_secret: \"${env:RC_SECRET}\"}\n");
	assert_int_equal(o.r, RC_OK);
	assert_string_equal(o.printed,
			    "c.yaml:1:20: warning: slack.bot_token: the secret itself stands here; ${env:NAME} or "
			    "file:/path keeps it out of the file\n");
	assert_string_equal(o.config->slack.bot_token, "xoxb-very-secret");
	assert_string_equal(o.config->slack.signing_secret, "from the environment");
	outcome_free(&o);
}

/* ---- what is read ---- */

static void nothing_gives_the_defaults(void **state)
{
	(void)state;
	struct outcome o = read_text("");
	const struct config *c = o.config;
	assert_int_equal(o.r, RC_OK);
	assert_string_equal(o.printed, "");
	assert_string_equal(c->listen.address.host, "127.0.0.1");
	assert_int_equal(c->listen.address.port, 8484);
	assert_int_equal(c->listen.admin.port, 8485);
	assert_string_equal(c->data_dir, "./rollcall-data");
	assert_null(c->public_url);
	assert_null(c->slack.bot_token);
	assert_null(c->dingtalk.robots);
	assert_string_equal(c->dingtalk.robot_hosts[0], "oapi.dingtalk.com");
	assert_string_equal(c->controller.selector_labels[2], "app.kubernetes.io/name");
	assert_null(c->controller.selector_labels[3]);
	assert_true(c->controller.config_tracking);
	assert_false(c->controller.egress.private);
	assert_string_equal(config_log_level(c), "info");
	/* only this machine's command line decides */
	assert_string_equal(c->policies[0].name, "default");
	assert_string_equal(c->policies[0].approvers[0], "token:local");
	assert_null(c->policies[0].approvers[1]);
	assert_null(c->policies[1].name);
	assert_null(c->users[0].name);
	assert_null(c->routes[0].channels);
	outcome_free(&o);
}

static void a_policy_is_read_whole(void **state)
{
	(void)state;
	struct outcome o = read_text("users: {lin: {groups: [sre, leads]}, wu: {groups: [sre]}}\n"
				     "policies:\n"
				     "  prod:\n"
				     "    approvers: [\"group:sre\"]\n"
				     "    quorum: 2\n"
				     "    reject_quorum: 2\n"
				     "    distinct: false\n"
				     "    self_approval: true\n"
				     "    require_reason: [reject, rollback]\n"
				     "    timeout: 4h\n"
				     "    on_timeout: wait\n"
				     "    on_reject: hold\n"
				     "    remind: [15m, 1h]\n"
				     "    link_identity: pin\n"
				     "    rights: {promote: [\"user:lin\"], pause: [], override: [\"group:leads\"]}\n");
	assert_string_equal(o.printed, "");
	const struct policy *p = o.config->policies;
	assert_string_equal(p->name, "prod");
	assert_int_equal(p->quorum, 2);
	assert_int_equal(p->reject_quorum, 2);
	assert_false(p->distinct);
	assert_true(p->self_approval);
	assert_false(p->reason_approve);
	assert_true(p->reason_reject);
	assert_true(p->reason_rollback);
	assert_int_equal(p->timeout_ms, 4 * 3600 * 1000);
	assert_int_equal(p->on_timeout, TIMEOUT_WAIT);
	assert_true(p->hold_on_reject);
	assert_int_equal(p->remind_ms[1], 3600 * 1000);
	assert_int_equal(p->remind_ms[2], 0);
	assert_string_equal(p->link_identity, "pin");
	assert_string_equal(p->rights[RIGHT_PROMOTE][0], "user:lin");
	assert_null(p->rights[RIGHT_PAUSE][0]); /* nobody, and not the approvers */
	assert_null(p->rights[RIGHT_ROLLBACK]); /* the approvers */
	assert_string_equal(p->rights[RIGHT_OVERRIDE][0], "group:leads");
	assert_string_equal(p[1].name, "default"); /* not written, so the built-in one */
	assert_null(p[2].name);
	outcome_free(&o);
}

static void a_written_default_is_the_only_default(void **state)
{
	(void)state;
	struct outcome o = read_text("policies: {default: {approvers: [\"token:ci\"]}}\n");
	assert_string_equal(o.config->policies[0].approvers[0], "token:ci");
	assert_null(o.config->policies[0].rights[RIGHT_OVERRIDE]);
	assert_null(o.config->policies[1].name);
	outcome_free(&o);
}

static void people_and_channels_are_read(void **state)
{
	(void)state;
	struct outcome o =
		read_text("slack: {bot_token: \"${env:RC_SECRET}\", signing_secret: \"${env:RC_SECRET}\"}\n"
			  "dingtalk: {robots: {rel: {url: \"${env:RC_URL}\"}}}\n"
			  "public_url: https://r.example.com/\n"
			  "users: {lin.wei: {identities: [\"dingtalk:m1\", \"slack:U1\"]}}\n"
			  "routes: [{namespace: \"prod-*\", labels: a=b, channels: [\"slack:C1\", \"dingtalk:rel\"]}, "
			  "{channels: [\"slack:C2\"]}]\n"
			  "languages: {default: zh, \"slack:C2\": en}\n");
	const struct config *c = o.config;
	assert_string_equal(o.printed, "");
	assert_string_equal(c->public_url, "https://r.example.com");
	assert_string_equal(c->slack.api_url, "https://slack.com/api/");
	assert_string_equal(c->dingtalk.robots[0].name, "rel");
	assert_string_equal(c->dingtalk.robots[0].secret, "");
	assert_null(c->dingtalk.robots[1].name);
	assert_string_equal(c->users[0].name, "lin.wei");
	assert_string_equal(c->persons[0].platform, "dingtalk");
	assert_string_equal(c->persons[0].id, "m1");
	assert_string_equal(c->routes[0].ns, "prod-*");
	assert_string_equal(c->routes[0].channels[1], "dingtalk:rel");
	assert_string_equal(c->routes[1].ns, "");
	assert_null(c->routes[2].channels);
	assert_int_equal(c->language, LANG_ZH);
	assert_string_equal(c->languages[0].channel, "slack:C2");
	assert_int_equal(c->languages[0].lang, LANG_EN);
	assert_null(c->languages[1].channel);
	outcome_free(&o);
}

static void a_public_address_may_be_meant(void **state)
{
	static const char *const good[] = { "listen: {address: \"0.0.0.0:80\", behind_proxy: true}\n",
					    "listen: {address: \"[::]:80\", tls: {cert: /dev/null, key: /dev/null}}\n",
					    "listen: {address: \"[::1]:80\", admin: \"0.0.0.0:81\"}\n",
					    "listen: {address: \"127.8.9.1:0\", admin: \"127.8.9.1:0\"}\n" };
	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		struct outcome o = read_text(good[i]);
		if (o.r != RC_OK || *o.printed)
			fail_msg("%s%s", good[i], o.printed);
		outcome_free(&o);
	}
}

/* ---- the example ---- */

static void note(void *owner, const char *path)
{
	strbuf_addf(owner, "%s%s ", path, config_is_live(path) ? "" : "!");
}

static void the_example_is_the_tables(void **state)
{
	(void)state;
	CLEANUP(free_p) char *file = NULL, *table = config_example();
	size_t len = 0;
	struct error e;
	if (file_load("config.example.yaml", &file, &len, &e) != RC_OK)
		fail_msg("%s", e.text);
	assert_non_null(table);
	if (strcmp(file, table) != 0)
		fail_msg("config.example.yaml is not what `rollcall config` prints");
}

static void the_example_changes_nothing(void **state)
{
	(void)state;
	CLEANUP(free_p) char *text = config_example();
	struct outcome o = read_text(text), none = read_text("");
	assert_string_equal(o.printed, "");
	struct strbuf b;
	strbuf_init(&b, 65536);
	config_diff(o.config, none.config, note, &b);
	assert_string_equal(b.s, "");
	strbuf_finish(&b);
	outcome_free(&o);
	outcome_free(&none);
}

/* A mistake in a file of words is told with its place there, at the place that names the file. */
static void words_of_ones_own(void **state)
{
	(void)state;
	char file[] = "/tmp/config_words.XXXXXX", yaml[256], want[256];
	int fd = mkstemp(file);
	assert_true(fd >= 0);
	static const char wrong[] = "label.next = danach\nlabel.nxt = x\n", right[] = "label.next = danach\n";
	assert_int_equal(write(fd, wrong, strlen(wrong)), strlen(wrong));
	(void)snprintf(yaml, sizeof yaml, "words:\n  - {file: %s, language: en}\n  - {file: %s, channels: [a, b]}\n",
		       file, file);
	struct outcome bad = read_text(yaml);
	(void)snprintf(want, sizeof want,
		       "c.yaml:2:12: words[0].file: %s:2:1: there is no text \"label.nxt\"; did you mean label.next\n",
		       file);
	assert_true(text_starts(bad.printed, want));
	outcome_free(&bad);
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(pwrite(fd, right, strlen(right), 0), strlen(right));
	struct outcome good = read_text(yaml);
	assert_string_equal(good.printed, "");
	assert_string_equal(good.config->words[0].channel, "");
	assert_string_equal(good.config->words[2].channel, "b");
	assert_string_equal(good.config->words[2].own, right);
	assert_null(good.config->words[3].own);
	outcome_free(&good);
	(void)close(fd);
	(void)unlink(file);
}

/* "  #key: value" without its "#"; words for people have a blank behind it. */
static char *switched_on(const char *text)
{
	struct strbuf b;
	strbuf_init(&b, 1 << 20);
	for (const char *line = text; *line;) {
		size_t len = strcspn(line, "\n"), blanks = strspn(line, " ");
		bool off = line[blanks] == '#' && line[blanks + 1] != ' ';
		strbuf_addn(&b, line, blanks);
		strbuf_addn(&b, line + blanks + off, len - blanks - off);
		strbuf_addc(&b, '\n');
		line += len + (line[len] == '\n');
	}
	return strbuf_take(&b);
}

static size_t count_keys(const struct config_key *keys)
{
	size_t n = 0;
	for (; keys->name; keys++)
		n += 1 + (keys->keys && *keys->keys->name ? count_keys(keys->keys) : 0);
	return n;
}

/* Members of all objects; names of entries do not count. */
static size_t count_members(const cJSON *v, const struct config_key *keys)
{
	size_t n = 0;
	for (const struct config_key *k = keys; k->name; k++) {
		const cJSON *m = cJSON_GetObjectItemCaseSensitive(v, k->name);
		if (!m)
			continue;
		n++;
		if (k->type == CONFIG_SECTION)
			n += count_members(m, k->keys);
		else if (k->keys && *k->keys->name)
			n += count_members(m->child, k->keys);
	}
	return n;
}

/* With everything switched on there is nothing that the parser does not know, and nothing that the table has is
 * missing; what is wrong then is wrong with this machine alone: files that are not there. */
static void the_example_names_every_key(void **state)
{
	(void)state;
	CLEANUP(free_p) char *example = config_example();
	CLEANUP(free_p) char *all = switched_on(example);
	struct yaml_doc **docs = NULL;
	size_t n = 0;
	struct error e;
	if (yaml_parse("all", all, strlen(all), &docs, &n, &e) != RC_OK)
		fail_msg("%s", e.text);
	assert_int_equal(count_members(yaml_root(docs[0]), config_keys), count_keys(config_keys));
	yaml_free(docs, n);
	struct outcome o = read_text(all);
	for (char *line = o.printed; *line; line += strcspn(line, "\n") + 1)
		if (strncmp(line, "c.yaml:", 7) != 0 || (!memmem(line, strcspn(line, "\n"), "cannot", 6) &&
							 !memmem(line, strcspn(line, "\n"), "is not set", 10) &&
							 !memmem(line, strcspn(line, "\n"), "pin_sha256", 10)))
			fail_msg("%.*s", (int)strcspn(line, "\n"), line);
	outcome_free(&o);
}

/* ---- differences ---- */

static const struct {
	const char *name, *a, *b, *differs;
} pairs[] = {
	{ "nothing", "data_dir: x\n", "data_dir: x\n", "" },
	{ "the same in other words", "log: {level: info}\n", "", "" },
	{ "live ones", "log: {level: debug}\nusers: {a: {groups: [x]}}\n", "users: {b: {groups: [x]}}\n",
	  "log.level users " },
	{ "one element more", "policies: {default: {approvers: [\"token:a\"]}}\n",
	  "policies: {default: {approvers: [\"token:a\", \"token:b\"]}}\n", "policies " },
	{ "a number, a switch, a time", "policies: {p: {approvers: [\"token:a\"], quorum: 2, remind: [1m]}}\n",
	  "policies: {p: {approvers: [\"token:a\"], quorum: 2, remind: [2m]}}\n", "policies " },
	{ "dead ones", "listen: {address: \"127.0.0.1:1\"}\ncluster: {leader_election: {enabled: true}}\n",
	  "node: {name: x}\n", "listen.address! cluster.leader_election.enabled! node.name! " },
};

static void differences_are_named(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
		struct outcome a = read_text(pairs[i].a), b = read_text(pairs[i].b);
		struct strbuf got;
		strbuf_init(&got, 4096);
		config_diff(a.config, b.config, note, &got);
		if (!text_eq(got.s, pairs[i].differs))
			fail_msg("%s: \"%s\"", pairs[i].name, got.s);
		strbuf_finish(&got);
		outcome_free(&a);
		outcome_free(&b);
	}
}

int main(void)
{
	setenv("RC_SECRET", "from the environment", 1);
	setenv("RC_EMPTY", "", 1);
	setenv("RC_SHORT", "12345", 1);
	setenv("RC_URL", "https://oapi.dingtalk.com/robot/send?access_token=x", 1);
	setenv("RC_PLAIN_URL", "http://oapi.dingtalk.com/robot/send?access_token=x", 1);
	unsetenv("RC_UNSET");
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_mistake_says_where_and_what),
		cmocka_unit_test(mistakes_are_counted),
		cmocka_unit_test(a_plain_secret_is_a_warning),
		cmocka_unit_test(nothing_gives_the_defaults),
		cmocka_unit_test(a_policy_is_read_whole),
		cmocka_unit_test(a_written_default_is_the_only_default),
		cmocka_unit_test(people_and_channels_are_read),
		cmocka_unit_test(a_public_address_may_be_meant),
		cmocka_unit_test(the_example_is_the_tables),
		cmocka_unit_test(the_example_changes_nothing),
		cmocka_unit_test(the_example_names_every_key),
		cmocka_unit_test(words_of_ones_own),
		cmocka_unit_test(differences_are_named),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
