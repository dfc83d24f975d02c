/* The reader of safetensors files. Format: github.com/huggingface/safetensors, README "Format". */
#include "kernels/safetensors.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/json_read.h"

static const struct {
  const char *name;
  unsigned bytes;
  enum swisd_tensor_type type;
} types[] = {{"F32", 4, SWISD_TENSOR_F32},    {"F16", 2, SWISD_TENSOR_F16},       {"BF16", 2, SWISD_TENSOR_BF16},
             {"F64", 8, SWISD_TENSOR_OTHER},  {"I64", 8, SWISD_TENSOR_OTHER},     {"I32", 4, SWISD_TENSOR_OTHER},
             {"I16", 2, SWISD_TENSOR_OTHER},  {"I8", 1, SWISD_TENSOR_OTHER},      {"U64", 8, SWISD_TENSOR_OTHER},
             {"U32", 4, SWISD_TENSOR_OTHER},  {"U16", 2, SWISD_TENSOR_OTHER},     {"U8", 1, SWISD_TENSOR_OTHER},
             {"BOOL", 1, SWISD_TENSOR_OTHER}, {"F8_E4M3", 1, SWISD_TENSOR_OTHER}, {"F8_E5M2", 1, SWISD_TENSOR_OTHER}};

enum { NAME_BYTES_MAX = 1024 };

/* One entry of the header; offsets count from the end of the header. */
static int read_tensor(const char *file, const char *name, const json_t *entry, const uint8_t *data, uint64_t data_bytes,
                       struct swisd_tensor *tensor, struct swisd_error *error)
{
  const char *type = json_string_value(json_object_get(entry, "dtype"));
  const json_t *shape = json_object_get(entry, "shape"), *offsets = json_object_get(entry, "data_offsets");
  const json_t *first = json_array_get(offsets, 0), *end = json_array_get(offsets, 1);
  size_t t = 0;
  while (type && t < sizeof types / sizeof *types && strcmp(types[t].name, type) != 0) {
    t++;
  }
  if (!type || t == sizeof types / sizeof *types) {
    return swisd_error_set(error, "%s: tensor %.80s: dtype `%.16s` is not known", file, name, type ? type : "(none)");
  }
  if (!json_is_array(shape) || json_array_size(shape) > SWISD_TENSOR_DIMENSIONS_MAX) {
    return swisd_error_set(error, "%s: tensor %.80s: shape: a list of at most %d numbers is wanted", file, name,
                           SWISD_TENSOR_DIMENSIONS_MAX);
  }
  uint64_t bytes = types[t].bytes;
  tensor->type = types[t].type;
  tensor->dimension_count = (unsigned)json_array_size(shape);
  for (unsigned i = 0; i < tensor->dimension_count; i++) {
    const json_t *dimension = json_array_get(shape, i);
    const json_int_t value = json_integer_value(dimension);
    if (!json_is_integer(dimension) || value < 0 || (value > 0 && bytes > data_bytes / (uint64_t)value)) {
      return swisd_error_set(error, "%s: tensor %.80s: shape: larger than the file, or no number", file, name);
    }
    tensor->dimensions[i] = (uint64_t)value;
    bytes *= (uint64_t)value;
  }
  if (json_array_size(offsets) != 2 || !json_is_integer(first) || !json_is_integer(end) || json_integer_value(first) < 0 ||
      json_integer_value(end) < json_integer_value(first) || (uint64_t)json_integer_value(end) > data_bytes) {
    return swisd_error_set(error, "%s: tensor %.80s: data_offsets are outside the %llu bytes of data", file, name,
                           (unsigned long long)data_bytes);
  }
  tensor->bytes = data + json_integer_value(first);
  tensor->byte_count = (uint64_t)(json_integer_value(end) - json_integer_value(first));
  if (tensor->byte_count != bytes) {
    return swisd_error_set(error, "%s: tensor %.80s: %llu bytes, its shape needs %llu", file, name,
                           (unsigned long long)tensor->byte_count, (unsigned long long)bytes);
  }
  if (strlen(name) > NAME_BYTES_MAX || !(tensor->name = strdup(name))) {
    return swisd_error_set(error, "%s: a tensor's name is too long, or no memory", file);
  }
  return 0;
}

static int by_position(const void *a, const void *b)
{
  const struct swisd_tensor *x = a, *y = b;
  if (x->bytes != y->bytes) {
    return x->bytes < y->bytes ? -1 : 1;
  }
  return x->byte_count < y->byte_count ? -1 : x->byte_count > y->byte_count; /* empty ones first */
}

/* Tensors follow each other without overlap or hole, up to the end. */
static int check_tiling(const char *name, const struct swisd_safetensors *file, const uint8_t *data, uint64_t data_bytes,
                        struct swisd_error *error)
{
  uint64_t next = 0;
  for (size_t i = 0; i < file->tensor_count; i++) {
    const uint64_t at = (uint64_t)(file->tensors[i].bytes - data);
    if (at != next) {
      return swisd_error_set(error, "%s: tensor %.80s begins at %llu, expected %llu: overlap or hole", name,
                             file->tensors[i].name, (unsigned long long)at, (unsigned long long)next);
    }
    next = at + file->tensors[i].byte_count;
  }
  return next == data_bytes
           ? 0
           : swisd_error_set(error, "%s: %llu bytes after the last tensor", name, (unsigned long long)(data_bytes - next));
}

