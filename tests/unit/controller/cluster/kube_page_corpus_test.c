#include "tests/fuzz/kube_page_fuzz.c"

#include "tests/fuzz/corpus.h"

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_prestate(run_corpus, "tests/fuzz/corpus/kube_page"),
	};
	return cmocka_run_group_tests_name("kube_page_corpus", tests, NULL, NULL);
}
