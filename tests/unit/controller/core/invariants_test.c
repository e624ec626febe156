/* What decision_broken must refuse: each row is a decision that no tick may make. */
#include "scene.h"

static const struct effect all_to_canary = { .kind = EFFECT_SET_ROUTES, .routes = { .canary = 100 } };
static const struct effect half = { .kind = EFFECT_SET_ROUTES, .routes = { .primary = 50, .canary = 40 } };
static const struct effect target_to_zero = { .kind = EFFECT_SCALE, .side = SIDE_TARGET };
static const struct effect source_to_zero = { .kind = EFFECT_SCALE, .side = SIDE_SOURCE };
static const struct effect copy = { .kind = EFFECT_PROMOTE, .expect_revision = "v2" };
static const struct effect copy_whatever = { .kind = EFFECT_PROMOTE };
static const struct effect drop = { .kind = EFFECT_DELETE_OURS };
static const struct effect to_target = { .kind = EFFECT_APEX_TO_TARGET };

static const struct {
	const char *name;
	const struct effect *effect;
	int target, source, canary_weight; /* available pods, present weight */
	enum phase from, to;
	const char *broken;
} cases[] = {
	{ "weights that do not sum up", &half, 1, 1, 0, PHASE_PROGRESSING, PHASE_PROGRESSING,
	  "weights do not sum to 100" },
	{ "traffic to nobody", &all_to_canary, 0, 1, 0, PHASE_PROGRESSING, PHASE_PROGRESSING,
	  "traffic to a canary without an available pod" },
	{ "traffic to somebody", &all_to_canary, 1, 1, 0, PHASE_PROGRESSING, PHASE_PROGRESSING, NULL },
	{ "pods go before their traffic", &target_to_zero, 1, 1, 20, PHASE_PROGRESSING, PHASE_PROGRESSING,
	  "the canary is scaled to zero while it has traffic" },
	{ "the primary goes", &source_to_zero, 1, 1, 20, PHASE_PROGRESSING, PHASE_PROGRESSING,
	  "the primary is scaled to zero" },
	{ "a copy at the wrong time", &copy, 1, 1, 0, PHASE_SUCCEEDED, PHASE_SUCCEEDED,
	  "the template is copied outside of a rollout" },
	{ "a copy of whatever is there", &copy_whatever, 1, 1, 0, PHASE_PROGRESSING, PHASE_PROMOTING,
	  "a template is copied without saying which" },
	{ "objects go while the Canary stays", &drop, 1, 1, 0, PHASE_SUCCEEDED, PHASE_SUCCEEDED,
	  "objects are deleted although the Canary stays" },
	{ "the apex to nobody", &to_target, 0, 1, 0, PHASE_PROMOTING, PHASE_FINALISING,
	  "the apex is led to a side without an available pod" },
	{ "Failed, and traffic stays", NULL, 1, 1, 20, PHASE_PROGRESSING, PHASE_FAILED,
	  "Failed with traffic on the canary" },
	{ "Failed, and pods stay", NULL, 1, 1, 0, PHASE_PROGRESSING, PHASE_FAILED, "Failed with pods on the canary" },
	{ "promoted without pods", &copy, 0, 1, 0, PHASE_PROGRESSING, PHASE_PROMOTING,
	  "promoted a revision that has no available pod" },
	{ "promoted past its gate", &copy, 1, 1, 0, PHASE_PROGRESSING, PHASE_PROMOTING,
	  "promoted before its confirm-promotion gates opened" },
};

static void test_what_is_refused(void **state)
{
	(void)state;
	CLEANUP(arena_destroy_p) struct arena *a = arena_create(1 << 16);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct scene s;
		scene_init(&s);
		s.c.gates[HOOK_CONFIRM_PROMOTION] = true;
		s.c.status.phase = cases[i].from;
		struct observed o = {
			.target = { .exists = true, .wanted = 1, .available = cases[i].target },
			.source = { .exists = true, .wanted = 1, .available = cases[i].source },
			.apex_service = SHAPE_AS_WANTED,
			.routes = { .primary = 100 - cases[i].canary_weight, .canary = cases[i].canary_weight },
		};
		struct decision d = { .kind = DECIDE_DO,
				      .effects = cases[i].effect,
				      .effect_count = cases[i].effect != NULL,
				      .write_status = true,
				      .status = s.c.status };
		d.status.phase = cases[i].to;
		const char *why = decision_broken(&s.c, &o, NULL, 0, &d, a);
		if ((why == NULL) != (cases[i].broken == NULL) || (why && strcmp(why, cases[i].broken) != 0))
			fail_msg("%s: %s", cases[i].name, why ? why : "nothing is broken");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_what_is_refused) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
