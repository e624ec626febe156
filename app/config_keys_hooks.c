/* The keys of what speaks with other systems. */
#include "app/config_keys.h"
#include "bot/api/inbound.h"
#include "bot/channels/teams/teams.h"
#include "bot/channels/webhook/webhook.h"

#define DAYS(n) ((int64_t)(n)*86400000)

/* clang-format off */
#define OF(field) .offset = offsetof(struct webhook_receiver, field)
const struct config_key config_webhook_keys[] = {
	{ "url", CONFIG_SECRET, OF(url), .example = "${env:CI_WEBHOOK_URL}", .required = true,
	  .help = "https://...; controller.egress says what may be called in the clear or on this machine." },
	{ "secret", CONFIG_SECRET, OF(secret), .example = "${env:CI_WEBHOOK_SECRET}", .required = true,
	  .help = "whsec_ and the base64 of 24 to 64 bytes: what receivers check the signature with." },
	{ "previous_secret", CONFIG_SECRET, OF(previous_secret), .example = "${env:CI_PREVIOUS_WEBHOOK_SECRET}",
	  .help = "The old one, while receivers change to the new one: both sign." },
	{ "events", CONFIG_TEXTS, OF(events), .example = "[\"rollout.*\", approval.decided]",
	  .help = "Patterns of what is sent. Without it: everything. docs/webhooks.md has the list." },
	{ "namespace", CONFIG_TEXT, OF(ns), .example = "prod-*", .help = "A pattern; without it: all." },
	{ "labels", CONFIG_TEXT, OF(labels), .example = "team=shop", .help = "Labels of the Canary; without it: all." },
	{ "retry_for", CONFIG_DURATION, OF(retry_ms), "24h", .min = 0, .max = DAYS(7),
	  .help = "How long an event is tried again before it counts as failed." },
	{ 0 }
};
#undef OF
#define OF(field) .offset = offsetof(struct teams_flow, field)
static const struct config_key flow_keys[] = {
	{ "url", CONFIG_SECRET, OF(url), .example = "${env:TEAMS_WORKFLOW_URL}", .required = true,
	  .help = "Of the flow \"Post to a channel when a webhook request is received\": its query is a secret." },
	{ 0 }
};
#undef OF
const struct config_key config_teams_keys[] = {
	{ "channels", CONFIG_MAP, .offset = offsetof(struct config, teams.flows), .example = "releases", .keys = flow_keys,
	  .entry_bytes = sizeof(struct teams_flow), .required = true, .help = "Flows by a name of yours; the channel is teams:NAME." },
	{ 0 }
};
static const char *const proofs[] = { "standard-webhooks", "hub", NULL };
static const char *const formats[] = { "json", "alertmanager", "grafana", NULL };
#define X(id, word) word,
static const char *const actions[] = { INBOUND_ACTIONS(X) NULL };
#undef X
static const struct config_key when_keys[] = {
	{ "", CONFIG_TEXTS, .offset = offsetof(struct inbound_condition, values), .example = "[critical]" },
	{ 0 }
};
static const struct config_key word_keys[] = {
	{ "", CONFIG_WORD, .offset = offsetof(struct inbound_word, action), .example = "approve", .words = actions },
	{ 0 }
};
#define OF(field) .offset = offsetof(struct inbound_endpoint, field)
const struct config_key config_inbound_keys[] = {
	{ "secret", CONFIG_SECRET, OF(secret), .example = "${env:ALERTS_SECRET}", .help = "Of the signature. Either this or token." },
	{ "previous_secret", CONFIG_SECRET, OF(previous_secret), .example = "${env:ALERTS_PREVIOUS_SECRET}",
	  .help = "The old one, while the sender changes to the new one." },
	{ "signature", CONFIG_WORD, OF(proof), "standard-webhooks", .words = proofs,
	  .help = "standard-webhooks has a secret of the form whsec_...; hub is X-Hub-Signature-256 with any secret." },
	{ "token", CONFIG_TEXT, OF(token), .example = "alertmanager",
	  .help = "Name of the API token (scope decide) that this sender has, instead of signatures." },
	{ "format", CONFIG_WORD, OF(format), "json", .words = formats,
	  .help = "Fills in what is left out below: json takes {action, namespace, name, reason, revision, id}; alertmanager and "
		  "grafana take each firing alert, whose labels namespace and canary say what to roll back." },
	{ "each", CONFIG_TEXT, OF(each), .example = "alerts", .help = "Path of a list; each element is one matter." },
	{ "when", CONFIG_MAP, OF(when), .example = "labels.severity", .keys = when_keys, .entry_bytes = sizeof(struct inbound_condition),
	  .help = "Path: values. All must hold, or nothing is done." },
	{ "action", CONFIG_TEXT, OF(action), .example = "rollback",
	  .help = "approve, reject, promote, rollback, hold, resume or annotate; {path} here and below is the value that stands there." },
	{ "words", CONFIG_MAP, OF(words), .example = "success", .keys = word_keys, .entry_bytes = sizeof(struct inbound_word),
	  .help = "What the sender's word for an action means; with it, other words mean nothing." },
	{ "namespace", CONFIG_TEXT, OF(ns), .example = "\"{labels.namespace}\"", .help = NULL },
	{ "rollout", CONFIG_TEXT, OF(rollout), .example = "\"{labels.canary}\"", .help = "The Canary's name." },
	{ "labels", CONFIG_TEXT, OF(labels), .example = "\"app={labels.app}\"",
	  .help = "Where there is no name: all rollouts under way whose Canaries have these labels." },
	{ "reason", CONFIG_TEXT, OF(reason), .example = "\"{labels.alertname}: {annotations.summary}\"", .help = NULL },
	{ "revision", CONFIG_TEXT, OF(revision), .example = "\"{revision}\"", .help = "Nothing is done at another one." },
	{ "id", CONFIG_TEXT, OF(id), .example = "\"{fingerprint}/{startsAt}\"",
	  .help = "The same id is acted on once. Without it: webhook-id, the digest of a body signed by hub, or the header Idempotency-Key." },
	{ "per_minute", CONFIG_INT, OF(per_minute), "60", .min = 1, .max = 6000, .help = "Messages that are taken." },
	{ 0 }
};
#undef OF
/* clang-format on */
