#include "app/demo/load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

enum { BEAT_MS = 20, UNDER_WAY_MAX = 64, TIMEOUT_MS = 10000, KNOCK_MS = 100, RECENT = LOAD_A_SECOND, COLOR_BYTES = 24 };

struct request {
	struct load *load;
	struct http_call *call; /* NULL: free */
};
struct load {
	struct loop *loop;
	struct http_client *http;
	char url[64], failure[256];
	struct timer beat;
	bool flows;
	struct load_counts counts;
	struct request requests[UNDER_WAY_MAX];
	char recent[RECENT][COLOR_BYTES]; /* a ring: the colours of the last answers */
	uint64_t recent_count;
};

static void remember(struct load *g, const char *color)
{
	(void)text_copy(g->recent[g->recent_count++ % RECENT], COLOR_BYTES, color);
}

static void fail(struct load *g, bool excused, const char *why)
{
	g->counts.failed++;
	g->counts.excused += excused;
	if (!excused && !*g->failure)
		(void)text_copy(g->failure, sizeof g->failure, why);
}

static void answered(void *owner, enum result r, const struct http_answer *a, const struct error *why)
{
	struct request *q = owner;
	struct load *g = q->load;
	char status[32];
	q->call = NULL;
	const char *color = r == RC_OK ? http_answer_header(a, "x-color") : NULL;
	bool good = r == RC_OK && a->status == 200 && color;
	g->flows = g->flows || good;
	if (!g->flows)
		return;
	g->counts.answered++;
	if (color)
		remember(g, color);
	(void)snprintf(status, sizeof status, "status %d", a->status);
	if (!good)
		fail(g, color && text_starts(color, "bad-"), r == RC_OK ? status : why->text);
}

static void send_one(struct load *g)
{
	static const char *const headers[] = { "Connection: close", NULL };
	const struct http_request q = { .url = g->url, .headers = headers, .timeout_ms = TIMEOUT_MS, .no_proxy = true };
	for (size_t i = 0; i < UNDER_WAY_MAX; i++) {
		struct request *free_one = &g->requests[i];
		if (free_one->call)
			continue;
		*free_one = (struct request){ .load = g };
		free_one->call = http_send(g->http, &q, answered, free_one, NULL);
		return;
	}
}

static void beat(void *owner)
{
	struct load *g = owner;
	timer_start(g->loop, &g->beat, g->flows ? BEAT_MS : KNOCK_MS, beat, g);
	for (int i = 0; i < (g->flows ? LOAD_A_SECOND * BEAT_MS / 1000 : 1); i++)
		send_one(g);
}

struct load *load_start(struct loop *l, struct http_client *http, int port)
{
	struct load *g = calloc(1, sizeof *g);
	if (!g)
		return NULL;
	g->loop = l;
	g->http = http;
	(void)snprintf(g->url, sizeof g->url, "http://127.0.0.1:%d/", port);
	timer_start(l, &g->beat, 0, beat, g);
	return g;
}

void load_stop(struct load *g)
{
	if (!g)
		return;
	timer_stop(&g->beat);
	for (size_t i = 0; i < UNDER_WAY_MAX; i++)
		http_cancel(&g->requests[i].call);
	free(g);
}

bool load_flows(const struct load *g)
{
	return g->flows;
}

struct load_counts load_counts(const struct load *g)
{
	return g->counts;
}

const char *load_first_failure(const struct load *g)
{
	return g->failure;
}

int load_share(const struct load *g, const char *color)
{
	uint64_t n = g->recent_count < RECENT ? g->recent_count : RECENT, hits = 0;
	for (uint64_t i = 0; i < n; i++)
		hits += text_eq(g->recent[i], color);
	return n ? (int)((hits * 100 + n / 2) / n) : -1;
}
