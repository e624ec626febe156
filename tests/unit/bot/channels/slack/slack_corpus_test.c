#include "tests/fuzz/slack_fuzz.c"

#include "tests/fuzz/corpus.h"

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_prestate(run_corpus, (void *)"tests/fuzz/corpus/slack"),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
