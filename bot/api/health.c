/* The admin port. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bot/api/rest_room.h"

enum { METRICS_MAX = 64 << 20 };

void rest_healthz(void *owner, struct http_exchange *x)
{
	(void)owner;
	http_respond_text(x, 200, "text/plain; charset=utf-8", "OK");
}

void rest_readyz(void *owner, struct http_exchange *x)
{
	struct rest *a = owner;
	const char *why = "";
	bool ready = !a->stopping && a->o.ready(a->o.owner, &why);
	if (ready)
		why = "OK";
	else if (a->stopping)
		why = "stopping";
	http_respond_text(x, ready ? 200 : 503, "text/plain; charset=utf-8", why);
}

/* proc(5), statm: the second number is the resident pages. */
static double resident_bytes(void)
{
	FILE *f = fopen("/proc/self/statm", "re");
	char line[128] = "";
	if (!f)
		return 0;
	if (!fgets(line, sizeof line, f))
		line[0] = '\0';
	fclose(f);
	const char *second = strchr(line, ' ');
	return second ? (double)strtoull(second, NULL, 10) * (double)sysconf(_SC_PAGESIZE) : 0;
}

void rest_metrics(void *owner, struct http_exchange *x)
{
	struct rest *a = owner;
	struct strbuf b;
	metric_set(a->process, resident_bytes());
	strbuf_init(&b, METRICS_MAX);
	metrics_render(a->o.metrics, &b);
	if (b.overflow)
		http_respond_error(x, 503, NULL, "no memory for the metrics");
	else
		http_respond(x, 200, "text/plain; version=0.0.4; charset=utf-8", b.s, b.len, NULL);
	strbuf_finish(&b);
}
