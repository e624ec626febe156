/* `rollcall policy test`: cases of one's own, judged by the policies of a configuration with the very functions that
 * judge votes. Nothing is asked, nothing is stored. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/cli.h"
#include "app/config.h"
#include "app/file.h"
#include "app/findings.h"
#include "base/json.h"
#include "base/text.h"
#include "base/yaml.h"
#include "bot/approvals/freeze.h"
#include "bot/approvals/freezes.h"

enum { VOTES_MAX = 64 };

struct trial {
	const struct cli *cli;
	const struct config *config;
	const struct yaml_doc *doc;
	const char *file;
	const cJSON *node; /* the case */
	const char *name;
	const struct policy *policy;
	struct wall_ms now;
	struct vote votes[VOTES_MAX];
	size_t vote_count;
	char identity[VOTES_MAX][128]; /* platforms of those */
	size_t failed, total;
	size_t mistakes; /* in the file */
};

/* ---- mistakes in the file ---- */

static void mistake(struct trial *t, const cJSON *at, const char *fmt, ...) PRINTF(3, 4);

static void mistake(struct trial *t, const cJSON *at, const char *fmt, ...)
{
	struct yaml_place p = yaml_key_place(t->doc, at);
	va_list ap;
	p = p.line ? p : yaml_place(t->doc, at); /* an element of a list has no key */
	va_start(ap, fmt);
	printf("%s:%u:%u: ", t->file, p.line, p.column);
	vprintf(fmt, ap);
	putchar('\n');
	va_end(ap);
	t->mistakes++;
}

