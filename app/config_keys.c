#include "app/config_keys.h"

#define IN(field) .offset = offsetof(struct config, field)
#define MINUTES(n) ((int64_t)(n)*60000)
#define DAYS(n) ((int64_t)(n)*86400000)

static const char *const weekdays[] = { "sun", "mon", "tue", "wed", "thu", "fri", "sat", NULL };
static const char *const levels[] = { "error", "warn", "info", "debug", NULL };
static const char *const formats[] = { "auto", "json", "logfmt", NULL };
static const char *const providers[] = { "nginx", NULL };
static const char *const on_timeout[] = { "reject", "approve", "wait", NULL };
static const char *const on_reject[] = { "rollback", "hold", NULL };
static const char *const link_identities[] = { "none", "pin", NULL };
static const char *const reasons[] = { "approve", "reject", "rollback", NULL };
static const char *const dingtalk_modes[] = { "stream", "http", NULL };
static const char *const langs[] = { "en", "zh", NULL };

/* clang-format off */
static const struct config_key tls[] = {
	{ "cert", CONFIG_FILE, IN(listen.tls.cert), .example = "/etc/rollcall/tls.crt", .help = "PEM file, the whole chain. Read again on SIGHUP." },
	{ "key", CONFIG_FILE, IN(listen.tls.key), .example = "/etc/rollcall/tls.key", .help = "PEM file." },
	{ 0 }
};
static const struct config_key listen_keys[] = {
	{ "address", CONFIG_ADDRESS, IN(listen.address), "127.0.0.1:8484",
	  .help = "Where chat platforms, the command line and gates come in. A public address needs tls or behind_proxy." },
	{ "admin", CONFIG_ADDRESS, IN(listen.admin), "127.0.0.1:8485",
	  .help = "/healthz, /readyz and /metrics, without login. In a cluster: 0.0.0.0:8485." },
	{ "behind_proxy", CONFIG_BOOL, IN(listen.behind_proxy), "false",
	  .help = "Something in front (an Ingress) speaks TLS with the world, so a public address without tls is meant." },
	{ "tls", CONFIG_SECTION, .keys = tls, .help = "TLS on the first address." },
	{ 0 }
};
static const struct config_key log_keys[] = {
	{ "level", CONFIG_WORD, IN(log.level), "info", .words = levels, .help = "Changes on SIGHUP." },
	{ "format", CONFIG_WORD, IN(log.format), "auto", .words = formats,
	  .help = "auto is logfmt on a terminal and JSON lines elsewhere." },
	{ 0 }
};
static const struct config_key election_keys[] = {
	{ "enabled", CONFIG_BOOL, IN(cluster.election.enabled), "false", .help = "For several replicas: one of them leads." },
	{ "namespace", CONFIG_TEXT, IN(cluster.election.ns), "rollcall", .help = "Of the Lease." },
	{ "name", CONFIG_TEXT, IN(cluster.election.name), "rollcall", .help = "Of the Lease." },
	{ 0 }
};
static const struct config_key cluster_keys[] = {
	{ "embedded", CONFIG_BOOL, IN(cluster.embedded), "false",
	  .help = "No Kubernetes: objects live in data_dir, pods are processes of this machine, as `node` says. `rollcall apply` puts manifests in." },
	{ "kubeconfig", CONFIG_TEXT, IN(cluster.kubeconfig), .example = "/etc/rollcall/kubeconfig",
	  .help = "Without it: $KUBECONFIG, then the pod's own credentials, then ~/.kube/config." },
	{ "context", CONFIG_TEXT, IN(cluster.context), .example = "prod", .help = "Without it: the file's current context." },
	{ "namespace", CONFIG_TEXT, IN(cluster.ns), .example = "shop", .help = "Only this namespace is looked at. Without it: all." },
	{ "name", CONFIG_TEXT, IN(cluster.name), .example = "prod-cn",
	  .help = "What people call the cluster. Without it: the context's name." },
	{ "leader_election", CONFIG_SECTION, .keys = election_keys, .help = "A Lease says who steps the canaries." },
	{ 0 }
};
static const struct config_key egress_keys[] = {
	{ "allow", CONFIG_TEXTS, IN(controller.egress.allow), "[]",
	  .help = "Hosts that hooks may call although they are loopback, link-local or metadata addresses." },
	{ "private", CONFIG_BOOL, IN(controller.egress.private), "false",
	  .help = "Hooks may call any private and loopback address: for one machine, and for tests." },
	{ 0 }
};
static const struct config_key controller_keys[] = {
	{ "provider", CONFIG_WORD, IN(controller.provider), "nginx", .words = providers,
	  .help = "Router of Canaries that name none." },
	{ "selector_labels", CONFIG_TEXTS, IN(controller.selector_labels), "[app, name, app.kubernetes.io/name]",
	  .help = "Labels by which a workload's pods are selected; the first that it has is taken." },
	{ "include_label_prefix", CONFIG_TEXTS, IN(controller.include_label_prefix), "[]",
	  .help = "Labels of the target that primaries carry too, by prefix; \"*\" is all." },
	{ "ingress_annotations_prefix", CONFIG_TEXT, IN(controller.ingress_annotations_prefix), "nginx.ingress.kubernetes.io",
	  .help = "Of the annotations that the ingress controller reads." },
	{ "config_tracking", CONFIG_BOOL, IN(controller.config_tracking), "true",
	  .help = "A change of a ConfigMap or Secret that the target uses is a new revision." },
	{ "metrics_server", CONFIG_URL, IN(controller.metrics_server), .example = "http://prometheus:9090",
	  .help = "Prometheus of metric checks that name none. Without it: http://prometheus:9090 on Kubernetes; with cluster.embedded what node.nginx has served." },
	{ "event_webhook", CONFIG_SECRET, IN(controller.event_webhook), .example = "${env:EVENT_WEBHOOK_URL}",
	  .help = "Every event of every Canary is posted there." },
	{ "egress", CONFIG_SECTION, .keys = egress_keys, .help = "A Canary's author chooses the URLs of hooks; these limits hold." },
	{ 0 }
};
#define OF(field) .offset = offsetof(struct config_user, field)
static const struct config_key user_keys[] = {
	{ "identities", CONFIG_TEXTS, OF(identities), .example = "[\"slack:U012AB3CD\", \"dingtalk:manager4220\", \"token:lin\"]",
	  .help = "Who this is on each platform; token:NAME is an API token." },
	{ "groups", CONFIG_TEXTS, OF(groups), .example = "[sre, leads]", .help = "Groups of rollcall, for policies." },
	{ "pin", CONFIG_SECRET, OF(pin), .example = "file:/run/secrets/lin-pin",
	  .help = "Personal PIN for the confirm page of links, six characters or more." },
	{ "pin_sha256", CONFIG_TEXT, OF(pin_sha256), .example = "\"SALT:HEX\"",
	  .help = "The same as SALT:HEX, HEX being the SHA-256 of \"SALT:PIN\". `rollcall pin` makes one." },
	{ 0 }
};
#undef OF
#define OF(field) .offset = offsetof(struct config_policy, field)
#define RIGHT(word) { #word, CONFIG_TEXTS, OF(word), .example = "[\"group:sre\"]", .help = NULL }
static const struct config_key right_keys[] = {
	RIGHT(promote), RIGHT(rollback), RIGHT(pause), RIGHT(complete), RIGHT(weight),
	{ "override", CONFIG_TEXTS, OF(override), .example = "[\"group:leads\"]",
	  .help = "May promote past gates that are still closed. Nobody has this right without being named here." },
	{ 0 }
};
static const struct config_key escalate_keys[] = {
	{ "after", CONFIG_DURATION, OF(escalate_ms), .example = "2h", .min = MINUTES(1), .max = DAYS(90), .help = "Without a decision." },
	{ "to", CONFIG_TEXT, OF(escalate_to), .example = "\"slack:C024BE91L\"", .help = "The channel of those who can help." },
	{ 0 }
};
static const struct config_key policy_keys[] = {
	{ "approvers", CONFIG_TEXTS, OF(approvers), .example = "[\"group:sre\", \"slack:U012AB3CD\"]", .required = true,
	  .help = "Who may decide: user:NAME, group:NAME, slack:USER or GROUP, dingtalk:USER, dingtalk:role:ID, dingtalk:dept:ID, token:NAME, "
		  "anyone-in-channel." },
	{ "quorum", CONFIG_INT, OF(quorum), "1", .min = 1, .max = 20, .help = "Approvals that it takes." },
	{ "reject_quorum", CONFIG_INT, OF(reject_quorum), "1", .min = 1, .max = 20, .help = "Rejections that it takes." },
	{ "distinct", CONFIG_BOOL, OF(distinct), "true", .help = "Votes of one person on two platforms count once." },
	{ "self_approval", CONFIG_BOOL, OF(self_approval), "false", .help = "Whoever caused the revision may approve it." },
	{ "require_reason", CONFIG_TEXTS, OF(require_reason), "[]", .words = reasons, .help = "What must carry a reason." },
	{ "timeout", CONFIG_DURATION, OF(timeout_ms), "0s", .min = 0, .max = DAYS(90), .help = "0s: a question waits for ever." },
	{ "on_timeout", CONFIG_WORD, OF(on_timeout), "reject", .words = on_timeout, .help = "What an unanswered question becomes." },
	{ "on_reject", CONFIG_WORD, OF(on_reject), "rollback", .words = on_reject, .help = "hold: the rollout stays where it is." },
	{ "remind", CONFIG_DURATIONS, OF(remind_ms), "[]", .min = MINUTES(1), .max = DAYS(90),
	  .help = "After so long, those who have not answered are mentioned again: [15m, 1h]." },
	{ "escalate", CONFIG_SECTION, .keys = escalate_keys, .help = "The question goes to one more channel." },
	{ "freezes", CONFIG_TEXTS, OF(freezes), "[]",
	  .help = "While one of these holds, nothing is approved, promoted or restarted but by who may override, with a reason." },
	{ "link_identity", CONFIG_WORD, OF(link_identity), "none", .words = link_identities,
	  .help = "Links of group robots: none only shows, pin lets a person decide with the personal PIN." },
	{ "rights", CONFIG_SECTION, .keys = right_keys,
	  .help = "Who may use a verb, where that is not everybody who may approve. restart needs promote, resume needs pause." },
	{ 0 }
};
#undef OF
#define OF(field) .offset = offsetof(struct config_freeze, field)
static const struct config_key freeze_keys[] = {
	{ "days", CONFIG_TEXTS, OF(days), "[]", .words = weekdays, .help = "Of the week: [sat, sun]." },
	{ "dates", CONFIG_TEXTS, OF(dates), .example = "[\"2026-10-01..2026-10-08\", \"2027-01-01\"]",
	  .help = "Days of the year, or from one to another, both included." },
	{ "from", CONFIG_TEXT, OF(from), .example = "\"22:00\"", .help = "Hours, of those days or of every day; without them the whole day." },
	{ "to", CONFIG_TEXT, OF(to), .example = "\"08:00\"", .help = "Before `from`: of the next morning." },
	{ "utc_offset", CONFIG_TEXT, OF(utc_offset), "\"+00:00\"", .help = "What must be added to UTC; it does not follow summer time." },
	{ "by", CONFIG_TEXTS, OF(by), .example = "[\"group:sre\"]",
	  .help = "Who may switch it on at any time, and off again. Without it: the command line on this machine (token:local)." },
	{ 0 }
};
#undef OF
static const struct config_key slack_keys[] = {
	{ "bot_token", CONFIG_SECRET, IN(slack.bot_token), .example = "${env:SLACK_BOT_TOKEN}", .required = true, .help = "xoxb-..." },
	{ "app_token", CONFIG_SECRET, IN(slack.app_token), .example = "${env:SLACK_APP_TOKEN}",
	  .help = "xapp-...: Socket Mode, for which nothing must be reachable from outside. Without it Slack posts to `path`." },
	{ "connections", CONFIG_INT, IN(slack.connections), "2", .min = 1, .max = 9, .help = "That Socket Mode keeps open." },
	{ "client_id", CONFIG_TEXT, IN(slack.client_id), .example = "\"1234567890.1234567890\"",
	  .help = "With the next two: for an app whose tokens rotate." },
	{ "client_secret", CONFIG_SECRET, IN(slack.client_secret), .example = "${env:SLACK_CLIENT_SECRET}", .help = NULL },
	{ "refresh_token", CONFIG_SECRET, IN(slack.refresh_token), .example = "${env:SLACK_REFRESH_TOKEN}",
	  .help = "xoxe-1-..., the one that came with the bot token; later ones are kept in data_dir." },
	{ "signing_secret", CONFIG_SECRET, IN(slack.signing_secret), .example = "${env:SLACK_SIGNING_SECRET}",
	  .help = "Proves that a request comes from Slack. Required without an app token." },
	{ "previous_signing_secret", CONFIG_SECRET, IN(slack.previous_signing_secret),
	  .example = "${env:SLACK_PREVIOUS_SIGNING_SECRET}", .help = "The old one, while it is being replaced." },
	{ "api_url", CONFIG_TEXT, IN(slack.api_url), "https://slack.com/api/", .help = "Another one for GovSlack or a proxy." },
	{ "response_hosts", CONFIG_TEXTS, IN(slack.response_hosts), "[hooks.slack.com]",
	  .help = "Hosts that answers to a click may be sent to; at most three." },
	{ "path", CONFIG_TEXT, IN(slack.path), "/slack/events", .help = "Where Slack posts to: commands, interactivity, events." },
	{ "app", CONFIG_TEXT, IN(slack.app), .example = "A012AB3CD", .help = "The app's id. Without it: learnt from Slack's answers." },
	{ "guests", CONFIG_BOOL, IN(slack.guests), "false",
	  .help = "Whether guests and people of other workspaces in shared channels may use rollcall at all." },
	{ "team", CONFIG_TEXT, IN(slack.team), .example = "T012AB3CD", .help = "The only workspace that is served. Without it: the bot's own." },
	{ 0 }
};
#define OF(field) .offset = offsetof(struct dingtalk_robot, field)
static const struct config_key robot_keys[] = {
	{ "url", CONFIG_SECRET, OF(url), .example = "${env:DINGTALK_ROBOT_URL}", .required = true,
	  .help = "https://oapi.dingtalk.com/robot/send?access_token=..." },
	{ "secret", CONFIG_SECRET, OF(secret), .example = "${env:DINGTALK_ROBOT_SECRET}", .help = "SEC..., when the robot signs." },
	{ "at_mobiles", CONFIG_TEXTS, OF(at_mobiles), .example = "[\"13800138000\"]",
	  .help = "Phone numbers that are mentioned beside each question." },
	{ "at_users", CONFIG_TEXTS, OF(at_users), .example = "[manager4220]", .help = "Staff ids, likewise." },
	{ "keyword", CONFIG_TEXT, OF(keyword), .example = "rollout", .help = "The text that the robot wants in each message." },
	{ 0 }
};
#undef OF
#define APP(field) IN(dingtalk.app.field)
static const struct config_key dingtalk_app_keys[] = {
	{ "client_id", CONFIG_TEXT, APP(client_id), .example = "dingabc123", .required = true,
	  .help = "Client ID (AppKey) of the internal app." },
	{ "client_secret", CONFIG_SECRET, APP(client_secret), .example = "${env:DINGTALK_CLIENT_SECRET}", .required = true,
	  .help = "Client Secret (AppSecret)." },
	{ "corp_id", CONFIG_TEXT, APP(corp_id), .example = "ding0123456789abcdef", .required = true,
	  .help = "The organisation: nobody of another one may act, whatever their staff id." },
	{ "robot_code", CONFIG_TEXT, APP(robot_code), .example = "dingabc123", .help = "Without it: the client id." },
	{ "mode", CONFIG_WORD, APP(mode), "stream", .words = dingtalk_modes,
	  .help = "How presses and messages come in. stream: over a WebSocket that rollcall opens. http: to public_url; "
		  "typed decisions and what cannot be undone are not taken there." },
	{ "card_template", CONFIG_TEXT, APP(card_template), .example = "1f0c...9a.schema",
	  .help = "Own card template, see docs/dingtalk.md: buttons for those who may alone, and a field for the reason. "
		  "Without it: plain cards that need nothing set up." },
	{ "callback_path", CONFIG_SECRET, APP(callback_path), .example = "${env:DINGTALK_CALLBACK_PATH}",
	  .help = "For http: \"/dingtalk/SECRET\". DingTalk posts to .../robot, .../card and .../events below it; its signatures do "
		  "not cover the content, so the path is a secret." },
	{ "callback_secret", CONFIG_SECRET, APP(callback_secret), .example = "${env:DINGTALK_CALLBACK_SECRET}",
	  .help = "Signs card callbacks. Without it: the client secret." },
	{ "event_token", CONFIG_SECRET, APP(event_token), .example = "${env:DINGTALK_EVENT_TOKEN}",
	  .help = "Of the encrypted event callback. Without it events are not taken over http." },
	{ "event_aes_key", CONFIG_SECRET, APP(event_aes_key), .example = "${env:DINGTALK_EVENT_AES_KEY}",
	  .help = "43 characters, goes with event_token." },
	{ "month_calls", CONFIG_INT, APP(month_calls), "10000", .min = 0, .max = 1000000000,
	  .help = "API calls that the organisation has a month, for the warning; 0: no limit." },
	{ "api_url", CONFIG_URL, APP(api_url), "https://api.dingtalk.com", .help = "Another one for the international edition." },
	{ "oapi_url", CONFIG_URL, APP(oapi_url), "https://oapi.dingtalk.com", .help = "The older API: people, roles, pictures." },
	{ 0 }
};
#undef APP
static const struct config_key dingtalk_keys[] = {
	{ "app", CONFIG_SECTION, .keys = dingtalk_app_keys,
	  .help = "The robot of an internal app: live cards with buttons, commands. The channel is dingtalk-app:CONVERSATION "
		  "for a group, dingtalk-app:@STAFFID for a person." },
	{ "robots", CONFIG_MAP, IN(dingtalk.robots), .example = "releases", .keys = robot_keys,
	  .entry_bytes = sizeof(struct dingtalk_robot),
	  .help = "Group robots by a name of yours; the channel is dingtalk:NAME. Decisions come in by links: see "
		  "public_url and link_identity." },
	{ "robot_hosts", CONFIG_TEXTS, IN(dingtalk.robot_hosts), "[oapi.dingtalk.com]",
	  .help = "Hooks to these hosts get the answer's errcode checked: DingTalk says 200 to refusals." },
	{ 0 }
};
#define OF(field) .offset = offsetof(struct config_route, field)
static const struct config_key route_keys[] = {
	{ "namespace", CONFIG_TEXT, OF(ns), .example = "prod-*", .help = "A pattern; without it: all." },
	{ "labels", CONFIG_TEXT, OF(labels), .example = "team=shop", .help = "A label of the Canary; without it: all." },
	{ "channels", CONFIG_TEXTS, OF(channels), .example = "[\"slack:C024BE91L\", \"dingtalk:releases\"]", .required = true, .help = NULL },
	{ 0 }
};
#undef OF
static const struct config_key language_keys[] = {
	{ "", CONFIG_WORD, .offset = offsetof(struct config_language, lang), .example = "zh", .words = langs },
	{ 0 }
};
#define OF(field) .offset = offsetof(struct config_words, field)
static const struct config_key word_file_keys[] = {
	{ "file", CONFIG_TEXT, OF(file), .example = "words.zh", .required = true,
	  .help = "Lines KEY = TEXT; `rollcall card words zh` prints all there are, `rollcall card preview` shows the result." },
	{ "language", CONFIG_WORD, OF(lang), "en", .example = "zh", .words = langs, .help = "Of the file; en without it." },
	{ "channels", CONFIG_TEXTS, OF(channels), .example = "[\"slack:C024BE91L\"]", .help = "Without it: all of that language." },
	{ 0 }
};
#undef OF
static const struct config_key gate_keys[] = {
	{ "open", CONFIG_BOOL, IN(gates.open), "false",
	  .help = "Anybody who reaches the port may ask /gate/check (not open or close gates)." },
	{ "allow_cidrs", CONFIG_TEXTS, IN(gates.allow_cidrs), "[]",
	  .help = "Addresses that may ask without a token: [10.0.0.0/8]. The peer's own address counts, not a header." },
	{ 0 }
};
static const struct config_key console_keys[] = {
	{ "enabled", CONFIG_BOOL, IN(console.enabled), "true", .help = "Serve it. People sign in with an API token." },
	{ "people", CONFIG_TEXTS, IN(console.people), .example = "[lin.wei]",
	  .help = "Users who are chosen from a list, without a secret: for one person's own machine and for demos. Only with a "
		  "loopback listen.address." },
	{ 0 }
};

