#include "base/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/strbuf.h"
#include "base/text.h"

enum {
	SECRET_MIN = 6,
	VALUE_MAX = 1024,
	TEXT_MAX = 1024 * 1024, /* all values of an event before they are cut */
	LINE_MAX_BYTES = 64 * 1024,
	REPEAT_MS = 60000,
};

#define X(id, name) [LOG_##id] = name,
static const char *const level_names[LOG_LEVEL_COUNT + 1] = { LOG_LEVELS(X) };
#undef X

/* The only state of the program that is not in struct app. */
static struct {
	enum log_level level;
	bool json;
	const struct clock *clock; /* NULL: the system's */
	void (*capture)(void *owner, const char *text);
	void *owner;
	char **secrets; /* owned */
	size_t secret_count;

	pthread_mutex_t lock; /* of what follows */
	char *last;           /* owned: the last line without its time */
	char last_event[64];
	enum log_level last_level;
	struct mono_ms last_at;
	unsigned long repeats;
} log_state = { .level = LOG_INFO, .lock = PTHREAD_MUTEX_INITIALIZER };

static enum result unknown(const char *what, const char *value, const char *const *known, struct error *e)
{
	char shown[TEXT_SHOWN];
	struct strbuf list;
	strbuf_init(&list, 100);
	for (size_t i = 0; known[i]; i++)
		strbuf_addf(&list, "%s%s", i ? ", " : "", known[i]);
	const char *nearest = text_nearest(value, known);
	(void)error_set(e, RC_INVALID, "unknown %s \"%s\" (%s)%s%s%s", what, text_show(value, strlen(value), shown),
			list.s, nearest ? ", did you mean \"" : "", nearest ? nearest : "", nearest ? "\"?" : "");
	strbuf_finish(&list);
	return RC_INVALID;
}

enum result log_setup(const char *level, const char *format, struct error *e)
{
	static const char *const formats[] = { "auto", "json", "logfmt", NULL };
	size_t l = 0, f = 0;
	while (level_names[l] && !text_eq(level_names[l], level))
		l++;
	while (formats[f] && !text_eq(formats[f], format))
		f++;
	if (!level_names[l])
		return unknown("log level", level ? level : "", level_names, e);
	if (!formats[f])
		return unknown("log format", format ? format : "", formats, e);
	log_state.level = (enum log_level)l;
	log_state.json = f == 1 || (f == 0 && !isatty(STDERR_FILENO));
	return RC_OK;
}

enum log_level log_level(void)
{
	return log_state.level;
}

void log_capture(void (*line)(void *owner, const char *text), void *owner)
{
	log_state.capture = line;
	log_state.owner = owner;
}

void log_clock(const struct clock *c)
{
	log_state.clock = c;
}

void log_redact(const char *secret)
{
	if (!secret || strlen(secret) < SECRET_MIN)
		return;
	for (size_t i = 0; i < log_state.secret_count; i++)
		if (text_eq(log_state.secrets[i], secret))
			return;
	char **secrets = reallocarray(log_state.secrets, log_state.secret_count + 1, sizeof *secrets);
	if (!secrets)
		return;
	log_state.secrets = secrets;
	secrets[log_state.secret_count] = strdup(secret);
	log_state.secret_count += secrets[log_state.secret_count] != NULL;
}

/* Length of the longest secret that s starts with. */
static size_t secret_at(const char *s, size_t len)
{
	size_t longest = 0;
	for (size_t i = 0; i < log_state.secret_count; i++) {
		size_t n = strlen(log_state.secrets[i]);
		if (n > longest && n <= len && memcmp(s, log_state.secrets[i], n) == 0)
			longest = n;
	}
	return longest;
}

/* Copies a value; what any secret covers, also two that overlap, becomes one "***". */
static void add_redacted(struct strbuf *b, const char *s, size_t len)
{
	for (size_t i = 0; i < len;) {
		size_t end = i + secret_at(s + i, len - i);
		if (end == i) {
			strbuf_addc(b, s[i++]);
			continue;
		}
		for (; i < end; i++) {
			size_t other = i + secret_at(s + i, len - i);
			end = other > end ? other : end;
		}
		strbuf_add(b, "***");
	}
}

