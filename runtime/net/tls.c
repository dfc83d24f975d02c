/* See tls.h. OpenSSL reads and writes through a BIO of our own: reading takes from the bytes being fed, writing hands each
 * record to the host, so ciphertext is copied once each way. */
#include "runtime/net/tls.h"

#include <assert.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>

/* A key of AES-GCM may seal 2^24.5 records (RFC 8446 section 5.5), about 380 GiB of whole ones; bodies are nearly all. */
#define REKEY_BYTES (UINT64_C(1) << 36)
enum { CERTIFICATES_BYTES_MAX = 4096 }; /* ours takes 230; a stranger's chain is not worth parsing */

struct swisd_tls_node {
  SSL_CTX *context;
  BIO_METHOD *method;
};

struct swisd_tls {
  SSL *ssl;
  struct swisd_tls_host *host;
  const uint8_t *fed;
  size_t fed_count;
  uint64_t sealed_bytes; /* since the last renewal of the key */
  bool secured;
  struct swisd_id peer;
  const char *why;
};

/* ---- the BIO ---- */

static int bio_write(BIO *bio, const char *bytes, int count)
{
  struct swisd_tls *tls = BIO_get_data(bio);
  BIO_clear_retry_flags(bio);
  return tls->host->out(tls->host, (const uint8_t *)bytes, (size_t)count) == 0 ? count : -1;
}

static int bio_read(BIO *bio, char *out, int capacity)
{
  struct swisd_tls *tls = BIO_get_data(bio);
  BIO_clear_retry_flags(bio);
  if (tls->fed_count == 0) {
    BIO_set_retry_read(bio);
    return -1;
  }
  const size_t count = tls->fed_count < (size_t)capacity ? tls->fed_count : (size_t)capacity;
  memcpy(out, tls->fed, count);
  tls->fed += count;
  tls->fed_count -= count;
  return (int)count;
}

static long bio_control(BIO *bio, int command, long number, void *pointer)
{
  (void)bio, (void)number, (void)pointer;
  return command == BIO_CTRL_FLUSH;
}

/* ---- the node ---- */

static X509 *make_certificate(EVP_PKEY *key)
{
  X509 *certificate = X509_new();
  X509_NAME *name = certificate ? X509_get_subject_name(certificate) : NULL;
  /* Valid for ever: devices have wrong clocks, and nobody looks. */
  if (name && X509_set_version(certificate, X509_VERSION_3) == 1 &&
      ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1) == 1 &&
      X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"swisd", -1, -1, 0) == 1 &&
      X509_set_issuer_name(certificate, name) == 1 &&
      ASN1_TIME_set_string_X509(X509_getm_notBefore(certificate), "20000101000000Z") == 1 &&
      ASN1_TIME_set_string_X509(X509_getm_notAfter(certificate), "99991231235959Z") == 1 &&
      X509_set_pubkey(certificate, key) == 1 && X509_sign(certificate, key, NULL) > 0)
    return certificate;
  X509_free(certificate);
  return NULL;
}

/* The certificate says which key the peer has; TLS itself proves that it has it, and more is not asked of it. */
static int accept_certificate(X509_STORE_CTX *store, void *argument)
{
  (void)store, (void)argument;
  return 1;
}

static bool has_aes(void)
{
#if defined __x86_64__ || defined __i386__
  return __builtin_cpu_supports("aes");
#elif defined __aarch64__
  return getauxval(AT_HWCAP) & 1 << 3; /* HWCAP_AES */
#else
  return false;
#endif
}

static bool configure(SSL_CTX *context, EVP_PKEY *key, X509 *certificate)
{
  /* Without instructions for AES, ChaCha20 is several times faster; what either side prefers by need is taken. */
  const char *suites =
    has_aes() ? "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256" : "TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256";
  char group[] = "X25519", signature[] = "ed25519"; /* OpenSSL's macros cast const away */
  SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                 SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS); /* an idle link keeps no record buffers: 34 KiB each */
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_max_cert_list(context, CERTIFICATES_BYTES_MAX);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
  SSL_CTX_set_cert_verify_callback(context, accept_certificate, NULL);
  return SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) == 1 &&
         SSL_CTX_set_max_proto_version(context, TLS1_3_VERSION) == 1 && SSL_CTX_set_num_tickets(context, 0) == 1 &&
         SSL_CTX_set_ciphersuites(context, suites) == 1 && SSL_CTX_set1_groups_list(context, group) == 1 &&
         SSL_CTX_set1_sigalgs_list(context, signature) == 1 && SSL_CTX_set1_client_sigalgs_list(context, signature) == 1 &&
         SSL_CTX_use_certificate(context, certificate) == 1 && SSL_CTX_use_PrivateKey(context, key) == 1;
}

struct swisd_tls_node *swisd_tls_node_open(const struct swisd_nodekey *key, struct swisd_error *error)
{
  struct swisd_tls_node *node = calloc(1, sizeof *node);
  X509 *certificate = make_certificate(key->pkey);
  if (node && certificate) {
    node->context = SSL_CTX_new(TLS_method());
    node->method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "memory of a stream");
  }
  const bool well = node && node->context && node->method && BIO_meth_set_write(node->method, bio_write) == 1 &&
                    BIO_meth_set_read(node->method, bio_read) == 1 && BIO_meth_set_ctrl(node->method, bio_control) == 1 &&
                    configure(node->context, key->pkey, certificate);
  X509_free(certificate); /* the context has its own reference */
  if (well)
    return node;
  swisd_tls_node_close(node);
  swisd_error_set(error, "OpenSSL cannot set up TLS 1.3: %s", ERR_reason_error_string(ERR_get_error()));
  return NULL;
}

