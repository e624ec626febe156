#pragma once
/* Proofs of DingTalk's HTTP callbacks: the robot's signature, and the encrypted envelope of events (dingtalk.md 12,
 * 14). Pure. */
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/* base64(HMAC-SHA256(key, message)) in constant time. */
bool dingapp_signature_good(const char *key, const char *message, const char *signature);
/* "TIMESTAMP\nSECRET" signed with SECRET, and the time within five minutes. It does not cover the body. */
MUST_CHECK enum result dingapp_robot_proof(const char *secret, const char *timestamp, const char *signature,
					   int64_t now_ms, struct error *e);

struct dingapp_envelope {
	const char *token, *aes_key; /* 43 characters */
	const char *owner;           /* the app's client id, or the organisation */
};
struct dingapp_seal { /* of the query */
	const char *signature, *timestamp, *nonce;
};
/* Checks the signature before anything is decrypted. *ret is malloc'ed. */
MUST_CHECK enum result dingapp_open_envelope(const struct dingapp_envelope *v, const struct dingapp_seal *seal,
					     const char *encrypted, char **ret, struct error *e);
/* The answer {"msg_signature","timeStamp","nonce","encrypt"}; random: 16 bytes; malloc'ed; NULL: no memory. */
char *dingapp_answer_envelope(const struct dingapp_envelope *v, const char *timestamp, const char *nonce,
			      const unsigned char random[16], const char *text);
