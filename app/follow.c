#include "app/follow.h"

#include <assert.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/sse.h"
#include "base/json.h"
#include "base/text.h"

/* The service says something at least every 15 s. */
enum { FIRST_RETRY_MS = 200, LAST_RETRY_MS = 5000, SILENCE_MS = 45000, CALL_MS = 15000, REFUSAL_MAX = 64 * 1024 };

struct follow {
	struct follow_options o;
	struct client *client; /* owned */
	struct http_call *stream, *approvals;
	size_t asked; /* whose approvals are being read */
	struct sse sse;
	struct strbuf refusal; /* the body of an answer that is no stream */
	struct timer again;
	int64_t retry_ms;
	uv_signal_t interrupt, term;
	struct followed *list; /* owned */
	size_t count, cap;
	bool connected_once, stopped;
	enum exit_code code;
};

/* ---- what is known ---- */

struct followed *follow_list(struct follow *f, size_t *ret_count)
{
	*ret_count = f->count;
	return f->list;
}

static struct followed *find(struct follow *f, const char *ns, const char *name)
{
	for (size_t i = 0; i < f->count; i++)
		if (text_eq(f->list[i].ns, ns) && text_eq(f->list[i].name, name))
			return &f->list[i];
	return NULL;
}

static struct followed *add(struct follow *f, const char *ns, const char *name)
{
	if (f->count == f->cap) {
		size_t cap = f->cap ? f->cap * 2 : 16;
		struct followed *list = reallocarray(f->list, cap, sizeof *list);
		if (!list)
			return NULL;
		f->list = list;
		f->cap = cap;
	}
	assert(f->list);
	struct followed *e = &f->list[f->count++];
	*e = (struct followed){ .stale_approvals = true };
	(void)text_copy(e->ns, sizeof e->ns, ns);
	(void)text_copy(e->name, sizeof e->name, name);
	return e;
}

enum exit_code follow_add(struct follow *f, const char *ns, const char *name)
{
	if (find(f, ns, name) || add(f, ns, name))
		return EXIT_DONE;
	return cli_fail(f->o.cli, EXIT_FAILED, "no memory");
}

static void drop(struct follow *f, struct followed *e)
{
	cJSON_Delete(e->rollout);
	cJSON_Delete(e->approvals);
	e->rollout = e->approvals = NULL;
	if (f->o.named)
		return;
	*e = f->list[--f->count];
}

/* Takes the value over. */
static void take(struct follow *f, cJSON *rollout)
{
	const char *ns = json_text(rollout, "namespace", ""), *name = json_text(rollout, "name", "");
	struct followed *e = find(f, ns, name);
	bool wanted = !f->o.named && (!f->o.ns || text_eq(f->o.ns, ns));
	e = !e && wanted ? add(f, ns, name) : e;
	if (!e) {
		cJSON_Delete(rollout);
		return;
	}
	cJSON_Delete(e->rollout);
	e->rollout = rollout;
	e->stale_approvals = true;
}

static void read_approvals(struct follow *f);

static void approvals_read(void *owner, enum result r, const struct http_answer *a, const struct error *why)
{
	struct follow *f = owner;
	cJSON *answer = NULL;
	(void)why; /* the stream says so too, and is opened again */
	f->approvals = NULL;
	if (r == RC_OK && a->status == 200 && json_parse(a->body, a->len, &answer, NULL) == RC_OK &&
	    f->asked < f->count) {
		cJSON_Delete(f->list[f->asked].approvals);
		f->list[f->asked].approvals = cJSON_DetachItemFromObjectCaseSensitive(answer, "approvals");
		f->o.changed(f->o.owner);
	}
	cJSON_Delete(answer);
	read_approvals(f);
}

/* One at a time: what changes meanwhile is read again behind it. */
static void read_approvals(struct follow *f)
{
	char path[CLIENT_PATH];
	struct http_request q = { .timeout_ms = CALL_MS };
	for (size_t i = 0; f->o.named && !f->approvals && !f->stopped && f->list && i < f->count; i++) {
		struct followed *e = &f->list[i];
		if (!e->stale_approvals || !e->rollout)
			continue;
		e->stale_approvals = false;
		f->asked = i;
		client_rollout_path(e->ns, e->name, "/approvals", path);
		f->approvals = client_begin(f->client, &q, path, NULL, approvals_read, f, NULL);
	}
}

/* ---- events ---- */

/* Those that are not in the list have gone while nobody looked. */
static void take_all(struct follow *f, cJSON *list)
{
	for (size_t i = f->count; i > 0; i--)
		drop(f, &f->list[i - 1]);
	while (cJSON_GetArraySize(list))
		take(f, cJSON_DetachItemFromArray(list, 0));
	f->o.connection(f->o.owner, NULL);
}

static void take_news(struct follow *f, const char *event, cJSON *data)
{
	cJSON *rollout = cJSON_DetachItemFromObjectCaseSensitive(data, "rollout");
	struct followed *e = find(f, json_text(rollout, "namespace", ""), json_text(rollout, "name", ""));
	if (text_eq(event, "said") && e && f->o.said)
		f->o.said(f->o.owner, rollout, json_text(data, "text", ""), json_bool(data, "warning", false));
	if (!text_eq(event, "gone")) {
		take(f, rollout);
		return;
	}
	if (e)
		drop(f, e);
	cJSON_Delete(rollout);
}