#define OF(field) .offset = offsetof(struct node_image, field)
static const struct config_key image_keys[] = {
	{ "image", CONFIG_TEXT, OF(pattern), .example = "\"registry.example.com/shop/*\"", .required = true,
	  .help = "An image's whole name, or a beginning of it and \"*\"." },
	{ "command", CONFIG_TEXTS, OF(command), .example = "[/usr/local/bin/shop, --listen, \"{address}:{port}\", --color, \"{tag}\"]",
	  .required = true, .help = "{tag} {image} {port} {address} {pod} {namespace} are replaced; {args} becomes the container's own." },
	{ "env", CONFIG_TEXTS, OF(env), .example = "[\"MODE={tag}\"]", .help = NULL },
	{ 0 }
};
#undef OF
static const struct config_key nginx_keys[] = {
	{ "listen", CONFIG_TEXT, IN(node.nginx.listen), .example = "127.0.0.1:8080", .help = "Without it no nginx is run." },
	{ "binary", CONFIG_TEXT, IN(node.nginx.binary), .example = "/usr/sbin/nginx", .help = "Without it: as found in PATH." },
	{ "ingress_class", CONFIG_TEXT, IN(node.nginx.ingress_class), "nginx", .help = "Besides Ingresses that name none." },
	{ "workers", CONFIG_INT, IN(node.nginx.workers), "0", .min = 0, .max = 256, .help = "0: one a core." },
	{ "close_client_connections", CONFIG_BOOL, IN(node.nginx.close_client_connections), "false",
	  .help = "After each answer: for clients that do not repeat a request which met a closing connection." },
	{ 0 }
};
static const struct config_key upstream_keys[] = {
	{ "dir", CONFIG_TEXT, IN(node.upstreams.dir), .example = "/etc/nginx/rollcall.d", .help = "Your nginx includes its *.conf; rollcall may write there." },
	{ "test", CONFIG_TEXTS, IN(node.upstreams.test), "[nginx, -t]", .help = "A file that this command refuses is put back as it was." },
	{ "reload", CONFIG_TEXTS, IN(node.upstreams.reload), "[nginx, -s, reload]", .help = NULL },
	{ "pid_file", CONFIG_TEXT, IN(node.upstreams.pid_file), "/run/nginx.pid",
	  .help = "By it is seen when no worker of before takes requests. Where it cannot be read: 2 s later." },
	{ "log_socket", CONFIG_TEXT, IN(node.upstreams.log_socket), .example = "/run/rollcall/traffic.sock",
	  .help = "Made here; nginx tells of requests there, and the built-in metrics need no Prometheus: docs/nginx-upstream.md." },
	{ 0 }
};
static const struct config_key node_keys[] = {
	{ "name", CONFIG_TEXT, IN(node.name), "rollcall", .help = "Of the node, as its pods carry it." },
	{ "addresses", CONFIG_TEXT, IN(node.addresses), "127.10.0.0/16", .help = "For pods; within 127.0.0.0/8 nothing has to be set up." },
	{ "images", CONFIG_LIST, IN(node.images), .keys = image_keys, .entry_bytes = sizeof(struct node_image),
	  .help = "What runs for a container image." },
	{ "commands", CONFIG_BOOL, IN(node.commands), "false",
	  .help = "Process and SystemdUnit objects are run: whoever has an admin token says what this machine runs." },
	{ "nginx", CONFIG_SECTION, .keys = nginx_keys, .help = "Serves the Ingress objects." },
	{ "upstreams", CONFIG_SECTION, .keys = upstream_keys, .help = "An nginx of your own, for Canaries with the annotation rollcall.dev/upstream." },
	{ 0 }
};

