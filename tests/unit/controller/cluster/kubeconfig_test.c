#include "controller/cluster/kube/kubeconfig.h"

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

#include "base/text.h"

static char folder[64];

static int make_folder(void **state)
{
	(void)state;
	snprintf(folder, sizeof folder, "/tmp/kubeconfig_XXXXXX");
	return mkdtemp(folder) ? 0 : -1;
}

static const char *in_folder(const char *name)
{
	static char paths[4][128];
	static unsigned n;
	char *path = paths[n++ % 4];
	snprintf(path, sizeof paths[0], "%s/%s", folder, name);
	return path;
}

static const char *put(const char *name, const char *text)
{
	const char *path = in_folder(name);
	FILE *f = fopen(path, "we");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
	return path;
}

static int remove_folder(void **state)
{
	(void)state;
	static const char *const files[] = { "config", "second", "ca.pem", "token", "ca.crt", "namespace" };
	for (size_t i = 0; i < sizeof files / sizeof *files; i++)
		remove(in_folder(files[i]));
	return rmdir(folder);
}

static struct kubeconfig *load(const char *paths, const char *context)
{
	struct kubeconfig *c = NULL;
	struct error e;
	if (kubeconfig_load(paths, context, &c, &e) != RC_OK)
		fail_msg("%s", e.text);
	return c;
}

#define CONFIG(cluster, user)                                                                                          \
	"current-context: a\n"                                                                                         \
	"contexts:\n"                                                                                                  \
	"- {name: a, context: {cluster: c, user: u, namespace: ns}}\n"                                                 \
	"- {name: b, context: {cluster: c}}\n"                                                                         \
	"- {name: lost, context: {cluster: nowhere, user: u}}\n"                                                       \
	"clusters:\n"                                                                                                  \
	"- name: c\n"                                                                                                  \
	"  cluster: {" cluster "}\n"                                                                                   \
	"users:\n"                                                                                                     \
	"- name: u\n"                                                                                                  \
	"  user: {" user "}\n"

static void test_contexts(void **state)
{
	(void)state;
	const char *path = put("config", CONFIG("server: \"https://a.example:6443/\"", "token: t"));
	struct kubeconfig *c = load(path, NULL);
	assert_string_equal(c->context, "a");
	assert_string_equal(c->server, "https://a.example:6443");
	assert_string_equal(c->ns, "ns");
	assert_string_equal(c->token, "t");
	assert_false(c->no_verify);
	kubeconfig_destroy(c);
	c = load(path, "b");
	assert_null(c->token); /* nobody */
	kubeconfig_destroy(c);
}

static void test_certificates(void **state)
{
	(void)state;
	put("ca.pem", "CA\n");
	const char *path =
		put("config",
		    CONFIG("server: \"https://a\", certificate-authority: ca.pem, tls-server-name: b, proxy-url: "
			   "\"http://p:1\", insecure-skip-tls-verify: true",
			   "client-certificate-data: Q0VSVA==, client-key-data: S0VZ, as: jane, as-groups: [x, y]"));
	struct kubeconfig *c = load(path, NULL);
	assert_string_equal(c->ca_pem, "CA\n"); /* next to the file that names it */
	assert_string_equal(c->cert_pem, "CERT");
	assert_string_equal(c->key_pem, "KEY");
	assert_string_equal(c->tls_server_name, "b");
	assert_string_equal(c->proxy, "http://p:1");
	assert_true(c->no_verify);
	assert_string_equal(c->as, "jane");
	assert_string_equal(c->as_groups[1], "y");
	assert_null(c->as_groups[2]);
	kubeconfig_destroy(c);
}

static void test_exec(void **state)
{
	(void)state;
	const char *path = put(
		"config", CONFIG("server: \"https://a\"",
				 "exec: {apiVersion: client.authentication.k8s.io/v1beta1, command: ./bin/get, "
				 "args: [one, \"two words\"], env: [{name: A, value: b}], provideClusterInfo: true}"));
	struct kubeconfig *c = load(path, NULL);
	assert_string_equal(c->exec->command, in_folder("./bin/get"));
	assert_string_equal(c->exec->args[1], "two words");
	assert_int_equal(c->exec->variable_count, 1);
	assert_string_equal(c->exec->variables[0].name, "A");
	assert_true(c->exec->cluster_info);
	kubeconfig_destroy(c);
}

/* $KUBECONFIG with several files: the first that defines a name wins, and a missing file is passed over. */
static void test_several_files(void **state)
{
	(void)state;
	char paths[512];
	const char *first = put("config", "current-context: a\nusers:\n- {name: u, user: {token: first}}\n");
	const char *second = put("second", CONFIG("server: \"https://a\"", "token: second"));
	snprintf(paths, sizeof paths, "%s:/nonexistent/config:%s", first, second);
	struct kubeconfig *c = load(paths, NULL);
	assert_string_equal(c->token, "first");
	assert_string_equal(c->server, "https://a");
	kubeconfig_destroy(c);
}