void swisd_tls_node_close(struct swisd_tls_node *node)
{
  if (!node)
    return;
  SSL_CTX_free(node->context);
  BIO_meth_free(node->method);
  free(node);
}

/* ---- sessions ---- */

struct swisd_tls *swisd_tls_open(struct swisd_tls_node *node, bool dialled, struct swisd_tls_host *host)
{
  struct swisd_tls *tls = calloc(1, sizeof *tls);
  BIO *bio = tls ? BIO_new(node->method) : NULL;
  if (bio)
    tls->ssl = SSL_new(node->context);
  if (!tls || !tls->ssl) {
    BIO_free(bio);
    free(tls);
    return NULL;
  }
  tls->host = host;
  tls->why = "nothing is wrong";
  BIO_set_data(bio, tls);
  BIO_set_init(bio, 1);
  SSL_set_bio(tls->ssl, bio, bio); /* one reference serves both directions */
  if (dialled)
    SSL_set_connect_state(tls->ssl);
  else
    SSL_set_accept_state(tls->ssl);
  return tls;
}

void swisd_tls_close(struct swisd_tls *tls)
{
  if (!tls)
    return;
  SSL_free(tls->ssl);
  free(tls);
}

/* What a result of OpenSSL that is not success means: 0: it wants more bytes; -1: it is over. */
static int verdict(struct swisd_tls *tls, int result)
{
  switch (SSL_get_error(tls->ssl, result)) {
  case SSL_ERROR_WANT_READ:
    return 0;
  case SSL_ERROR_ZERO_RETURN:
    tls->why = "closed by the peer";
    break;
  default: {
    const char *reason = ERR_reason_error_string(ERR_peek_error());
    tls->why = reason ? reason : "TLS cannot go on";
    break;
  }
  }
  ERR_clear_error();
  return -1;
}

static int learn_peer(struct swisd_tls *tls)
{
  X509 *certificate = SSL_get0_peer_certificate(tls->ssl);
  EVP_PKEY *key = certificate ? X509_get0_pubkey(certificate) : NULL;
  uint8_t public_key[SWISD_PUBLIC_KEY_BYTES];
  size_t bytes = sizeof public_key;
  if (!key || EVP_PKEY_get_base_id(key) != EVP_PKEY_ED25519 || EVP_PKEY_get_raw_public_key(key, public_key, &bytes) != 1 ||
      bytes != sizeof public_key) {
    tls->why = "the peer's key is not Ed25519";
    return -1;
  }
  tls->peer = swisd_nodekey_id_of(public_key);
  tls->secured = true;
  return 0;
}

static int shake_hands(struct swisd_tls *tls)
{
  ERR_clear_error();
  const int result = SSL_do_handshake(tls->ssl);
  return result == 1 ? learn_peer(tls) : verdict(tls, result);
}

int swisd_tls_start(struct swisd_tls *tls) { return shake_hands(tls); }

void swisd_tls_feed(struct swisd_tls *tls, const uint8_t *bytes, size_t count)
{
  assert(tls->fed_count == 0);
  tls->fed = bytes;
  tls->fed_count = count;
}

int swisd_tls_read(struct swisd_tls *tls, uint8_t *out, size_t capacity)
{
  if (!tls->secured) {
    if (shake_hands(tls) != 0)
      return -1;
    if (!tls->secured)
      return 0;
  }
  ERR_clear_error();
  const int got = SSL_read(tls->ssl, out, (int)capacity);
  return got > 0 ? got : verdict(tls, got);
}

int swisd_tls_write(struct swisd_tls *tls, const uint8_t *bytes, size_t count)
{
  assert(tls->secured && count > 0);
  ERR_clear_error();
  tls->sealed_bytes += count;
  if (tls->sealed_bytes > REKEY_BYTES) {
    tls->sealed_bytes = 0;
    if (SSL_key_update(tls->ssl, SSL_KEY_UPDATE_NOT_REQUESTED) != 1) {
      tls->why = "the sending key cannot be renewed";
      return -1;
    }
  }
  const int written = SSL_write(tls->ssl, bytes, (int)count);
  if (written == (int)count)
    return 0;
  verdict(tls, written);
  return -1;
}

bool swisd_tls_secured(const struct swisd_tls *tls) { return tls->secured; }
struct swisd_id swisd_tls_peer(const struct swisd_tls *tls) { return tls->peer; }
const char *swisd_tls_why(const struct swisd_tls *tls) { return tls->why; }

int swisd_tls_binding(struct swisd_tls *tls, uint8_t binding[SWISD_TLS_BINDING_BYTES])
{
  static const char label[] = "EXPORTER-swisd-join";
  return SSL_export_keying_material(tls->ssl, binding, SWISD_TLS_BINDING_BYTES, label, sizeof label - 1, NULL, 0, 0) == 1 ? 0
                                                                                                                          : -1;
}
