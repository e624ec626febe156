#include "app/demo/ground.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "app/file.h"
#include "app/house.h"
#include "base/strbuf.h"
#include "base/templates.h"
#include "base/text.h"

enum { CONSOLE_PORT = 8484, WEB_PORT = 8080, PORTS = 200, NETWORK_FIRST = 10, NETWORK_LAST = 120, PODS = 6 };
static const char mark[] = "# Written by `rollcall demo`";
static const char program[] = "rollouts-demo";

/* ---- templates ---- */

static bool is_word(const char *name, size_t len, const char *word)
{
	return strlen(word) == len && strncmp(word, name, len) == 0;
}

static void add_word(const struct ground *g, const char *name, size_t len, struct strbuf *b)
{
	const struct {
		const char *name;
		int value;
	} numbers[] = { { "port", g->port },
			{ "admin_port", g->admin_port },
			{ "web_port", g->web_port },
			{ "app_port", g->app_port },
			{ "network", g->network } };
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
		if (is_word(name, len, numbers[i].name))
			strbuf_addf(b, "%d", numbers[i].value);
	if (is_word(name, len, "folder"))
		strbuf_add(b, g->folder);
	else if (is_word(name, len, "chat"))
		strbuf_add(b, g->chat);
	else if (is_word(name, len, "chat_people"))
		strbuf_add(b, *g->chat ? ", anyone-in-channel" : "");
	else if (is_word(name, len, "program"))
		strbuf_addf(b, "%s/%s", g->bin, program);
}

static const struct template_file *template_named(const char *name)
{
	char path[64];
	(void)snprintf(path, sizeof path, "demo/%s", name);
	const struct template_file *f = template_files;
	while (f->path && !text_eq(f->path, path))
		f++;
	return f;
}

char *ground_fill(const struct ground *g, const char *name)
{
	struct strbuf b;
	const char *at = template_named(name)->body;
	strbuf_init(&b, FILE_MAX);
	for (const char *open; (open = strstr(at, "{{")); at = strstr(open, "}}") + 2) {
		strbuf_addn(&b, at, (size_t)(open - at));
		add_word(g, open + 2, strcspn(open + 2, "}"), &b);
	}
	strbuf_add(&b, at);
	char *text = strbuf_take(&b);
	strbuf_finish(&b);
	return text;
}

/* ---- ports ---- */

static bool is_free(const char *address, int port)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool good = fd >= 0 && inet_pton(AF_INET, address, &at.sin_addr) == 1 &&
		    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
		    bind(fd, (const struct sockaddr *)&at, sizeof at) == 0 && listen(fd, 1) == 0;
	if (fd >= 0)
		close(fd);
	return good;
}

static int free_port(int from)
{
	for (int port = from; port < from + PORTS; port++)
		if (is_free("127.0.0.1", port))
			return port;
	return 0;
}

static bool network_is_free(int network, int port)
{
	char address[32];
	for (int pod = 1; pod <= PODS; pod++) {
		(void)snprintf(address, sizeof address, "127.%d.0.%d", network, pod);
		if (!is_free(address, port))
			return false;
	}
	return true;
}

/* Whoever listens at a port of every address has it of our pods' too. */
static bool choose_network(struct ground *g)
{
	for (g->app_port = WEB_PORT; g->app_port < WEB_PORT + PORTS; g->app_port++)
		for (g->network = NETWORK_FIRST; g->network <= NETWORK_LAST; g->network++)
			if (network_is_free(g->network, g->app_port))
				return true;
	return false;
}

static enum result choose_ports(struct ground *g, struct error *e)
{
	g->port = free_port(CONSOLE_PORT);
	g->admin_port = g->port ? free_port(g->port + 1) : 0;
	g->web_port = free_port(WEB_PORT);
	if (!g->admin_port || !g->web_port || !choose_network(g))
		return error_set(e, RC_EXHAUSTED, "no free port was found near %d and %d", CONSOLE_PORT, WEB_PORT);
	return RC_OK;
}

/* ---- programs ---- */

