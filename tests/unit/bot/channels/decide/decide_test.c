/* The confirm page as a browser, a link preview and a forger meet it. */
#include "../web.h"
#include "bot/channels/decide/decide.h"
#include "bot/channels/decide/decide_page.h"

#define ID "01JDEKX0000000000000000000"
#define FORM_TYPE "Content-Type: application/x-www-form-urlencoded"

struct fixture {
	struct web web;
	struct decide *decide;
	struct http_server *door;
	char base[64], link[160], origin[96];
	struct approval approval;
	struct policy policy;
	struct person person;
	struct vote vote;
	bool exists, answer_now, takes_vote;
	const char *answer;
	/* what the bot heard */
	unsigned heard;
	char value[256], event[64], reason[256], channel[64], user[64];
	struct responder *responder;
	struct web_reply reply, late;
};

/* ---- the desk ---- */

static const struct approval *find(void *owner, const char *id, struct arena *a)
{
	(void)a;
	struct fixture *f = owner;
	return f->exists && text_eq(id, ID) ? &f->approval : NULL;
}

static bool token_good(void *owner, const char *id, const char *verb, const char *token)
{
	(void)owner;
	return text_eq(id, ID) && text_eq(verb, "decide") && text_eq(token, "good");
}

static enum result make_token(void *owner, const char *id, const char *verb, char *buf, size_t size, struct error *e)
{
	(void)owner;
	(void)e;
	(void)snprintf(buf, size, "token-of-%s-%.4s", verb, id);
	return RC_OK;
}

static const struct person *identify(void *owner, const char *user, const char *pin)
{
	struct fixture *f = owner;
	return text_eq(user, "lin.wei") && text_eq(pin, "4711") ? &f->person : NULL;
}

static void answer(struct fixture *f)
{
	if (f->takes_vote) {
		f->vote = (struct vote){ .person = f->person, .verb = VOTE_APPROVE, .reason = "" };
		f->approval.votes = &f->vote;
		f->approval.vote_count = 1;
		f->approval.tally.approvals = 1;
	}
	struct responder *r = TAKE(f->responder);
	r->say(r, f->answer, false);
}

static void hear(void *owner, const struct interaction *in)
{
	struct fixture *f = owner;
	f->heard++;
	web_copy(f->value, sizeof f->value, in->value);
	web_copy(f->event, sizeof f->event, in->event_id);
	web_copy(f->reason, sizeof f->reason, in->text);
	web_copy(f->channel, sizeof f->channel, in->channel);
	web_copy(f->user, sizeof f->user, in->person.user);
	assert_true(in->form);
	assert_null(in->responder->ask_reason);
	f->responder = in->responder;
	if (f->answer_now)
		answer(f);
	loop_stop(f->web.loop);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	struct error e;
	assert_non_null(f);
	web_start(&f->web, NULL);
	static const char *const who[] = { "group:sre", NULL };
	f->policy = (struct policy){ .name = "prod", .approvers = who, .quorum = 2, .link_identity = "pin" };
	f->person = (struct person){ .platform = "dingtalk", .team = "", .id = "m1", .name = "lin", .user = "lin.wei" };
	f->approval = (struct approval){ .id = ID,
					 .cluster = "prod",
					 .ns = "default",
					 .name = "podinfo-default",
					 .uid = "u",
					 .revision = "r",
					 .type = HOOK_CONFIRM_PROMOTION,
					 .policy = &f->policy,
					 .requested_by = "<script>alert('1')</script>",
					 .old_image = "app:blue",
					 .new_image = "app:\"green\"&",
					 .decided_by = "",
					 .reason = "" };
	f->exists = f->answer_now = f->takes_vote = true;
	f->answer = "1 of 2 approvals";
	web_copy(f->base, sizeof f->base, "http://rollcall.example:8484");
	struct decide_options o = { .loop = f->web.loop,
				    .desk = { find, token_good, make_token, f, identify, f },
				    .ears = { .interaction = hear, .owner = f },
				    .public_url = "http://rollcall.example:8484",
				    .lang = LANG_EN };
	if (decide_create(&o, &f->decide, &e) != RC_OK)
		fail_msg("%s", e.text);
	f->door = web_serve(f->web.loop, decide_routes(f->decide), f->base);
	(void)snprintf(f->link, sizeof f->link, "%s/decide/" ID "~good", f->base);
	web_copy(f->origin, sizeof f->origin, "Origin: http://rollcall.example:8484");
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	if (f->responder)
		f->responder->say(f->responder, NULL, false);
	decide_destroy(f->decide);
	http_client_destroy(TAKE(f->web.client));
	web_close_server(f->web.loop, f->door);
	web_stop(&f->web);
	free(f->reply.body);
	free(f->late.body);
	free(f);
	return 0;
}

