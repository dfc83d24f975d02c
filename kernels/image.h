/* Images as the netpbm formats PGM (P5, grey) and PPM (P6, colour) with 8 bits a channel: what the strips workload reads and
 * writes. */
#ifndef SWISD_KERNELS_IMAGE_H
#define SWISD_KERNELS_IMAGE_H

#include <stddef.h>
#include <stdint.h>

#include "runtime/base/error.h"

enum { SWISD_IMAGE_SIDE_MAX = 65535 };
#define SWISD_IMAGE_BYTES_MAX ((uint64_t)1 << 28)

struct swisd_image {
  uint32_t height, width, channels; /* 1 or 3 */
  uint8_t *pixels;                  /* owned; [height][width][channels] */
};

/* 0, or -1 with an error that says what is wrong; then nothing is owned. */
int swisd_image_read(const char *path, struct swisd_image *image, struct swisd_error *error);
int swisd_image_parse(const void *file, size_t file_bytes, const char *name, struct swisd_image *image,
                      struct swisd_error *error);
int swisd_image_write(const char *path, const struct swisd_image *image, struct swisd_error *error);
void swisd_image_free(struct swisd_image *image);

#endif