static bool members_known(struct trial *t, const cJSON *node, const char *const *known)
{
	const cJSON *m;
	char shown[TEXT_SHOWN];
	bool good = true;
	if (!cJSON_IsObject(node)) {
		mistake(t, node, "must be a section of keys");
		return false;
	}
	cJSON_ArrayForEach (m, node) {
		const char *const *k = known;
		while (*k && !text_eq(*k, m->string))
			k++;
		if (*k)
			continue;
		const char *near = text_nearest(m->string, known);
		mistake(t, m, "unknown key \"%s\"%s%s%s", text_show(m->string, strlen(m->string), shown),
			near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
		good = false;
	}
	return good;
}

/* ---- people ---- */

static const struct directory_user *user_of(const struct config *c, const char *who)
{
	for (const struct directory_user *u = c->users; u && u->name; u++) {
		if (text_eq(u->name, who))
			return u;
		for (const char *const *i = u->identities; i && *i; i++)
			if (text_eq(*i, who))
				return u;
	}
	return NULL;
}

/* "lin", or an identity such as "slack:U012" of a user or of nobody. */
static bool read_person(struct trial *t, const cJSON *step, struct person *ret)
{
	const char *who = json_text(step, "by", "");
	const struct directory_user *u = user_of(t->config, who);
	const char *colon = strchr(who, ':');
	char *platform = t->identity[t->vote_count];
	if (!u && !colon) {
		mistake(t, step, "by: \"%.60s\" is nobody under users, and no identity such as slack:U012", who);
		return false;
	}
	(void)snprintf(platform, sizeof t->identity[0], "%.*s", (int)(colon ? colon - who : 0), who);
	*ret = (struct person){ .platform = colon ? platform : "user",
				.team = "",
				.id = colon ? colon + 1 : who,
				.name = who,
				.user = u ? u->name : "",
				.identities = u ? u->identities : NULL,
				.groups = u ? u->groups : NULL,
				.in_channel = json_bool(step, "in_channel", false) };
	return true;
}

/* ---- one step ---- */

static const struct freeze *freeze_of(const struct trial *t)
{
	struct wall_ms until;
	for (const char *const *n = t->policy->freezes; t->now.v && n && *n; n++)
		for (const struct freeze *f = t->config->freezes; f && f->name; f++)
			if (text_eq(f->name, *n) && freeze_holds(f, t->now, &until))
				return f;
	return NULL;
}

static enum result judge_vote(struct trial *t, const cJSON *step, struct vote *v, struct error *e)
{
	const struct freeze *f = freeze_of(t);
	enum result r =
		policy_admits(t->policy, &v->person, v->verb, v->reason, json_text(t->node, "requested_by", ""), e);
	if (r != RC_OK || v->verb == VOTE_REJECT || !f)
		return r;
	if (!json_bool(step, "override", false))
		return error_set(e, RC_REFUSED, "the freeze %s holds", f->name);
	return approvals_may_pass(t->policy, &v->person, v->reason, e);
}

static enum result judge_right(struct trial *t, const cJSON *step, const struct person *who, enum right right,
			       struct error *e)
{
	enum result r = policy_allows(t->policy, who, right, e);
	if (r == RC_OK && json_bool(step, "override", false))
		r = policy_allows(t->policy, who, RIGHT_OVERRIDE, e);
	if (r == RC_OK && right == RIGHT_ROLLBACK && t->policy->reason_rollback && !*json_text(step, "reason", ""))
		r = error_set(e, RC_REFUSED, "policy %s wants a reason for a rollback", t->policy->name);
	return r;
}

static bool verb_right(const char *verb, enum right *ret)
{
	static const struct {
		const char *verb;
		enum right right;
	} rights[] = { { "approve", RIGHT_APPROVE }, { "reject", RIGHT_APPROVE },    { "promote", RIGHT_PROMOTE },
		       { "restart", RIGHT_PROMOTE }, { "rollback", RIGHT_ROLLBACK }, { "pause", RIGHT_PAUSE },
		       { "resume", RIGHT_PAUSE },    { "complete", RIGHT_COMPLETE }, { "weight", RIGHT_WEIGHT } };
	for (size_t i = 0; i < sizeof rights / sizeof *rights; i++)
		if (text_eq(rights[i].verb, verb)) {
			*ret = rights[i].right;
			return true;
		}
	return false;
}

static void fail(struct trial *t, const char *fmt, ...) PRINTF(2, 3);

static void fail(struct trial *t, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	printf("FAIL  %s: ", t->name);
	vprintf(fmt, ap);
	putchar('\n');
	va_end(ap);
	t->failed++;
}

/* false: the case is over. */
static bool take_step(struct trial *t, const cJSON *step, size_t number)
{
	static const char *const known[] = { "by", "verb", "reason", "override", "in_channel", "refused", NULL };
	const char *verb = json_text(step, "verb", "approve"), *refused = json_text(step, "refused", "");
	struct vote v = { .reason = json_text(step, "reason", ""), .via = "cli", .at = t->now };
	struct error e = { .text = "" };
	enum right right;
	if (!members_known(t, step, known) || !read_person(t, step, &v.person))
		return false;
	if (!verb_right(verb, &right)) {
		mistake(t, step,
			"verb: \"%.40s\" is not approve, reject, promote, restart, rollback, pause, resume, complete "
			"or weight",
			verb);
		return false;
	}
	bool votes = right == RIGHT_APPROVE;
	v.verb = text_eq(verb, "reject") ? VOTE_REJECT : VOTE_APPROVE;
	enum result r = votes ? judge_vote(t, step, &v, &e) : judge_right(t, step, &v.person, right, &e);
	if (r == RC_OK && *refused) {
		fail(t, "step %zu: %s may %s, and should be refused", number, json_text(step, "by", ""), verb);
		return false;
	}
	if (r != RC_OK && (!*refused || !strstr(e.text, refused))) {
		fail(t, "step %zu: refused: %s", number, e.text);
		return false;
	}
	if (r == RC_OK && votes)
		t->votes[t->vote_count++] = v;
	return true;
}

/* ---- one case ---- */

static void conclude(struct trial *t)
{
	const char *wanted = json_text(t->node, "expect", "");
	const struct tally n = policy_tally(t->policy, t->votes, t->vote_count);
	const char *is = n.approved ? "approved" : n.rejected ? "rejected" : "open";
	if (*wanted && !text_eq(wanted, is))
		fail(t, "is %s (%d of %d approvals, %d of %d rejections), not %s", is, n.approvals, t->policy->quorum,
		     n.rejections, t->policy->reject_quorum, wanted);
	else
		printf("ok    %s\n", t->name);
}

static bool prepare(struct trial *t)
{
	static const char *const known[] = { "name", "policy", "requested_by", "at", "steps", "expect", NULL };
	static const char *const outcomes[] = { "", "approved", "rejected", "open" };
	const char *policy = json_text(t->node, "policy", "default"), *at = json_text(t->node, "at", "");
	const char *expect = json_text(t->node, "expect", "");
	size_t i = 0, before = t->mistakes;
	if (!members_known(t, t->node, known))
		return false;
	t->name = json_text(t->node, "name", policy);
	t->vote_count = 0;
	t->now.v = 0;
	t->policy = t->config->policies;
	while (t->policy->name && !text_eq(t->policy->name, policy))
		t->policy++;
	if (!t->policy->name)
		mistake(t, t->node, "policy: there is no \"%.60s\" under policies", policy);
	else if (*at && wall_parse(at, &t->now, NULL) != RC_OK)
		mistake(t, t->node, "at: \"%.40s\" is not a time such as 2026-11-28T12:00:00Z", at);
	while (i < 4 && !text_eq(outcomes[i], expect))
		i++;
	if (i == 4)
		mistake(t, t->node, "expect: \"%.40s\" is not approved, rejected or open", expect);
	if (cJSON_GetArraySize(json_at(t->node, "steps")) > VOTES_MAX)
		mistake(t, t->node, "steps: more than %d", VOTES_MAX);
	return t->mistakes == before;
}

static void run_case(struct trial *t, const cJSON *node)
{
	const cJSON *step;
	size_t number = 0;
	bool goes_on = true;
	t->node = node;
	t->total++;
	if (!prepare(t))
		return;
	cJSON_ArrayForEach (step, json_at(node, "steps"))
		goes_on = goes_on && take_step(t, step, ++number);
	if (goes_on)
		conclude(t);
}

/* ---- the verb ---- */

static enum exit_code run_file(struct trial *t, const cJSON *root)
{
	static const char *const known[] = { "cases", NULL };
	const cJSON *cases = json_at(root, "cases"), *one;
	if (!members_known(t, root, known) || !cJSON_GetArraySize(cases))
		return cli_fail(t->cli, EXIT_FAILED, "%s: there are no cases in it", t->file);
	cJSON_ArrayForEach (one, cases)
		run_case(t, one);
	fprintf(stderr, "%zu cases, %zu failed\n", t->total, t->failed);
	return t->failed || t->mistakes ? EXIT_FAILED : EXIT_DONE;
}

static enum exit_code test(const struct cli *c, const struct config *config)
{
	CLEANUP(free_p) char *text = NULL;
	size_t len = 0, count = 0;
	struct yaml_doc **docs = NULL;
	struct error e;
	struct trial t = { .cli = c, .config = config, .file = c->words[1] };
	if (file_load(t.file, &text, &len, &e) != RC_OK || yaml_parse(t.file, text, len, &docs, &count, &e) != RC_OK) {
		fprintf(stderr, "%s\n", e.text);
		return EXIT_FAILED;
	}
	enum exit_code code = EXIT_FAILED;
	if (count == 1) {
		t.doc = docs[0];
		code = run_file(&t, yaml_root(docs[0]));
	} else {
		(void)cli_fail(c, EXIT_FAILED, "%s: one document is wanted, and there are %zu", t.file, count);
	}
	yaml_free(docs, count);
	return code;
}

enum exit_code verb_policy(struct cli *c)
{
	struct config *config = NULL;
	if (!text_eq(c->words[0], "test"))
		return cli_usage(c, "there is only policy test");
	enum exit_code code = cli_config(c, &config);
	if (code == EXIT_DONE)
		code = test(c, config);
	config_free(config);
	return code;
}
