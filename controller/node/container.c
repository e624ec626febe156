#include "controller/node/container.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/text.h"
#include "controller/node/command.h"
#include "controller/node/images.h"
#include "controller/node/orphans.h"

enum {
	BACKOFF_MIN_MS = 1000,
	BACKOFF_MAX_MS = 30 * 1000,
	STEADY_MS = 60 * 1000, /* whoever has run for so long is not in a crash loop */
	PROBE_SOON_MS = 100,   /* no delay asked for: give it the time to open its port */
	ENV_OURS = 4,
	COMMAND_BYTES_MAX = 8 * 1024 * 1024,
	PATH_BYTES = 4096
};

static void container_launch(void *owner);
static void container_terminate(struct container *c, int64_t grace_ms);
static void probe_look(void *owner);

/* ---- facts ---- */

static void container_wait(struct container *c, const char *reason, const char *message)
{
	c->facts.state = CONTAINER_WAITING;
	c->facts.ready = c->facts.started_up = false;
	snprintf(c->facts.reason, sizeof c->facts.reason, "%s", reason);
	snprintf(c->facts.message, sizeof c->facts.message, "%s", message);
}

static bool has_probe(const struct container *c, enum probe_role role)
{
	return c->spec->probes[role].action != PROBE_NONE;
}

static void container_judge(struct container *c)
{
	bool running = c->facts.state == CONTAINER_RUNNING;
	c->facts.started_up = running && (!has_probe(c, PROBE_STARTUP) || c->probes[PROBE_STARTUP].state.passing);
	c->facts.ready = c->facts.started_up && !c->terminating && !c->ending &&
			 (!has_probe(c, PROBE_READINESS) || c->probes[PROBE_READINESS].state.passing);
}

static void container_changed(struct container *c)
{
	container_judge(c);
	c->d->changed(c->d->owner);
}

/* ---- the environment and the command ---- */

static const char *env_value_of(const struct container *c, const struct env_var *v)
{
	switch (v->source) {
	case ENV_POD_IP:
		return c->d->address;
	case ENV_HOST_IP:
		return "127.0.0.1";
	case ENV_VALUE:
		return v->value;
	}
	return "";
}

static const char *inherited(struct arena *a, const char *name, const char *otherwise)
{
	const char *value = getenv(name);
	return arena_printf(a, "%s=%s", name, value ? value : otherwise);
}

static size_t count(const char *const *words)
{
	size_t n = 0;
	while (words && words[n])
		n++;
	return n;
}

/* What comes first wins for most programs, and uv_spawn takes PATH from it: the pod's own, the image's, then ours;
 * before all of them, by which the next run finds it. */
static const char *const *container_env(const struct container *c, struct arena *a, const char *const *image_env)
{
	size_t n = 0;
	const char **env = arena_alloc(a, c->spec->env_len + count(image_env) + ENV_OURS + 1, sizeof *env);
	if (!env)
		return NULL;
	env[n++] = arena_printf(a, ORPHAN_MARK "%s/%s/%s", c->d->site->name, c->d->pod->uid, c->spec->name);
	for (size_t i = 0; i < c->spec->env_len; i++)
		env[n++] = arena_printf(a, "%s=%s", c->spec->env[i].name, env_value_of(c, &c->spec->env[i]));
	for (; image_env && *image_env; image_env++)
		env[n++] = *image_env;
	env[n++] = inherited(a, "PATH", "/usr/local/bin:/usr/bin:/bin");
	env[n++] = inherited(a, "HOME", "/");
	env[n++] = arena_printf(a, "HOSTNAME=%s", c->d->pod->name);
	return n == count(env) ? env : NULL; /* else there was no memory for one of them */
}

void container_log(const struct container *c, char *buf, size_t size)
{
	const struct pod_spec *pod = c->d->pod;
	bool alone = pod->containers_len == 1;
	snprintf(buf, size, "%s/%s_%s%s%s.log", c->d->site->pods_folder, pod->ns, pod->name, alone ? "" : "_",
		 alone ? "" : c->spec->name);
}

static enum result container_command(const struct container *c, struct arena *a, const struct node_image *image,
				     struct process_options *o, struct error *e)
{
	const struct image_use use = {
		.image = c->spec->image,
		.pod = c->d->pod->name,
		.ns = c->d->pod->ns,
		.address = c->d->address,
		.port = c->spec->port,
		.args = c->spec->args,
	};
	const char *const *image_env = NULL;
	enum result r = image_expand(a, image->command, &use, &o->argv, e);
	if (r == RC_OK && image->env)
		r = image_expand(a, image->env, &use, &image_env, e);
	if (r != RC_OK)
		return r;
	o->env = container_env(c, a, image_env);
	return o->env ? RC_OK : error_set(e, RC_EXHAUSTED, "no memory for the environment");
}

/* ---- probes ---- */

static void probe_arm(struct container_probe *p, int64_t delay_ms)
{
	timer_start(p->container->d->site->loop, &p->timer, delay_ms, probe_look, p);
}

