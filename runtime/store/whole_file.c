/* Whole files, atomically. */
#include "runtime/store/whole_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/store/store_internal.h"

enum { PATH_BYTES = 4096 };

enum swisd_store_status swisd_store_failed(struct swisd_error *error, const char *path, const char *what, int code)
{
  swisd_error_set(error, "%s: %s: %s", path, what, strerror(code));
  return code == ENOENT                                                        ? SWISD_STORE_NOT_FOUND
         : code == ENOSPC || code == EDQUOT || code == EFBIG || code == ENOMEM ? SWISD_STORE_SPACE
                                                                               : SWISD_STORE_FAILED;
}

static int read_all(int file, uint8_t *bytes, size_t count)
{
  for (size_t done = 0; done < count;) {
    const ssize_t got = read(file, bytes + done, count - done);
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got <= 0) {
      errno = got ? errno : EIO; /* shorter than it said a moment ago */
      return -1;
    }
    done += (size_t)got;
  }
  return 0;
}

enum swisd_store_status swisd_whole_file_read(const char *path, uint64_t bytes_max, void **bytes, size_t *byte_count,
                                              struct swisd_error *error)
{
  struct stat about;
  *bytes = NULL;
  const int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0) {
    return swisd_store_failed(error, path, "cannot be opened", errno);
  }
  enum swisd_store_status status = SWISD_STORE_OK;
  if (fstat(file, &about) || !S_ISREG(about.st_mode)) {
    swisd_error_set(error, "%s: not a regular file", path);
    status = SWISD_STORE_FAILED;
  } else if ((uint64_t)about.st_size > bytes_max) {
    swisd_error_set(error, "%s: %lld bytes, at most %llu are wanted", path, (long long)about.st_size,
                    (unsigned long long)bytes_max);
    status = SWISD_STORE_FAILED;
  } else if (!(*bytes = malloc((size_t)about.st_size + 1))) {
    status = swisd_store_failed(error, path, "cannot be read", ENOMEM);
  } else if (read_all(file, *bytes, (size_t)about.st_size)) {
    status = swisd_store_failed(error, path, "cannot be read", errno);
    free(*bytes);
    *bytes = NULL;
  } else {
    *byte_count = (size_t)about.st_size;
    ((char *)*bytes)[*byte_count] = '\0';
  }
  close(file);
  return status;
}

static int write_all(int file, const uint8_t *bytes, size_t count)
{
  for (size_t done = 0; done < count;) {
    const ssize_t put = write(file, bytes + done, count - done);
    if (put < 0 && errno != EINTR) {
      return -1;
    }
    done += put > 0 ? (size_t)put : 0;
  }
  return fsync(file);
}

/* So that a rename survives a power cut. */
bool swisd_store_sync_folder(const char *folder)
{
  const int file = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool done = file >= 0 && fsync(file) == 0;
  if (file >= 0) {
    close(file);
  }
  return done;
}

enum swisd_store_status swisd_whole_file_write(const char *folder, const char *name, const void *bytes, size_t byte_count,
                                               struct swisd_error *error)
{
  static atomic_uint counter; /* threads write beside each other */
  char path[PATH_BYTES], temporary[PATH_BYTES];
  const int length = snprintf(path, sizeof path, "%s/%s", folder, name);
  const int more = snprintf(temporary, sizeof temporary, "%s/" SWISD_WHOLE_FILE_TEMPORARY "%ld-%u", folder, (long)getpid(),
                            atomic_fetch_add(&counter, 1));
  if (length < 0 || length >= PATH_BYTES || more < 0 || more >= PATH_BYTES) {
    return swisd_store_failed(error, folder, "the path is too long", ENAMETOOLONG);
  }
  const int file = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (file < 0) {
    const enum swisd_store_status status = swisd_store_failed(error, path, "cannot be written", errno);
    return status == SWISD_STORE_NOT_FOUND ? SWISD_STORE_FAILED : status; /* the folder is gone */
  }
  int code = write_all(file, bytes, byte_count) ? errno : 0;
  if (close(file) && !code) {
    code = errno;
  }
  if (!code && (rename(temporary, path) || !swisd_store_sync_folder(folder))) {
    code = errno;
  }
  if (code) {
    unlink(temporary);
    return swisd_store_failed(error, path, "cannot be written", code);
  }
  return SWISD_STORE_OK;
}

int swisd_folder_make(const char *path, struct swisd_error *error)
{
  char part[PATH_BYTES];
  const size_t length = strlen(path);
  if (length == 0 || length >= sizeof part) {
    return swisd_error_set(error, "%s: not a path of 1 to %d bytes", path, PATH_BYTES - 1);
  }
  for (size_t i = 1; i <= length; i++) {
    if (path[i] != '/' && path[i] != '\0') {
      continue;
    }
    memcpy(part, path, i);
    part[i] = '\0';
    if (mkdir(part, 0755) && errno != EEXIST) {
      return swisd_error_set(error, "%s: cannot be made: %s", part, strerror(errno));
    }
  }
  struct stat about;
  if (stat(path, &about) || !S_ISDIR(about.st_mode)) {
    return swisd_error_set(error, "%s: is not a folder", path);
  }
  return 0;
}
