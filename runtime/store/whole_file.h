/* Files read and written whole. */
#ifndef SWISD_STORE_WHOLE_FILE_H
#define SWISD_STORE_WHOLE_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "runtime/base/error.h"
#include "runtime/store/shard_store.h"

/* Reads a regular file of at most `bytes_max`; *bytes is malloc'ed, with a 0 behind it. */
enum swisd_store_status swisd_whole_file_read(const char *path, uint64_t bytes_max, void **bytes, size_t *byte_count,
                                              struct swisd_error *error);

/* Writes FOLDER/NAME: a temporary file beside it, fsync, rename, fsync of the folder. On an error nothing is left behind and
 * an older file of that name is as it was. */
enum swisd_store_status swisd_whole_file_write(const char *folder, const char *name, const void *bytes, size_t byte_count,
                                               struct swisd_error *error);

/* The name that temporary files begin with: what is left of them after a crash may be removed. */
#define SWISD_WHOLE_FILE_TEMPORARY ".writing-"

/* Makes a folder and its parents; fine when it is there. */
int swisd_folder_make(const char *path, struct swisd_error *error);

#endif
