/* The embedded platform whole: the seam in SQLite, the replica loop, and the node as its hands; pods are processes. */
#include <dirent.h>
#include <signal.h>

#include "controller/node/node.h"
#include "tests/unit/controller/cluster/embedded_rig.h"

struct whole {
	struct embedded_rig x; /* first */
	struct node *node;
	char data[96];
	bool stopped;
};

static void changed(void *owner, enum object_change what, const struct object *o)
{
	struct whole *w = owner;
	if (w->node)
		node_changed(w->node, what, o);
}

static void node_open(struct whole *w)
{
	static const char *const command[] = { "/bin/sleep", "3600", NULL };
	static const struct node_image images[] = { { "demo:*", command, NULL } };
	struct error e = { .text = "" };
	const struct node_options o = { .loop = w->x.g.loop,
					.cluster = w->x.g.cluster,
					.http = w->x.g.http,
					.name = "here",
					.data_dir = w->data,
					.images = images,
					.images_len = 1,
					.addresses = "127.77.0.0/24" };
	w->x.g.cluster->changed = changed;
	w->x.g.cluster->changed_owner = w;
	w->x.g.cluster->settled = NULL;
	if (node_create(&o, &w->node, &e) != RC_OK)
		fail_msg("%s", e.text);
	cluster_want(w->x.g.cluster, KIND_DEPLOYMENT, NULL, NULL);
	cluster_start(w->x.g.cluster);
	node_start(w->node);
	UNTIL(&w->x.g, cluster_synced(w->x.g.cluster, KIND_POD));
}

static int setup(void **state)
{
	struct whole *w = calloc(1, sizeof *w);
	void *inner;
	struct error e;
	if (!w || embedded_setup(&inner) != 0)
		return -1;
	w->x = *(struct embedded_rig *)inner;
	free(inner);
	snprintf(w->data, sizeof w->data, "%s/node", w->x.folder);
	if (http_client_create(w->x.g.loop, "rollcall-test", &w->x.g.http, &e) != RC_OK)
		return -1;
	node_open(w);
	*state = w;
	return 0;
}

static void stopped(void *owner)
{
	struct whole *w = owner;
	w->node = NULL;
	w->stopped = true;
}

static void remove_folder(const char *path)
{
	DIR *d = opendir(path);
	for (const struct dirent *f; d && (f = readdir(d));) {
		char name[512];
		snprintf(name, sizeof name, "%s/%s", path, f->d_name);
		if (f->d_name[0] != '.')
			(void)unlink(name);
	}
	if (d)
		closedir(d);
	(void)rmdir(path);
}

static int teardown(void **state)
{
	struct whole *w = *state;
	char pods[128];
	node_stop(w->node, stopped, w);
	UNTIL(&w->x.g, w->stopped);
	http_client_destroy(w->x.g.http);
	snprintf(pods, sizeof pods, "%s/pods", w->data);
	remove_folder(pods);
	remove_folder(w->data);
	return embedded_teardown(state);
}

static void deploy(struct whole *w, const char *image, int replicas)
{
	char body[1024];
	snprintf(body, sizeof body,
		 "{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"metadata\":{\"name\":\"web\"},\"spec\":{"
		 "\"replicas\":%d,\"selector\":{\"matchLabels\":{\"app\":\"web\"}},\"template\":{\"metadata\":{"
		 "\"labels\":{\"app\":\"web\"}},\"spec\":{\"terminationGracePeriodSeconds\":2,\"containers\":[{"
		 "\"name\":\"a\",\"image\":\"%s\"}]}}}}",
		 replicas, image);
	struct outcome o = rig_apply(&w->x, body);
	assert_string_equal(o.why, "");
}

static bool is_done(struct whole *w, int replicas)
{
	cJSON *d = rig_tree(&w->x, KIND_DEPLOYMENT, "default", "web");
	bool done = json_int(d, "status.observedGeneration", 0) == json_int(d, "metadata.generation", 0) &&
		    json_int(d, "status.updatedReplicas", 0) == replicas &&
		    json_int(d, "status.replicas", 0) == replicas &&
		    json_int(d, "status.availableReplicas", 0) == replicas;
	cJSON_Delete(d);
	return done;
}

struct running {
	pid_t pids[16];
	size_t len;
};

/* "rollcall://UID/PID" */
static bool note_pid(void *owner, const struct object *o)
{
	struct running *r = owner;
	cJSON *pod = NULL;
	assert_int_equal(json_parse(o->json, o->json_len, &pod, NULL), RC_OK);
	const char *id = strrchr(json_text(pod, "status.containerStatuses.0.containerID", ""), '/');
	if (id && !o->deleting && r->len < 16)
		r->pids[r->len++] = (pid_t)strtol(id + 1, NULL, 10);
	cJSON_Delete(pod);
	return true;
}

static struct running running(struct whole *w)
{
	struct running r = { .len = 0 };
	cluster_each(w->x.g.cluster, KIND_POD, NULL, note_pid, &r);
	return r;
}

static void test_processes_follow_the_deployment(void **state)
{
	struct whole *w = *state;
	deploy(w, "demo:blue", 3);
	UNTIL(&w->x.g, is_done(w, 3));
	struct running blue = running(w);
	assert_int_equal(blue.len, 3);
	for (size_t i = 0; i < blue.len; i++)
		assert_int_equal(kill(blue.pids[i], 0), 0);
	deploy(w, "demo:green", 2);
	UNTIL(&w->x.g, is_done(w, 2) && running(w).len == 2);
	for (size_t i = 0; i < blue.len; i++)
		UNTIL(&w->x.g, kill(blue.pids[i], 0) != 0);
	/* An image that nothing is mapped to: the pod says how to map it, and the old ones serve on. */
	deploy(w, "unknown:1", 2);
	UNTIL(&w->x.g, ({
		bool said = false;
		struct running r = running(w);
		cJSON *d = rig_tree(&w->x, KIND_DEPLOYMENT, "default", "web");
		said = json_int(d, "status.unavailableReplicas", 0) > 0 && r.len == 2;
		cJSON_Delete(d);
		said;
	}));
	rig_write(&w->x.g, WRITE_DELETE, KIND_DEPLOYMENT, "default", "web", "", NULL);
	UNTIL(&w->x.g, running(w).len == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_processes_follow_the_deployment, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