/* ---- a browser ---- */

static void get(struct fixture *f, const char *url)
{
	web_ask(&f->web, "GET", url, NULL, NULL, &f->reply);
}

struct form {
	char csrf[128], cookie[128];
};

static struct form read_form(struct fixture *f)
{
	struct form form = { .csrf = "" };
	const char *at = strstr(f->reply.body, "name=\"csrf\" value=\"");
	assert_non_null(at);
	at += strlen("name=\"csrf\" value=\"");
	(void)snprintf(form.csrf, sizeof form.csrf, "%.*s", (int)strcspn(at, "\""), at);
	(void)snprintf(form.cookie, sizeof form.cookie, "Cookie: %.*s", (int)strcspn(f->reply.cookie, ";"),
		       f->reply.cookie);
	return form;
}

static struct form open_form(struct fixture *f)
{
	get(f, f->link);
	assert_int_equal(f->reply.status, 200);
	return read_form(f);
}

static void post(struct fixture *f, const struct form *form, const char *origin, const char *pin, const char *verb,
		 struct web_reply *reply)
{
	char body[512];
	(void)snprintf(body, sizeof body, "csrf=%s&user=lin.wei&pin=%s&reason=looks+good&verb=%s", form->csrf, pin,
		       verb);
	const char *headers[] = { FORM_TYPE, form->cookie, origin, NULL };
	web_ask(&f->web, "POST", f->link, headers, body, reply);
}

static bool says(const struct fixture *f, const char *text)
{
	return strstr(f->reply.body, text) != NULL;
}

/* ---- looking ---- */

static void test_get_shows_and_changes_nothing(void **state)
{
	struct fixture *f = *state;
	for (int i = 0; i < 3; i++) {
		get(f, f->link);
		assert_int_equal(f->reply.status, 200);
	}
	web_ask(&f->web, "HEAD", f->link, NULL, NULL, &f->late);
	assert_int_equal(f->late.status, 200);
	assert_true(says(f, "Approve the promotion of podinfo-default?"));
	assert_true(says(f, "app: blue → &quot;green&quot;&amp;"));
	assert_true(says(f, "prod · default/podinfo-default"));
	assert_true(says(f, "name=\"pin\""));
	assert_int_equal(f->heard, 0);
}

static void test_values_are_escaped(void **state)
{
	struct fixture *f = *state;
	get(f, f->link);
	assert_false(says(f, "<script"));
	assert_true(says(f, "&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;"));
	assert_false(says(f, "{{"));
}

static void test_headers(void **state)
{
	struct fixture *f = *state;
	get(f, f->link);
	const struct web_reply *y = &f->reply;
	assert_string_equal(y->cache, "no-store");
	assert_string_equal(y->referrer, "no-referrer");
	assert_non_null(strstr(y->csp, "default-src 'none'"));
	assert_non_null(strstr(y->csp, "frame-ancestors 'none'"));
	assert_non_null(strstr(y->csp, "style-src 'sha256-"));
	assert_null(strstr(y->csp, "unsafe"));
	assert_non_null(strstr(y->cookie, "SameSite=Strict"));
	assert_non_null(strstr(y->cookie, "HttpOnly"));
	assert_null(strstr(y->cookie, "Secure")); /* public_url is http here */
}

