#pragma once
/* Structured log on stderr: logfmt on a terminal, JSON lines otherwise. An event is a stable, greppable word; the rest
 * is key=value. Control characters are escaped. No bodies, tokens, headers or message texts at any level. */
#include <stdbool.h>

#include "base/error.h"

/* error: a person must act; warn: degraded, going on; info: a person would tell a colleague; debug: off */
#define LOG_LEVELS(X) X(ERROR, "error") X(WARN, "warn") X(INFO, "info") X(DEBUG, "debug")
#define X(id, name) LOG_##id,
enum log_level { LOG_LEVELS(X) LOG_LEVEL_COUNT };
#undef X

/* To be called once, at start. format: "auto", "json", "logfmt". */
MUST_CHECK enum result log_setup(const char *level, const char *format, struct error *e);
enum log_level log_level(void);
/* Where lines go instead of stderr; for tests. NULL gives stderr back. Called on the thread that logs. */
void log_capture(void (*line)(void *owner, const char *text), void *owner);
/* Whose time lines carry; for tests. NULL gives the system's back. */
struct clock;
void log_clock(const struct clock *c);
/* A value that must never appear in a line: wherever it occurs it is printed as "***". Copied; shorter than 6 bytes is
 * refused silently, because it would censor ordinary words. Thread-safe after start only for reading. */
void log_redact(const char *secret);

/* A line that says the same as the one before it, within a minute, is counted instead of written; one line with
 * event=repeated tells the count when another line comes, when the minute is over, or here: to be called at exit. */
void log_flush(void);

/* fmt is "key=%s other=%d ...": values are quoted where needed by the logger. A value may contain blanks: everything up
 * to the next " word=" of the FORMAT belongs to it. Values are cut after 1 KiB. */
void log_event(enum log_level level, const char *event, const char *fmt, ...) PRINTF(3, 4);
#define log_error(event, ...) log_event(LOG_ERROR, event, __VA_ARGS__)
#define log_warn(event, ...) log_event(LOG_WARN, event, __VA_ARGS__)
#define log_info(event, ...) log_event(LOG_INFO, event, __VA_ARGS__)
#define log_debug(event, ...) log_event(LOG_DEBUG, event, __VA_ARGS__)
