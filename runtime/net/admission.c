/* See admission.h. */
#include "runtime/net/admission.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/wire/big_endian.h"

enum {
  LINE_BYTES_MAX = 1024,
  PASSPHRASE_BYTES_MIN = 12,
  PASSPHRASE_BYTES_MAX = 1000,
  HEX_BYTES = 2 * SWISD_JOINKEY_BYTES,
};

/* ---- the file ---- */

static int hex_digit(char c)
{
  if (c >= '0' && c <= '9')
    return c - '0';
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool read_hex(const char *line, size_t length, uint8_t key[SWISD_JOINKEY_BYTES])
{
  if (length != HEX_BYTES)
    return false;
  for (size_t i = 0; i < SWISD_JOINKEY_BYTES; i++) {
    const int high = hex_digit(line[2 * i]), low = hex_digit(line[2 * i + 1]);
    if (high < 0 || low < 0)
      return false;
    key[i] = (uint8_t)(high << 4 | low);
  }
  return true;
}

static int read_line(const char *key_file, uint32_t number, const char *line, size_t length, uint8_t key[SWISD_JOINKEY_BYTES],
                     struct swisd_error *error)
{
  if (read_hex(line, length, key))
    return 0;
  if (length < PASSPHRASE_BYTES_MIN || length > PASSPHRASE_BYTES_MAX)
    return swisd_error_set(error,
                           "%s:%u: a join key of %zu characters; allowed are 64 hexadecimal digits (swisd keygen makes "
                           "them) or a passphrase of %d to %d characters",
                           key_file, number, length, PASSPHRASE_BYTES_MIN, PASSPHRASE_BYTES_MAX);
  /* Every node must come to the same key, so the salt cannot be random. 16 MiB, about 50 ms. */
  static const char salt[] = "swisd join key";
  if (EVP_PBE_scrypt(line, length, (const unsigned char *)salt, sizeof salt - 1, 1 << 14, 8, 1, 1 << 25, key,
                     SWISD_JOINKEY_BYTES) != 1)
    return swisd_error_set(error, "%s:%u: OpenSSL cannot stretch the passphrase: out of memory", key_file, number);
  return 0;
}

static int read_lines(const char *key_file, FILE *in, struct swisd_admission *read, struct swisd_error *error)
{
  char line[LINE_BYTES_MAX];
  int result = 0;
  for (uint32_t number = 1; result == 0 && fgets(line, sizeof line, in); number++) {
    const size_t length = strcspn(line, "\r\n");
    if (length == 0)
      continue;
    if (read->count == SWISD_JOINKEYS_MAX)
      result = swisd_error_set(error, "%s:%u: more than %d join keys", key_file, number, SWISD_JOINKEYS_MAX);
    else
      result = read_line(key_file, number, line, length, read->keys[read->count++], error);
  }
  OPENSSL_cleanse(line, sizeof line);
  if (result == 0 && read->count == 0)
    return swisd_error_set(error, "%s: no join key in it; swisd keygen makes one", key_file);
  return result;
}

int swisd_admission_open(struct swisd_admission *admission, const char *key_file, struct swisd_error *error)
{
  FILE *in = fopen(key_file, "re");
  if (!in)
    return swisd_error_set(error, "%s: cannot read the join key: %s", key_file, strerror(errno));
  struct stat status;
  struct swisd_admission read = {0};
  int result;
  if (fstat(fileno(in), &status) == 0 && S_ISREG(status.st_mode) && (status.st_mode & 07) != 0)
    result = swisd_error_set(error, "%s: everybody on this machine can read this join key; chmod 600 it", key_file);
  else
    result = read_lines(key_file, in, &read, error);
  fclose(in);
  if (result == 0)
    *admission = read;
  OPENSSL_cleanse(&read, sizeof read);
  return result;
}

/* Writes `text` beside `key_file`; `temporary` is its name. */
static int write_beside(const char *key_file, const char *text, char *temporary, size_t bytes, struct swisd_error *error)
{
  if (snprintf(temporary, bytes, "%s.%ld", key_file, (long)getpid()) >= (int)bytes)
    return swisd_error_set(error, "%s: the path is too long", key_file);
  unlink(temporary);
  const int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0)
    return swisd_error_set(error, "%s: cannot write: %s", temporary, strerror(errno));
  const size_t length = strlen(text);
  const ssize_t written = write(fd, text, length);
  const int cause = written < 0 ? errno : ENOSPC;
  const bool whole = written == (ssize_t)length && fsync(fd) == 0;
  close(fd);
  if (whole)
    return 0;
  unlink(temporary);
  return swisd_error_set(error, "%s: cannot write: %s", temporary, strerror(cause));
}

static int new_line(char line[HEX_BYTES + 2], struct swisd_error *error)
{
  uint8_t key[SWISD_JOINKEY_BYTES];
  if (RAND_bytes(key, sizeof key) != 1)
    return swisd_error_set(error, "OpenSSL has no randomness");
  for (size_t i = 0; i < sizeof key; i++)
    snprintf(line + 2 * i, 3, "%02x", key[i]);
  line[HEX_BYTES] = '\n';
  line[HEX_BYTES + 1] = '\0';
  OPENSSL_cleanse(key, sizeof key);
  return 0;
}

