/* What the organisation may call in a month is shared by all its apps and small (dingtalk.md 19): counted over
 * restarts, shown as a metric, said aloud before it is used up. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/text.h"
#include "bot/channels/dingtalk/dingapp_private.h"

enum { SAVE_AFTER_MS = 10 * 1000 };

const struct store_migration dingapp_migrations[] = {
	{ "dingtalk", 1, "CREATE TABLE dingtalk_calls (month TEXT PRIMARY KEY, calls INTEGER NOT NULL) WITHOUT ROWID" },
	{ 0 }
};

static void month_of(const struct dingapp *d, char buf[8])
{
	char now[32];
	wall_print(loop_wall(d->ctx.loop), now);
	(void)snprintf(buf, 8, "%.7s", now);
}

static void show(struct dingapp *d)
{
	metric_set(d->month_metric, (double)d->budget.used);
	metric_set(d->limit_metric, (double)d->budget.limit);
}

static bool row(void *owner, sqlite3_stmt *st)
{
	struct dingapp_budget *b = owner;
	if (text_eq((const char *)sqlite3_column_text(st, 0), b->month))
		b->used = sqlite3_column_int64(st, 1);
	return true;
}

enum result dingapp_budget_load(struct dingapp *d, struct error *e)
{
	month_of(d, d->budget.month);
	if (!d->ctx.store)
		return RC_OK;
	enum result r = store_load(d->ctx.store, "SELECT month, calls FROM dingtalk_calls", row, &d->budget, e);
	if (r == RC_OK)
		show(d);
	return r;
}

static void save(void *owner)
{
	struct dingapp *d = owner;
	struct dingapp_budget *b = &d->budget;
	timer_stop(&b->save);
	if (!b->dirty || !d->ctx.store)
		return;
	b->dirty = false;
	struct store_tx *tx = store_begin(d->ctx.store);
	store_exec(tx, "INSERT OR REPLACE INTO dingtalk_calls VALUES (?1, ?2)", "si", b->month, b->used);
	store_submit(tx, NULL, NULL);
}

static void warn(struct dingapp_budget *b)
{
	static const int marks[] = { 80, 95, 100 };
	for (size_t i = 0; b->limit > 0 && i < sizeof marks / sizeof *marks; i++)
		if (b->warned < marks[i] && b->used * 100 >= b->limit * marks[i]) {
			b->warned = marks[i];
			log_warn("dingtalk_budget", "used=%lld of=%lld month=%s what=calls of DingTalk's API",
				 (long long)b->used, (long long)b->limit, b->month);
		}
}

void dingapp_budget_count(struct dingapp *d)
{
	struct dingapp_budget *b = &d->budget;
	char month[8];
	month_of(d, month);
	if (!text_eq(month, b->month)) {
		memcpy(b->month, month, sizeof month);
		b->used = 0;
		b->warned = 0;
	}
	b->used++;
	b->dirty = true;
	warn(b);
	show(d);
	if (!timer_active(&b->save))
		timer_start(d->ctx.loop, &b->save, SAVE_AFTER_MS, save, d);
}

void dingapp_budget_finish(struct dingapp *d)
{
	timer_stop(&d->budget.save);
}
