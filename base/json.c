#include "base/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

/* One step of a path, as written (with "\\." for a dot). */
struct step {
	const char *s;
	size_t len;
};

/* The first step of *path, which moves past it and becomes NULL after the last. */
static struct step next_step(const char **path)
{
	struct step step = { *path, 0 };
	const char *p = *path;
	for (; *p && *p != '.'; p++)
		if (*p == '\\' && p[1])
			p++;
	step.len = (size_t)(p - step.s);
	*path = *p ? p + 1 : NULL;
	return step;
}

static bool step_is(const struct step *step, const char *key)
{
	size_t i = 0;
	if (!key)
		return false;
	for (; i < step->len; i++, key++) {
		if (step->s[i] == '\\' && i + 1 < step->len)
			i++;
		if (*key != step->s[i]) /* also where key ends: a step holds no NUL */
			return false;
	}
	return !*key;
}

static char *step_key(const struct step *step)
{
	char *key = malloc(step->len + 1), *out = key;
	if (!key)
		return NULL;
	for (size_t i = 0; i < step->len; i++) {
		if (step->s[i] == '\\' && i + 1 < step->len)
			i++;
		*out++ = step->s[i];
	}
	*out = '\0';
	return key;
}

static cJSON *find_element(const cJSON *array, const struct step *step)
{
	size_t index = 0;
	if (step->len == 0 || step->len > 9)
		return NULL;
	for (size_t i = 0; i < step->len; i++) {
		if (step->s[i] < '0' || step->s[i] > '9')
			return NULL;
		index = index * 10 + (size_t)(step->s[i] - '0');
	}
	cJSON *element = array->child;
	while (element && index--)
		element = element->next;
	return element;
}

static cJSON *find_child(const cJSON *v, const struct step *step)
{
	if (cJSON_IsArray(v))
		return find_element(v, step);
	if (!cJSON_IsObject(v))
		return NULL;
	for (cJSON *member = v->child; member; member = member->next)
		if (step_is(step, member->string))
			return member;
	return NULL;
}

const cJSON *json_at(const cJSON *v, const char *path)
{
	if (text_empty(path))
		return v;
	while (v && path) {
		struct step step = next_step(&path);
		v = find_child(v, &step);
	}
	return v;
}

const char *json_text(const cJSON *v, const char *path, const char *otherwise)
{
	const cJSON *found = json_at(v, path);
	return cJSON_IsString(found) ? found->valuestring : otherwise;
}

double json_number(const cJSON *v, const char *path, double otherwise)
{
	const cJSON *found = json_at(v, path);
	return cJSON_IsNumber(found) ? found->valuedouble : otherwise;
}

int64_t json_int(const cJSON *v, const char *path, int64_t otherwise)
{
	const double most = 9007199254740992.0; /* 2^53: beyond it a double may be another integer than was written */
	double number = json_number(v, path, NAN);
	if (!(fabs(number) <= most) || number != trunc(number))
		return otherwise;
	return (int64_t)number;
}

bool json_bool(const cJSON *v, const char *path, bool otherwise)
{
	const cJSON *found = json_at(v, path);
	return cJSON_IsBool(found) ? cJSON_IsTrue(found) : otherwise;
}

/* Takes value over, also on failure. */
static bool add_member(cJSON *object, const struct step *step, cJSON *value)
{
	CLEANUP(free_p) char *key = step_key(step);
	if (key && cJSON_AddItemToObject(object, key, value))
		return true;
	cJSON_Delete(value);
	return false;
}

/* The object at a step of v, made when it is missing; NULL: no memory or not an object. */
static cJSON *enter(cJSON *v, const struct step *step)
{
	cJSON *child = find_child(v, step);
	if (cJSON_IsNull(child)) /* "annotations: null" is as good as none */
		child->type = (child->type & ~cJSON_NULL) | cJSON_Object;
	if (child)
		return cJSON_IsObject(child) || cJSON_IsArray(child) ? child : NULL;
	if (!cJSON_IsObject(v))
		return NULL;
	child = cJSON_CreateObject();
	return child && add_member(v, step, child) ? child : NULL;
}

bool json_put(cJSON *v, const char *path, cJSON *value)
{
	CLEANUP(json_delete_p) cJSON *held = value;
	if (!v || !value || text_empty(path))
		return false;
	struct step step = next_step(&path);
	while (path) {
		v = enter(v, &step);
		if (!v)
			return false;
		step = next_step(&path);
	}
	cJSON *old = find_child(v, &step);
	if (!old)
		return cJSON_IsObject(v) && add_member(v, &step, TAKE(held));
	if (cJSON_IsObject(v)) {
		CLEANUP(free_p) char *key = step_key(&step);
		return key && cJSON_ReplaceItemInObjectCaseSensitive(v, key, TAKE(held));
	}
	return cJSON_ReplaceItemViaPointer(v, old, TAKE(held));
}

bool json_append(cJSON *list, cJSON *item)
{
	if (item && cJSON_AddItemToArray(list, item))
		return true;
	cJSON_Delete(item);
	return false;
}

bool json_put_text(cJSON *v, const char *path, const char *value)
{
	return json_put(v, path, cJSON_CreateString(value));
}

bool json_put_int(cJSON *v, const char *path, int64_t value)
{
	return json_put(v, path, cJSON_CreateNumber((double)value));
}

void json_remove(cJSON *v, const char *path)
{
	if (!v || text_empty(path))
		return;
	struct step step = next_step(&path);
	while (path) {
		v = find_child(v, &step);
		if (!v)
			return;
		step = next_step(&path);
	}
	cJSON *found = find_child(v, &step);
	if (found)
		cJSON_Delete(cJSON_DetachItemViaPointer(v, found));
}

static bool equal_objects(const cJSON *a, const cJSON *b)
{
	int in_a = 0, in_b = 0;
	for (const cJSON *m = a->child; m; m = m->next, in_a++) {
		const cJSON *other = cJSON_GetObjectItemCaseSensitive(b, m->string);
		if (!other || !json_equal(m, other))
			return false;
	}
	for (const cJSON *m = b->child; m; m = m->next)
		in_b++;
	return in_a == in_b;
}

bool json_equal(const cJSON *a, const cJSON *b)
{
	if (!a || !b || cJSON_IsNull(a) || cJSON_IsNull(b))
		return (!a || cJSON_IsNull(a)) && (!b || cJSON_IsNull(b));
	if ((a->type & 0xff) != (b->type & 0xff)) /* above are flags of ownership */
		return false;
	if (cJSON_IsObject(a))
		return equal_objects(a, b);
	if (cJSON_IsNumber(a))
		return a->valuedouble == b->valuedouble;
	if (cJSON_IsString(a) || cJSON_IsRaw(a))
		return text_eq(a->valuestring, b->valuestring);
	const cJSON *x = a->child, *y = b->child;
	while (x && y && json_equal(x, y)) {
		x = x->next;
		y = y->next;
	}
	return !x && !y;
}