static void test_errors(void **state)
{
	(void)state;
	static const struct {
		const char *config, *context, *why; /* after the path of the file */
	} cases[] = {
		{ "contexts: []", NULL, ": no current-context, and no context was given" },
		{ CONFIG("server: \"https://a\"", ""), "z", ": no context \"z\"" },
		{ CONFIG("server: \"https://a\"", ""), "lost", ": context \"lost\": no cluster \"nowhere\"" },
		{ CONFIG("server: ftp://a", "token: t"), NULL, ":8:12: cluster.server must be an http(s) URL" },
		{ CONFIG("server: \"https://a\", certificate-authority-data: \"#\"", ""), NULL,
		  ":8:62: certificates and keys in the file must be base64 of PEM" },
		{ CONFIG("server: \"https://a\", certificate-authority: none.pem", ""), NULL,
		  "none.pem: No such file or directory" },
		{ CONFIG("server: \"https://a\"", "client-certificate-data: Q0VSVA=="), NULL,
		  ":11:9: a client certificate and its key belong together" },
		{ CONFIG("server: \"https://a\"", "auth-provider: {name: gcp}"), NULL,
		  ":11:25: auth-provider is gone from Kubernetes: use exec, a token or a certificate" },
		{ CONFIG("server: \"https://a\"",
			 "exec: {apiVersion: client.authentication.k8s.io/v1alpha1, command: x}"),
		  NULL, ":11:29: exec.apiVersion must be client.authentication.k8s.io/v1 or .../v1beta1" },
		{ CONFIG("server: \"https://a\"", "exec: {apiVersion: client.authentication.k8s.io/v1}"), NULL,
		  ":11:16: exec.command is missing" },
		{ CONFIG("server: \"https://a\"",
			 "exec: {apiVersion: client.authentication.k8s.io/v1, command: x, interactiveMode: Always}"),
		  NULL, ":11:91: a service has no terminal for exec.interactiveMode Always" },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const char *path = put("config", cases[i].config);
		struct kubeconfig *c = NULL;
		struct error e;
		enum result r = kubeconfig_load(path, cases[i].context, &c, &e);
		if (r != RC_INVALID || c || !text_ends(e.text, cases[i].why) || !text_starts(e.text, path))
			fail_msg("%s: result %d, \"%s\"", cases[i].why, (int)r, e.text);
	}
}

static void test_no_secret_in_an_error(void **state)
{
	(void)state;
	struct kubeconfig *c = NULL;
	struct error e;
	const char *path = put("config", "users: [ token: hunter2hunter2, }\n");
	assert_int_equal(kubeconfig_load(path, NULL, &c, &e), RC_INVALID);
	assert_null(strstr(e.text, "hunter2"));
}

static void test_in_cluster(void **state)
{
	(void)state;
	struct kubeconfig *c = NULL;
	struct error e;
	put("token", "t\n");
	put("ca.crt", "CA");
	put("namespace", "home\n");
	assert_int_equal(kubeconfig_in_cluster(folder, "fd00::1", "443", &c, &e), RC_OK);
	assert_string_equal(c->server, "https://[fd00::1]:443");
	assert_string_equal(c->ns, "home");
	assert_string_equal(c->ca_pem, "CA");
	assert_string_equal(c->token_file, in_folder("token"));
	assert_null(c->token); /* read again and again */
	kubeconfig_destroy(c);
	c = NULL;
	remove(in_folder("ca.crt"));
	assert_int_not_equal(kubeconfig_in_cluster(folder, "10.0.0.1", "443", &c, &e), RC_OK);
	assert_null(c);
	assert_non_null(strstr(e.text, "the pod's ServiceAccount: "));
}

static void test_where_it_is_looked_for(void **state)
{
	(void)state;
	struct kubeconfig *c = NULL;
	struct error e;
	const char *path = put("config", CONFIG("server: \"https://from-env\"", "token: t"));
	put("ca.crt", "CA");
	unsetenv("KUBECONFIG");
	unsetenv("KUBERNETES_SERVICE_HOST");
	setenv("HOME", "/nonexistent", 1);
	assert_int_equal(kubeconfig_find(NULL, NULL, folder, &c, &e), RC_NOT_FOUND);
	assert_string_equal(e.text, "no API server: neither $KUBECONFIG, nor a pod's ServiceAccount, nor "
				    "/nonexistent/.kube/config");
	setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1", 1);
	setenv("KUBERNETES_SERVICE_PORT", "443", 1);
	assert_int_equal(kubeconfig_find(NULL, NULL, folder, &c, &e), RC_OK);
	assert_string_equal(c->context, "in-cluster");
	kubeconfig_destroy(c);
	setenv("KUBECONFIG", path, 1);
	assert_int_equal(kubeconfig_find(NULL, NULL, folder, &c, &e), RC_OK);
	assert_string_equal(c->server, "https://from-env");
	kubeconfig_destroy(c);
	assert_int_equal(kubeconfig_find(in_folder("none"), NULL, folder, &c, &e), RC_NOT_FOUND);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_contexts),   cmocka_unit_test(test_certificates),
		cmocka_unit_test(test_exec),       cmocka_unit_test(test_several_files),
		cmocka_unit_test(test_errors),     cmocka_unit_test(test_no_secret_in_an_error),
		cmocka_unit_test(test_in_cluster), cmocka_unit_test(test_where_it_is_looked_for),
	};
	return cmocka_run_group_tests_name("kubeconfig", tests, make_folder, remove_folder);
}