static void stream_said(void *owner, const char *event, const char *text, size_t len)
{
	struct follow *f = owner;
	CLEANUP(json_delete_p) cJSON *data = NULL;
	if (f->stopped || json_parse(text, len, &data, NULL) != RC_OK)
		return;
	if (text_eq(event, "rollouts")) {
		take_all(f, data);
	} else if (text_eq(event, "approval")) {
		struct followed *e = find(f, json_text(data, "namespace", ""), json_text(data, "name", ""));
		if (e)
			e->stale_approvals = true;
	} else {
		take_news(f, event, data);
	}
	if (!f->stopped)
		f->o.changed(f->o.owner);
	read_approvals(f);
}

/* ---- the stream ---- */

static bool stream_data(void *owner, int status, const char *data, size_t len)
{
	struct follow *f = owner;
	if (status != 200) {
		strbuf_addn(&f->refusal, data, len);
		return !f->refusal.overflow;
	}
	f->connected_once = true;
	f->retry_ms = FIRST_RETRY_MS;
	return sse_feed(&f->sse, data, len);
}

static void connect_stream(void *owner);

static void try_again(struct follow *f, const char *why)
{
	f->o.connection(f->o.owner, why);
	timer_start(f->client->loop, &f->again, f->retry_ms, connect_stream, f);
	f->retry_ms = f->retry_ms * 2 < LAST_RETRY_MS ? f->retry_ms * 2 : LAST_RETRY_MS;
}

/* A service that is not there at first is a mistake of who calls; one that goes comes back. */
static void stream_over(void *owner, enum result r, const struct http_answer *a, const struct error *why)
{
	struct follow *f = owner;
	CLEANUP(json_delete_p) cJSON *answer = NULL;
	f->stream = NULL;
	if (f->stopped)
		return;
	if (r != RC_OK && !f->connected_once) {
		follow_stop(f, cli_fail(f->o.cli, EXIT_UNREACHABLE, "%s; is `rollcall serve` running?", why->text));
	} else if (r != RC_OK || a->status == 200) {
		try_again(f, r != RC_OK ? why->text : "the service ended the stream");
	} else if (json_parse(f->refusal.s, f->refusal.len, &answer, NULL) != RC_OK) {
		follow_stop(f, cli_fail(f->o.cli, EXIT_FAILED, "%s answers %d, and not as rollcall does",
					f->client->server, a->status));
	} else if (a->status == 503) {
		try_again(f, json_text(answer, "error", "not ready"));
	} else {
		follow_stop(f, client_refusal(f->o.cli, a->status, answer));
	}
}

static void connect_stream(void *owner)
{
	struct follow *f = owner;
	struct error e;
	char header[SSE_ID_MAX + 32];
	struct http_request q = { .idle_timeout_ms = SILENCE_MS, .on_data = stream_data, .on_data_owner = f };
	sse_restart(&f->sse);
	strbuf_clear(&f->refusal);
	client_reread_token(f->client);
	(void)snprintf(header, sizeof header, "Last-Event-ID: %s", f->sse.last_id);
	f->stream = client_begin(f->client, &q, "/api/v1/events", *f->sse.last_id ? header : NULL, stream_over, f, &e);
	if (!f->stream)
		follow_stop(f, cli_fail_result(f->o.cli, &e));
}

/* ---- life ---- */

enum exit_code follow_open(const struct follow_options *o, struct follow **ret)
{
	CLEANUP(follow_close_p) struct follow *f = calloc(1, sizeof *f);
	if (!f)
		return cli_fail(o->cli, EXIT_FAILED, "no memory");
	f->o = *o;
	f->retry_ms = FIRST_RETRY_MS;
	sse_init(&f->sse, stream_said, f);
	strbuf_init(&f->refusal, REFUSAL_MAX);
	enum exit_code code = client_open(o->cli, &f->client);
	if (code == EXIT_DONE)
		*ret = TAKE(f);
	return code;
}

void follow_close(struct follow *f)
{
	if (!f)
		return;
	timer_stop(&f->again);
	client_close(f->client); /* its calls go with it */
	sse_finish(&f->sse);
	strbuf_finish(&f->refusal);
	for (size_t i = 0; i < f->count; i++) {
		cJSON_Delete(f->list[i].rollout);
		cJSON_Delete(f->list[i].approvals);
	}
	free(f->list);
	free(f);
}

struct loop *follow_loop(struct follow *f)
{
	return f->client->loop;
}

void follow_stop(struct follow *f, enum exit_code code)
{
	if (f->stopped)
		return;
	f->stopped = true;
	f->code = code;
	loop_stop(f->client->loop);
}

static void interrupted(uv_signal_t *handle, int number)
{
	struct follow *f = handle->data;
	(void)number;
	follow_stop(f, f->o.interrupted);
}

static void watch_signal(struct follow *f, uv_signal_t *handle, int number)
{
	if (uv_signal_init(loop_uv(f->client->loop), handle) != 0)
		return; /* then it ends us the plain way */
	handle->data = f;
	(void)uv_signal_start(handle, interrupted, number);
}

static void unwatch_signal(uv_signal_t *handle)
{
	if (handle->data)
		uv_close((uv_handle_t *)handle, NULL);
}

enum exit_code follow_run(struct follow *f)
{
	watch_signal(f, &f->interrupt, SIGINT);
	watch_signal(f, &f->term, SIGTERM);
	connect_stream(f);
	if (!f->stopped)
		loop_run(f->client->loop);
	http_cancel(&f->stream);
	http_cancel(&f->approvals);
	unwatch_signal(&f->interrupt);
	unwatch_signal(&f->term);
	return f->code;
}
