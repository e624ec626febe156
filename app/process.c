#include "app/process.h"

#include <signal.h>
#include <sys/resource.h>

void process_prepare(void)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	struct rlimit none = { 0, 0 };
	(void)sigaction(SIGPIPE, &ignore, NULL);
	(void)setrlimit(RLIMIT_CORE, &none);
}
