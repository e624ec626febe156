#include <errno.h>
#include <limits.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "base/http_server_private.h"

struct http_tls {
	SSL *ssl;      /* owned; owns the two below */
	BIO *in, *out; /* what came from the network, what goes there */
};

/* Without it OpenSSL would ask on the terminal and block. */
static int no_password(char *buf, int size, int writing, void *unused)
{
	(void)buf;
	(void)size;
	(void)writing;
	(void)unused;
	return 0;
}

static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_len, const unsigned char *in,
			   unsigned in_len, void *unused)
{
	(void)ssl;
	(void)unused;
	static const unsigned char ours[] = "\x08http/1.1";
	unsigned char *chosen;
	if (SSL_select_next_proto(&chosen, out_len, ours, sizeof ours - 1, in, in_len) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_NOACK;
	*out = chosen;
	return SSL_TLSEXT_ERR_OK;
}

static enum result tls_error(struct error *e, const char *what, const char *file)
{
	unsigned long code = ERR_peek_error();
	/* 3.0 keeps errno in place of a reason when a file cannot be opened */
	const char *why =
		ERR_SYSTEM_ERROR(code) ? strerrordesc_np(ERR_GET_REASON(code)) : ERR_reason_error_string(code);
	ERR_clear_error();
	return error_set(e, RC_INVALID, "cannot load the %s %s: %s", what, file, why ? why : "unknown reason");
}

enum result http_tls_load(const char *cert_file, const char *key_file, struct ssl_ctx_st **ret, struct error *e)
{
	ERR_clear_error();
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	if (!ctx)
		return error_set(e, RC_EXHAUSTED, "no memory for TLS");
	SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE |
					 SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_default_passwd_cb(ctx, no_password);
	SSL_CTX_set_alpn_select_cb(ctx, choose_protocol, NULL);
	enum result r = RC_OK;
	if (SSL_CTX_use_certificate_chain_file(ctx, cert_file) != 1)
		r = tls_error(e, "certificate", cert_file);
	else if (SSL_CTX_use_PrivateKey_file(ctx, key_file, SSL_FILETYPE_PEM) != 1)
		r = tls_error(e, "key", key_file);
	else if (SSL_CTX_check_private_key(ctx) != 1)
		r = tls_error(e, "key", key_file);
	if (r != RC_OK) {
		SSL_CTX_free(ctx);
		return r;
	}
	*ret = ctx;
	return RC_OK;
}

void http_tls_unload(struct ssl_ctx_st *ctx)
{
	SSL_CTX_free(ctx);
}

struct http_tls *http_tls_create(struct ssl_ctx_st *ctx)
{
	struct http_tls *t = calloc(1, sizeof *t);
	BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
	SSL *ssl = SSL_new(ctx);
	if (!t || !in || !out || !ssl) {
		SSL_free(ssl);
		BIO_free(out);
		BIO_free(in);
		free(t);
		return NULL;
	}
	BIO_set_mem_eof_return(in, -1);
	SSL_set_bio(ssl, in, out);
	SSL_set_accept_state(ssl);
	*t = (struct http_tls){ ssl, in, out };
	return t;
}

void http_tls_destroy(struct http_tls *t)
{
	if (!t)
		return;
	SSL_free(t->ssl);
	free(t);
}

bool http_tls_feed(struct http_tls *t, const char *bytes, size_t len)
{
	size_t written;
	return BIO_write_ex(t->in, bytes, len, &written) == 1 && written == len;
}

size_t http_tls_output(struct http_tls *t, const char **ret)
{
	char *bytes;
	long len = BIO_get_mem_data(t->out, &bytes);
	*ret = bytes;
	return len > 0 ? (size_t)len : 0;
}

void http_tls_output_taken(struct http_tls *t)
{
	(void)BIO_reset(t->out);
}

static int verdict(struct http_tls *t, int r)
{
	if (r == 1)
		return 1;
	int why = SSL_get_error(t->ssl, r);
	ERR_clear_error(); /* a peer's nonsense must not be found by the next reader of the error queue */
	return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? 0 : -1;
}

int http_tls_handshake(struct http_tls *t)
{
	ERR_clear_error();
	return verdict(t, SSL_do_handshake(t->ssl));
}

int http_tls_read(struct http_tls *t, char *ret, size_t len, size_t *ret_len)
{
	ERR_clear_error();
	return verdict(t, SSL_read_ex(t->ssl, ret, len, ret_len));
}

bool http_tls_write(struct http_tls *t, const char *bytes, size_t len)
{
	size_t written;
	ERR_clear_error();
	return len == 0 || (verdict(t, SSL_write_ex(t->ssl, bytes, len, &written)) == 1 && written == len);
}

void http_tls_bye(struct http_tls *t)
{
	ERR_clear_error();
	(void)SSL_shutdown(t->ssl);
	ERR_clear_error();
}
