/* The keys of what speaks with other systems. */
#include "app/config_keys.h"
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
/* clang-format on */
