#include "controller/core/revision.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/crypto.h"
#include "base/json.h"
#include "base/strbuf.h"

enum { IDENTITY_DIGITS = 32, CHECKSUM_BYTES = 8, CONFIGS_BYTES_MAX = 4 * 1024 * 1024 };

static uint32_t fnv1a(const char *text)
{
	uint32_t sum = 2166136261U;
	for (; *text; text++)
		sum = (sum ^ (unsigned char)*text) * 16777619U;
	return sum;
}

/* Decimal, in the alphabet of Kubernetes' safe strings: no digit that could make a word. */
static const char *hash_text(const char *text, struct arena *a)
{
	static const char digits[] = "456789bcdf";
	char *ret = text ? arena_printf(a, "%" PRIu32, fnv1a(text)) : NULL;
	for (char *at = ret; at && *at; at++)
		*at = digits[*at - '0'];
	return ret ? ret : "";
}

/* null and absent mean the same in the API, and its versions differ in which one they write (creationTimestamp). */
static void drop_nulls(cJSON *v)
{
	for (cJSON *next, *m = v->child; m; m = next) {
		next = m->next;
		if (cJSON_IsNull(m) && cJSON_IsObject(v))
			cJSON_Delete(cJSON_DetachItemViaPointer(v, m));
		else
			drop_nulls(m);
	}
}

static char *template_text(const cJSON *template_)
{
	CLEANUP(json_delete_p) cJSON *copy = cJSON_Duplicate(template_, true);
	if (!copy)
		return NULL;
	drop_nulls(copy);
	return json_canonical(copy, false);
}

const char *revision_of_template(const cJSON *template_, struct arena *a)
{
	CLEANUP(free_p) char *text = template_text(template_);
	return hash_text(text, a);
}

static const char *sha256_text(const char *text, size_t digits, struct arena *a)
{
	char hex[SHA256_HEX];
	if (!text || crypto_sha256_hex(text, strlen(text), hex, NULL) != RC_OK)
		return "";
	const char *ret = arena_strndup(a, hex, digits);
	return ret ? ret : "";
}

const char *revision_digest(const cJSON *template_, struct arena *a)
{
	CLEANUP(free_p) char *text = template_text(template_);
	return sha256_text(text, SHA256_HEX - 1, a);
}

/* ["text",{"key":"value"}], the map null when it is NULL; malloc'ed, NULL: no memory */
static char *pair_text(const char *text, const struct pairs *configs)
{
	struct strbuf b;
	strbuf_init(&b, CONFIGS_BYTES_MAX);
	strbuf_addc(&b, '[');
	strbuf_add_json(&b, text ? text : "");
	strbuf_add(&b, configs ? ",{" : ",null");
	for (size_t i = 0; configs && i < configs->count; i++) {
		if (i > 0)
			strbuf_addc(&b, ',');
		strbuf_add_json(&b, configs->at[i].key);
		strbuf_addc(&b, ':');
		strbuf_add_json(&b, configs->at[i].value);
	}
	strbuf_add(&b, configs ? "}]" : "]");
	char *pair = strbuf_take(&b);
	strbuf_finish(&b);
	return pair;
}

const char *revision_checksum(const struct canary_status *s, struct arena *a)
{
	CLEANUP(free_p)
	char *pair = pair_text(s->last_applied_spec, s->has_tracked_configs ? &s->tracked_configs : NULL);
	return hash_text(pair, a);
}

const char *revision_identity(const char *template_hash, const struct pairs *configs, struct arena *a)
{
	CLEANUP(free_p) char *pair = pair_text(template_hash, configs);
	return sha256_text(pair, IDENTITY_DIGITS, a);
}

const char *config_checksum(const cJSON *data, struct arena *a)
{
	unsigned char sum[SHA256_BYTES];
	char hex[2 * CHECKSUM_BYTES + 1];
	CLEANUP(free_p) char *text = data ? json_canonical(data, true) : strdup("null");
	if (!text || crypto_sha256(text, strlen(text), sum, NULL) != RC_OK)
		return "";
	crypto_hex(sum, CHECKSUM_BYTES, hex);
	const char *ret = arena_strdup(a, hex);
	return ret ? ret : "";
}