static void cut(struct strbuf *b)
{
	if (b->len <= VALUE_MAX)
		return;
	size_t n = VALUE_MAX;
	while (n && ((unsigned char)b->s[n] & 0xc0) == 0x80)
		n--;
	b->s[n] = '\0';
	b->len = n;
	strbuf_add(b, "...");
}

static bool needs_quotes(const char *s)
{
	if (!*s)
		return true;
	for (; *s; s++)
		if ((unsigned char)*s <= 0x20 || (unsigned char)*s >= 0x7f || strchr("\"=\\", *s))
			return true;
	return false;
}

/* A field of the format: "key=" and the format of its value. */
struct field {
	const char *key;
	size_t key_len;
	const char *value, *end;
};

static size_t key_length(const char *s)
{
	size_t n = 0;
	while ((s[n] >= 'a' && s[n] <= 'z') || (s[n] >= 'A' && s[n] <= 'Z') || s[n] == '_' ||
	       (n && s[n] >= '0' && s[n] <= '9'))
		n++;
	return n && s[n] == '=' ? n : 0;
}

/* The field that starts at *fmt, which moves to the next one, or to the end. */
static struct field next_field(const char **fmt)
{
	struct field f = { .key = *fmt, .key_len = key_length(*fmt) };
	if (f.key_len) {
		f.value = f.key + f.key_len + 1;
	} else {
		f.key = "message";
		f.key_len = strlen(f.key);
		f.value = *fmt;
	}
	const char *p = f.value;
	while (*p && !(*p == ' ' && key_length(p + 1)))
		p++;
	f.end = p;
	*fmt = *p ? p + 1 : p;
	return f;
}

/* Where in the printed text the first len bytes of the format end: by printing only them. */
static size_t printed_length(const char *fmt, size_t len, va_list ap)
{
	char *prefix = strndup(fmt, len);
	if (!prefix)
		return 0;
	va_list again;
	va_copy(again, ap);
	int n = vsnprintf(NULL, 0, prefix, again);
	va_end(again);
	free(prefix);
	return n > 0 ? (size_t)n : 0;
}

/* Whether a value is a number is decided by its format, so that a key has one type in every line. */
static bool is_number(const struct field *f, const char *value)
{
	size_t len = (size_t)(f->end - f->value);
	return len >= 2 && f->value[0] == '%' && strchr("diufg", f->end[-1]) && !memchr(f->value + 1, '%', len - 1) &&
	       !memchr(f->value, ' ', len) && text_is_decimal(value);
}

static void add_field(struct strbuf *line, const struct field *f, const char *value)
{
	static const char *const taken[] = { "time", "level", "event", NULL };
	char key[64];
	snprintf(key, sizeof key, "%.*s", (int)(f->key_len < 60 ? f->key_len : 60), f->key);
	for (size_t i = 0; taken[i]; i++)
		if (text_eq(key, taken[i]))
			snprintf(key, sizeof key, "%s_", taken[i]);
	if (log_state.json) {
		strbuf_addf(line, ",\"%s\":", key);
		if (is_number(f, value))
			strbuf_add(line, value);
		else
			strbuf_add_json(line, value);
		return;
	}
	strbuf_addf(line, " %s=", key);
	if (needs_quotes(value))
		strbuf_add_json(line, value);
	else
		strbuf_add(line, value);
}

static void add_fields(struct strbuf *line, const char *fmt, const char *text, va_list ap)
{
	size_t len = strlen(text);
	for (const char *at = fmt; *at;) {
		struct field f = next_field(&at);
		size_t start = printed_length(fmt, (size_t)(f.value - fmt), ap);
		size_t end = printed_length(fmt, (size_t)(f.end - fmt), ap);
		if (end > len || start > end)
			continue; /* only without memory */
		struct strbuf value;
		strbuf_init(&value, TEXT_MAX + 16);
		add_redacted(&value, text + start, end - start);
		cut(&value);
		add_field(line, &f, value.s);
		strbuf_finish(&value);
	}
}

