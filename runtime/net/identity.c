/* See identity.h. */
#include "runtime/net/identity.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <openssl/crypto.h>
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
  unlink(temporary); /* of a process that died here; one made anew has the mode below for certain */
  const int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
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

static int make_key(struct swisd_identity *identity, struct swisd_error *error)
{
  char pem[SWISD_NODEKEY_PEM_BYTES_MAX];
  if (swisd_nodekey_make(&identity->key, error) != 0)
    return -1;
  const size_t bytes = swisd_nodekey_write(&identity->key, pem);
  const int result = bytes > 0 ? write_whole(identity, "key.pem", pem, bytes, error)
                               : swisd_error_set(error, "%s: OpenSSL cannot write the key", identity->directory);
  OPENSSL_cleanse(pem, sizeof pem);
  return result;
}

static int read_key(struct swisd_identity *identity, struct swisd_error *error)
{
  char path[640], pem[4096];
  if (path_in(identity, "key.pem", path, sizeof path, error) != 0)
    return -1;
  FILE *in = fopen(path, "re");
  if (!in && errno == ENOENT)
    return make_key(identity, error);
  if (!in)
    return swisd_error_set(error, "%s: cannot read: %s", path, strerror(errno));
  const size_t bytes = fread(pem, 1, sizeof pem, in);
  fclose(in);
  struct swisd_error cause;
  const int result = swisd_nodekey_read(&identity->key, pem, bytes, &cause);
  OPENSSL_cleanse(pem, sizeof pem);
  return result == 0 ? 0 : swisd_error_set(error, "%s: %s; remove the file to start as a new node", path, cause.text);
}

/* " (process 4711)" of who holds the lock, or nothing when the file does not say. */
static void name_holder(int lock_fd, char *text, size_t bytes)
{
  char pid[24] = "";
  const ssize_t got = pread(lock_fd, pid, sizeof pid - 1, 0);
  const size_t digits = got > 0 ? strspn(pid, "0123456789") : 0;
  text[0] = '\0';
  if (digits > 0 && digits < 20)
    snprintf(text, bytes, " (process %.*s)", (int)digits, pid);
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
    char holder[40];
    name_holder(identity->lock_fd, holder, sizeof holder);
    swisd_identity_close(identity);
    if (cause == EWOULDBLOCK)
      return swisd_error_set(error, "%s: another node runs on this data directory%s; give each its own with --data", directory,
                             holder);
    return swisd_error_set(error, "%s: cannot lock: %s", path, strerror(cause));
  }
  if (ftruncate(identity->lock_fd, 0) == 0) /* for people and for the message above; the lock itself is what counts */
    dprintf(identity->lock_fd, "%ld\n", (long)getpid());
  if (read_key(identity, error) != 0 || read_incarnation(identity, error) != 0) {
    swisd_identity_close(identity);
    return -1;
  }
  identity->id = identity->key.id;
  return 0;
}

void swisd_identity_close(struct swisd_identity *identity)
{
  swisd_nodekey_free(&identity->key);
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

void swisd_id_text(struct swisd_id id, char *text) { snprintf(text, 33, "%016" PRIx64 "%016" PRIx64, id.hi, id.lo); }
