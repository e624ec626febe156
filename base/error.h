#pragma once
/* Results and errors. An error is a value on the caller's stack: making one cannot fail and needs no free.
 * The callee says what happened, each caller adds where, only the top logs or answers. */

#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF(fmt, first) __attribute__((format(printf, fmt, first)))

/* RC_ and not R_, because <unistd.h> owns R_OK.
 * invalid: the input is wrong, do not retry; refused: policy or right says no; conflict: it changed under us,
 * read again; not_found: no such object; unreachable: retry with backoff; exhausted: a limit of ours (memory, disk) */
#define RESULTS(X) X(OK) X(INVALID) X(REFUSED) X(CONFLICT) X(NOT_FOUND) X(UNREACHABLE) X(EXHAUSTED)
#define X(id) RC_##id,
enum result { RESULTS(X) RC_COUNT };
#undef X

struct error {
	enum result code;
	char text[512]; /* outermost context first, cut at the end if too long */
};

/* "OK", "INVALID", ... */
const char *result_name(enum result r);
/* Fills e (NULL allowed) and returns code, so that failing is one statement. code must not be RC_OK. */
enum result error_set(struct error *e, enum result code, const char *fmt, ...) PRINTF(3, 4);
/* Puts "context: " in front of what e says (NULL allowed) and returns code. */
enum result error_in(struct error *e, enum result code, const char *fmt, ...) PRINTF(3, 4);
