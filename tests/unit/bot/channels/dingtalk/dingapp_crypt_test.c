#include "bot/channels/dingtalk/dingapp_crypt.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Round-tripped with the platform's own library. */
#define STAMP "1700000000000"
#define NONCE "n0nceABC"
#define ENCRYPTED "Q3stYC6hdFzMh9T8HCvyDLV8JeomtQuxZLosYEI28mjzSD5UpK2hp0QUc4H6M/N5Efc04kMwLU5mrJh4eHtanA=="
#define SEAL "079d1baa97457f05dd86bca5389cfc3d4180b431"

static const struct dingapp_envelope envelope = { "tok123", "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG",
						  "dingexample0001" };

static void test_vector(void **state)
{
	(void)state;
	char *text = NULL;
	struct error e;
	struct dingapp_seal seal = { SEAL, STAMP, NONCE };
	assert_int_equal(dingapp_open_envelope(&envelope, &seal, ENCRYPTED, &text, &e), RC_OK);
	assert_string_equal(text, "{\"EventType\":\"check_url\"}");
	free(text);
	text = dingapp_answer_envelope(&envelope, STAMP, NONCE, (const unsigned char *)"0123456789abcdef", "success");
	assert_string_equal(text,
			    "{\"msg_signature\":\"30d5f5c4083a9771aa9feb0430800b54daaf8864\",\"timeStamp\":\"" STAMP
			    "\",\"nonce\":\"" NONCE
			    "\",\"encrypt\":\"Q3stYC6hdFzMh9T8HCvyDOVqkB+rSNzcUvKpEE/mCfiQGXuOCDbXxd1p+lvNbE85ol0Z6YTc+"
			    "pRGoZZLwkIwag==\"}");
	free(text);
}

static const struct {
	const char *name;
	struct dingapp_envelope envelope;
	struct dingapp_seal seal;
	const char *encrypted, *error;
	enum result r;
} wrong[] = {
	{ "signature",
	  { "tok123", "a", "b" },
	  { "0000", STAMP, NONCE },
	  ENCRYPTED,
	  "the signature is wrong",
	  RC_REFUSED },
	{ "no signature",
	  { "tok123", "a", "b" },
	  { NULL, STAMP, NONCE },
	  ENCRYPTED,
	  "signature, timestamp or nonce is missing",
	  RC_REFUSED },
	{ "another time",
	  { "tok123", "a", "b" },
	  { SEAL, "1700000000001", NONCE },
	  ENCRYPTED,
	  "the signature is wrong",
	  RC_REFUSED },
	{ "another token",
	  { "tok124", "a", "b" },
	  { SEAL, STAMP, NONCE },
	  ENCRYPTED,
	  "the signature is wrong",
	  RC_REFUSED },
	{ "a key of another length",
	  { "tok123", "short", "dingexample0001" },
	  { SEAL, STAMP, NONCE },
	  ENCRYPTED,
	  "not a whole number of blocks, or the key is malformed",
	  RC_INVALID },
	{ "another owner",
	  { "tok123", "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG", "dingexample0002" },
	  { SEAL, STAMP, NONCE },
	  ENCRYPTED,
	  "it is for another app",
	  RC_REFUSED },
	{ "a longer owner",
	  { "tok123", "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG", "dingexample00010" },
	  { SEAL, STAMP, NONCE },
	  ENCRYPTED,
	  "it is for another app",
	  RC_REFUSED },
	{ "another key",
	  { "tok123", "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFx", "dingexample0001" },
	  { SEAL, STAMP, NONCE },
	  ENCRYPTED,
	  "the padding is wrong",
	  RC_INVALID },
};

static void test_wrong(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		char *text = NULL;
		struct error e = { .text = "" };
		enum result r =
			dingapp_open_envelope(&wrong[i].envelope, &wrong[i].seal, wrong[i].encrypted, &text, &e);
		if (r != wrong[i].r || strcmp(e.text, wrong[i].error) != 0 || text)
			fail_msg("%s: %s %s", wrong[i].name, result_name(r), e.text);
	}
}

static const struct {
	const char *name, *timestamp, *signature;
	int64_t now;
	const char *error;
} proofs[] = {
	{ "good", STAMP, "2HUtycZjDWK5vArSbK/gkYOGObiIonCy4ccDtX8JOE8=", 1700000000000, NULL },
	{ "old by five minutes", STAMP, "2HUtycZjDWK5vArSbK/gkYOGObiIonCy4ccDtX8JOE8=", 1700000300000, NULL },
	{ "older", STAMP, "2HUtycZjDWK5vArSbK/gkYOGObiIonCy4ccDtX8JOE8=", 1700000300001,
	  "timestamp is off by more than five minutes" },
	{ "from the future", STAMP, "2HUtycZjDWK5vArSbK/gkYOGObiIonCy4ccDtX8JOE8=", 1699999699999,
	  "timestamp is off by more than five minutes" },
	{ "changed", STAMP, "2HUtycZjDWK5vArSbK/gkYOGObiIonCy4ccDtX8JOE9=", 1700000000000, "sign is wrong" },
	{ "missing", STAMP, NULL, 1700000000000, "timestamp or sign is missing or malformed" },
	{ "time is no number", "now", "x", 1700000000000, "timestamp or sign is missing or malformed" },
	{ "time is negative", "-1", "x", 1700000000000, "timestamp or sign is missing or malformed" },
};

static void test_proofs(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof proofs / sizeof *proofs; i++) {
		struct error e = { .text = "" };
		enum result r = dingapp_robot_proof("exampleAppSecret0123456789", proofs[i].timestamp,
						    proofs[i].signature, proofs[i].now, &e);
		if (r != (proofs[i].error ? RC_REFUSED : RC_OK) ||
		    (proofs[i].error && strcmp(e.text, proofs[i].error) != 0))
			fail_msg("%s: %s", proofs[i].name, e.text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_vector), cmocka_unit_test(test_wrong),
					    cmocka_unit_test(test_proofs) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
