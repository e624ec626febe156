#include "bot/console/journal.h"

#include "../rig.h"

#include "base/text.h"
#include "bot/console/console.h"

struct fixture {
	struct rig rig;
	struct metrics *metrics;
	struct journal *journal;
	struct rollout r;
};

static void open_journal(struct fixture *f)
{
	struct error e;
	if (journal_create(f->rig.loop, f->rig.store, f->metrics, &f->journal, &e) != RC_OK)
		fail_msg("%s", e.text);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	assert_non_null(f);
	rig_init(&f->rig, console_migrations);
	f->metrics = metrics_create();
	open_journal(f);
	f->r = (struct rollout){ .cluster = "here",
				 .ns = "shop",
				 .name = "cart",
				 .uid = "u1",
				 .phase = PHASE_PROGRESSING,
				 .active = true,
				 .revision = "rev-1",
				 .requested_by = "lin",
				 .stable = { .workload = "", .images = "app:1" },
				 .canary = { .workload = "", .images = "app:2", .weight = 20 },
				 .started_at = { 1000 } };
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	journal_destroy(f->journal);
	rig_finish(&f->rig);
	metrics_destroy(f->metrics);
	free(f);
	return 0;
}

static bool hear(struct fixture *f, enum rollout_news news, const char *text)
{
	struct journal_note note = { 0 };
	struct rollout_event ev = { .news = news, .rollout = &f->r, .text = text };
	bool noted = journal_hear(f->journal, &ev, &note);
	if (noted)
		assert_int_equal(note.len, strlen(note.point));
	return noted;
}

static long long count(struct fixture *f, const char *sql)
{
	journal_flush(f->journal);
	rig_settle(&f->rig);
	return rig_number(&f->rig, sql);
}

static void each_change_is_a_point(void **state)
{
	struct fixture *f = *state;
	assert_true(hear(f, NEWS_STARTED, ""));
	assert_false(hear(f, NEWS_CHANGED, ""));
	f->r.canary.weight = 40;
	assert_true(hear(f, NEWS_CHANGED, ""));
	assert_true(hear(f, NEWS_SAID, "Advance weight 40"));
	assert_false(hear(f, NEWS_SAID, "Advance weight 40"));
	assert_false(hear(f, NEWS_SAID, ""));
	assert_false(hear(f, NEWS_ALERT, "not for the timeline"));
	assert_int_equal(count(f, "SELECT count(*) FROM console_points"), 3);
	assert_int_equal(count(f, "SELECT json_extract(point, '$.w') FROM console_points WHERE id = 2"), 40);
	assert_int_equal(count(f, "SELECT count(*) FROM console_runs WHERE object = 'here/shop/cart' AND ended_at = 0"
				  " AND old_image = 'app:1' AND new_image = 'app:2' AND requested_by = 'lin'"),
			 1);
}

static void nothing_is_rolled_out(void **state)
{
	struct fixture *f = *state;
	f->r.started_at.v = 0;
	assert_false(hear(f, NEWS_CHANGED, ""));
	assert_false(hear(f, NEWS_SAID, "initializing"));
	assert_int_equal(count(f, "SELECT count(*) FROM console_points"), 0);
	assert_int_equal(journal_run(f->journal, "u1"), 0);
}

static void another_start_is_another_run(void **state)
{
	struct fixture *f = *state;
	assert_true(hear(f, NEWS_STARTED, ""));
	int64_t first = journal_run(f->journal, "u1");
	f->r.phase = PHASE_FAILED;
	f->r.active = false;
	assert_true(hear(f, NEWS_FAILED, ""));
	assert_int_equal(count(f, "SELECT count(*) FROM console_runs WHERE ended_at > 0 AND phase = 'Failed'"), 1);
	f->r.started_at.v = 2000;
	f->r.phase = PHASE_PROGRESSING;
	f->r.active = true;
	assert_true(hear(f, NEWS_RESTARTED, ""));
	assert_true(journal_run(f->journal, "u1") > first);
	assert_int_equal(count(f, "SELECT count(*) FROM console_runs"), 2);
}

static void a_restart_goes_on_in_the_same_run(void **state)
{
	struct fixture *f = *state;
	assert_true(hear(f, NEWS_STARTED, ""));
	int64_t run = journal_run(f->journal, "u1");
	journal_flush(f->journal);
	rig_settle(&f->rig);
	journal_destroy(f->journal);
	rig_store_close(&f->rig);
	rig_store_open(&f->rig);
	open_journal(f);
	assert_int_equal(journal_run(f->journal, "u1"), run);
	assert_true(hear(f, NEWS_CHANGED, "")); /* where it stands now is told once more */
	assert_int_equal(journal_run(f->journal, "u1"), run);
	f->r.uid = "u2";
	assert_true(hear(f, NEWS_CHANGED, ""));
	assert_true(journal_run(f->journal, "u2") > run);
}

static void only_so_many_runs_and_points_are_kept(void **state)
{
	struct fixture *f = *state;
	for (int i = 0; i < JOURNAL_RUNS_KEPT + 3; i++) {
		f->r.started_at.v = 1000 + i;
		assert_true(hear(f, NEWS_STARTED, ""));
	}
	assert_int_equal(count(f, "SELECT count(*) FROM console_runs"), JOURNAL_RUNS_KEPT);
	assert_int_equal(count(f, "SELECT count(*) FROM console_points"), JOURNAL_RUNS_KEPT);
	for (int i = 0; i < JOURNAL_POINTS_MAX + 10; i++) {
		f->r.canary.weight = i;
		(void)hear(f, NEWS_CHANGED, "");
		if (i % 500 == 0)
			(void)count(f, "SELECT 1");
	}
	assert_int_equal(count(f, "SELECT max(n) FROM (SELECT count(*) AS n FROM console_points GROUP BY run)"),
			 JOURNAL_POINTS_MAX);
}

static void a_full_disk_makes_gaps_and_no_trouble(void **state)
{
	struct fixture *f = *state;
	atomic_store(&rig_disk_full, true);
	assert_true(hear(f, NEWS_STARTED, ""));
	journal_flush(f->journal);
	rig_settle(&f->rig);
	assert_true(store_unwell(f->rig.store));
	f->r.canary.weight = 40;
	assert_true(hear(f, NEWS_CHANGED, "")); /* told, and not written */
	atomic_store(&rig_disk_full, false);
	f->r.started_at.v = 2000;
	rig_pass(&f->rig, 2500); /* the store tries again by itself */
	assert_true(hear(f, NEWS_CHANGED, ""));
	assert_int_equal(count(f, "SELECT count(*) FROM console_runs"), 1);
}

static void what_is_gone_is_forgotten(void **state)
{
	struct fixture *f = *state;
	assert_true(hear(f, NEWS_STARTED, ""));
	assert_false(hear(f, NEWS_GONE, ""));
	assert_int_equal(journal_run(f->journal, "u1"), 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(each_change_is_a_point),
		T(nothing_is_rolled_out),
		T(another_start_is_another_run),
		T(a_restart_goes_on_in_the_same_run),
		T(only_so_many_runs_and_points_are_kept),
		T(a_full_disk_makes_gaps_and_no_trouble),
		T(what_is_gone_is_forgotten),
	};
	return cmocka_run_group_tests(tests, rig_group_setup, NULL);
}
