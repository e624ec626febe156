#pragma once
/* The queries of request-success-rate and request-duration, one dialect a traffic provider (flagger-interfaces.md 3.3).
 */
struct builtin_query {
	const char *provider, *metric;
	double scale; /* of the answer to percent or milliseconds */
	const char *query;
};
const struct builtin_query *builtin_find(const char *provider, const char *metric); /* NULL: no such metric */