/* "level=warn event=gate_unreachable ...", or the same as the inside of a JSON object. */
static void add_body(struct strbuf *b, enum log_level level, const char *event)
{
	if (log_state.json)
		strbuf_addf(b, "\"level\":\"%s\",\"event\":\"%s\"", level_names[level], event);
	else
		strbuf_addf(b, "level=%s event=%s", level_names[level], event);
}

static const struct clock *now(void)
{
	return log_state.clock ? log_state.clock : clock_system();
}

static void write_line(const char *body)
{
	char time[32];
	struct strbuf line;
	wall_print_ms(now()->wall(now()), time);
	strbuf_init(&line, LINE_MAX_BYTES + 100);
	strbuf_addf(&line, log_state.json ? "{\"time\":\"%s\",%s}" : "time=%s %s", time, body);
	if (log_state.capture) {
		log_state.capture(log_state.owner, line.s);
	} else {
		strbuf_addc(&line, '\n');
		size_t done = 0;
		while (done < line.len) { /* one write a line, so that lines of threads do not mix */
			ssize_t n = write(STDERR_FILENO, line.s + done, line.len - done);
			if (n < 0 && errno != EINTR)
				break; /* there is nobody to tell */
			done += n > 0 ? (size_t)n : 0;
		}
	}
	strbuf_finish(&line);
}

/* The line that tells the pending count; "" when there is none. The lock is held. */
static void take_summary(struct strbuf *b)
{
	if (!log_state.repeats)
		return;
	add_body(b, log_state.last_level, "repeated");
	if (log_state.json)
		strbuf_addf(b, ",\"of\":\"%s\",\"count\":%lu", log_state.last_event, log_state.repeats);
	else
		strbuf_addf(b, " of=%s count=%lu", log_state.last_event, log_state.repeats);
	log_state.repeats = 0;
}

/* true: body was said a moment ago and is only counted. Else it is remembered, and summary tells what was counted. */
static bool is_repeat(enum log_level level, const char *event, const char *body, struct strbuf *summary)
{
	struct mono_ms at = now()->mono(now());
	pthread_mutex_lock(&log_state.lock);
	bool repeat = text_eq(log_state.last, body) && log_state.last && at.v - log_state.last_at.v < REPEAT_MS;
	if (repeat) {
		log_state.repeats++;
	} else {
		take_summary(summary);
		free(log_state.last);
		log_state.last = strdup(body);
		log_state.last_level = level;
		log_state.last_at = at;
		snprintf(log_state.last_event, sizeof log_state.last_event, "%s", event);
	}
	pthread_mutex_unlock(&log_state.lock);
	return repeat;
}

void log_flush(void)
{
	struct strbuf summary;
	strbuf_init(&summary, 1000);
	pthread_mutex_lock(&log_state.lock);
	take_summary(&summary);
	free(TAKE(log_state.last));
	pthread_mutex_unlock(&log_state.lock);
	if (summary.len)
		write_line(summary.s);
	strbuf_finish(&summary);
}

static void write_event(enum log_level level, const char *event, const char *body)
{
	struct strbuf summary;
	strbuf_init(&summary, 1000);
	bool repeat = is_repeat(level, event, body, &summary);
	if (summary.len)
		write_line(summary.s);
	strbuf_finish(&summary);
	if (!repeat)
		write_line(body);
}

void log_event(enum log_level level, const char *event, const char *fmt, ...)
{
	if (level > log_state.level)
		return;
	int before = errno; /* logging must not change what the caller looks at next */
	va_list ap, again;
	va_start(ap, fmt);
	va_copy(again, ap);
	char *text = NULL;
	int len = vasprintf(&text, fmt, again);
	va_end(again);
	struct strbuf body;
	strbuf_init(&body, LINE_MAX_BYTES);
	add_body(&body, level, event);
	if (len >= 0 && len <= TEXT_MAX)
		add_fields(&body, fmt, text, ap);
	if (len < 0 || len > TEXT_MAX || body.overflow) {
		strbuf_clear(&body);
		add_body(&body, level, event);
		strbuf_add(&body, log_state.json ? ",\"values\":\"dropped\"" : " values=dropped");
	}
	va_end(ap);
	if (len >= 0)
		free(text);
	write_event(level, event, body.s);
	strbuf_finish(&body);
	errno = before;
}
