#pragma once
/* What DingTalk's errors mean, and what a person should do (dingtalk.md 3, 7, 15, 19). Pure. */
#include <stdint.h>

enum dingapp_trouble {
	DINGAPP_FINE,
	DINGAPP_TOKEN_DEAD, /* a new token may help */
	DINGAPP_CREDENTIAL, /* key or secret is wrong */
	DINGAPP_SETUP,      /* a permission, a release, a switch is missing */
	DINGAPP_SLOW,       /* too many calls */
	DINGAPP_PLACE,      /* this destination will never get it */
	DINGAPP_CONTENT,    /* this content will never be taken */
	DINGAPP_GONE,       /* no such card */
	DINGAPP_REPEATED,   /* a card of this id is there already */
	DINGAPP_REFUSED,    /* any other no */
	DINGAPP_UNKNOWN     /* nobody can tell whether it happened */
};
struct dingapp_meaning {
	enum dingapp_trouble trouble;
	const char *remedy;     /* "" none */
	int64_t retry_after_ms; /* -1: not said */
};
/* Of the new API: the code of an answer that is not 2xx. */
struct dingapp_meaning dingapp_meaning_of(int status, const char *code);
/* Of the old one: errcode, and sub_code (0 none). */
struct dingapp_meaning dingapp_old_meaning_of(int64_t errcode, int64_t sub_code);
