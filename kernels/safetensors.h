/* Reader of safetensors files: u64 little-endian header length, a JSON header {name: {dtype, shape, data_offsets}}, raw
 * little-endian data. Every length and offset is checked against the file before use; tensors must not overlap nor leave
 * holes, as the format's reference demands. */
#ifndef SWISD_KERNELS_SAFETENSORS_H
#define SWISD_KERNELS_SAFETENSORS_H

#include <stddef.h>
#include <stdint.h>

#include "runtime/base/error.h"

enum { SWISD_TENSOR_DIMENSIONS_MAX = 8, SWISD_TENSORS_MAX = 65536 };
#define SWISD_SAFETENSORS_HEADER_MAX ((uint64_t)100000000) /* the reference's own limit */

enum swisd_tensor_type { SWISD_TENSOR_F32 = 0, SWISD_TENSOR_F16 = 1, SWISD_TENSOR_BF16 = 2, SWISD_TENSOR_OTHER = 3 };

struct swisd_tensor {
  char *name; /* owned by the file */
  enum swisd_tensor_type type;
  unsigned dimension_count;
  uint64_t dimensions[SWISD_TENSOR_DIMENSIONS_MAX];
  const uint8_t *bytes; /* inside the file; any alignment */
  uint64_t byte_count;
};

struct swisd_safetensors {
  struct swisd_tensor *tensors; /* by position in the file */
  size_t tensor_count;
  void *mapping; /* of _open; NULL after _parse */
  size_t mapping_bytes;
};

/* Maps and checks a file. 0, or -1 with an error; then nothing is owned. */
int swisd_safetensors_open(const char *path, struct swisd_safetensors *file, struct swisd_error *error);
/* The same over bytes of the caller, which must outlive `file`. */
int swisd_safetensors_parse(const void *bytes, size_t byte_count, const char *name, struct swisd_safetensors *file,
                            struct swisd_error *error);
void swisd_safetensors_close(struct swisd_safetensors *file);

/* The tensor of that name, or NULL. */
const struct swisd_tensor *swisd_safetensors_find(const struct swisd_safetensors *file, const char *name);
/* Its values as floats, exactly `count` of them; -1 when the type is no float or the count differs. */
int swisd_tensor_floats(const struct swisd_tensor *tensor, float *out, uint64_t count);

#endif