static enum result find_programs(struct ground *g, struct error *e)
{
	char path[GROUND_PATH + 32];
	ssize_t n = readlink("/proc/self/exe", g->bin, sizeof g->bin - 1);
	char *slash = n > 0 ? strrchr(g->bin, '/') : NULL;
	if (!slash)
		return error_set(e, RC_INVALID, "/proc is needed to find the programs: %s", strerror(errno));
	*slash = '\0';
	(void)snprintf(path, sizeof path, "%s/%s", g->bin, program);
	if (access(path, X_OK) != 0)
		return error_set(e, RC_NOT_FOUND, "%s: %s; it is the application that the demo releases", path,
				 strerror(errno));
	if (access("/usr/sbin/nginx", X_OK) != 0 && access("/usr/bin/nginx", X_OK) != 0 &&
	    access("/usr/local/bin/nginx", X_OK) != 0)
		return error_set(e, RC_NOT_FOUND,
				 "nginx is not installed; on Debian and Ubuntu: apt-get install nginx-light");
	return RC_OK;
}

/* ---- the folder ---- */

static bool folder_is_empty(const char *path)
{
	DIR *d = opendir(path);
	size_t n = 0;
	while (d && readdir(d))
		n++;
	if (d)
		closedir(d);
	return d && n <= 2; /* "." and ".." */
}

static bool is_a_demos(const struct ground *g)
{
	CLEANUP(free_p) char *text = NULL;
	size_t len = 0;
	return file_load(g->config, &text, &len, NULL) == RC_OK && text_starts(text, mark);
}

static void stop(void *loop)
{
	loop_stop(loop);
}

/* The database's lock says whether another demo is at work here; what it would say of the rest does not matter. */
static enum result check_alone(const struct ground *g, struct error *e)
{
	struct loop *l = NULL;
	struct store *s = NULL;
	char path[GROUND_PATH];
	enum result r = loop_create(&l, e);
	if (r == RC_OK)
		r = house_open_store(l, g->folder, path, sizeof path, &s, e);
	if (r == RC_OK) {
		store_close(s, stop, l);
		loop_run(l);
	}
	if (l)
		loop_destroy(l);
	return r == RC_INVALID ? RC_OK : r;
}

/* Objects of before would be in the way of the story. Processes of before have lost their pods by that, and the node
 * ends them. */
static enum result forget(const struct ground *g, struct error *e)
{
	static const char *const files[] = { "rollcall.db", "rollcall.db-wal", "rollcall.db-shm", "rollcall.log" };
	char path[GROUND_PATH + 32];
	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		(void)snprintf(path, sizeof path, "%s/%s", g->folder, files[i]);
		if (unlink(path) != 0 && errno != ENOENT)
			return error_set(e, RC_INVALID, "%s: %s", path, strerror(errno));
	}
	return RC_OK;
}

/* It comes to stand in nginx's configuration and in YAML. */
static bool path_is_plain(const char *path)
{
	for (; *path; path++)
		if ((unsigned char)*path < 0x21 || strchr("\"'\\{}$#,;", *path))
			return false;
	return true;
}

static enum result find_folder(const char *folder, struct ground *g, struct error *e)
{
	char full[PATH_MAX];
	enum result r = folder_make_private(folder, e);
	if (r != RC_OK)
		return r;
	if (!realpath(folder, full))
		return error_set(e, RC_INVALID, "%s: %s", folder, strerror(errno));
	if (!path_is_plain(full))
		return error_set(e, RC_INVALID, "%s: without blanks and quotes, please: --data-dir", full);
	(void)snprintf(g->folder, sizeof g->folder, "%s", full);
	if ((size_t)snprintf(g->config, sizeof g->config, "%s/config.yaml", full) >= sizeof g->config)
		return error_set(e, RC_INVALID, "%s: the path is too long", full);
	if (!folder_is_empty(full) && !is_a_demos(g))
		return error_set(e, RC_INVALID,
				 "%s: there is something in it that no demo has left; name another by --data-dir",
				 full);
	return RC_OK;
}

enum result ground_prepare(const char *folder, const char *chat, struct ground *ret, struct error *e)
{
	CLEANUP(free_p) struct ground *g = calloc(1, sizeof *g);
	if (!g)
		return error_set(e, RC_EXHAUSTED, "no memory");
	g->chat = chat;
	enum result r = find_programs(g, e);
	if (r == RC_OK)
		r = find_folder(folder, g, e);
	if (r == RC_OK)
		r = check_alone(g, e);
	if (r == RC_OK)
		r = forget(g, e);
	if (r == RC_OK)
		r = choose_ports(g, e);
	if (r != RC_OK)
		return r;
	CLEANUP(free_p) char *text = ground_fill(g, "config.yaml");
	if (!text)
		return error_set(e, RC_EXHAUSTED, "no memory");
	r = file_write_private(g->config, text, e);
	if (r == RC_OK)
		*ret = *g;
	return r;
}
