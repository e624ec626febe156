/* Verbs that look: list, status, who, history, outbox. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/client.h"
#include "app/print.h"
#include "app/table.h"
#include "app/terminal.h"
#include "app/tree.h"
#include "base/clock.h"
#include "base/duration.h"
#include "base/json.h"
#include "base/strbuf.h"
#include "base/text.h"

enum { PATH_BYTES = 2048, TREE_BYTES = 1 << 20 };

/* "3m" since then; "" when it is unknown. */
static const char *age_of(const char *at, char buf[32])
{
	struct wall_ms then;
	buf[0] = '\0';
	if (!text_empty(at) && wall_parse(at, &then, NULL) == RC_OK) {
		int64_t ms = clock_system()->wall(clock_system()).v - then.v;
		duration_human(ms > 0 ? ms : 0, buf);
	}
	return buf;
}

/* ---- list ---- */

static void add_head(struct table *t, bool wide)
{
	static const char *const heads[] = { "NAMESPACE", "NAME", "PHASE",  "WEIGHT", "STEP",
					     "WAITS FOR", "AGE",  "STABLE", "CANARY", "REVISION" };
	table_init(t, wide ? 10 : 7);
	for (size_t i = 0; i < t->columns; i++)
		table_add(t, heads[i]);
}

static const char *state_of(const cJSON *r)
{
	if (*json_text(r, "invalid", ""))
		return "invalid";
	return json_bool(r, "paused", false) ? "paused" : json_text(r, "gate.type", "-");
}

static void add_rollout(struct table *t, const cJSON *r)
{
	char weight[24], step[32], age[32];
	const char *phase = json_text(r, "phase", "");
	(void)snprintf(weight, sizeof weight, "%d%%", (int)json_int(r, "canary.weight", 0));
	(void)snprintf(step, sizeof step, "%d/%d", (int)json_int(r, "step", 0), (int)json_int(r, "steps", 0));
	table_add(t, json_text(r, "namespace", ""));
	table_add(t, json_text(r, "name", ""));
	table_add(t, *phase ? phase : "-");
	table_add(t, weight);
	table_add(t, step);
	table_add(t, state_of(r));
	table_add(t, age_of(json_text(r, "changedAt", ""), age));
	if (t->columns == 7)
		return;
	table_add(t, json_text(r, "stable.images", ""));
	table_add(t, json_text(r, "canary.images", ""));
	table_add(t, json_text(r, "revision", ""));
}

enum exit_code verb_list(struct cli *c)
{
	CLEANUP(json_delete_p) cJSON *answer = NULL;
	struct strbuf path;
	struct table t;
	if (c->ns && c->all)
		return cli_usage(c, "--namespace and --all-namespaces exclude each other");
	strbuf_init(&path, PATH_BYTES);
	strbuf_add(&path, "/api/v1/rollouts");
	if (c->ns) {
		strbuf_add(&path, "?ns=");
		strbuf_add_urlencoded(&path, c->ns, strlen(c->ns));
	}
	enum exit_code code = client_call(c, "GET", path.s, NULL, &answer);
	strbuf_finish(&path);
	if (code != EXIT_DONE)
		return code;
	const cJSON *list = json_at(answer, "rollouts"), *r;
	if (output_is_data(c))
		return output_data(c, list);
	if (!cJSON_GetArraySize(list))
		return fputs("no rollouts\n", stderr) < 0 ? EXIT_FAILED : EXIT_DONE;
	if (!output_is(c, "name"))
		add_head(&t, output_is(c, "wide"));
	cJSON_ArrayForEach (r, list) {
		if (output_is(c, "name"))
			printf("%s/%s\n", json_text(r, "namespace", ""), json_text(r, "name", ""));
		else
			add_rollout(&t, r);
	}
	if (!output_is(c, "name"))
		table_print(&t);
	return EXIT_DONE;
}

/* ---- one rollout ---- */

