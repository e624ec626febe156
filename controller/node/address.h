#pragma once
/* Addresses for pods. Pure. */
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

enum { ADDRESS_TEXT = 16 };
struct address_pool {
	uint32_t first, count; /* host byte order; the network's own and its last address are left out */
	uint32_t next;         /* offset of the one to be tried first */
};
/* "127.10.0.0/16"; /8 to /30. */
MUST_CHECK enum result address_pool_parse(const char *cidr, struct address_pool *ret, struct error *e);
/* The next one that is not taken, round and round, so that an address rests before it is used again. */
MUST_CHECK enum result address_pool_take(struct address_pool *p, bool (*taken)(void *owner, uint32_t address),
					 void *owner, uint32_t *ret, struct error *e);
/* text is one of the pool's. */
bool address_pool_has(const struct address_pool *p, const char *text, uint32_t *ret);
/* The pool goes on after this one: what an earlier run gave rests first. */
void address_pool_after(struct address_pool *p, uint32_t address);
const char *address_print(uint32_t address, char buf[ADDRESS_TEXT]);
