/* Every verb. */
#include "app/cli.h"

#define TARGET "namespace"
#define DECISION "namespace reason revision request override"

/* clang-format off */
const struct verb verbs[] = {
	{ "serve", "[--config FILE]", "Run the service: step canaries, talk with people", 0, 0, "kubeconfig context", verb_serve,
	  "Without a configuration the defaults hold. SIGHUP reads it again, SIGTERM ends the service within 10 s;\n"
	  "with cluster.embedded after its pods, to which it gives 10 s at most." },
	{ "demo", "[--auto] [--keep]", "Everything on this machine, to be seen in a minute", 0, 0, "auto keep slack dingtalk", verb_demo,
	  "An application as four processes behind an nginx, a load of real requests, a canary with two gates. Its folder is\n"
	  "./rollcall-demo, or that of --data-dir; it writes its own configuration and takes ports that are free. --auto plays\n"
	  "a release that goes well and one that is rolled back, and exits with 0 only if no request was lost by it.\n"
	  "--slack and --dingtalk connect it to a workspace of yours; what they want is taken from the environment\n"
	  "(SLACK_BOT_TOKEN, SLACK_APP_TOKEN, SLACK_CHANNEL; DINGTALK_CLIENT_ID, DINGTALK_CLIENT_SECRET, DINGTALK_CORP_ID,\n"
	  "DINGTALK_CONVERSATION) or asked for." },
	{ "node", "[--config FILE]", "Run pods as processes of this machine", 0, 0, "kubeconfig context", verb_node,
	  "Takes pods that no other node has, runs what `node.images` says for their images, and serves Ingresses by nginx." },
	{ "check", "FILE...", "Say everything that is wrong with configurations and manifests", 1, 1000, "", verb_check,
	  "Each mistake is a line FILE:LINE:COLUMN: path: text on standard output; exit code 1 when there is one. \"-\" is\nstandard input." },
	{ "config", "", "Print a configuration with every key, its default and what it means", 0, 0, "", verb_config, NULL },
	{ "simulate", "FILE [NAME]", "What a Canary will do, before it is applied: time, weights, replicas, gates, hooks", 1, 2,
	  "fail-at approve-after replicas json output", verb_simulate,
	  "Plays the release of a new image with the controller's own rules on a clock of its own: nothing is touched or called.\n"
	  "Hooks say yes, metrics are good, pods are ready after 2 s, people approve at once. Exit code 1 when it would not be\n"
	  "promoted, unless --fail-at asked for that." },
	{ "apply", "-f FILE...", "Put manifests into the cluster of cluster.embedded", 1, 1000, "namespace filename dry-run output", verb_apply,
	  "YAML or JSON, several documents in a file; \"-\" is standard input. What an earlier manifest set and this one leaves out\n"
	  "is removed, what others set stays. A mistake is a line FILE:LINE:COLUMN: text, and exit code 1." },
	{ "get", "KIND [NAME]", "Objects of cluster.embedded: canaries, deployments, pods, services, events, ...", 1, 2,
	  "namespace all-namespaces output", verb_get, NULL },
	{ "set-image", "DEPLOYMENT CONTAINER=IMAGE", "Release: another image for a container", 2, 100, "namespace", verb_set_image, NULL },
	{ "set-version", "[KIND/]NAME VERSION", "Release: another version of a Process, or of systemdunit/NAME", 2, 2, "namespace",
	  verb_set_version, NULL },
	{ "run-unit", "UNIT", "Start a unit of systemd, wait for its end, stop it when told to end", 1, 1, "", verb_run_unit,
	  "What runs in the place of each instance of a SystemdUnit; nobody else needs it." },
	{ "delete", "KIND NAME", "Remove an object of cluster.embedded", 2, 2, "namespace", verb_delete, NULL },
	{ "list", "", "Rollouts, those that wait or move first", 0, 0, "namespace all-namespaces output", verb_list, NULL },
	{ "status", "NAME", "Where a rollout stands", 1, 1, TARGET " output", verb_status, NULL },
	{ "watch", "[NAME...]", "Rollouts as they go: without a name all, those that wait for somebody first", 0, 20,
	  TARGET " output", verb_watch,
	  "On a terminal the picture is repainted in place; elsewhere each change is a line, and with -o json an object on a\n"
	  "line. Until it is interrupted." },
	{ "wait", "NAME", "Wait for how a rollout ends; the exit code says it", 1, 1, TARGET " for timeout revision", verb_wait,
	  "--for promoted: 0 when it is, 1 when it failed. --for failed: the other way round. --for decided: 0 when what is asked\n"
	  "was approved, 3 when it was rejected, 1 when the question died. A rollout that is at rest already counts as it is." },
	{ "approve", "NAME [REASON]", "Vote for what a rollout waits for", 1, 100, DECISION, verb_decide, NULL },
	{ "reject", "NAME [REASON]", "Vote against it", 1, 100, DECISION, verb_decide, NULL },
	{ "promote", "NAME [REASON]", "Skip what is left of the analysis and promote", 1, 100, DECISION, verb_decide, NULL },
	{ "rollback", "NAME [REASON]", "All traffic back to the stable version, at once", 1, 100, DECISION, verb_decide, NULL },
	{ "pause", "NAME [REASON]", "Hold at this weight", 1, 100, DECISION, verb_decide, NULL },
	{ "resume", "NAME [REASON]", "Go on", 1, 100, DECISION, verb_decide, NULL },
	{ "restart", "NAME [REASON]", "Analyse a failed revision again", 1, 100, DECISION, verb_decide, NULL },
	{ "weight", "NAME PERCENT [REASON]", "Manual release: this weight now", 2, 100, DECISION, verb_weight, NULL },
	{ "complete", "NAME [REASON]", "Give everything back and remove the Canary", 1, 100, DECISION, verb_decide, NULL },
	{ "who", "NAME", "Who may decide, who has", 1, 1, TARGET " output", verb_who, NULL },
	{ "history", "[NAME]", "Who did what", 0, 1, TARGET " output limit", verb_history, NULL },
	{ "freeze", "[FREEZE on|off [REASON]]", "Times in which nothing is released: show them, or switch one", 0, 100, "reason output", verb_freeze,
	  "\"everything\" stops every release at once. A freeze that holds by the clock cannot be switched off: who has the right\n"
	  "may approve past it with --override and a reason. A rollback is always possible." },
	{ "outbox", "[retry ROW]", "Messages that wait or could not be sent", 0, 2, "output", verb_outbox,
	  "retry tries one that could not be sent again; retry all tries every one." },
	{ "hooks", "log [RECEIVER]|replay ID|failed [RECEIVER]", "Events that were sent to webhooks, and once more", 1, 3, "output limit",
	  verb_hooks, "replay sends an event with the id it had; \"failed\" stands for all that were given up." },
	{ "card", "preview [STATE|en|zh|text|slack|dingtalk|teams...]|words [en|zh]", "Cards with sample data, and their words", 1, 4, "words",
	  verb_card, "preview without a state shows all; --words FILE with words of your own, whose mistakes are lines\n"
	  "FILE:LINE:COLUMN: text. words prints every key with its text: a file of yours has some of these lines, changed." },
	{ "audit", "verify|export", "Is the record whole? Names the first row that is not; or all of it as JSON lines", 1, 1, "", verb_audit,
	  "Reads DATA_DIR/rollcall.db, whether the service runs or not. The hash of a row is the SHA-256 of the hash before it and\n"
	  "the JSON array of seq, atMs, actor, identity, action, object, request, outcome, reason and detail; export prints them." },
	{ "chat", "", "Talk with the bot as in a chat, without a chat", 0, 0, "as", verb_chat,
	  "The words of /canary in Slack: list, status NAME, approve NAME, 批准 NAME, help, ... A line of a pipe that fails ends it." },
	{ "doctor", "", "Can it reach and do all that it must? One line each, with the remedy", 0, 0,
	  "kubeconfig context output", verb_doctor,
	  "Examines what --config says: data folder and record, the service, the API server and our rights there, clocks,\n"
	  "Prometheus, Slack and DingTalk. Nothing is posted. Exit code 1 when something is bad." },
	{ "policy", "test FILE", "Try policies with cases of your own", 2, 2, "", verb_policy,
	  "With the policies, users and freezes of --config. FILE is YAML:\n"
	  "  cases:\n"
	  "    - name: nobody approves what is their own\n"
	  "      policy: prod\n"
	  "      requested_by: lin\n"
	  "      steps:\n"
	  "        - {by: lin, verb: approve, refused: somebody else}\n"
	  "        - {by: zhao, reason: looks good}\n"
	  "      expect: approved\n"
	  "expect is approved, rejected or open; refused is a part of the refusal; at: 2026-11-28T12:00:00Z sets the clock for\n"
	  "freezes. Exit code 1 when a case fails." },
	{ "token", "create NAME|list|revoke NAME", "Tokens for the command line and the API", 1, 2, "scope expires output", verb_token,
	  "create wants --scope: read looks, decide votes and uses verbs as far as policies allow, admin also makes tokens.\n"
	  "The token is printed once. In policies it is token:NAME. Works on the data folder itself while no service runs." },
	{ "pin", "", "Turn a PIN from standard input into a line for the configuration", 0, 0, "", verb_pin, NULL },
	{ "completion", "bash|zsh|fish", "Completion of verbs, options and rollouts for a shell", 1, 1, "", verb_completion,
	  "bash: source <(rollcall completion bash). zsh: source <(rollcall completion zsh). fish: rollcall completion fish | source." },
	{ "man", "", "The manual page: rollcall man | man -l -", 0, 0, "", verb_man, NULL },
	{ "version", "", "The version", 0, 0, "", verb_version, NULL },
	{ "help", "[VERB]", "This, or more of one verb", 0, 1, "", verb_help, NULL },
	{ 0 }
};
/* clang-format on */
