#pragma once
/* The page and what belongs to it (templates/console), out of the binary. Everything but the page itself has the hash
 * of the whole in its address and is never asked for twice; scripts and styles also travel compressed. No login: there
 * is nothing in them. */
#include "base/cleanup.h"
#include "base/http_server.h"

struct assets;
MUST_CHECK enum result assets_create(struct assets **ret, struct error *e);
void assets_destroy(struct assets *a);
const char *assets_hash(const struct assets *a);
http_handler assets_page, assets_file; /* owner: the assets. Routes: "/", and one with {hash} and {file} */
DEFINE_CLEANUP(struct assets, assets_destroy)
