#include "bot/approvals/policy.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"

static const char *const right_names[RIGHT_COUNT] = {
	[RIGHT_APPROVE] = "approve",         [RIGHT_PROMOTE] = "promote",
	[RIGHT_ROLLBACK] = "roll back",      [RIGHT_PAUSE] = "pause",
	[RIGHT_COMPLETE] = "complete",       [RIGHT_WEIGHT] = "set the weight",
	[RIGHT_OVERRIDE] = "override gates",
};

static bool in_group(const struct person *who, const char *group)
{
	for (const char *const *g = who->groups; g && *g; g++)
		if (text_eq(*g, group))
			return true;
	return false;
}

/* "PLATFORM:ID" is this very identity, or a user group that the platform says the person is in. */
static bool is_identity(const struct person *who, const char *entry)
{
	size_t n = strlen(who->platform);
	if (strncmp(entry, who->platform, n) == 0 && entry[n] == ':' && text_eq(entry + n + 1, who->id))
		return true;
	return in_group(who, entry);
}

static bool matches(const char *entry, const struct person *who)
{
	if (text_starts(entry, "user:"))
		return !text_empty(who->user) && text_eq(entry + strlen("user:"), who->user);
	if (text_starts(entry, "group:"))
		return in_group(who, entry + strlen("group:"));
	if (text_eq(entry, "anyone-in-channel"))
		return who->in_channel;
	return is_identity(who, entry);
}

static void list_names(const char *const *entries, char *buf, size_t size)
{
	size_t at = 0;
	buf[0] = '\0';
	for (; entries && *entries && at < size; entries++) {
		int n = snprintf(buf + at, size - at, "%s%s", at ? ", " : "", *entries);
		at += n > 0 ? (size_t)n : 0;
	}
}

bool policy_names(const char *const *entries, const struct person *who)
{
	for (const char *const *x = entries; x && *x; x++)
		if (matches(*x, who))
			return true;
	return false;
}

enum result policy_allows(const struct policy *p, const struct person *who, enum right right, struct error *e)
{
	const char *const *entries = p->rights[right] ? p->rights[right] : p->approvers;
	/* Overriding is a right of its own: nobody has it by being an approver. */
	if (right == RIGHT_OVERRIDE)
		entries = p->rights[right];
	if (policy_names(entries, who))
		return RC_OK;
	char may[256];
	list_names(entries, may, sizeof may);
	return error_set(e, RC_REFUSED, "you may not %s under policy %s; %s%s", right_names[right], p->name,
			 *may ? "these may: " : "nobody may", may);
}

/* The author by mapped user, or by any of the person's identities. */
static bool caused_it(const struct person *who, const char *requested_by)
{
	if (text_empty(requested_by))
		return false;
	if (text_starts(requested_by, "user:"))
		requested_by += strlen("user:");
	if (!text_empty(who->user) && text_eq(who->user, requested_by))
		return true;
	for (const char *const *i = who->identities; i && *i; i++)
		if (text_eq(*i, requested_by))
			return true;
	size_t n = strlen(who->platform);
	return strncmp(requested_by, who->platform, n) == 0 && requested_by[n] == ':' &&
	       text_eq(requested_by + n + 1, who->id);
}

enum result policy_admits(const struct policy *p, const struct person *who, enum vote_verb verb, const char *reason,
			  const char *requested_by, struct error *e)
{
	enum result r = policy_allows(p, who, RIGHT_APPROVE, e);
	if (r != RC_OK)
		return r;
	if (verb == VOTE_APPROVE && !p->self_approval && caused_it(who, requested_by))
		return error_set(e, RC_REFUSED,
				 "you asked for this revision; policy %s wants somebody else to approve it", p->name);
	bool wanted = verb == VOTE_APPROVE ? p->reason_approve : p->reason_reject;
	if (wanted && text_empty(reason))
		return error_set(e, RC_REFUSED, "policy %s wants a reason to %s", p->name,
				 verb == VOTE_APPROVE ? "approve" : "reject");
	return RC_OK;
}

const char *person_actor(const struct person *p)
{
	return !text_empty(p->user) ? p->user : !text_empty(p->name) ? p->name : p->id;
}

/* One platform identity, whoever it is mapped to: for policies that count a person once a platform. */
static bool identity_same(const struct person *a, const struct person *b)
{
	return text_eq(a->platform, b->platform) && text_eq(a->team ? a->team : "", b->team ? b->team : "") &&
	       text_eq(a->id, b->id);
}

/* The identity counts too: a mapping that was added between two votes does not make two people of one. */
bool person_same(const struct person *a, const struct person *b)
{
	return (!text_empty(a->user) && text_eq(a->user, b->user)) || identity_same(a, b);
}

static bool replaced(const struct policy *p, const struct vote *votes, size_t count, size_t i)
{
	for (size_t k = i + 1; k < count; k++)
		if (p->distinct ? person_same(&votes[k].person, &votes[i].person)
				: identity_same(&votes[k].person, &votes[i].person))
			return true;
	return false;
}

struct tally policy_tally(const struct policy *p, const struct vote *votes, size_t count)
{
	struct tally t = { 0 };
	for (size_t i = 0; i < count; i++) {
		if (replaced(p, votes, count, i))
			continue;
		if (votes[i].verb == VOTE_APPROVE)
			t.approvals++;
		else
			t.rejections++;
	}
	t.rejected = t.rejections >= (p->reject_quorum > 0 ? p->reject_quorum : 1);
	t.approved = !t.rejected && t.approvals >= (p->quorum > 0 ? p->quorum : 1);
	return t;
}

size_t policy_reminders_due(const struct policy *p, struct wall_ms opened_at, struct wall_ms now)
{
	size_t n = 0;
	for (const int64_t *after = p ? p->remind_ms : NULL; after && *after; after++)
		n += opened_at.v + *after <= now.v;
	return n;
}

bool policy_escalates(const struct policy *p, struct wall_ms opened_at, struct wall_ms now)
{
	return p && p->escalate_ms > 0 && !text_empty(p->escalate_to) && opened_at.v + p->escalate_ms <= now.v;
}
