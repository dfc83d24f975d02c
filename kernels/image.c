/* PGM and PPM. Source: netpbm's pgm(5) and ppm(5): "P5", width, height, largest value, one white space, then the pixels; "#"
 * begins a comment that ends with its line. */
#include "kernels/image.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct reader {
  const uint8_t *at, *end;
};

static bool is_space(uint8_t c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

/* The next number of the header, at most `max`; 0 when there is none. */
static uint32_t read_number(struct reader *reader, uint32_t max)
{
  while (reader->at < reader->end && (is_space(*reader->at) || *reader->at == '#')) {
    if (*reader->at == '#') {
      const uint8_t *line = memchr(reader->at, '\n', (size_t)(reader->end - reader->at));
      reader->at = line ? line : reader->end;
    } else {
      reader->at++;
    }
  }
  uint32_t number = 0;
  while (reader->at < reader->end && *reader->at >= '0' && *reader->at <= '9' && number <= max) {
    number = 10 * number + (*reader->at++ - '0');
  }
  return number <= max ? number : 0;
}

int swisd_image_parse(const void *file, size_t file_bytes, const char *name, struct swisd_image *image, struct swisd_error *error)
{
  const uint8_t *bytes = file;
  struct reader reader = {bytes, bytes + file_bytes};
  *image = (struct swisd_image){0};
  if (file_bytes < 2 || bytes[0] != 'P' || (bytes[1] != '5' && bytes[1] != '6')) {
    return swisd_error_set(error, "%s: neither PGM (P5) nor PPM (P6)", name);
  }
  reader.at += 2;
  const uint32_t width = read_number(&reader, SWISD_IMAGE_SIDE_MAX), height = read_number(&reader, SWISD_IMAGE_SIDE_MAX);
  const uint32_t largest = read_number(&reader, 65535), channels = bytes[1] == '5' ? 1 : 3;
  if (!width || !height || (uint64_t)width * height * channels > SWISD_IMAGE_BYTES_MAX) {
    return swisd_error_set(error, "%s: sides are 1 to %d, and all at most %llu bytes", name, SWISD_IMAGE_SIDE_MAX,
                           (unsigned long long)SWISD_IMAGE_BYTES_MAX);
  }
  if (largest != 255) {
    return swisd_error_set(error, "%s: largest value %u, only 255 is read", name, largest);
  }
  if (reader.at == reader.end || !is_space(*reader.at++)) {
    return swisd_error_set(error, "%s: truncated in its header", name);
  }
  const size_t pixels = (size_t)width * height * channels;
  if ((size_t)(reader.end - reader.at) != pixels) {
    return swisd_error_set(error, "%s: %zu bytes of pixels, %zu are wanted", name, (size_t)(reader.end - reader.at), pixels);
  }
  image->pixels = malloc(pixels);
  if (!image->pixels) {
    return swisd_error_set(error, "%s: no memory for %zu bytes", name, pixels);
  }
  memcpy(image->pixels, reader.at, pixels);
  image->height = height, image->width = width, image->channels = channels;
  return 0;
}

int swisd_image_read(const char *path, struct swisd_image *image, struct swisd_error *error)
{
  enum { HEADER_BYTES_MAX = 4096 };
  *image = (struct swisd_image){0};
  FILE *file = fopen(path, "rb");
  if (!file) {
    return swisd_error_set(error, "%s: %s", path, strerror(errno));
  }
  int status = -1;
  const long size = fseek(file, 0, SEEK_END) ? -1 : ftell(file);
  uint8_t *bytes = NULL;
  if (size < 0 || (uint64_t)size > SWISD_IMAGE_BYTES_MAX + HEADER_BYTES_MAX) {
    swisd_error_set(error, "%s: not a regular file, or larger than %llu bytes", path, (unsigned long long)SWISD_IMAGE_BYTES_MAX);
  } else if (!(bytes = malloc((size_t)size + 1))) {
    swisd_error_set(error, "%s: no memory for %ld bytes", path, size);
  } else {
    rewind(file);
    if (fread(bytes, 1, (size_t)size, file) != (size_t)size) {
      swisd_error_set(error, "%s: cannot be read", path);
    } else {
      status = swisd_image_parse(bytes, (size_t)size, path, image, error);
    }
  }
  free(bytes);
  fclose(file);
  return status;
}

int swisd_image_write(const char *path, const struct swisd_image *image, struct swisd_error *error)
{
  const size_t pixels = (size_t)image->width * image->height * image->channels;
  FILE *file = fopen(path, "wb");
  if (!file) {
    return swisd_error_set(error, "%s: %s", path, strerror(errno));
  }
  fprintf(file, "P%d\n%u %u\n255\n", image->channels == 1 ? 5 : 6, image->width, image->height);
  const bool written = fwrite(image->pixels, 1, pixels, file) == pixels && !ferror(file);
  if (fclose(file) || !written) {
    return swisd_error_set(error, "%s: cannot be written: %s", path, strerror(errno));
  }
  return 0;
}

void swisd_image_free(struct swisd_image *image)
{
  free(image->pixels);
  *image = (struct swisd_image){0};
}