static enum exit_code get_rollout(const struct cli *c, const char *word, const char *more, cJSON **ret)
{
	char ns[CLIENT_NAME], name[CLIENT_NAME], path[CLIENT_PATH];
	enum exit_code code = client_resolve(c, word, ns, name);
	if (code != EXIT_DONE)
		return code;
	client_rollout_path(ns, name, more, path);
	return client_call(c, "GET", path, NULL, ret);
}

static void line(const char *label, const char *text)
{
	if (*text)
		printf("%-10s %s\n", label, text);
}

static enum exit_code print_status(const struct cli *c, const cJSON *rollout)
{
	char path[CLIENT_PATH];
	CLEANUP(json_delete_p) cJSON *answer = NULL;
	struct strbuf tree;
	client_rollout_path(json_text(rollout, "namespace", ""), json_text(rollout, "name", ""), "/approvals", path);
	enum exit_code code = client_call(c, "GET", path, NULL, &answer);
	if (code != EXIT_DONE)
		return code;
	const struct tree_view v = { .rollout = rollout,
				     .approvals = json_at(answer, "approvals"),
				     .now_ms = clock_system()->wall(clock_system()).v,
				     .color = terminal_has_color() };
	strbuf_init(&tree, TREE_BYTES);
	tree_render(&tree, &v);
	fputs(tree.s, stdout);
	strbuf_finish(&tree);
	return EXIT_DONE;
}

enum exit_code verb_status(struct cli *c)
{
	CLEANUP(json_delete_p) cJSON *r = NULL;
	enum exit_code code = get_rollout(c, c->words[0], "", &r);
	if (code != EXIT_DONE)
		return code;
	if (output_is_data(c))
		return output_data(c, r);
	if (output_is(c, "name"))
		printf("%s/%s\n", json_text(r, "namespace", ""), json_text(r, "name", ""));
	else
		return print_status(c, r);
	return EXIT_DONE;
}

/* ---- who ---- */

static void print_names(const char *label, const cJSON *list)
{
	const cJSON *n;
	printf("%-10s", label);
	cJSON_ArrayForEach (n, list)
		printf(" %s", cJSON_GetStringValue(n));
	fputs(cJSON_GetArraySize(list) ? "\n" : " nobody\n", stdout);
}

static void print_votes(const cJSON *approval)
{
	const cJSON *v;
	printf("%-10s %s: %d of %d\n", json_text(approval, "state", ""), json_text(approval, "type", ""),
	       (int)json_int(approval, "approvals", 0), (int)json_int(approval, "quorum", 0));
	cJSON_ArrayForEach (v, json_at(approval, "votes")) {
		const char *user = json_text(v, "user", ""), *reason = json_text(v, "reason", "");
		printf("  %s %s via %s%s%s\n", *user ? user : json_text(v, "name", ""),
		       text_eq(json_text(v, "verb", ""), "approve") ? "approved" : "rejected", json_text(v, "via", ""),
		       *reason ? ": " : "", reason);
	}
}

enum exit_code verb_who(struct cli *c)
{
	CLEANUP(json_delete_p) cJSON *answer = NULL;
	enum exit_code code = get_rollout(c, c->words[0], "/who", &answer);
	if (code != EXIT_DONE)
		return code;
	if (output_is_data(c))
		return output_data(c, answer);
	line("policy", json_text(answer, "policy", ""));
	print_names("approve", json_at(answer, "approvers"));
	line("frozen", json_text(answer, "frozen", ""));
	const cJSON *right, *approval;
	cJSON_ArrayForEach (right, json_at(answer, "rights"))
		print_names(right->string, right);
	cJSON_ArrayForEach (approval, json_at(answer, "approvals"))
		print_votes(approval);
	return EXIT_DONE;
}

/* ---- history ---- */

