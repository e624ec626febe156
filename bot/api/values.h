#pragma once
/* Rollouts and approvals as JSON, the same for the API and for webhooks (docs/openapi.yaml, docs/webhooks.md). */
#include "base/strbuf.h"
#include "bot/approvals/approvals.h"
#include "controller/engine.h"

void rest_add_rollout(struct strbuf *b, const struct rollout *r);
void rest_add_approval(struct strbuf *b, const struct approval *a);
