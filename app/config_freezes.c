/* The freezes of the configuration, as the approvals want them. */
#include "app/config_keys.h"
#include "base/json.h"
#include "base/text.h"
#include "base/yaml.h"

static const cJSON *place_of(const struct config_reader *r, const char *name, const char *key)
{
	const cJSON *all = r->doc ? cJSON_GetObjectItemCaseSensitive(yaml_root(r->doc), "freezes") : NULL;
	const cJSON *one = cJSON_GetObjectItemCaseSensitive(all, name);
	const cJSON *at = key ? cJSON_GetObjectItemCaseSensitive(one, key) : NULL;
	return at ? at : one;
}

static const char *path_of(struct config_reader *r, const char *name, const char *key)
{
	const char *p = arena_printf(r->arena, "freezes.%s%s%s", name, key ? "." : "", key ? key : "");
	r->exhausted = r->exhausted || !p;
	return p ? p : "";
}

static void found(struct config_reader *r, const char *name, const char *key, const char *text)
{
	config_finding(r, place_of(r, name, key), false, path_of(r, name, key), "%s", text);
}

static void read_days(const struct config_freeze *w, struct freeze *f)
{
	for (const char *const *d = w->days; d && *d; d++)
		f->days |= 1u << freeze_day(*d);
}

static void read_dates(struct config_reader *r, const struct config_freeze *w, struct freeze *f)
{
	size_t n = 0, kept = 0;
	struct error why;
	while (w->dates && w->dates[n])
		n++;
	struct freeze_dates *list = n ? arena_alloc(r->arena, n, sizeof *list) : NULL;
	r->exhausted = r->exhausted || (n && !list);
	for (size_t i = 0; list && i < n; i++) {
		if (freeze_parse_dates(w->dates[i], &list[kept], &why) == RC_OK)
			kept++;
		else
			config_finding(r, cJSON_GetArrayItem(place_of(r, w->name, "dates"), (int)i), false,
				       path_of(r, w->name, "dates"), "%s", why.text);
	}
	f->dates = list;
	f->date_count = kept;
}

static void read_hours(struct config_reader *r, const struct config_freeze *w, struct freeze *f)
{
	struct error why;
	if (!w->from != !w->to) {
		found(r, w->name, w->from ? "from" : "to", "needs both from and to");
		return;
	}
	if (w->from && freeze_parse_hour(w->from, &f->from_minute, &why) != RC_OK)
		found(r, w->name, "from", why.text);
	if (w->to && freeze_parse_hour(w->to, &f->to_minute, &why) != RC_OK)
		found(r, w->name, "to", why.text);
	if (w->from && w->to && text_eq(w->from, w->to))
		found(r, w->name, "to", "is the same as from: leave both out for the whole day");
}

static struct freeze freeze_of(struct config_reader *r, const struct config_freeze *w)
{
	struct error why;
	struct freeze f = { .name = w->name, .by = w->by };
	read_days(w, &f);
	read_dates(r, w, &f);
	read_hours(r, w, &f);
	if (w->utc_offset && freeze_parse_offset(w->utc_offset, &f.offset_minutes, &why) != RC_OK)
		found(r, w->name, "utc_offset", why.text);
	return f;
}

void config_freezes(struct config_reader *r, struct config *c)
{
	size_t n = 0;
	while (c->freezes_written && c->freezes_written[n].name)
		n++;
	struct freeze *list = arena_alloc(r->arena, n + 1, sizeof *list);
	r->exhausted = r->exhausted || !list;
	for (size_t i = 0; list && i < n; i++)
		list[i] = freeze_of(r, &c->freezes_written[i]);
	c->freezes = list;
}

bool config_has_freeze(const struct config *c, const char *name)
{
	for (const struct config_freeze *f = c->freezes_written; f && f->name; f++)
		if (text_eq(f->name, name))
			return true;
	return text_eq(name, FREEZE_EVERYTHING);
}