static int read_header(const char *name, json_t *root, const uint8_t *data, uint64_t data_bytes, struct swisd_safetensors *file,
                       struct swisd_error *error)
{
  const char *key;
  json_t *entry;
  if (!json_is_object(root) || json_object_size(root) > SWISD_TENSORS_MAX) {
    return swisd_error_set(error, "%s: the header is an object of at most %d tensors", name, SWISD_TENSORS_MAX);
  }
  file->tensors = calloc(json_object_size(root) + 1, sizeof *file->tensors);
  if (!file->tensors) {
    return swisd_error_set(error, "%s: no memory", name);
  }
  json_object_foreach(root, key, entry)
  {
    if (strcmp(key, "__metadata__") == 0) {
      continue;
    }
    if (read_tensor(name, key, entry, data, data_bytes, &file->tensors[file->tensor_count], error)) {
      return -1;
    }
    file->tensor_count++;
  }
  qsort(file->tensors, file->tensor_count, sizeof *file->tensors, by_position);
  return check_tiling(name, file, data, data_bytes, error);
}

int swisd_safetensors_parse(const void *bytes, size_t byte_count, const char *name, struct swisd_safetensors *file,
                            struct swisd_error *error)
{
  struct swisd_json_file json;
  uint64_t header_bytes = 0;
  *file = (struct swisd_safetensors){0};
  for (size_t i = 0; i < 8 && byte_count >= 8; i++) {
    header_bytes |= (uint64_t)((const uint8_t *)bytes)[i] << 8 * i;
  }
  if (byte_count < 8 || header_bytes > byte_count - 8 || header_bytes > SWISD_SAFETENSORS_HEADER_MAX) {
    return swisd_error_set(error, "%s: no safetensors file, or truncated: %zu bytes, a header of %llu", name, byte_count,
                           (unsigned long long)header_bytes);
  }
  const char *header = (const char *)bytes + 8;
  if (swisd_json_parse(&json, name, header, (size_t)header_bytes, error)) {
    return -1;
  }
  const int status =
    read_header(name, json.root, (const uint8_t *)bytes + 8 + header_bytes, byte_count - 8 - header_bytes, file, error);
  swisd_json_free(&json);
  if (status) {
    swisd_safetensors_close(file);
  }
  return status;
}

int swisd_safetensors_open(const char *path, struct swisd_safetensors *file, struct swisd_error *error)
{
  struct stat about;
  *file = (struct swisd_safetensors){0};
  const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0 || fstat(fd, &about)) {
    swisd_error_set(error, "%s: %s", path, strerror(errno));
    if (fd >= 0) {
      close(fd);
    }
    return -1;
  }
  void *mapping =
    S_ISREG(about.st_mode) && about.st_size > 0 ? mmap(NULL, (size_t)about.st_size, PROT_READ, MAP_PRIVATE, fd, 0) : MAP_FAILED;
  close(fd);
  if (mapping == MAP_FAILED) {
    return swisd_error_set(error, "%s: not a regular file, empty, or cannot be mapped", path);
  }
  if (swisd_safetensors_parse(mapping, (size_t)about.st_size, path, file, error)) {
    munmap(mapping, (size_t)about.st_size);
    return -1;
  }
  file->mapping = mapping;
  file->mapping_bytes = (size_t)about.st_size;
  return 0;
}

void swisd_safetensors_close(struct swisd_safetensors *file)
{
  for (size_t i = 0; i < file->tensor_count; i++) {
    free(file->tensors[i].name);
  }
  free(file->tensors);
  if (file->mapping) {
    munmap(file->mapping, file->mapping_bytes);
  }
  *file = (struct swisd_safetensors){0};
}

const struct swisd_tensor *swisd_safetensors_find(const struct swisd_safetensors *file, const char *name)
{
  for (size_t i = 0; i < file->tensor_count; i++) {
    if (strcmp(file->tensors[i].name, name) == 0) {
      return &file->tensors[i];
    }
  }
  return NULL;
}

/* IEEE half precision to single: exact. */
static float from_half(uint16_t half)
{
  const uint32_t sign = (uint32_t)(half & 0x8000) << 16, exponent = half >> 10 & 31, fraction = half & 1023;
  uint32_t bits = sign | (exponent + 112) << 23 | fraction << 13;
  float value;
  if (exponent == 31) {
    bits = sign | 0x7f800000u | fraction << 13;
  } else if (exponent == 0) {
    value = (float)fraction * 0x1p-24f;
    return sign ? -value : value;
  }
  memcpy(&value, &bits, sizeof value);
  return value;
}

int swisd_tensor_floats(const struct swisd_tensor *tensor, float *out, uint64_t count)
{
  const unsigned bytes = tensor->type == SWISD_TENSOR_F32 ? 4 : 2;
  if (tensor->type == SWISD_TENSOR_OTHER || tensor->byte_count / bytes != count) {
    return -1;
  }
  if (tensor->type == SWISD_TENSOR_F32) {
    memcpy(out, tensor->bytes, count * sizeof *out);
    return 0;
  }
  for (uint64_t i = 0; i < count; i++) {
    uint16_t value;
    memcpy(&value, tensor->bytes + 2 * i, sizeof value);
    const uint32_t bits = (uint32_t)value << 16; /* BF16 is the upper half of a single */
    if (tensor->type == SWISD_TENSOR_F16) {
      out[i] = from_half(value);
    } else {
      memcpy(&out[i], &bits, sizeof bits);
    }
  }
  return 0;
}
