#include "bot/approvals/policy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define LIST(...)                                                                                                      \
	(const char *const[])                                                                                          \
	{                                                                                                              \
		__VA_ARGS__, NULL                                                                                      \
	}

/* ---- who may what ---- */

static const struct person lin = { .platform = "slack", .team = "T1", .id = "U1", .name = "Lin", .user = "lin" };
static const struct person wei = { .platform = "dingtalk", .id = "manager4220", .name = "Wei", .user = "" };

static void test_rights(void **state)
{
	(void)state;
	struct person sre = lin, grouped = wei, here = wei;
	sre.groups = LIST("dev", "sre");
	grouped.groups = LIST("dingtalk:role7");
	here.in_channel = true;
	const struct {
		const char *name;
		const struct person *who;
		const char *const *approvers;
		enum right right;
		const char *const *right_list;
		bool allowed;
	} cases[] = {
		{ "by user", &lin, LIST("user:lin"), RIGHT_APPROVE, NULL, true },
		{ "another user", &lin, LIST("user:li"), RIGHT_APPROVE, NULL, false },
		{ "nobody is no user", &wei, LIST("user:"), RIGHT_APPROVE, NULL, false },
		{ "by group", &sre, LIST("group:sre"), RIGHT_APPROVE, NULL, true },
		{ "not in the group", &lin, LIST("group:sre"), RIGHT_APPROVE, NULL, false },
		{ "half a group name", &sre, LIST("group:sr"), RIGHT_APPROVE, NULL, false },
		{ "by platform id", &lin, LIST("slack:U1"), RIGHT_APPROVE, NULL, true },
		{ "same id, another platform", &lin, LIST("dingtalk:U1"), RIGHT_APPROVE, NULL, false },
		{ "a longer id", &lin, LIST("slack:U12"), RIGHT_APPROVE, NULL, false },
		{ "the platform alone", &lin, LIST("slack:"), RIGHT_APPROVE, NULL, false },
		{ "platform user group", &grouped, LIST("dingtalk:role7"), RIGHT_APPROVE, NULL, true },
		{ "second entry", &lin, LIST("group:sre", "slack:U1"), RIGHT_APPROVE, NULL, true },
		{ "anyone, in the channel", &here, LIST("anyone-in-channel"), RIGHT_APPROVE, NULL, true },
		{ "anyone, elsewhere", &wei, LIST("anyone-in-channel"), RIGHT_APPROVE, NULL, false },
		{ "in the channel, but not named", &here, LIST("user:lin"), RIGHT_APPROVE, NULL, false },
		{ "no list: the approvers", &lin, LIST("user:lin"), RIGHT_PROMOTE, NULL, true },
		{ "own list goes before approvers", &lin, LIST("user:lin"), RIGHT_PROMOTE, LIST("group:sre"), false },
		{ "own list alone", &sre, LIST("user:zhao"), RIGHT_ROLLBACK, LIST("group:sre"), true },
		{ "override is never implied", &lin, LIST("user:lin"), RIGHT_OVERRIDE, NULL, false },
		{ "override when named", &lin, LIST("user:zhao"), RIGHT_OVERRIDE, LIST("user:lin"), true },
		{ "no approvers at all", &lin, NULL, RIGHT_APPROVE, NULL, false },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct policy p = { .name = "prod", .approvers = cases[i].approvers };
		p.rights[cases[i].right] = cases[i].right_list;
		struct error e = { 0 };
		enum result r = policy_allows(&p, cases[i].who, cases[i].right, &e);
		if ((r == RC_OK) != cases[i].allowed || (r != RC_OK && (r != RC_REFUSED || !*e.text)))
			fail_msg("%s: %s %s", cases[i].name, result_name(r), e.text);
	}
}

static void test_refusals(void **state)
{
	(void)state;
	static const char *const verbs[RIGHT_COUNT] = {
		[RIGHT_APPROVE] = "approve",         [RIGHT_PROMOTE] = "promote",
		[RIGHT_ROLLBACK] = "roll back",      [RIGHT_PAUSE] = "pause",
		[RIGHT_COMPLETE] = "complete",       [RIGHT_WEIGHT] = "set the weight",
		[RIGHT_OVERRIDE] = "override gates",
	};
	for (int right = 0; right < RIGHT_COUNT; right++) {
		struct policy p = { .name = "prod" };
		char expected[256];
		struct error e;
		p.rights[right] = LIST("group:sre", "slack:U9");
		assert_int_equal(policy_allows(&p, &lin, (enum right)right, &e), RC_REFUSED);
		(void)snprintf(expected, sizeof expected,
			       "you may not %s under policy prod; these may: group:sre, slack:U9", verbs[right]);
		assert_string_equal(e.text, expected);
		p.rights[right] = NULL;
		assert_int_equal(policy_allows(&p, &lin, (enum right)right, &e), RC_REFUSED);
		(void)snprintf(expected, sizeof expected, "you may not %s under policy prod; nobody may", verbs[right]);
		assert_string_equal(e.text, expected);
	}
}

