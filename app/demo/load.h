#pragma once
/* A load of real requests, each on a connection of its own, as so many visitors would send them. */
#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/http_client.h"
#include "base/loop.h"

enum { LOAD_A_SECOND = 100 };
struct load;
struct load_counts {
	uint64_t answered;
	uint64_t failed;  /* no answer, or another one than 200 */
	uint64_t excused; /* of them: the error of a version that was made to fail ("bad-...") */
};
/* Asks until the first good answer, and from then on at its rate; loop and client are borrowed. NULL: no memory. */
struct load *load_start(struct loop *l, struct http_client *http, int port);
/* Cancels what is under way. NULL is fine. */
void load_stop(struct load *g);
bool load_flows(const struct load *g); /* the first answer is there */
struct load_counts load_counts(const struct load *g);
const char *load_first_failure(const struct load *g); /* that is not excused; "" */
/* Percent of the last answers that a colour gave; -1: there were none. */
int load_share(const struct load *g, const char *color);
DEFINE_CLEANUP(struct load, load_stop)
