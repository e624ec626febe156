/* How long it takes to read all Canaries of a cluster at start, and what they weigh: kube_list KUBECONFIG */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/http_client.h"
#include "base/loop.h"
#include "controller/cluster/kube/kube.h"

struct bench {
	struct loop *loop;
	struct cluster *cluster;
	struct mono_ms began, last_turn;
	int64_t longest_turn_ms;
	size_t changes, bytes;
	struct timer tick;
};

static void changed(void *owner, enum object_change what, const struct object *o)
{
	struct bench *b = owner;
	(void)what;
	b->changes++;
	b->bytes += o->json_len;
}

/* Every 2 ms: how long the loop was away shows what one page of the list costs the others. */
static void tick(void *owner)
{
	struct bench *b = owner;
	struct mono_ms now = loop_now(b->loop);
	if (now.v - b->last_turn.v > b->longest_turn_ms)
		b->longest_turn_ms = now.v - b->last_turn.v;
	b->last_turn = now;
	if (cluster_synced(b->cluster, KIND_CANARY))
		loop_stop(b->loop);
	else
		timer_start(b->loop, &b->tick, 2, tick, b);
}

static long resident_kb(void)
{
	char line[256];
	long kb = 0;
	FILE *f = fopen("/proc/self/status", "re");
	while (f && fgets(line, sizeof line, f)) {
		if (strncmp(line, "VmRSS:", 6) == 0)
			kb = strtol(line + 6, NULL, 10);
	}
	if (f)
		fclose(f);
	return kb;
}

static enum result run(struct bench *b, const char *kubeconfig, struct error *e)
{
	CLEANUP(loop_destroy_p) struct loop *loop = NULL;
	CLEANUP(http_client_destroy_p) struct http_client *http = NULL;
	CLEANUP(cluster_destroy_p) struct cluster *cluster = NULL;
	enum result r = loop_create(&loop, e);
	if (r == RC_OK)
		r = http_client_create(loop, "rollcall-bench", &http, e);
	if (r == RC_OK)
		r = kube_create(loop, http, &(struct kube_options){ .kubeconfig = kubeconfig }, &cluster, e);
	if (r != RC_OK)
		return r;
	long before_kb = resident_kb();
	b->loop = loop;
	b->cluster = cluster;
	cluster->changed = changed;
	cluster->changed_owner = b;
	cluster_start(cluster);
	b->began = b->last_turn = loop_now(loop);
	tick(b);
	loop_run(loop);
	printf("canaries=%zu ms=%lld longest_turn_ms=%lld json_kb=%zu rss_kb=%ld grown_kb=%ld\n", b->changes,
	       (long long)(loop_now(loop).v - b->began.v), (long long)b->longest_turn_ms, b->bytes / 1024,
	       resident_kb(), resident_kb() - before_kb);
	return RC_OK;
}

int main(int argc, char **argv)
{
	struct bench b = { 0 };
	struct error e;
	if (argc != 2) {
		fprintf(stderr, "usage: kube_list KUBECONFIG\n");
		return 2;
	}
	if (run(&b, argv[1], &e) == RC_OK)
		return 0;
	fprintf(stderr, "%s\n", e.text);
	return 1;
}
