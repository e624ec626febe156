/* The contract of the cluster seam: over the embedded platform always, over a real API server when ROLLCALL_PLANE names
 * its description (tests/lib/controlplane.py start). */
#include "base/crypto.h"
#include "controller/cluster/kube/file.h"
#include "tests/unit/controller/cluster/cluster_contract.h"
#include "tests/unit/controller/cluster/embedded_rig.h"

static struct contract on_embedded(void **state)
{
	struct embedded_rig *x = *state;
	cluster_start(x->g.cluster);
	UNTIL(&x->g, cluster_synced(x->g.cluster, KIND_CANARY));
	return (struct contract){ &x->g, "default", "" };
}

struct plane_rig {
	struct rig g;
	cJSON *plane;
	char prefix[16];
};

static int plane_setup(void **state)
{
	const char *path = getenv("ROLLCALL_PLANE");
	struct plane_rig *x = calloc(1, sizeof *x);
	char *text = NULL;
	size_t len;
	struct error e;
	unsigned char random[4];
	*state = x;
	if (!x || text_empty(path))
		return x ? 0 : -1;
	if (file_read(path, 1024 * 1024, &text, &len, &e) != RC_OK || json_parse(text, len, &x->plane, &e) != RC_OK ||
	    crypto_random(random, sizeof random, &e) != RC_OK)
		return -1;
	free(text);
	crypto_hex(random, sizeof random, x->prefix);
	x->prefix[0] = 'c';
	x->prefix[8] = '-';
	rig_open_loop(&x->g);
	x->g.only_ns = "default";
	rig_connect(&x->g, &(struct kube_options){ .kubeconfig = json_text(x->plane, "kubeconfig.admin", ""),
						   .name = "test" });
	cluster_start(x->g.cluster);
	return 0;
}

static int plane_teardown(void **state)
{
	struct plane_rig *x = *state;
	if (x->plane)
		rig_close(&x->g);
	cJSON_Delete(x->plane);
	free(x);
	return 0;
}

static struct contract on_plane(void **state)
{
	struct plane_rig *x = *state;
	if (!x->plane)
		skip();
	UNTIL(&x->g, cluster_synced(x->g.cluster, KIND_CANARY));
	return (struct contract){ &x->g, "default", x->prefix };
}

#define CASES(X)                                                                                                       \
	X(create)                                                                                                      \
	X(patch) X(patch_of_nothing_new) X(status) X(missing) X(finalizers) X(delete) X(wants) X(cancel) X(record)
#define X(name)                                                                                                        \
	static void test_embedded_##name(void **state)                                                                 \
	{                                                                                                              \
		struct contract c = on_embedded(state);                                                                \
		contract_##name(&c);                                                                                   \
	}                                                                                                              \
	static void test_kube_##name(void **state)                                                                     \
	{                                                                                                              \
		struct contract c = on_plane(state);                                                                   \
		contract_##name(&c);                                                                                   \
	}
CASES(X)
#undef X

int main(void)
{
	const struct CMUnitTest tests[] = {
#define X(name)                                                                                                        \
	cmocka_unit_test_setup_teardown(test_embedded_##name, embedded_setup, embedded_teardown),                      \
		cmocka_unit_test_setup_teardown(test_kube_##name, plane_setup, plane_teardown),
		CASES(X)
#undef X
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
