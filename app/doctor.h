#pragma once
/* `rollcall doctor`: can it reach what it needs, and may it do there what it must. Each question is one line of the
 * answer, with the remedy when it is a no. The inside of doctor*.c. */
#include "app/cli.h"
#include "app/config.h"
#include "base/http_client.h"
#include "base/loop.h"

enum health { HEALTH_GOOD, HEALTH_WARNING, HEALTH_BAD };
struct verdict {
	enum health health;
	char name[32], text[512], remedy[384];
};
enum { VERDICTS_MAX = 64 };
struct doctor {
	const struct cli *cli;
	const struct config *config;
	struct loop *loop; /* owned, as is the next */
	struct http_client *http;
	struct verdict verdicts[VERDICTS_MAX];
	size_t count;
	bool unreachable; /* something could not be reached */
};
/* One more line; remedy "" when it is good. */
void doctor_say(struct doctor *d, enum health health, const char *name, const char *remedy, const char *fmt, ...)
	PRINTF(5, 6);

/* One question over HTTP, waited for. */
struct doctor_answer {
	enum result r;
	int status;
	char *body;                 /* owned; "" when there is none */
	char date[64], scopes[512]; /* headers Date and X-OAuth-Scopes; "" */
	struct error why;
};
void doctor_ask(struct doctor *d, const struct http_request *q, struct doctor_answer *ret);
void doctor_answer_finish(struct doctor_answer *a);
/* How far our clock is from theirs, said when it is too far; what: whose. */
void doctor_compare_clocks(struct doctor *d, const char *what, const struct doctor_answer *a);

void doctor_house(struct doctor *d);   /* doctor_house.c: data folder, record, service */
void doctor_cluster(struct doctor *d); /* doctor_cluster.c: API server and rights, or one machine */
void doctor_chat(struct doctor *d);    /* doctor_chat.c: Slack, DingTalk */