static void print_history(const cJSON *rows)
{
	const cJSON *row;
	struct table t;
	table_init(&t, 6);
	static const char *const heads[] = { "TIME", "WHO", "DID", "TO", "OUTCOME", "REASON" };
	static const char *const members[] = { "at", "actor", "action", "object", "outcome", "reason" };
	for (size_t i = 0; i < 6; i++)
		table_add(&t, heads[i]);
	cJSON_ArrayForEach (row, rows)
		for (size_t i = 0; i < 6; i++)
			table_add(&t, json_text(row, members[i], ""));
	table_print(&t);
}

enum exit_code verb_history(struct cli *c)
{
	CLEANUP(json_delete_p) cJSON *answer = NULL;
	char ns[CLIENT_NAME], name[CLIENT_NAME];
	struct strbuf path;
	enum exit_code code = c->word_count ? client_resolve(c, c->words[0], ns, name) : EXIT_DONE;
	if (code != EXIT_DONE)
		return code;
	strbuf_init(&path, PATH_BYTES);
	strbuf_addf(&path, "/api/v1/history?limit=");
	strbuf_add_urlencoded(&path, c->limit ? c->limit : "50", strlen(c->limit ? c->limit : "50"));
	if (c->word_count) {
		strbuf_add(&path, "&object=");
		strbuf_add_urlencoded(&path, ns, strlen(ns));
		strbuf_add(&path, "%2F");
		strbuf_add_urlencoded(&path, name, strlen(name));
	}
	code = client_call(c, "GET", path.s, NULL, &answer);
	strbuf_finish(&path);
	if (code != EXIT_DONE)
		return code;
	if (output_is_data(c))
		return output_data(c, json_at(answer, "history"));
	print_history(json_at(answer, "history"));
	return EXIT_DONE;
}

/* ---- outbox ---- */

static enum exit_code retry(struct cli *c)
{
	CLEANUP(json_delete_p) cJSON *answer = NULL;
	struct strbuf path;
	if (!text_eq(c->words[0], "retry") || c->word_count != 2)
		return cli_usage(c, "outbox lists; outbox retry ROW tries one again, outbox retry all every one");
	strbuf_init(&path, PATH_BYTES);
	strbuf_add(&path, "/api/v1/outbox/");
	strbuf_add_urlencoded(&path, c->words[1], strlen(c->words[1]));
	strbuf_add(&path, "/retry");
	enum exit_code code = client_call(c, "POST", path.s, "{}", &answer);
	strbuf_finish(&path);
	if (code == EXIT_DONE)
		fprintf(stderr, "%s\n", json_text(answer, "text", ""));
	return code;
}

static const char *as_text(const cJSON *row, const char *member, char buf[32])
{
	const cJSON *v = json_at(row, member);
	if (cJSON_IsNumber(v))
		text_from_double(v->valuedouble, buf);
	else
		(void)snprintf(buf, 32, "%s", cJSON_IsTrue(v) ? "yes" : "");
	return cJSON_IsString(v) ? v->valuestring : buf;
}

enum exit_code verb_outbox(struct cli *c)
{
	static const char *const heads[] = { "ROW", "CHANNEL", "KIND", "TRIED", "DEAD", "WHY" };
	static const char *const members[] = { "row", "channel", "kind", "tried", "dead", "why" };
	CLEANUP(json_delete_p) cJSON *answer = NULL;
	struct table t;
	if (c->word_count)
		return retry(c);
	enum exit_code code = client_call(c, "GET", "/api/v1/outbox", NULL, &answer);
	if (code != EXIT_DONE)
		return code;
	const cJSON *rows = json_at(answer, "outbox"), *row;
	if (output_is_data(c))
		return output_data(c, rows);
	if (!cJSON_GetArraySize(rows))
		return fputs("nothing waits\n", stderr) < 0 ? EXIT_FAILED : EXIT_DONE;
	table_init(&t, 6);
	for (size_t i = 0; i < 6; i++)
		table_add(&t, heads[i]);
	cJSON_ArrayForEach (row, rows)
		for (size_t i = 0; i < 6; i++) {
			char buf[32];
			table_add(&t, as_text(row, members[i], buf));
		}
	table_print(&t);
	return EXIT_DONE;
}
