#pragma once
/* A certificate authority that lives as long as a test: signs certificates for 127.0.0.1 and gives PEM texts. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <cmocka.h>

struct tls_identity {
	EVP_PKEY *key;
	X509 *certificate;
	char *cert_pem, *key_pem;
};

static inline char *tls_pem(const struct tls_identity *id, bool key)
{
	BIO *out = BIO_new(BIO_s_mem());
	char *bytes = NULL;
	assert_non_null(out);
	assert_int_equal(key ? PEM_write_bio_PrivateKey(out, id->key, NULL, NULL, 0, NULL, NULL)
			     : PEM_write_bio_X509(out, id->certificate),
			 1);
	long len = BIO_get_mem_data(out, &bytes);
	char *text = strndup(bytes, (size_t)len);
	assert_non_null(text);
	BIO_free(out);
	return text;
}

static inline void tls_extend(X509 *certificate, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509V3_set_ctx(&ctx, issuer, certificate, NULL, NULL, 0);
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	assert_non_null(extension);
	assert_int_equal(X509_add_ext(certificate, extension, -1), 1);
	X509_EXTENSION_free(extension);
}

/* issuer NULL: an authority that signs itself. */
static inline struct tls_identity tls_create(const char *name, const struct tls_identity *issuer)
{
	static long serial = 1;
	struct tls_identity id = { .key = EVP_EC_gen("P-256"), .certificate = X509_new() };
	X509 *c = id.certificate;
	assert_true(id.key && c);
	assert_int_equal(X509_set_version(c, 2), 1);
	assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(c), serial++), 1);
	X509_gmtime_adj(X509_getm_notBefore(c), -3600);
	X509_gmtime_adj(X509_getm_notAfter(c), 24L * 3600);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(c), "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1,
				   0);
	assert_int_equal(X509_set_issuer_name(c, X509_get_subject_name(issuer ? issuer->certificate : c)), 1);
	assert_int_equal(X509_set_pubkey(c, id.key), 1);
	tls_extend(c, issuer ? issuer->certificate : c, NID_basic_constraints,
		   issuer ? "CA:FALSE" : "critical,CA:TRUE");
	tls_extend(c, issuer ? issuer->certificate : c, NID_subject_alt_name, "IP:127.0.0.1");
	assert_true(X509_sign(c, issuer ? issuer->key : id.key, EVP_sha256()) > 0);
	id.cert_pem = tls_pem(&id, false);
	id.key_pem = tls_pem(&id, true);
	return id;
}

static inline void tls_free(struct tls_identity *id)
{
	X509_free(id->certificate);
	EVP_PKEY_free(id->key);
	free(id->cert_pem);
	free(id->key_pem);
}

static inline void tls_save(const char *folder, const char *name, const char *text)
{
	char path[256];
	(void)snprintf(path, sizeof path, "%s/%s", folder, name);
	FILE *out = fopen(path, "w");
	assert_non_null(out);
	assert_true(fputs(text, out) >= 0);
	assert_int_equal(fclose(out), 0);
}
