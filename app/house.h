#pragma once
/* Everything that `serve` is made of, in one struct: built from the bottom to the top, taken down in the order that
 * loses no decision. */
#include "app/config.h"
#include "app/directory.h"
#include "app/machine.h"
#include "app/objects.h"
#include "base/cleanup.h"
#include "base/http_client.h"
#include "base/http_server.h"
#include "base/loop.h"
#include "base/metrics.h"
#include "base/store.h"
#include "bot/api/rest.h"
#include "bot/bot.h"
#include "bot/channels/decide/decide.h"
#include "bot/console/console.h"
#include "controller/cluster/cluster.h"
#include "controller/engine.h"
#include "controller/plan.h"

enum { HOUSE_CHANNELS_MAX = 8, HOUSE_CONFIGS_MAX = 64, HOUSE_PATH_MAX = 4096 };

struct house {
	const char *file; /* of the configuration; NULL: the defaults. Borrowed */
	/* All configurations that were in force, the present one last: strings of older ones are still in use. Owned */
	struct config *configs[HOUSE_CONFIGS_MAX];
	size_t config_count;
	struct config *config; /* the present one */

	struct loop *loop; /* owned, as everything up to the servers */
	struct metrics *metrics;
	struct traffic *traffic; /* what nginx of this machine has served; NULL: it has none */
	struct store *store;
	struct tokens *tokens;
	struct http_client *http;
	struct cluster *cluster;
	bool embedded; /* it is an embedded one, whatever the configuration says by now */
	struct approvals *approvals;
	struct outbox *outbox;
	struct channel *channels[HOUSE_CHANNELS_MAX + 1]; /* NULL-terminated */
	struct channel *webhooks;                         /* one of them; NULL: none is configured */
	struct decide *page;
	struct engine *engine;
	struct bot *bot;
	struct bot *ears; /* the bot, from when it may answer on */
	struct rest *api;
	struct inbound *inbound;
	struct console *console; /* NULL: not wanted */
	struct objects *objects;
	struct machine *machine; /* NULL: pods are run by others */
	struct http_server *server, *admin;

	struct controller_options controller;
	const char *mentions[DIRECTORY_MENTIONS_MAX + 1];
	char database[HOUSE_PATH_MAX], identity[128];
	struct timer sync, deadline;
	int64_t sync_wait_ms;
	struct metric *reloads;
	bool stopping;
	struct deferred first;
	unsigned closing; /* servers that are still closing */
	struct mono_ms closed_at;
};

/* Takes config over. On failure what was built stands: house_stop, then loop_run, takes it down. */
MUST_CHECK enum result house_build(struct house *h, const char *file, struct config *config, struct error *e);
/* Begins to listen, to watch and to step. */
MUST_CHECK enum result house_open(struct house *h, struct error *e);
/* Stops accepting, lets what is under way finish, gives the lease back, flushes the store, and stops the loop; at most
 * 10 s, and as long as pods of this machine need to end. */
void house_stop(struct house *h);
void house_finish(struct house *h); /* after the loop has stopped */
/* Reads the configuration again: all or nothing. */
void house_reload(struct house *h);
/* DATA_DIR/rollcall.db with the tables of every room; makes the folder. path gets the database's. */
MUST_CHECK enum result house_open_store(struct loop *l, const char *data_dir, char *path, size_t size,
					struct store **ret, struct error *e);
/* A row of the record about this process. */
void house_record(struct house *h, const char *action, const char *outcome, const char *reason);
