/* Reading of IDX data sets. A gzip file is inflated in one pass with the bound that its IDX header states: the header is
 * inflated first, so a file can never make the reader allocate more than it describes, nor more than the limit. */
#include "kernels/dataset.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if __has_include(<zlib.h>)
#include <zlib.h>
#define HAVE_ZLIB 1
#else
#define HAVE_ZLIB 0
#endif

enum { HEADER_BYTES_MAX = 4 + 4 * SWISD_DATASET_DIMENSIONS_MAX };

/* The file's contents as a stream: plain bytes, or inflated ones. */
struct source {
  const uint8_t *bytes;
  size_t byte_count;
  const char *name;
  bool gzip;
#if HAVE_ZLIB
  z_stream stream;
  bool ended;
#endif
};

static bool is_gzip(const uint8_t *bytes, size_t n) { return n >= 2 && bytes[0] == 0x1f && bytes[1] == 0x8b; }

static int source_open(struct source *source, struct swisd_error *error)
{
  if (!source->gzip)
    return 0;
#if HAVE_ZLIB
  source->stream = (z_stream){0};
  if (inflateInit2(&source->stream, 16 + MAX_WBITS) != Z_OK)
    return swisd_error_set(error, "%s: cannot start zlib", source->name);
  return 0;
#else
  return swisd_error_set(error, "%s: is gzipped, and this build has no zlib", source->name);
#endif
}

static void source_close(struct source *source)
{
#if HAVE_ZLIB
  if (source->gzip)
    inflateEnd(&source->stream);
#else
  (void)source;
#endif
}

#if HAVE_ZLIB
/* Inflates up to `wanted` bytes; returns how many came, or -1 for damaged data. Feeds zlib in pieces that fit its counters. */
static int64_t inflate_up_to(struct source *source, uint8_t *out, size_t wanted)
{
  size_t done = 0;
  while (done < wanted && !source->ended) {
    const size_t room = wanted - done, input = source->byte_count;
    const uInt piece_in = input > 1u << 30 ? 1u << 30 : (uInt)input, piece_out = room > 1u << 30 ? 1u << 30 : (uInt)room;
    source->stream.next_in = (z_const Bytef *)(uintptr_t)source->bytes;
    source->stream.avail_in = piece_in;
    source->stream.next_out = out + done;
    source->stream.avail_out = piece_out;
    const int status = inflate(&source->stream, Z_NO_FLUSH);
    const uInt consumed = piece_in - source->stream.avail_in, made = piece_out - source->stream.avail_out;
    source->bytes += consumed;
    source->byte_count -= consumed;
    done += made;
    if (status == Z_STREAM_END)
      source->ended = true;
    else if (status != Z_OK)
      return -1;
  }
  return (int64_t)done;
}
#endif

/* Exactly `wanted` bytes into `out`, or an error that says why not. */
static int source_read(struct source *source, uint8_t *out, size_t wanted, struct swisd_error *error)
{
  size_t done;
#if HAVE_ZLIB
  if (source->gzip) {
    const int64_t made = inflate_up_to(source, out, wanted);
    if (made < 0)
      return swisd_error_set(error, "%s: damaged or truncated gzip data", source->name);
    done = (size_t)made;
  } else
#endif
  {
    done = wanted < source->byte_count ? wanted : source->byte_count;
    memcpy(out, source->bytes, done);
    source->bytes += done;
    source->byte_count -= done;
  }
  if (done < wanted)
    return swisd_error_set(error, "%s: truncated: %zu bytes are missing", source->name, wanted - done);
  return 0;
}

/* Nothing may follow the data; for gzip this also makes zlib check the trailer's CRC and length. */
static int source_expect_end(struct source *source, struct swisd_error *error)
{
#if HAVE_ZLIB
  if (source->gzip) {
    uint8_t one;
    const int64_t made = inflate_up_to(source, &one, 1);
    if (made < 0)
      return swisd_error_set(error, "%s: damaged gzip data: its checksum does not match, or it is truncated", source->name);
    if (made > 0)
      return swisd_error_set(error, "%s: more data than its header describes", source->name);
    return 0;
  }
#endif
  if (source->byte_count)
    return swisd_error_set(error, "%s: %zu bytes more than its header describes", source->name, source->byte_count);
  return 0;
}