static void probes_start(struct container *c, bool passing)
{
	for (enum probe_role r = 0; r < PROBE_ROLE_COUNT; r++) {
		struct container_probe *p = &c->probes[r];
		probe_begin(&p->state, r);
		if (!has_probe(c, r))
			continue;
		if (passing)
			p->state.passing = true;
		int64_t delay = c->spec->probes[r].initial_delay_ms;
		probe_arm(p, delay ? delay : PROBE_SOON_MS);
	}
}

static void probes_stop(struct container *c)
{
	for (enum probe_role r = 0; r < PROBE_ROLE_COUNT; r++) {
		timer_stop(&c->probes[r].timer);
		probing_cancel(&c->probes[r].probing);
	}
}

static void probe_verdict(struct container_probe *p, const char *why)
{
	struct container *c = p->container;
	bool fatal = p->role != PROBE_READINESS && !p->state.passing;
	if (!fatal) {
		container_changed(c);
		return;
	}
	log_warn("container_unhealthy", "pod=%s/%s container=%s probe=%s why=%s", c->d->pod->ns, c->d->pod->name,
		 c->spec->name, probe_role_field(p->role), why);
	container_terminate(c, c->d->pod->grace_ms);
	container_changed(c);
}

static void probe_answered(void *owner, bool ok, const char *why)
{
	struct container_probe *p = owner;
	bool passing = p->state.passing;
	p->probing = NULL;
	enum probe_turn turn = probe_answer(&p->state, &p->container->spec->probes[p->role], ok);
	bool fails = turn == PROBE_ENOUGH && !p->state.passing && p->role != PROBE_READINESS;
	if (fails || passing != p->state.passing)
		probe_verdict(p, why);
}

/* The others wait for the startup probe to pass; it ends when it has. */
static bool probe_is_due(const struct container_probe *p)
{
	const struct container *c = p->container;
	if (p->role == PROBE_STARTUP)
		return !p->state.passing;
	return c->facts.started_up;
}

static void probe_look(void *owner)
{
	struct container_probe *p = owner;
	struct container *c = p->container;
	const struct probe_spec *spec = &c->spec->probes[p->role];
	probe_arm(p, spec->period_ms);
	if (p->probing || !probe_is_due(p))
		return;
	CLEANUP(arena_destroy_p) struct arena *a = arena_create(COMMAND_BYTES_MAX);
	struct probe_target target = { .address = c->d->address, .env = a ? container_env(c, a, NULL) : NULL };
	p->probing = probing_start(c->d->site->loop, c->d->site->http, spec, &target, probe_answered, p);
}

/* ---- the process ---- */

static int64_t next_backoff(int64_t before)
{
	int64_t next = before ? before * 2 : BACKOFF_MIN_MS;
	return next > BACKOFF_MAX_MS ? BACKOFF_MAX_MS : next;
}

static void container_start_later(struct container *c, const char *reason, const char *message)
{
	char text[CONTAINER_MESSAGE_MAX];
	c->backoff_ms = next_backoff(c->backoff_ms);
	snprintf(text, sizeof text, "%s%sstarts again in %lld s", message, *message ? "; " : "",
		 (long long)(c->backoff_ms / 1000));
	container_wait(c, reason, text);
	timer_start(c->d->site->loop, &c->timer, c->backoff_ms, container_launch, c);
}

/* status -1 is what is left to say of a process that was not our child: how it ended is not known. */
static void note_end(struct container *c, int pid, int64_t status, int signal)
{
	struct container_end *end = &c->facts.last;
	*end = (struct container_end){
		.is = true,
		.started = c->facts.started,
		.finished = loop_wall(c->d->site->loop),
		.exit_code = signal       ? 128 + signal
			     : status < 0 ? 137
					  : (int)status,
		.exit_signal = signal,
		.pid = pid,
	};
	if (end->finished.v - end->started.v > STEADY_MS)
		c->backoff_ms = 0;
}

static void container_exited(void *owner, int64_t status, int signal)
{
	struct container *c = owner;
	int pid = process_pid(c->process);
	c->process = NULL;
	timer_stop(&c->timer);
	probes_stop(c);
	note_end(c, pid, status, signal);
	c->facts.pid = 0;
	c->facts.state = CONTAINER_TERMINATED;
	log_info("container_exited", "pod=%s/%s container=%s pid=%d code=%d signal=%d", c->d->pod->ns, c->d->pod->name,
		 c->spec->name, pid, c->facts.last.exit_code, signal);
	bool unhealthy = c->terminating && !c->ending;
	c->terminating = false;
	if (!c->ending && (unhealthy || restart_wanted(c->d->pod->restart, &c->facts.last)))
		container_start_later(c, "CrashLoopBackOff", "");
	container_changed(c);
}

static void container_runs(struct container *c, struct wall_ms since, bool passing)
{
	c->facts.state = CONTAINER_RUNNING;
	c->facts.pid = process_pid(c->process);
	c->facts.started = since;
	probes_start(c, passing);
}

static struct command_use own_use(const struct container *c)
{
	return (struct command_use){
		.site = c->d->site, .pod = c->d->pod, .container = c->spec, .address = c->d->address
	};
}

