/* Object writes a second of the embedded cluster, durable: each is counted when its completion ran, which is after the
 * fsync of its group. How many writers are under way at a time decides how many share one. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/strbuf.h"
#include "controller/cluster/embedded/embedded.h"

enum { RUN_MS = 3000, OBJECTS = 1000 };

struct bench {
	struct loop *loop;
	struct store *store;
	struct cluster *cluster;
	unsigned next, under_way;
	unsigned long done, failed;
	bool over;
	char *body;
	struct timer end;
};

static void write_next(struct bench *b);

static void written(void *owner, enum result r, const struct object *now, const struct error *why)
{
	struct bench *b = owner;
	(void)now;
	b->under_way--;
	b->done += r == RC_OK;
	if (r != RC_OK && b->failed++ == 0)
		fprintf(stderr, "%s\n", why->text);
	if (!b->over)
		write_next(b);
	else if (b->under_way == 0)
		loop_stop(b->loop);
}

/* Ten status writes for one object that is made: as a rollout does. */
static void write_next(struct bench *b)
{
	char name[32], patch[128];
	unsigned n = b->next++;
	snprintf(name, sizeof name, "n%u", n % OBJECTS);
	snprintf(patch, sizeof patch, "{\"status\":{\"phase\":\"Running\",\"n\":%u}}", n);
	struct write w = { .verb = n < OBJECTS ? WRITE_CREATE : WRITE_PATCH,
			   .kind = KIND_CANARY,
			   .ns = "default",
			   .name = name,
			   .body = n < OBJECTS ? b->body : patch,
			   .subresource = n < OBJECTS ? "" : "status" };
	b->under_way++;
	cluster_write(b->cluster, &w, written, b);
}

static void time_is_up(void *owner)
{
	struct bench *b = owner;
	b->over = true;
}

static void closed(void *owner)
{
	struct bench *b = owner;
	loop_stop(b->loop);
}

/* An object of about 2 kB. */
static char *body_of(void)
{
	struct strbuf s;
	strbuf_init(&s, 65536);
	strbuf_add(
		&s,
		"{\"spec\":{\"targetRef\":{\"kind\":\"Deployment\",\"name\":\"podinfo\"},\"analysis\":{\"webhooks\":[");
	for (int i = 0; i < 20; i++)
		strbuf_addf(&s,
			    "%s{\"name\":\"hook %d\",\"type\":\"pre-rollout\",\"url\":\"http://127.0.0.1:8080/hook\"}",
			    i ? "," : "", i);
	strbuf_add(&s, "]}}}");
	return strbuf_take(&s);
}

static enum result measure(const char *path, unsigned writers, struct error *e)
{
	struct bench b = { .body = body_of() };
	enum result r = loop_create(&b.loop, e);
	if (r == RC_OK)
		r = store_open(b.loop, path, embedded_migrations, &b.store, e);
	if (r == RC_OK)
		r = embedded_create(b.loop, b.store, "bench", &b.cluster, e);
	if (r != RC_OK)
		return r;
	cluster_start(b.cluster);
	for (unsigned i = 0; i < writers; i++)
		write_next(&b);
	uint64_t began = uv_hrtime();
	timer_start(b.loop, &b.end, RUN_MS, time_is_up, &b);
	loop_run(b.loop);
	double seconds = (double)(uv_hrtime() - began) / 1e9;
	printf("%5u at a time: %8.0f writes/s, %6.0f fsyncs/s, %lu failed\n", writers, (double)b.done / seconds,
	       (double)store_commits(b.store) / seconds, b.failed);
	cluster_destroy(b.cluster);
	store_close(b.store, closed, &b);
	loop_run(b.loop);
	loop_destroy(b.loop);
	free(b.body);
	return RC_OK;
}

int main(void)
{
	static const unsigned writers[] = { 1, 16, 256, 2048 };
	static const char *const suffixes[] = { "", "-wal", "-shm", ".lock" };
	char folder[] = "embedded_writes.XXXXXX", path[128];
	struct error e;
	int status = 0;
	if (!mkdtemp(folder))
		return 1;
	for (size_t i = 0; i < sizeof writers / sizeof *writers && !status; i++) {
		snprintf(path, sizeof path, "%s/db", folder);
		if (measure(path, writers[i], &e) != RC_OK) {
			fprintf(stderr, "%s\n", e.text);
			status = 1;
		}
		for (size_t k = 0; k < sizeof suffixes / sizeof *suffixes; k++) {
			snprintf(path, sizeof path, "%s/db%s", folder, suffixes[k]);
			(void)unlink(path);
		}
	}
	(void)rmdir(folder);
	return status;
}
