#include "controller/node/command.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/strbuf.h"
#include "base/text.h"

enum { WORD_BYTES_MAX = 64 * 1024, FILE_BYTES_MAX = 256 * 1024, PATH_BYTES = 4096, SUFFIX_LEN = 5, VALUES = 4 };

bool command_is_own(const struct container_spec *c)
{
	return c->command || c->unit;
}

/* ---- values ---- */

/* Of the image "NAME:VERSION" (process_template.h). */
static const char *version_of(const struct container_spec *c)
{
	const char *colon = strrchr(c->image, ':');
	return colon ? colon + 1 : "";
}

struct value {
	const char *name, *value;
};

static bool values_of(struct arena *a, const struct command_use *use, struct value ret[VALUES])
{
	ret[0] = (struct value){ "PORT", arena_printf(a, "%u", use->container->port) };
	ret[1] = (struct value){ "ADDRESS", use->address };
	ret[2] = (struct value){ "VERSION", version_of(use->container) };
	ret[3] = (struct value){ "POD", use->pod->name };
	return ret[0].value != NULL;
}

const char *const *command_env(struct arena *a, const struct command_use *use)
{
	struct value values[VALUES];
	const char **env = arena_alloc(a, VALUES + 1, sizeof *env);
	bool ok = env && values_of(a, use, values);
	for (size_t i = 0; ok && i < VALUES; i++) {
		env[i] = arena_printf(a, "%s=%s", values[i].name, values[i].value);
		ok = env[i] != NULL;
	}
	return ok ? env : NULL;
}

/* ---- words ---- */

/* At a "$": how long the reference is; 0: none of ours. */
static size_t reference(const char *at, const struct value values[VALUES], const char **ret)
{
	bool braced = at[1] == '{';
	const char *name = at + 1 + braced;
	size_t len = 0;
	while (isalnum((unsigned char)name[len]) || name[len] == '_')
		len++;
	if (braced && name[len] != '}')
		return 0;
	for (size_t i = 0; i < VALUES; i++) {
		if (strlen(values[i].name) == len && strncmp(values[i].name, name, len) == 0) {
			*ret = values[i].value;
			return 1 + len + (braced ? 2 : 0);
		}
	}
	return 0;
}

static const char *word_expand(struct arena *a, const char *word, const struct value values[VALUES])
{
	struct strbuf b;
	strbuf_init(&b, WORD_BYTES_MAX);
	while (*word) {
		const char *value = NULL;
		size_t len = *word == '$' ? reference(word, values, &value) : 0;
		if (len) {
			strbuf_add(&b, value);
			word += len;
			continue;
		}
		strbuf_addc(&b, *word);
		word += word[0] == '$' && word[1] == '$' ? 2 : 1;
	}
	const char *made = b.overflow ? NULL : arena_strdup(a, b.s);
	strbuf_finish(&b);
	return made;
}

static enum result own_command(struct arena *a, const struct command_use *use, struct process_options *o,
			       struct error *e)
{
	struct value values[VALUES];
	const char *const *words = use->container->command;
	size_t n = 0;
	while (words[n])
		n++;
	const char **argv = arena_alloc(a, n + 1, sizeof *argv);
	bool ok = argv && values_of(a, use, values);
	for (size_t i = 0; ok && i < n; i++) {
		argv[i] = word_expand(a, words[i], values);
		ok = argv[i] != NULL;
	}
	if (ok && use->container->folder)
		ok = (o->folder = word_expand(a, use->container->folder, values)) != NULL;
	if (!ok)
		return error_set(e, RC_EXHAUSTED, "no memory for a command");
	o->argv = argv;
	return RC_OK;
}

/* ---- units ---- */

/* "1.4.2-x7k2p": its version, for people, and what makes it the only one. */
static void instance_of(const struct command_use *use, char buf[128])
{
	size_t len = strlen(use->pod->name);
	snprintf(buf, 128, "%.63s-%.5s", version_of(use->container),
		 use->pod->name + (len > SUFFIX_LEN ? len - SUFFIX_LEN : 0));
}

static bool env_path(const struct command_use *use, char buf[PATH_BYTES])
{
	char instance[128];
	instance_of(use, instance);
	return snprintf(buf, PATH_BYTES, "%s/%s.env", use->site->units_folder, instance) < PATH_BYTES;
}

/* As systemd reads it: quoted, with these four escaped. */
static void add_line(struct strbuf *b, const char *name, const char *value)
{
	strbuf_addf(b, "%s=\"", name);
	for (; *value; value++) {
		if (strchr("\"\\`$", *value))
			strbuf_addc(b, '\\');
		strbuf_addc(b, *value);
	}
	strbuf_add(b, "\"\n");
}

static enum result write_file(const char *path, const char *text, size_t len, struct error *e)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640);
	bool ok = fd >= 0 && write(fd, text, len) == (ssize_t)len;
	int problem = errno;
	if (fd >= 0)
		close(fd);
	return ok ? RC_OK : error_set(e, RC_EXHAUSTED, "%s: %s", path, strerror(problem));
}

static enum result write_env(struct arena *a, const struct command_use *use, struct error *e)
{
	char path[PATH_BYTES];
	struct value values[VALUES];
	struct strbuf b;
	if (!values_of(a, use, values) || !env_path(use, path))
		return error_set(e, RC_EXHAUSTED, "no memory for an environment");
	if (mkdir(use->site->units_folder, 0750) != 0 && errno != EEXIST)
		return error_set(e, RC_EXHAUSTED, "%s: %s", use->site->units_folder, strerror(errno));
	strbuf_init(&b, FILE_BYTES_MAX);
	for (size_t i = 0; i < use->container->env_len; i++) {
		const struct env_var *v = &use->container->env[i];
		add_line(&b, v->name, v->source == ENV_VALUE ? v->value : use->address);
	}
	for (size_t i = 0; i < VALUES; i++)
		add_line(&b, values[i].name, values[i].value);
	enum result r =
		b.overflow ? error_set(e, RC_INVALID, "its environment is too large") : write_file(path, b.s, b.len, e);
	strbuf_finish(&b);
	return r;
}

static enum result unit_command(struct arena *a, const struct command_use *use, struct process_options *o,
				struct error *e)
{
	char instance[128];
	const char *unit = use->container->unit;
	const char **argv = arena_alloc(a, 4, sizeof *argv);
	int name = (int)strcspn(unit, "@");
	instance_of(use, instance);
	if (!use->site->program)
		return error_set(e, RC_REFUSED, "this node runs no units of systemd");
	if (!argv || !(argv[2] = arena_printf(a, "%.*s@%s.service", name, unit, instance)))
		return error_set(e, RC_EXHAUSTED, "no memory for a command");
	argv[0] = use->site->program;
	argv[1] = "run-unit";
	o->argv = argv;
	return write_env(a, use, e);
}

/* ---- doors ---- */

enum result command_prepare(struct arena *a, const struct command_use *use, struct process_options *o, struct error *e)
{
	return use->container->unit ? unit_command(a, use, o, e) : own_command(a, use, o, e);
}

void command_forget(const struct command_use *use)
{
	char path[PATH_BYTES];
	if (use->container->unit && env_path(use, path))
		(void)unlink(path);
}