const struct config_key config_keys[] = {
	{ "listen", CONFIG_SECTION, .keys = listen_keys, .help = "Where rollcall listens." },
	{ "public_url", CONFIG_URL, IN(public_url), .example = "https://rollcall.example.com",
	  .help = "How people reach the first address: base of links in messages." },
	{ "data_dir", CONFIG_TEXT, IN(data_dir), "./rollcall-data",
	  .help = "The database (approvals, audit, outbox, tokens) and the local command line's token. Made at first start, for the owner alone." },
	{ "log", CONFIG_SECTION, .keys = log_keys, .help = "On standard error." },
	{ "cluster", CONFIG_SECTION, .keys = cluster_keys, .help = "The cluster whose Canaries are stepped." },
	{ "controller", CONFIG_SECTION, .keys = controller_keys, .help = "What Flagger has as flags." },
	{ "users", CONFIG_MAP, IN(users_written), .example = "lin.wei", .keys = user_keys, .entry_bytes = sizeof(struct config_user),
	  .help = "People, so that one person is one person on every platform. Changes on SIGHUP." },
	{ "policies", CONFIG_MAP, IN(policies_written), .example = "default", .keys = policy_keys,
	  .entry_bytes = sizeof(struct config_policy),
	  .help = "Who decides what. A Canary names its policy with rollcall.dev/policy; \"default\" serves the others, and is only the "
		  "command line on this machine (token:local) when it is not written here. Changes on SIGHUP." },
	{ "freezes", CONFIG_MAP, IN(freezes_written), .example = "weekends", .keys = freeze_keys,
	  .entry_bytes = sizeof(struct config_freeze),
	  .help = "Times in which policies that name them release nothing. `rollcall freeze` switches one by hand; \"everything\" "
		  "is always there and holds for all policies. Changes on SIGHUP." },
	{ "slack", CONFIG_SECTION, .keys = slack_keys, .help = "A Slack app, over Socket Mode or HTTP." },
	{ "dingtalk", CONFIG_SECTION, .keys = dingtalk_keys, .help = "DingTalk: an internal app, group robots, or both." },
	{ "teams", CONFIG_SECTION, .keys = config_teams_keys, .help = "Microsoft Teams by Workflows. Decisions come in by links, as DingTalk's robots have them." },
	{ "routes", CONFIG_LIST, IN(routes_written), .keys = route_keys, .entry_bytes = sizeof(struct config_route),
	  .help = "Where cards go: the first route that fits. The annotation rollcall.dev/channels goes before all of them. "
		  "Changes on SIGHUP." },
	{ "languages", CONFIG_MAP, IN(languages_written), .example = "\"slack:C024BE91L\"", .keys = language_keys,
	  .entry_bytes = sizeof(struct config_language),
	  .help = "Of cards, by channel: en or zh. \"default\" is for all that are not named, and en without it. Changes on SIGHUP." },
	{ "words", CONFIG_LIST, IN(words_written), .keys = word_file_keys, .entry_bytes = sizeof(struct config_words),
	  .help = "Other words on cards and in answers than the built-in ones; the first entry that fits. Changes on SIGHUP." },
	{ "webhooks", CONFIG_MAP, IN(webhooks), .example = "ci", .keys = config_webhook_keys, .entry_bytes = sizeof(struct webhook_receiver),
	  .help = "Receivers of events of rollouts and approvals, signed as Standard Webhooks say, as CloudEvents." },
	{ "inbound", CONFIG_MAP, IN(inbound), .example = "alerts", .keys = config_inbound_keys, .entry_bytes = sizeof(struct inbound_endpoint),
	  .help = "Other systems that decide, at POST /inbound/NAME, as far as policies let webhook:NAME." },
	{ "gates", CONFIG_SECTION, .keys = gate_keys, .help = "Who may ask the gates that a stock Flagger polls, beside API tokens." },
	{ "console", CONFIG_SECTION, .keys = console_keys, .help = "The web console, at the first address." },
	{ "node", CONFIG_SECTION, .keys = node_keys,
	  .help = "For cluster.embedded, and for `rollcall node`: pods as processes of this machine, no container runtime. "
		  "`rollcall node` reads data_dir, log and cluster too." },
	{ 0 }
};
/* clang-format on */

const char *config_log_level(const struct config *c)
{
	return levels[c->log.level];
}

const char *config_log_format(const struct config *c)
{
	return formats[c->log.format];
}