int swisd_admission_create(const char *key_file, struct swisd_error *error)
{
  char text[HEX_BYTES + 2], temporary[640];
  if (access(key_file, F_OK) == 0)
    return 1;
  if (new_line(text, error) != 0 || write_beside(key_file, text, temporary, sizeof temporary, error) != 0)
    return -1;
  OPENSSL_cleanse(text, sizeof text);
  /* A link, not a rename: of two nodes that start at once, one makes the key and both use it. */
  const int linked = link(temporary, key_file);
  const int cause = errno;
  unlink(temporary);
  if (linked == 0)
    return 0;
  return cause == EEXIST ? 1 : swisd_error_set(error, "%s: cannot make the join key: %s", key_file, strerror(cause));
}

int swisd_admission_rotate(const char *key_file, bool retire, struct swisd_error *error)
{
  struct swisd_admission check = {0};
  char text[2 * LINE_BYTES_MAX] = "", temporary[640];
  if (swisd_admission_open(&check, key_file, error) != 0)
    return -1;
  OPENSSL_cleanse(&check, sizeof check);
  if (!retire && new_line(text, error) != 0)
    return -1;
  FILE *in = fopen(key_file, "re");
  const size_t used = strlen(text);
  const bool got = in && fgets(text + used, LINE_BYTES_MAX, in);
  if (in)
    fclose(in);
  if (!got)
    return swisd_error_set(error, "%s: cannot read the join key: %s", key_file, strerror(errno));
  const int written = write_beside(key_file, text, temporary, sizeof temporary, error);
  OPENSSL_cleanse(text, sizeof text);
  if (written != 0)
    return -1;
  if (rename(temporary, key_file) == 0)
    return 0;
  unlink(temporary);
  return swisd_error_set(error, "%s: cannot write: %s", key_file, strerror(errno));
}

/* ---- proofs ---- */

static void hmac(const uint8_t key[SWISD_JOINKEY_BYTES], const void *text, size_t count, uint8_t out[32])
{
  HMAC(EVP_sha256(), key, SWISD_JOINKEY_BYTES, text, count, out, NULL);
}

uint64_t swisd_admission_mark(const struct swisd_admission *admission, uint32_t key)
{
  static const char label[] = "swisd mark of a join key";
  uint8_t whole[32];
  hmac(admission->keys[key], label, sizeof label, whole);
  return swisd_be64_get(whole);
}

bool swisd_admission_has(const struct swisd_admission *admission, uint64_t mark)
{
  for (uint32_t i = 0; i < admission->count; i++)
    if (swisd_admission_mark(admission, i) == mark)
      return true;
  return false;
}

static void prove(const uint8_t key[SWISD_JOINKEY_BYTES], const struct swisd_admission_claim *claim,
                  uint8_t proof[SWISD_PROOF_BYTES])
{
  static const char label[] = "swisd join"; /* its terminating zero keeps it apart from what follows */
  uint8_t text[sizeof label + 1 + SWISD_TLS_BINDING_BYTES + 32], *at = text;
  memcpy(at, label, sizeof label);
  at += sizeof label;
  *at++ = claim->dialled ? 'd' : 'a';
  memcpy(at, claim->binding, SWISD_TLS_BINDING_BYTES);
  at += SWISD_TLS_BINDING_BYTES;
  swisd_be64_put(at, claim->prover.hi);
  swisd_be64_put(at + 8, claim->prover.lo);
  swisd_be64_put(at + 16, claim->verifier.hi);
  swisd_be64_put(at + 24, claim->verifier.lo);
  hmac(key, text, sizeof text, proof);
}

size_t swisd_admission_prove(const struct swisd_admission *admission, const struct swisd_admission_claim *claim,
                             uint8_t proofs[SWISD_PROOFS_BYTES_MAX])
{
  for (uint32_t i = 0; i < admission->count; i++)
    prove(admission->keys[i], claim, proofs + (size_t)i * SWISD_PROOF_BYTES);
  return (size_t)admission->count * SWISD_PROOF_BYTES;
}

int swisd_admission_verify(const struct swisd_admission *admission, const struct swisd_admission_claim *claim,
                           const uint8_t *proofs, size_t bytes)
{
  if (bytes == 0 || bytes % SWISD_PROOF_BYTES != 0 || bytes > SWISD_PROOFS_BYTES_MAX)
    return -1;
  int found = -1;
  for (uint32_t i = 0; i < admission->count; i++) {
    uint8_t expected[SWISD_PROOF_BYTES];
    prove(admission->keys[i], claim, expected);
    for (size_t at = 0; at < bytes; at += SWISD_PROOF_BYTES)
      if (CRYPTO_memcmp(expected, proofs + at, SWISD_PROOF_BYTES) == 0 && found < 0)
        found = (int)i;
  }
  return found;
}
