/* Data sets in IDX files, plain or gzipped: the format of MNIST and Fashion-MNIST (u32 big endian: magic 0x0000TTNN with type
 * TT = 08 unsigned byte and NN dimensions, then each dimension, then the bytes). Only unsigned bytes are read. */
#ifndef SWISD_KERNELS_DATASET_H
#define SWISD_KERNELS_DATASET_H

#include <stddef.h>
#include <stdint.h>

#include "runtime/base/error.h"

enum { SWISD_DATASET_DIMENSIONS_MAX = 4 };
#define SWISD_DATASET_BYTES_MAX ((uint64_t)1 << 30)

struct swisd_dataset {
  uint8_t *bytes;      /* owned; item_count * item_bytes */
  uint64_t item_count; /* the first dimension */
  uint64_t item_bytes; /* product of the others; 1 for labels */
  unsigned dimension_count;
  uint32_t dimensions[SWISD_DATASET_DIMENSIONS_MAX];
};

/* Where Debian's package `dataset-fashion-mnist` puts its files. */
#define SWISD_FASHION_FOLDER "/usr/share/datasets/fashion-mnist"

/* Reads `path`. 0, or -1 with `error`: the file is missing (the message names the package for files of SWISD_FASHION_FOLDER),
 * truncated, has bytes left over, is damaged gzip, or is larger than SWISD_DATASET_BYTES_MAX. On failure nothing is owned. */
int swisd_dataset_read(const char *path, struct swisd_dataset *dataset, struct swisd_error *error);
/* The same from the bytes of a file; `name` stands for it in messages. */
int swisd_dataset_parse(const void *file, size_t file_bytes, const char *name, struct swisd_dataset *dataset,
                        struct swisd_error *error);
void swisd_dataset_free(struct swisd_dataset *dataset); /* and zeroes it */

#endif
