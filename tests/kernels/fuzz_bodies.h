/* What is done with bytes from a stranger, for each format: the bodies of the fuzz targets, and of the seeded mutation test
 * that runs them in the default suite. Each returns whether the bytes were taken as valid. */
#ifndef SWISD_TESTS_KERNELS_FUZZ_BODIES_H
#define SWISD_TESTS_KERNELS_FUZZ_BODIES_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/dataset.h"
#include "kernels/image.h"
#include "kernels/model.h"
#include "kernels/safetensors.h"
#include "kernels/tokenizer.h"

/* A valid manifest is written and read again to the same bytes; the sizes it implies are bounded. */
static inline bool fuzz_manifest(const uint8_t *bytes, size_t count)
{
  static struct swisd_model model, again;
  struct swisd_error error = {""};
  if (swisd_model_parse((const char *)bytes, count, "fuzz", &model, &error)) {
    assert(error.text[0]);
    return false;
  }
  char *text, *twice;
  size_t text_bytes, twice_bytes;
  int status = swisd_model_write(&model, &text, &text_bytes, &error) ||
               swisd_model_parse(text, text_bytes, "again", &again, &error) ||
               swisd_model_write(&again, &twice, &twice_bytes, &error);
  assert(status == 0 && text_bytes == twice_bytes && memcmp(text, twice, text_bytes) == 0);
  free(text);
  free(twice);
  for (unsigned s = 0; s < model.step_count; s++) {
    for (unsigned l = 0; l < model.steps[s].lane_count; l++) {
      assert(model.steps[s].lanes[l].bytes == swisd_model_shard_bytes(&model, s, l));
      assert(swisd_shape_values(model.steps[s].lanes[l].out) <= SWISD_MODEL_ITEM_FLOATS_MAX);
    }
  }
  return true;
}

/* Every byte of every tensor can be read. */
static inline bool fuzz_safetensors(const uint8_t *bytes, size_t count)
{
  struct swisd_safetensors file;
  struct swisd_error error = {""};
  if (swisd_safetensors_parse(bytes, count, "fuzz", &file, &error)) {
    assert(error.text[0]);
    return false;
  }
  for (size_t i = 0; i < file.tensor_count; i++) {
    const uint64_t floats = file.tensors[i].byte_count / (file.tensors[i].type == SWISD_TENSOR_F32 ? 4 : 2);
    float *out = malloc((floats + 1) * sizeof *out);
    swisd_tensor_floats(&file.tensors[i], out, floats);
    free(out);
    assert(swisd_safetensors_find(&file, file.tensors[i].name));
  }
  swisd_safetensors_close(&file);
  return true;
}

/* What is encoded is decoded again, whatever the tables are. */
static inline bool fuzz_tokenizer(const uint8_t *bytes, size_t count)
{
  static const char sample[] = "Once upon a time, h\xc3\xa9 \xf0\x9f\x98\x80 said: <s>hello  world</s>\n";
  struct swisd_error error = {""};
  struct swisd_tokenizer *tokenizer = swisd_tokenizer_parse((const char *)bytes, count, "fuzz", &error);
  if (!tokenizer) {
    assert(error.text[0]);
    return false;
  }
  uint32_t tokens[256];
  char text[1024];
  const int64_t n = swisd_tokenizer_encode(tokenizer, sample, sizeof sample - 1, tokens, 256, &error);
  for (int64_t i = 0; i < n; i++) {
    assert(tokens[i] < swisd_tokenizer_size(tokenizer));
  }
  if (n >= 0) {
    const int64_t length = swisd_tokenizer_decode(tokenizer, tokens, (size_t)n, 1, text, sizeof text, &error);
    assert(length >= 0 && (size_t)length < sizeof text && strlen(text) <= (size_t)length);
  }
  swisd_tokenizer_free(tokenizer);
  return true;
}

static inline bool fuzz_dataset(const uint8_t *bytes, size_t count)
{
  struct swisd_dataset dataset;
  struct swisd_error error = {""};
  if (swisd_dataset_parse(bytes, count, "fuzz", &dataset, &error)) {
    assert(error.text[0] && !dataset.bytes);
    return false;
  }
  volatile uint8_t last = dataset.bytes[dataset.item_count * dataset.item_bytes - 1];
  (void)last;
  swisd_dataset_free(&dataset);
  return true;
}

static inline bool fuzz_image(const uint8_t *bytes, size_t count)
{
  struct swisd_image image;
  struct swisd_error error = {""};
  if (swisd_image_parse(bytes, count, "fuzz", &image, &error)) {
    assert(error.text[0]);
    return false;
  }
  swisd_image_free(&image);
  return true;
}

#endif