static void test_dead_links(void **state)
{
	struct fixture *f = *state;
	char url[160];
	(void)snprintf(url, sizeof url, "%s/decide/" ID "~old", f->base);
	get(f, url);
	assert_int_equal(f->reply.status, 410);
	assert_true(says(f, "This link has expired"));
	assert_false(says(f, "app:blue")); /* who has no good link sees nothing */
	(void)snprintf(url, sizeof url, "%s/decide/nonsense", f->base);
	get(f, url);
	assert_int_equal(f->reply.status, 404);
	f->approval.state = REQ_REJECTED;
	f->approval.decided_by = "zhao";
	f->approval.reason = "p99 <too> high";
	f->approval.decided_at.v = 1763978551000;
	get(f, f->link);
	assert_int_equal(f->reply.status, 200);
	assert_true(says(f, "Already rejected."));
	assert_true(says(f, "Decided by zhao at 2025-11-24 10:02 UTC."));
	assert_true(says(f, "Reason: p99 &lt;too&gt; high"));
	assert_false(says(f, "<form"));
	f->approval.state = REQ_SUPERSEDED;
	get(f, f->link);
	assert_true(says(f, "Superseded by a newer revision"));
	f->exists = false;
	get(f, f->link);
	assert_int_equal(f->reply.status, 404);
	assert_true(says(f, "There is no such request."));
}

static void test_policy_without_pins(void **state)
{
	struct fixture *f = *state;
	struct form form = open_form(f);
	f->policy.link_identity = "";
	get(f, f->link);
	assert_false(says(f, "<form"));
	assert_true(says(f, "Nobody can be named on this page"));
	post(f, &form, f->origin, "4711", "approve", &f->reply);
	assert_int_equal(f->reply.status, 403);
	assert_int_equal(f->heard, 0);
}

/* ---- deciding ---- */

static void test_decision(void **state)
{
	struct fixture *f = *state;
	struct form form = open_form(f);
	post(f, &form, f->origin, "4711", "approve", &f->reply);
	assert_int_equal(f->reply.status, 200);
	assert_true(says(f, "1 of 2 approvals"));
	assert_false(says(f, "<form"));
	assert_int_equal(f->heard, 1);
	assert_string_equal(f->value, "v1." ID ".approve.token-of-approve-01JD");
	assert_string_equal(f->reason, "looks good");
	assert_string_equal(f->channel, "link");
	assert_string_equal(f->user, "lin.wei");
	assert_true(text_starts(f->event, "decide:"));
	/* the same form again */
	post(f, &form, f->origin, "4711", "approve", &f->reply);
	assert_int_equal(f->reply.status, 403);
	assert_int_equal(f->heard, 1);
	/* decided meanwhile */
	form = open_form(f);
	f->approval.state = REQ_APPROVED;
	f->approval.decided_by = "lin.wei, zhao";
	f->approval.decided_at.v = 1763978551000;
	post(f, &form, f->origin, "4711", "reject", &f->reply);
	assert_int_equal(f->reply.status, 409);
	assert_true(says(f, "Already approved."));
	assert_true(says(f, "lin.wei, zhao"));
	assert_int_equal(f->heard, 1);
}

static void test_refused_by_policy(void **state)
{
	struct fixture *f = *state;
	f->takes_vote = false;
	f->answer = "only group:sre may approve";
	struct form form = open_form(f);
	post(f, &form, f->origin, "4711", "approve", &f->reply);
	assert_int_equal(f->reply.status, 403);
	assert_true(says(f, "only group:sre may approve"));
}

static void test_wrong_pin(void **state)
{
	struct fixture *f = *state;
	struct form form = open_form(f);
	for (int i = 0; i < 5; i++) {
		post(f, &form, f->origin, "0000", "approve", &f->reply);
		assert_int_equal(f->reply.status, 403);
		assert_true(says(f, "User or PIN is wrong"));
		form = read_form(f);
	}
	post(f, &form, f->origin, "4711", "approve", &f->reply); /* even the right one, for a minute */
	assert_int_equal(f->reply.status, 429);
	assert_int_equal(f->heard, 0);
}

