/* The bytes of a watch: however they are cut, the same lines come out; and what a line says becomes an object or an
 * error. The first byte says how to cut. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/strbuf.h"
#include "controller/cluster/kube/entry.h"
#include "controller/cluster/kube/watch_lines.h"

enum { LINE_MAX_BYTES = 4096, ALL_MAX_BYTES = 1 << 22 };

static void require(bool ok)
{
	if (!ok)
		abort();
}

static bool line_note(void *owner, const char *line, size_t len)
{
	struct strbuf *all = owner;
	require(len > 0 && !memchr(line, '\n', len));
	strbuf_addn(all, line, len);
	strbuf_addc(all, '\n');
	return true;
}

static enum result feed(const char *data, size_t len, size_t piece, struct strbuf *all)
{
	struct watch_lines w;
	enum result r = RC_OK;
	watch_lines_init(&w, LINE_MAX_BYTES);
	for (size_t at = 0; at < len && r == RC_OK; at += piece) {
		size_t n = len - at < piece ? len - at : piece;
		CLEANUP(free_p) char *exact = malloc(n);
		require(exact != NULL);
		memcpy(exact, data + at, n);
		r = watch_lines_feed(&w, exact, n, line_note, all, NULL);
	}
	watch_lines_finish(&w);
	return r;
}

static bool line_read(void *owner, const char *line, size_t len)
{
	struct watch_event ev;
	struct entry *n = NULL;
	struct error e;
	(void)owner;
	if (watch_event_parse(line, len, &ev, &e) != RC_OK) {
		require(*e.text);
		return true;
	}
	CLEANUP(json_delete_p) cJSON *object = ev.object;
	enum result r = entry_from_tree(KIND_SECRET, "v1", object, &n, &e);
	require(r == RC_OK || *e.text);
	if (r != RC_OK)
		return true;
	require(*n->o.name && n->o.json_len == strlen(n->o.json));
	require(strlen(n->key) + 1 + strlen(n->o.name) == n->key_len);
	require(rv_compare(n->o.resource_version, n->o.resource_version) == 0);
	CLEANUP(json_delete_p) cJSON *again = NULL;
	require(json_parse(n->o.json, n->o.json_len, &again, &e) == RC_OK);
	require(!json_at(again, "metadata.managedFields"));
	entry_free(n);
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	if (len < 1)
		return 0;
	struct strbuf whole, cut;
	struct watch_lines w;
	const char *text = (const char *)data + 1;
	strbuf_init(&whole, ALL_MAX_BYTES);
	strbuf_init(&cut, ALL_MAX_BYTES);
	enum result a = feed(text, len - 1, len, &whole), b = feed(text, len - 1, (size_t)data[0] % 64 + 1, &cut);
	require(a == b && whole.len == cut.len && (!whole.len || memcmp(whole.s, cut.s, whole.len) == 0));
	watch_lines_init(&w, LINE_MAX_BYTES);
	(void)!watch_lines_feed(&w, text, len - 1, line_read, NULL, NULL);
	watch_lines_finish(&w);
	strbuf_finish(&whole);
	strbuf_finish(&cut);
	return 0;
}
