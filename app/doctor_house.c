/* The doctor at home: the data folder, the record, the service. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "app/client.h"
#include "app/doctor.h"
#include "app/file.h"
#include "base/json.h"
#include "base/text.h"
#include "bot/approvals/audit.h"

enum { PATH_BYTES = 4096, LITTLE_MIB = 200 };

static void data_folder(struct doctor *d, const char *dir)
{
	struct stat st;
	struct statvfs fs;
	if (stat(dir, &st) != 0) {
		doctor_say(d, errno == ENOENT ? HEALTH_WARNING : HEALTH_BAD, "data folder",
			   errno == ENOENT ? "`rollcall serve` makes it" : "look at the rights of the folders above it",
			   "%s: %m", dir);
		return;
	}
	if (st.st_uid != geteuid() && geteuid() != 0) {
		doctor_say(d, HEALTH_BAD, "data folder", "run as that user, or choose another data_dir",
			   "%s belongs to user %u, and this is user %u", dir, (unsigned)st.st_uid, (unsigned)geteuid());
		return;
	}
	if (st.st_mode & (S_IRWXG | S_IRWXO)) {
		doctor_say(d, HEALTH_WARNING, "data folder", "chmod 700: tokens and decisions are in it",
			   "%s can be entered by others", dir);
		return;
	}
	if (statvfs(dir, &fs) != 0)
		return;
	unsigned long long free_mib = (unsigned long long)fs.f_bavail * fs.f_frsize >> 20;
	doctor_say(d, free_mib < LITTLE_MIB ? HEALTH_BAD : HEALTH_GOOD, "data folder",
		   free_mib < LITTLE_MIB ? "make room: nothing is approved that cannot be recorded" : "",
		   "%s, %llu MiB free", dir, free_mib);
}

static void record(struct doctor *d, const char *dir)
{
	char path[PATH_BYTES + 16];
	int64_t rows = 0;
	struct error e;
	(void)snprintf(path, sizeof path, "%s/rollcall.db", dir);
	if (access(path, F_OK) != 0)
		return; /* nothing has been decided yet */
	if (audit_verify(path, NULL, NULL, &rows, &e) == RC_OK)
		doctor_say(d, HEALTH_GOOD, "record", "", "%lld rows, whole", (long long)rows);
	else
		doctor_say(d, HEALTH_BAD, "record",
			   "keep the file as it is, and restore a copy of which `rollcall audit verify` is content",
			   "%s", e.text);
}

/* The server that the command line would ask, with its token. */
static void service(struct doctor *d)
{
	char url[1200], authorization[1200];
	struct client *k = NULL;
	struct doctor_answer a;
	if (client_open(d->cli, &k) != EXIT_DONE)
		return;
	(void)snprintf(url, sizeof url, "%s/api/v1/version", k->server);
	(void)snprintf(authorization, sizeof authorization, "Authorization: Bearer %s", k->token ? k->token : "");
	const char *headers[] = { k->token ? authorization : NULL, NULL };
	struct http_tls tls = { .ca_pem = k->ca };
	struct http_request q = { .url = url, .headers = headers, .tls = k->ca ? &tls : NULL };
	doctor_ask(d, &q, &a);
	CLEANUP(json_delete_p) cJSON *answer = NULL;
	const char *version = "";
	if (a.r == RC_OK && json_parse(a.body, strlen(a.body), &answer, NULL) == RC_OK)
		version = json_text(answer, "version", "");
	if (a.r != RC_OK)
		doctor_say(d, HEALTH_BAD, "service", "start it: rollcall serve", "%s", a.why.text);
	else if (a.status == 401 || a.status == 403)
		doctor_say(d, HEALTH_BAD, "service",
			   "`rollcall token create` makes a token; --token or --data-dir hands it in",
			   "%s takes no token of ours", k->server);
	else if (!*version)
		doctor_say(d, HEALTH_BAD, "service", "look at what listens there, or say --server",
			   "%s answers %d, and not as rollcall does", k->server, a.status);
	else
		doctor_say(d, text_eq(version, ROLLCALL_VERSION) ? HEALTH_GOOD : HEALTH_WARNING, "service",
			   text_eq(version, ROLLCALL_VERSION) ? "" : "use the same version for both", "%s, version %s",
			   k->server, version);
	if (a.r == RC_OK)
		doctor_compare_clocks(d, "the service", &a);
	doctor_answer_finish(&a);
	client_close(k);
}

void doctor_house(struct doctor *d)
{
	char dir[PATH_BYTES];
	if (cli_data_dir(d->cli, dir, sizeof dir) == EXIT_DONE) {
		data_folder(d, dir);
		record(d, dir);
	}
	service(d);
}
