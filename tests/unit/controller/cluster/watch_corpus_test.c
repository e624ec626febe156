#include "tests/fuzz/watch_fuzz.c"

#include "tests/fuzz/corpus.h"

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_prestate(run_corpus, "tests/fuzz/corpus/watch"),
	};
	return cmocka_run_group_tests_name("watch_corpus", tests, NULL, NULL);
}