/* More names than fit a text: it is cut, not overrun. */
static void test_long_list(void **state)
{
	(void)state;
	const char *names[101] = { 0 };
	for (size_t i = 0; i < 100; i++)
		names[i] = "group:a-rather-long-name-of-a-group";
	struct policy p = { .name = "prod", .approvers = names };
	struct error e;
	assert_int_equal(policy_allows(&p, &lin, RIGHT_APPROVE, &e), RC_REFUSED);
	assert_in_range(strlen(e.text), 200, sizeof e.text - 1);
}

/* ---- may this vote be cast ---- */

static void test_admits(void **state)
{
	(void)state;
	struct person both = wei; /* the same human through another door */
	both.user = "lin";
	both.identities = LIST("slack:U1", "dingtalk:manager4220");
	struct policy strict = { .name = "prod", .approvers = LIST("user:lin", "dingtalk:manager4220") };
	struct policy reasons = strict, lenient = strict;
	reasons.reason_approve = reasons.reason_reject = true;
	lenient.self_approval = true;
	static const char own[] = "you asked for this revision; policy prod wants somebody else to approve it";
	const struct {
		const char *name;
		const struct policy *p;
		const struct person *who;
		enum vote_verb verb;
		const char *reason, *requested_by, *refusal;
	} cases[] = {
		{ "somebody else's", &strict, &lin, VOTE_APPROVE, "", "zhao", NULL },
		{ "author unknown", &strict, &lin, VOTE_APPROVE, "", "", NULL },
		{ "own, by user", &strict, &lin, VOTE_APPROVE, "", "lin", own },
		{ "own, as the policy writes it", &strict, &lin, VOTE_APPROVE, "", "user:lin", own },
		{ "own, by identity", &strict, &lin, VOTE_APPROVE, "", "slack:U1", own },
		{ "own, unmapped identity", &strict, &wei, VOTE_APPROVE, "", "dingtalk:manager4220", own },
		{ "own, through another door", &strict, &both, VOTE_APPROVE, "", "slack:U1", own },
		{ "an identity that begins alike", &strict, &lin, VOTE_APPROVE, "", "slack:U12", NULL },
		{ "own may be rejected", &strict, &lin, VOTE_REJECT, "", "lin", NULL },
		{ "own, where that is fine", &lenient, &lin, VOTE_APPROVE, "", "lin", NULL },
		{ "approve needs a reason", &reasons, &lin, VOTE_APPROVE, "", "",
		  "policy prod wants a reason to approve" },
		{ "reject needs a reason", &reasons, &lin, VOTE_REJECT, "", "",
		  "policy prod wants a reason to reject" },
		{ "with reasons", &reasons, &lin, VOTE_REJECT, "slow", "", NULL },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct error e = { 0 };
		enum result r = policy_admits(cases[i].p, cases[i].who, cases[i].verb, cases[i].reason,
					      cases[i].requested_by, &e);
		const char *want = cases[i].refusal ? cases[i].refusal : "";
		if (r != (cases[i].refusal ? RC_REFUSED : RC_OK) || strcmp(e.text, want) != 0)
			fail_msg("%s: %s \"%s\"", cases[i].name, result_name(r), e.text);
	}
}

/* ---- what votes add up to ---- */

#define VOTE(p, i, u, v)                                                                                               \
	{                                                                                                              \
		.person = { .platform = p, .team = "", .id = i, .user = u }, .verb = VOTE_##v                          \
	}