static uint32_t big_endian(const uint8_t *bytes)
{
  return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static int read_header(struct source *source, struct swisd_dataset *dataset, struct swisd_error *error)
{
  uint8_t header[HEADER_BYTES_MAX];
  if (source_read(source, header, 4, error))
    return -1;
  if (header[0] || header[1])
    return swisd_error_set(error, "%s: not an IDX file: it starts with %02x%02x, expected 0000", source->name, header[0],
                           header[1]);
  if (header[2] != 0x08)
    return swisd_error_set(error, "%s: IDX type 0x%02x, only unsigned bytes (0x08) are read", source->name, header[2]);
  if (header[3] < 1 || header[3] > SWISD_DATASET_DIMENSIONS_MAX)
    return swisd_error_set(error, "%s: %u dimensions, allowed are 1 to %d", source->name, header[3],
                           SWISD_DATASET_DIMENSIONS_MAX);
  dataset->dimension_count = header[3];
  if (source_read(source, header + 4, 4 * (size_t)header[3], error))
    return -1;
  uint64_t bytes = 1, item_bytes = 1;
  for (unsigned i = 0; i < dataset->dimension_count; i++) {
    const uint32_t dimension = big_endian(header + 4 + 4 * i);
    if (dimension == 0 || dimension > SWISD_DATASET_BYTES_MAX / bytes)
      return swisd_error_set(error, "%s: dimension %u is %u: the data must hold 1 to %llu bytes", source->name, i, dimension,
                             (unsigned long long)SWISD_DATASET_BYTES_MAX);
    dataset->dimensions[i] = dimension;
    bytes *= dimension;
    item_bytes *= i ? dimension : 1;
  }
  dataset->item_count = dataset->dimensions[0];
  dataset->item_bytes = item_bytes;
  /* deflate expands at most 1032 times: a header that promises more than the file can hold allocates nothing */
  const uint64_t possible = source->gzip ? 1032 * ((uint64_t)source->byte_count + 64) : source->byte_count;
  if (bytes > possible)
    return swisd_error_set(error, "%s: truncated: its header promises %llu bytes", source->name, (unsigned long long)bytes);
  return 0;
}

int swisd_dataset_parse(const void *file, size_t file_bytes, const char *name, struct swisd_dataset *dataset,
                        struct swisd_error *error)
{
  *dataset = (struct swisd_dataset){0};
  struct source source = {.bytes = file, .byte_count = file_bytes, .name = name, .gzip = is_gzip(file, file_bytes)};
  if (source_open(&source, error))
    return -1;
  int status = read_header(&source, dataset, error);
  if (status == 0) {
    const uint64_t bytes = dataset->item_count * dataset->item_bytes;
    dataset->bytes = malloc(bytes);
    if (!dataset->bytes)
      status = swisd_error_set(error, "%s: no memory for %llu bytes", name, (unsigned long long)bytes);
    else if (source_read(&source, dataset->bytes, bytes, error) || source_expect_end(&source, error))
      status = -1;
  }
  source_close(&source);
  if (status)
    swisd_dataset_free(dataset);
  return status;
}

static int read_whole_file(const char *path, uint8_t **bytes, size_t *byte_count, struct swisd_error *error)
{
  FILE *file = fopen(path, "rb");
  if (!file) {
    const bool fashion = strncmp(path, SWISD_FASHION_FOLDER "/", sizeof SWISD_FASHION_FOLDER) == 0;
    return swisd_error_set(error, "%s: %s%s", path, strerror(errno),
                           fashion ? "; Debian's package `dataset-fashion-mnist` has it" : "");
  }
  int status = -1;
  *bytes = NULL;
  if (fseek(file, 0, SEEK_END) || ftell(file) < 0)
    status = swisd_error_set(error, "%s: not a regular file", path);
  else {
    const uint64_t size = (uint64_t)ftell(file);
    rewind(file);
    if (size > SWISD_DATASET_BYTES_MAX)
      status = swisd_error_set(error, "%s: %llu bytes, the limit is %llu", path, (unsigned long long)size,
                               (unsigned long long)SWISD_DATASET_BYTES_MAX);
    else if (!(*bytes = malloc(size ? size : 1)))
      status = swisd_error_set(error, "%s: no memory for %llu bytes", path, (unsigned long long)size);
    else if (fread(*bytes, 1, size, file) != size)
      status = swisd_error_set(error, "%s: cannot read: %s", path, strerror(errno));
    else {
      *byte_count = size;
      status = 0;
    }
  }
  fclose(file);
  if (status)
    free(*bytes);
  return status;
}

int swisd_dataset_read(const char *path, struct swisd_dataset *dataset, struct swisd_error *error)
{
  *dataset = (struct swisd_dataset){0};
  uint8_t *bytes = NULL;
  size_t byte_count = 0;
  if (read_whole_file(path, &bytes, &byte_count, error))
    return -1;
  const int status = swisd_dataset_parse(bytes, byte_count, path, dataset, error);
  free(bytes);
  return status;
}

void swisd_dataset_free(struct swisd_dataset *dataset)
{
  free(dataset->bytes);
  *dataset = (struct swisd_dataset){0};
}
