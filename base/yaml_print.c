#include "base/yaml.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <yaml.h>

#include "base/strbuf.h"
#include "base/text.h"
#include "base/yaml_scalar.h"

static int write_text(void *out, unsigned char *bytes, size_t len)
{
	struct strbuf *b = out;
	strbuf_addn(b, (const char *)bytes, len);
	return !b->overflow;
}

/* The emitter owns the event from here on, whether it succeeds or not. */
static bool emit(yaml_emitter_t *emitter, yaml_event_t *event, int made)
{
	return made && yaml_emitter_emit(emitter, event);
}

static yaml_scalar_style_t style_of(const char *s)
{
	size_t lines = strcspn(s, "\n");
	if (s[lines] && strcspn(s, "\r\t\x7f") == strlen(s) && s[0] != ' ' && s[0] != '\n')
		return YAML_LITERAL_SCALAR_STYLE;
	return yaml_must_quote(s) ? YAML_SINGLE_QUOTED_SCALAR_STYLE : YAML_ANY_SCALAR_STYLE;
}

static bool emit_scalar(yaml_emitter_t *emitter, const char *s, yaml_scalar_style_t style)
{
	yaml_event_t event;
	/* Without valid UTF-8 the emitter would refuse the whole document. */
	struct strbuf valid;
	strbuf_init(&valid, SIZE_MAX);
	for (size_t left = strlen(s), n; left; s += n, left -= n) {
		n = text_utf8_step(s, left);
		if (n)
			strbuf_addn(&valid, s, n);
		else
			strbuf_add(&valid, "\xef\xbf\xbd");
		n = n ? n : 1;
	}
	bool ok = !valid.overflow && valid.len <= INT32_MAX;
	ok = ok && emit(emitter, &event,
			yaml_scalar_event_initialize(&event, NULL, NULL, (const yaml_char_t *)valid.s, (int)valid.len,
						     style == YAML_ANY_SCALAR_STYLE || style == YAML_PLAIN_SCALAR_STYLE,
						     1, style));
	strbuf_finish(&valid);
	return ok;
}

static bool emit_text(yaml_emitter_t *emitter, const char *s)
{
	return emit_scalar(emitter, s, style_of(s));
}

static bool emit_value(yaml_emitter_t *emitter, const cJSON *v);

static bool emit_mapping(yaml_emitter_t *emitter, const cJSON *v)
{
	yaml_event_t event;
	yaml_mapping_style_t style = v->child ? YAML_BLOCK_MAPPING_STYLE : YAML_FLOW_MAPPING_STYLE;
	if (!emit(emitter, &event, yaml_mapping_start_event_initialize(&event, NULL, NULL, 1, style)))
		return false;
	for (const cJSON *member = v->child; member; member = member->next) {
		const char *key = member->string ? member->string : "";
		yaml_scalar_style_t key_style =
			yaml_must_quote(key) ? YAML_SINGLE_QUOTED_SCALAR_STYLE : YAML_ANY_SCALAR_STYLE;
		if (!emit_scalar(emitter, key, key_style) || !emit_value(emitter, member))
			return false;
	}
	return emit(emitter, &event, yaml_mapping_end_event_initialize(&event));
}

static bool emit_list(yaml_emitter_t *emitter, const cJSON *v)
{
	yaml_event_t event;
	yaml_sequence_style_t style = v->child ? YAML_BLOCK_SEQUENCE_STYLE : YAML_FLOW_SEQUENCE_STYLE;
	if (!emit(emitter, &event, yaml_sequence_start_event_initialize(&event, NULL, NULL, 1, style)))
		return false;
	for (const cJSON *element = v->child; element; element = element->next)
		if (!emit_value(emitter, element))
			return false;
	return emit(emitter, &event, yaml_sequence_end_event_initialize(&event));
}

static bool emit_value(yaml_emitter_t *emitter, const cJSON *v)
{
	char number[32];
	if (cJSON_IsObject(v))
		return emit_mapping(emitter, v);
	if (cJSON_IsArray(v))
		return emit_list(emitter, v);
	if (cJSON_IsString(v))
		return emit_text(emitter, v->valuestring);
	if (cJSON_IsNumber(v) && isfinite(v->valuedouble)) {
		text_from_double(v->valuedouble, number);
		return emit_scalar(emitter, number, YAML_PLAIN_SCALAR_STYLE);
	}
	const char *word = cJSON_IsTrue(v) ? "true" : cJSON_IsFalse(v) ? "false" : "null";
	return emit_scalar(emitter, word, YAML_PLAIN_SCALAR_STYLE);
}

static bool emit_stream(yaml_emitter_t *emitter, const cJSON *v)
{
	yaml_event_t event;
	return emit(emitter, &event, yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING)) &&
	       emit(emitter, &event, yaml_document_start_event_initialize(&event, NULL, NULL, NULL, 1)) &&
	       emit_value(emitter, v) && emit(emitter, &event, yaml_document_end_event_initialize(&event, 1)) &&
	       emit(emitter, &event, yaml_stream_end_event_initialize(&event));
}

char *yaml_print(const cJSON *v)
{
	yaml_emitter_t emitter;
	struct strbuf b;
	if (!yaml_emitter_initialize(&emitter))
		return NULL;
	strbuf_init(&b, SIZE_MAX);
	yaml_emitter_set_output(&emitter, write_text, &b);
	yaml_emitter_set_encoding(&emitter, YAML_UTF8_ENCODING);
	yaml_emitter_set_unicode(&emitter, 1);
	yaml_emitter_set_indent(&emitter, 2);
	yaml_emitter_set_width(&emitter, -1);
	if (!emit_stream(&emitter, v))
		b.overflow = true;
	yaml_emitter_delete(&emitter);
	return strbuf_take(&b);
}
