#pragma once
/* What a vote means: one pure function of a request, its policy and the votes so far (approvals.md 3). No I/O, no
 * clock. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/error.h"

/* A person as a platform knows them. Who clicked comes from the platform's authenticated payload, never from a button.
 */
struct person {
	const char *platform; /* "slack", "dingtalk", "token", "console" */
	const char *team;     /* workspace, corpId; "" */
	const char *id;       /* "U012AB3CD", "manager4220", token name */
	const char *name;     /* for display only */
	const char *user;     /* the rollcall user this is mapped to; "" */
	const char *const
		*identities; /* all identities of that user: nobody approves their own revision by another door; NULL */
	const char *const
		*groups; /* of rollcall and of the platform ("sre", "slack:S012"), NULL-terminated; NULL: none */
	bool in_channel; /* acts in a channel where the card stands: for anyone-in-channel */
};
enum right {
	RIGHT_APPROVE,
	RIGHT_PROMOTE,
	RIGHT_ROLLBACK,
	RIGHT_PAUSE,
	RIGHT_COMPLETE,
	RIGHT_WEIGHT,
	RIGHT_OVERRIDE,
	RIGHT_COUNT
};
enum on_timeout { TIMEOUT_REJECT, TIMEOUT_APPROVE, TIMEOUT_WAIT };
/* Who: "user:lin", "group:sre", "slack:U012", "slack:S012" (user group), "dingtalk:manager4220", "token:ci",
 * "anyone-in-channel". */
struct policy {
	const char *name;
	const char *const *approvers;           /* NULL-terminated */
	const char *const *rights[RIGHT_COUNT]; /* NULL: the approvers */
	int quorum, reject_quorum;              /* default 1, 1 */
	bool distinct, self_approval;           /* default true, false */
	bool reason_approve, reason_reject, reason_rollback;
	int64_t timeout_ms; /* 0: none */
	enum on_timeout on_timeout;
	bool hold_on_reject;        /* on_reject: hold; default rollback */
	const int64_t *remind_ms;   /* ends with 0; NULL none */
	int64_t escalate_ms;        /* then the question goes to another place too; 0: never */
	const char *escalate_to;    /* "slack:C024"; NULL none */
	const char *const *freezes; /* names, NULL-terminated; while one holds nothing is approved; NULL none */
	const char *
		link_identity; /* group-robot links: "" none: links only show; "pin": a personal PIN names the person */
};
enum vote_verb { VOTE_APPROVE, VOTE_REJECT };
struct vote {
	struct person person;
	enum vote_verb verb;
	const char *reason;
	struct wall_ms at;
	const char *via; /* "slack", "dingtalk", "cli", "console" */
};

/* How many of its reminders are due at that time. */
size_t policy_reminders_due(const struct policy *p, struct wall_ms opened_at, struct wall_ms now);
bool policy_escalates(const struct policy *p, struct wall_ms opened_at, struct wall_ms now);
/* Is this person among those named? */
bool policy_names(const char *const *entries, const struct person *who);
/* May this person use this right? RC_REFUSED with a text for them: who may. */
MUST_CHECK enum result policy_allows(const struct policy *p, const struct person *who, enum right right,
				     struct error *e);
/* May this vote be cast: right, self approval (requested_by as user or platform id), reason. */
MUST_CHECK enum result policy_admits(const struct policy *p, const struct person *who, enum vote_verb verb,
				     const char *reason, const char *requested_by, struct error *e);
/* Who it is in records: the user, else the name, else the id. */
const char *person_actor(const struct person *p);
/* Same human: the same mapped user, or the same platform, team and id, whoever it is mapped to. */
bool person_same(const struct person *a, const struct person *b);
struct tally {
	int approvals, rejections;
	bool approved, rejected;
};
/* Later votes of one person replace earlier ones; distinct counts a person once over all platforms. */
struct tally policy_tally(const struct policy *p, const struct vote *votes, size_t count);
