#pragma once
/* A token bucket on a clock of milliseconds. Pure; plain data. */
#include <stdbool.h>
#include <stdint.h>

struct bucket {
	int64_t burst;      /* tokens it holds */
	int64_t one_per_us; /* time in which one comes back */
	int64_t level_us;   /* what is in it, as time */
	int64_t at_ms;      /* when level was right */
};

/* Full. */
void bucket_init(struct bucket *b, int64_t burst, int64_t one_per_us, int64_t now_ms);
/* false: none left. */
bool bucket_take(struct bucket *b, int64_t now_ms);
/* Until there is a token; 0: there is one. */
int64_t bucket_wait_ms(struct bucket *b, int64_t now_ms);
