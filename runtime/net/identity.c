/* See identity.h. */
#include "runtime/net/identity.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static int path_in(const struct swisd_identity *identity, const char *name, char *path, size_t bytes, struct swisd_error *error)
{
  const int written = snprintf(path, bytes, "%s/%s", identity->directory, name);
  if (written < 0 || (size_t)written >= bytes)
    return swisd_error_set(error, "%s: the path is too long", identity->directory);
  return 0;
}

/* Makes `directory` and what is missing above it. */
static int make_directories(const char *directory, struct swisd_error *error)
{
  char path[512];
  const size_t length = strlen(directory);
  if (length == 0 || length >= sizeof path - 32)
    return swisd_error_set(error, "data directory: %zu characters, allowed are 1 to %zu", length, sizeof path - 33);
  memcpy(path, directory, length + 1);
  for (size_t i = 1; i <= length; i++) {
    if (path[i] != '/' && path[i] != '\0')
      continue;
    const char kept = path[i];
    path[i] = '\0';
    if (mkdir(path, 0700) != 0 && errno != EEXIST)
      return swisd_error_set(error, "%s: cannot make the data directory: %s", path, strerror(errno));
    path[i] = kept;
  }
  return 0;
}

/* Replaces DIRECTORY/name by `bytes`, whole or not at all. */
static int write_whole(const struct swisd_identity *identity, const char *name, const void *contents, size_t bytes,
                       struct swisd_error *error)
{
  char path[640], temporary[640];
  if (path_in(identity, name, path, sizeof path, error) != 0)
    return -1;
  if (snprintf(temporary, sizeof temporary, "%s.new", path) >= (int)sizeof temporary)
    return swisd_error_set(error, "%s: the path is too long", path);
  const int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0)
    return swisd_error_set(error, "%s: cannot write: %s", temporary, strerror(errno));
  const ssize_t written = write(fd, contents, bytes);
  const int cause = written < 0 ? errno : ENOSPC;
  const bool whole = written == (ssize_t)bytes && fsync(fd) == 0;
  close(fd);
  if (!whole || rename(temporary, path) != 0) {
    unlink(temporary);
    return swisd_error_set(error, "%s: cannot write: %s", path, strerror(cause));
  }
  return 0;
}

static int read_incarnation(struct swisd_identity *identity, struct swisd_error *error)
{
  char path[640];
  if (path_in(identity, "incarnation", path, sizeof path, error) != 0)
    return -1;
  FILE *in = fopen(path, "re");
  if (!in) {
    if (errno == ENOENT)
      return 0;
    return swisd_error_set(error, "%s: cannot read: %s", path, strerror(errno));
  }
  const int got = fscanf(in, "%" SCNu32, &identity->incarnation);
  fclose(in);
  if (got != 1)
    return swisd_error_set(error, "%s: not a number; remove the file if this node may start as a new incarnation", path);
  return 0;
}

static int make_key(struct swisd_identity *identity, EVP_PKEY **key, struct swisd_error *error)
{
  *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
  BIO *text = BIO_new(BIO_s_mem());
  int result = -1;
  if (!*key || !text || PEM_write_bio_PrivateKey(text, *key, NULL, NULL, 0, NULL, NULL) != 1) {
    swisd_error_set(error, "%s: OpenSSL cannot make an Ed25519 key", identity->directory);
  } else {
    char *bytes;
    const long length = BIO_get_mem_data(text, &bytes);
    result = write_whole(identity, "key.pem", bytes, (size_t)length, error);
  }
  BIO_free(text);
  if (result != 0) {
    EVP_PKEY_free(*key);
    *key = NULL;
  }
  return result;
}

static int read_key(struct swisd_identity *identity, struct swisd_error *error)
{
  char path[640];
  if (path_in(identity, "key.pem", path, sizeof path, error) != 0)
    return -1;
  EVP_PKEY *key = NULL;
  FILE *in = fopen(path, "re");
  if (in) {
    key = PEM_read_PrivateKey(in, NULL, NULL, NULL);
    fclose(in);
    if (!key)
      return swisd_error_set(error, "%s: not a private key in PEM; remove the file to start as a new node", path);
  } else if (errno != ENOENT) {
    return swisd_error_set(error, "%s: cannot read: %s", path, strerror(errno));
  } else if (make_key(identity, &key, error) != 0) {
    return -1;
  }
  size_t bytes = sizeof identity->public_key;
  const bool raw = EVP_PKEY_get_raw_public_key(key, identity->public_key, &bytes) == 1 && bytes == sizeof identity->public_key;
  EVP_PKEY_free(key);
  if (!raw)
    return swisd_error_set(error, "%s: not an Ed25519 key; remove the file to start as a new node", path);
  uint8_t digest[EVP_MAX_MD_SIZE];
  if (EVP_Digest(identity->public_key, sizeof identity->public_key, digest, NULL, EVP_sha256(), NULL) != 1)
    return swisd_error_set(error, "%s: OpenSSL cannot compute SHA-256", path);
  for (int i = 0; i < 8; i++) {
    identity->id.hi = identity->id.hi << 8 | digest[i];
    identity->id.lo = identity->id.lo << 8 | digest[8 + i];
  }
  return 0;
}

int swisd_identity_open(struct swisd_identity *identity, const char *directory, struct swisd_error *error)
{
  memset(identity, 0, sizeof *identity);
  identity->lock_fd = -1;
  if (make_directories(directory, error) != 0)
    return -1;
  snprintf(identity->directory, sizeof identity->directory, "%s", directory);
  char path[640];
  if (path_in(identity, "lock", path, sizeof path, error) != 0)
    return -1;
  identity->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (identity->lock_fd < 0)
    return swisd_error_set(error, "%s: cannot open: %s", path, strerror(errno));
  if (flock(identity->lock_fd, LOCK_EX | LOCK_NB) != 0) {
    const int cause = errno;
    swisd_identity_close(identity);
    if (cause == EWOULDBLOCK)
      return swisd_error_set(error, "%s: another node runs on this data directory; give each its own with --data", directory);
    return swisd_error_set(error, "%s: cannot lock: %s", path, strerror(cause));
  }
  if (read_key(identity, error) != 0 || read_incarnation(identity, error) != 0) {
    swisd_identity_close(identity);
    return -1;
  }
  return 0;
}

void swisd_identity_close(struct swisd_identity *identity)
{
  if (identity->lock_fd >= 0)
    close(identity->lock_fd); /* and with it the lock */
  identity->lock_fd = -1;
}

int swisd_identity_persist(struct swisd_identity *identity, uint32_t incarnation, struct swisd_error *error)
{
  char text[16];
  const int length = snprintf(text, sizeof text, "%" PRIu32 "\n", incarnation);
  if (write_whole(identity, "incarnation", text, (size_t)length, error) != 0)
    return -1;
  identity->incarnation = incarnation;
  return 0;
}

void swisd_id_text(struct swisd_id id, char *text)
{
  snprintf(text, 33, "%016" PRIx64 "%016" PRIx64, id.hi, id.lo);
}
