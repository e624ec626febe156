#include <stdio.h>
#include <string.h>

#include "base/http_server_private.h"

#define STATUSES(X)                                                                                                    \
	X(200, "OK")                                                                                                   \
	X(201, "Created")                                                                                              \
	X(202, "Accepted")                                                                                             \
	X(204, "No Content")                                                                                           \
	X(301, "Moved Permanently")                                                                                    \
	X(302, "Found")                                                                                                \
	X(303, "See Other")                                                                                            \
	X(304, "Not Modified")                                                                                         \
	X(307, "Temporary Redirect")                                                                                   \
	X(308, "Permanent Redirect")                                                                                   \
	X(400, "Bad Request")                                                                                          \
	X(401, "Unauthorized")                                                                                         \
	X(403, "Forbidden")                                                                                            \
	X(404, "Not Found")                                                                                            \
	X(405, "Method Not Allowed")                                                                                   \
	X(406, "Not Acceptable")                                                                                       \
	X(408, "Request Timeout")                                                                                      \
	X(409, "Conflict")                                                                                             \
	X(410, "Gone")                                                                                                 \
	X(411, "Length Required")                                                                                      \
	X(412, "Precondition Failed")                                                                                  \
	X(413, "Content Too Large")                                                                                    \
	X(414, "URI Too Long")                                                                                         \
	X(415, "Unsupported Media Type")                                                                               \
	X(417, "Expectation Failed")                                                                                   \
	X(422, "Unprocessable Content")                                                                                \
	X(429, "Too Many Requests")                                                                                    \
	X(431, "Request Header Fields Too Large")                                                                      \
	X(500, "Internal Server Error")                                                                                \
	X(501, "Not Implemented")                                                                                      \
	X(502, "Bad Gateway")                                                                                          \
	X(503, "Service Unavailable")                                                                                  \
	X(504, "Gateway Timeout")                                                                                      \
	X(505, "HTTP Version Not Supported")                                                                           \
	X(507, "Insufficient Storage")

static const char *status_text(int status)
{
	switch (status) {
#define X(code, text)                                                                                                  \
	case code:                                                                                                     \
		return text;
		STATUSES(X)
#undef X
	default:
		return "Status"; /* the number is what counts; the phrase may be anything */
	}
}

/* Days since 1970-01-01 to a date of the Gregorian calendar: years start in March, so that the leap day is their last
 * and a month's start is a linear formula. */
static void civil_date(int64_t days, int *year, int *month, int *day)
{
	days += 719468; /* 0000-03-01 */
	int64_t era = days / 146097, of_era = days % 146097;
	int64_t year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	int64_t of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	int64_t shifted = (5 * of_year + 2) / 153;
	*day = (int)(of_year - (153 * shifted + 2) / 5 + 1);
	*month = (int)(shifted < 10 ? shifted + 3 : shifted - 9);
	*year = (int)(year_of_era + era * 400 + (*month <= 2));
}

void http_date_print(struct wall_ms t, char ret[64])
{
	static const char days[] = "ThuFriSatSunMonTueWed"; /* 1970-01-01 was a Thursday */
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	int64_t s = t.v > 0 ? t.v / 1000 : 0;
	int year, month, day, of_day = (int)(s % 86400);
	civil_date(s / 86400, &year, &month, &day);
	(void)snprintf(ret, 64, "Date: %.3s, %02d %.3s %04d %02d:%02d:%02d GMT\r\n", days + s / 86400 % 7 * 3, day,
		       months + (month - 1) * 3, year % 10000, of_day / 3600, of_day / 60 % 60, of_day % 60);
}

static const char *date_line(struct http_server *s)
{
	struct wall_ms now = loop_wall(s->loop);
	if (s->date_s != now.v / 1000 || !*s->date) {
		s->date_s = now.v / 1000;
		http_date_print(now, s->date);
	}
	return s->date;
}

/* A value that came from a peer must not end its header and start another. */
bool http_headers_ok(const char *const *headers)
{
	for (; headers && *headers; headers++)
		for (const char *s = *headers; *s; s++)
			if (((unsigned char)*s < 0x20 && *s != '\t') || *s == 0x7f)
				return false;
	return true;
}

void http_answer_print(struct http_server *s, const struct http_answer *a)
{
	struct strbuf *b = &s->out;
	strbuf_clear(b);
	strbuf_addf(b, "HTTP/1.1 %d %s\r\n", a->status, status_text(a->status));
	strbuf_add(b, date_line(s));
	if (a->content_type)
		strbuf_addf(b, "Content-Type: %s\r\n", a->content_type);
	/* RFC 9110 8.6: 204 has no length, and that of 304 would be the length of what was not sent */
	if (a->length >= 0 && a->status != 204 && a->status != 304)
		strbuf_addf(b, "Content-Length: %lld\r\n", (long long)a->length);
	for (const char *const *h = a->headers; h && *h; h++)
		strbuf_addf(b, "%s\r\n", *h);
	strbuf_add(b, a->keep_alive ? "Connection: keep-alive\r\n\r\n" : "Connection: close\r\n\r\n");
}

void http_error_print(struct strbuf *out, const char *error, const char *hint)
{
	strbuf_add(out, "{\"error\":");
	strbuf_add_json(out, error);
	if (hint) {
		strbuf_add(out, ",\"hint\":");
		strbuf_add_json(out, hint);
	}
	strbuf_add(out, "}\n");
}
