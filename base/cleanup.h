#pragma once
/* The only macros with hidden control flow in the project. TAKE hands a pointer over: the variable becomes NULL
 * and its cleanup does nothing. */
#include <stdlib.h>

#define CLEANUP(fn) __attribute__((cleanup(fn)))
#define DEFINE_CLEANUP(type, destroy)                                                                                  \
	static inline void destroy##_p(type **p)                                                                       \
	{                                                                                                              \
		destroy(*p);                                                                                           \
	}
#define TAKE(p)                                                                                                        \
	({                                                                                                             \
		__typeof__(p) taken_ = (p);                                                                            \
		(p) = NULL;                                                                                            \
		taken_;                                                                                                \
	})

static inline void free_p(void *p)
{
	free(*(void **)p);
}