static void test_forgeries(void **state)
{
	struct fixture *f = *state;
	struct form form = open_form(f);
	post(f, &form, "Origin: https://evil.example", "4711", "approve", &f->reply);
	assert_int_equal(f->reply.status, 403);
	form = open_form(f);
	post(f, &form, "Origin: http://rollcall.example:84840", "4711", "approve", &f->reply);
	assert_int_equal(f->reply.status, 403);
	form = open_form(f);
	post(f, &form, "Sec-Fetch-Site: cross-site", "4711", "approve", &f->reply);
	assert_int_equal(f->reply.status, 403);
	struct form stranger = open_form(f);
	web_copy(stranger.cookie, sizeof stranger.cookie, "Cookie: rollcall_decide=AAAAAAAAAAAAAAAAAAAAAAAA");
	post(f, &stranger, f->origin, "4711", "approve", &f->reply);
	assert_int_equal(f->reply.status, 403);
	struct form none = open_form(f);
	web_copy(none.cookie, sizeof none.cookie, "X-None: 1");
	post(f, &none, f->origin, "4711", "approve", &f->reply);
	assert_int_equal(f->reply.status, 403);
	struct form bent = open_form(f);
	bent.csrf[20] = bent.csrf[20] == '0' ? '1' : '0';
	post(f, &bent, f->origin, "4711", "approve", &f->reply);
	assert_int_equal(f->reply.status, 403);
	form = open_form(f);
	post(f, &form, f->origin, "4711", "promote", &f->reply);
	assert_int_equal(f->reply.status, 400);
	assert_int_equal(f->heard, 0);
	/* a page with no-referrer posts the origin as null: the cookie and the token stand for it */
	form = open_form(f);
	post(f, &form, "Origin: null", "4711", "approve", &f->reply);
	assert_int_equal(f->reply.status, 200);
	assert_int_equal(f->heard, 1);
}

static void test_two_tabs(void **state)
{
	struct fixture *f = *state;
	struct form first = open_form(f);
	const char *const headers[] = { first.cookie, NULL };
	web_ask(&f->web, "GET", f->link, headers, NULL, &f->reply); /* another page with the same cookie */
	post(f, &first, f->origin, "4711", "approve", &f->reply);
	assert_int_equal(f->reply.status, 200);
}

static void replied_late(void *owner, enum result r, const struct http_answer *a, const struct error *why)
{
	(void)why;
	struct fixture *f = owner;
	f->late.came = true;
	f->late.status = r == RC_OK ? a->status : 0;
	loop_stop(f->web.loop);
}

static struct http_call *post_and_wait(struct fixture *f)
{
	struct error e;
	f->answer_now = false;
	struct form form = open_form(f);
	char body[512];
	(void)snprintf(body, sizeof body, "csrf=%s&user=lin.wei&pin=4711&reason=&verb=approve", form.csrf);
	const char *headers[] = { FORM_TYPE, form.cookie, f->origin, NULL };
	struct http_request q = { .method = "POST",
				  .url = f->link,
				  .headers = headers,
				  .body = body,
				  .body_len = strlen(body),
				  .timeout_ms = 15000 };
	struct http_call *call = http_send(f->web.client, &q, replied_late, f, &e);
	while (!f->heard)
		loop_run(f->web.loop);
	return call;
}

static bool came_late(void *owner)
{
	struct fixture *f = owner;
	return f->late.came;
}

static void test_the_bot_takes_its_time(void **state)
{
	struct fixture *f = *state;
	(void)post_and_wait(f);
	assert_false(f->late.came);
	answer(f);
	web_run_until(f->web.loop, came_late, f);
	assert_int_equal(f->late.status, 200);
}

static void test_the_browser_leaves(void **state)
{
	struct fixture *f = *state;
	struct http_call *call = post_and_wait(f);
	http_cancel(&call);
	for (int i = 0; i < 20; i++) { /* the server notices */
		struct timer t = { 0 };
		timer_start(f->web.loop, &t, 5, web_tick, f->web.loop);
		loop_run(f->web.loop);
		timer_stop(&t);
	}
	answer(f); /* into the void, and the decision stands */
	assert_int_equal(f->heard, 1);
}

static void test_the_service_stops(void **state)
{
	struct fixture *f = *state;
	(void)post_and_wait(f);
	decide_destroy(TAKE(f->decide));
	web_run_until(f->web.loop, came_late, f);
	assert_int_equal(f->late.status, 503);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH(test_get_shows_and_changes_nothing),
		WITH(test_values_are_escaped),
		WITH(test_headers),
		WITH(test_dead_links),
		WITH(test_policy_without_pins),
		WITH(test_decision),
		WITH(test_refused_by_policy),
		WITH(test_wrong_pin),
		WITH(test_forgeries),
		WITH(test_two_tabs),
		WITH(test_the_bot_takes_its_time),
		WITH(test_the_browser_leaves),
		WITH(test_the_service_stops),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
