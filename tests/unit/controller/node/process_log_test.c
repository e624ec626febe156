/* The log of a process that goes on for months. */
#include "controller/node/process.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { MEGABYTE = 1024 * 1024, BOUND = 16 * MEGABYTE };

static off_t size_of(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0 ? st.st_size : -1;
}

static void test_log_is_bounded(void **state)
{
	(void)state;
	char folder[] = "/tmp/process-log-test-XXXXXX", file[128], old[128], last[8] = "";
	static char block[MEGABYTE];
	assert_non_null(mkdtemp(folder));
	snprintf(file, sizeof file, "%s/log", folder);
	snprintf(old, sizeof old, "%s/log.1", folder);
	int fd = open(file, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0640); /* as the process has it */
	assert_true(fd >= 0);
	process_log_trim(file);
	for (int i = 0; i < 16; i++)
		assert_int_equal(write(fd, block, sizeof block), sizeof block);
	process_log_trim(file);
	assert_int_equal(size_of(file), BOUND);
	assert_int_equal(size_of(old), -1);
	assert_int_equal(write(fd, "newest\n", 7), 7);
	process_log_trim(file);
	assert_int_equal(size_of(file), 0);
	assert_int_equal(size_of(old), BOUND); /* the oldest bytes are gone, the newest are there */
	int kept = open(old, O_RDONLY | O_CLOEXEC);
	assert_int_equal(pread(kept, last, 7, BOUND - 7), 7);
	assert_string_equal(last, "newest\n");
	assert_int_equal(write(fd, "on\n", 3), 3); /* and it goes on at the new end */
	assert_int_equal(size_of(file), 3);
	close(kept);
	close(fd);
	(void)unlink(file);
	(void)unlink(old);
	process_log_trim(file); /* that there is none is fine */
	(void)rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_log_is_bounded) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