static enum result own_command(const struct container *c, struct arena *a, struct process_options *o, struct error *e)
{
	const struct command_use use = own_use(c);
	const char *const *more = command_env(a, &use);
	o->env = more ? container_env(c, a, more) : NULL;
	if (!o->env)
		return error_set(e, RC_EXHAUSTED, "no memory for the environment");
	return command_prepare(a, &use, o, e);
}

static enum result container_spawn(struct container *c, const struct node_image *image, struct error *e)
{
	char file[PATH_BYTES];
	struct process_options o = { .log_file = file, .exited = container_exited, .owner = c };
	CLEANUP(arena_destroy_p) struct arena *a = arena_create(COMMAND_BYTES_MAX);
	if (!a)
		return error_set(e, RC_EXHAUSTED, "no memory for a command");
	container_log(c, file, sizeof file);
	enum result r = image ? container_command(c, a, image, &o, e) : own_command(c, a, &o, e);
	return r == RC_OK ? process_start(c->d->site->loop, &o, &c->process, e) : r;
}

static void container_launch(void *owner)
{
	struct container *c = owner;
	char text[CONTAINER_MESSAGE_MAX];
	struct error e;
	bool own = command_is_own(c->spec);
	const struct node_image *image =
		own ? NULL : images_find(c->d->site->images, c->d->site->images_len, c->spec->image);
	if (c->spec->problem) {
		container_wait(c, "CreateContainerConfigError", c->spec->problem);
	} else if (own && !c->d->site->commands) {
		container_wait(c, "CreateContainerConfigError",
			       "it brings its own command, and node.commands in the configuration is not true");
	} else if (!own && !image) {
		snprintf(text, sizeof text,
			 "node %s runs commands, not images: give it one for \"%.180s\" in its table of images",
			 c->d->site->name, c->spec->image);
		container_wait(c, "ErrImagePull", text);
	} else if (container_spawn(c, image, &e) != RC_OK) {
		container_start_later(c, "RunContainerError", e.text);
	} else {
		c->facts.restarts += c->facts.last.is;
		container_runs(c, loop_wall(c->d->site->loop), false);
		log_info("container_started", "pod=%s/%s container=%s pid=%d address=%s", c->d->pod->ns,
			 c->d->pod->name, c->spec->name, c->facts.pid, c->d->address);
		c->d->recorded(c->d->owner);
	}
	container_changed(c);
}

/* ---- doors ---- */

void container_init(struct container *c, const struct container_doors *d, const struct container_spec *spec)
{
	*c = (struct container){ .d = d, .spec = spec };
	c->facts.name = spec->name;
	c->facts.image = spec->image;
	container_wait(c, "ContainerCreating", "");
	for (enum probe_role r = 0; r < PROBE_ROLE_COUNT; r++) {
		c->probes[r].container = c;
		c->probes[r].role = r;
	}
}

void container_finish(struct container *c)
{
	probes_stop(c);
	timer_stop(&c->timer);
	process_leave(&c->process);
}

/* One that has ended while nobody looked starts again at once: it is not known to crash. */
void container_start(struct container *c, const struct record_container *r, bool was_ready)
{
	if (r) {
		c->facts.restarts = r->restarts;
		c->facts.started = r->started;
	}
	if (r && r->pid &&
	    process_adopt(c->d->site->loop, r->pid, r->start_ticks, container_exited, c, &c->process, NULL) == RC_OK) {
		container_runs(c, r->started, was_ready);
		container_judge(c);
		log_info("container_adopted", "pod=%s/%s container=%s pid=%d address=%s", c->d->pod->ns,
			 c->d->pod->name, c->spec->name, c->facts.pid, c->d->address);
		return;
	}
	if (r && r->started.v) {
		note_end(c, r->pid, -1, 0);
		c->facts.state = CONTAINER_TERMINATED;
		if (!restart_wanted(c->d->pod->restart, &c->facts.last))
			return;
	}
	if (!c->ending)
		container_launch(c);
}

static void container_kill(void *owner)
{
	struct container *c = owner;
	if (c->process)
		process_signal(c->process, SIGKILL);
}

static void container_terminate(struct container *c, int64_t grace_ms)
{
	probes_stop(c);
	if (!c->process)
		return;
	if (!c->terminating)
		process_signal(c->process, c->spec->stop_signal);
	c->terminating = true;
	timer_start(c->d->site->loop, &c->timer, grace_ms, container_kill, c);
}

void container_end(struct container *c, int64_t grace_ms)
{
	c->ending = true;
	timer_stop(&c->timer);
	container_terminate(c, grace_ms);
	container_judge(c);
}

void container_forget(const struct container *c)
{
	char path[PATH_BYTES], old[PATH_BYTES + 4];
	const struct command_use use = own_use(c);
	container_log(c, path, sizeof path);
	snprintf(old, sizeof old, "%s.1", path);
	(void)unlink(path);
	(void)unlink(old);
	command_forget(&use);
}

bool container_over(const struct container *c)
{
	return !c->process && (c->ending || c->facts.state == CONTAINER_TERMINATED);
}