static void test_tally(void **state)
{
	(void)state;
	const struct {
		const char *name;
		int quorum, reject_quorum;
		bool same_counts_twice;
		struct vote votes[5];
		size_t count;
		struct tally want;
	} cases[] = {
		{ "nothing yet", 1, 1, false, { VOTE("slack", "1", "", APPROVE) }, 0, { 0, 0, false, false } },
		{ "one is enough", 1, 1, false, { VOTE("slack", "1", "", APPROVE) }, 1, { 1, 0, true, false } },
		{ "no quorum said: one", 0, 0, false, { VOTE("slack", "1", "", APPROVE) }, 1, { 1, 0, true, false } },
		{ "one of two", 2, 1, false, { VOTE("slack", "1", "", APPROVE) }, 1, { 1, 0, false, false } },
		{ "two people",
		  2,
		  1,
		  false,
		  { VOTE("slack", "1", "", APPROVE), VOTE("slack", "2", "", APPROVE) },
		  2,
		  { 2, 0, true, false } },
		{ "one person twice",
		  2,
		  1,
		  false,
		  { VOTE("slack", "1", "", APPROVE), VOTE("slack", "1", "", APPROVE) },
		  2,
		  { 1, 0, false, false } },
		{ "one person on two platforms",
		  2,
		  1,
		  false,
		  { VOTE("slack", "1", "lin", APPROVE), VOTE("dingtalk", "m", "lin", APPROVE) },
		  2,
		  { 1, 0, false, false } },
		{ "which a policy may count twice",
		  2,
		  1,
		  true,
		  { VOTE("slack", "1", "lin", APPROVE), VOTE("dingtalk", "m", "lin", APPROVE) },
		  2,
		  { 2, 0, true, false } },
		{ "but one identity never",
		  2,
		  1,
		  true,
		  { VOTE("slack", "1", "lin", APPROVE), VOTE("slack", "1", "lin", APPROVE) },
		  2,
		  { 1, 0, false, false } },
		{ "mapped between two votes",
		  2,
		  1,
		  false,
		  { VOTE("slack", "1", "", APPROVE), VOTE("slack", "1", "lin", APPROVE) },
		  2,
		  { 1, 0, false, false } },
		{ "same id, two platforms, two people",
		  2,
		  1,
		  false,
		  { VOTE("slack", "1", "", APPROVE), VOTE("dingtalk", "1", "", APPROVE) },
		  2,
		  { 2, 0, true, false } },
		{ "a reject ends it",
		  2,
		  1,
		  false,
		  { VOTE("slack", "1", "", APPROVE), VOTE("slack", "2", "", REJECT) },
		  2,
		  { 1, 1, false, true } },
		{ "one of two rejects",
		  2,
		  2,
		  false,
		  { VOTE("slack", "1", "", REJECT), VOTE("slack", "2", "", APPROVE) },
		  2,
		  { 1, 1, false, false } },
		{ "two rejects go before two approvals",
		  2,
		  2,
		  false,
		  { VOTE("slack", "1", "", REJECT), VOTE("slack", "2", "", APPROVE), VOTE("slack", "3", "", REJECT),
		    VOTE("slack", "4", "", APPROVE) },
		  4,
		  { 2, 2, false, true } },
		{ "a changed vote counts as it is now",
		  2,
		  2,
		  false,
		  { VOTE("slack", "1", "", REJECT), VOTE("slack", "2", "", APPROVE), VOTE("slack", "1", "", APPROVE) },
		  3,
		  { 2, 0, true, false } },
		{ "changed to a reject",
		  1,
		  2,
		  false,
		  { VOTE("slack", "1", "", APPROVE), VOTE("slack", "1", "", REJECT) },
		  2,
		  { 0, 1, false, false } },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct policy p = { .quorum = cases[i].quorum,
				    .reject_quorum = cases[i].reject_quorum,
				    .distinct = !cases[i].same_counts_twice };
		struct tally t = policy_tally(&p, cases[i].votes, cases[i].count), w = cases[i].want;
		if (t.approvals != w.approvals || t.rejections != w.rejections || t.approved != w.approved ||
		    t.rejected != w.rejected)
			fail_msg("%s: %d approve, %d reject, %s", cases[i].name, t.approvals, t.rejections,
				 t.approved   ? "approved"
				 : t.rejected ? "rejected"
					      : "open");
	}
}

static void test_same_person(void **state)
{
	(void)state;
	struct person a = lin, b = lin;
	b.team = "T2";
	b.user = "";
	a.user = "";
	assert_false(person_same(&a, &b)); /* two workspaces */
	b.team = "T1";
	assert_true(person_same(&a, &b));
	b.user = "lin";
	assert_true(person_same(&a, &b));
	a.team = NULL;
	b.team = "";
	assert_true(person_same(&a, &b));
	assert_string_equal(person_actor(&lin), "lin");
	assert_string_equal(person_actor(&wei), "Wei");
	b.user = b.name = "";
	assert_string_equal(person_actor(&b), "U1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rights), cmocka_unit_test(test_refusals), cmocka_unit_test(test_long_list),
		cmocka_unit_test(test_admits), cmocka_unit_test(test_tally),    cmocka_unit_test(test_same_person),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
