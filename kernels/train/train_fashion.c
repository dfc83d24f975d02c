/* Trains the project's own network for Fashion-MNIST and writes it as model folders: FOLDER/fashion, cut in lanes, and
 * FOLDER/fashion-whole, one shard. See kernels/weights/README.md for the command and what came out.
 *
 *   train_fashion FOLDER [epochs] [seed] [threads]
 *
 * The result depends on epochs, seed and OpenBLAS's kernels (its products differ in the low bits between processors), not on
 * the number of threads. */
#include <cblas.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/dataset.h"
#include "kernels/fashion.h"
#include "kernels/train/net.h"
#include "runtime/store/model_store.h"

enum { SIDE = 28, PIXELS = SIDE * SIDE, CLASSES = 10, BATCH = 64, TEST_BATCH = 1000, SHIFT_MAX = 2 };

static const struct layer layers[] = {
  {LAYER_CONV3, .out = 16},
  {LAYER_RELU},
  {LAYER_CONV3, .out = 32},
  {LAYER_RELU},
  {LAYER_MAXPOOL2},
  {LAYER_CONV3, .out = 64},
  {LAYER_RELU},
  {LAYER_MAXPOOL2},
  {LAYER_CONV3, .out = 128},
  {LAYER_RELU},
  {LAYER_AVERAGE},
  {LAYER_DENSE, .out = CLASSES},
};

struct data {
  struct swisd_dataset images, labels;
};

static int load(struct data *data, const char *stem)
{
  char path[256];
  struct swisd_error error;
  snprintf(path, sizeof path, SWISD_FASHION_FOLDER "/%s-images-idx3-ubyte.gz", stem);
  int status = swisd_dataset_read(path, &data->images, &error);
  if (!status) {
    snprintf(path, sizeof path, SWISD_FASHION_FOLDER "/%s-labels-idx1-ubyte.gz", stem);
    status = swisd_dataset_read(path, &data->labels, &error);
  }
  if (!status &&
      (data->images.item_bytes != PIXELS || data->labels.item_bytes != 1 || data->images.item_count != data->labels.item_count))
    status = swisd_error_set(&error, "%s: not 28 x 28 images with one label each", path);
  if (status)
    fprintf(stderr, "train_fashion: %s\n", error.text);
  return status;
}

/* A copy of an image, mirrored half of the time and shifted by up to SHIFT_MAX pixels, in 0..1. */
static void augment(const uint8_t *image, float *out, struct swisd_philox *random)
{
  const int mirror = (int)swisd_philox_below(random, 2);
  const int down = (int)swisd_philox_below(random, 2 * SHIFT_MAX + 1) - SHIFT_MAX;
  const int right = (int)swisd_philox_below(random, 2 * SHIFT_MAX + 1) - SHIFT_MAX;
  for (int y = 0; y < SIDE; y++)
    for (int x = 0; x < SIDE; x++) {
      const int sy = y - down, tx = x - right, sx = mirror ? SIDE - 1 - tx : tx;
      const int inside = sy >= 0 && sy < SIDE && tx >= 0 && tx < SIDE;
      out[y * SIDE + x] = inside ? (float)image[sy * SIDE + sx] / 255 : 0;
    }
}

static double accuracy(const struct net *net, const struct data *data, unsigned threads)
{
  float *inputs = malloc(sizeof(float) * TEST_BATCH * PIXELS), *outputs = malloc(sizeof(float) * TEST_BATCH * CLASSES);
  uint64_t right = 0;
  for (uint64_t first = 0; first + TEST_BATCH <= data->images.item_count; first += TEST_BATCH) {
    for (size_t i = 0; i < TEST_BATCH * PIXELS; i++)
      inputs[i] = (float)data->images.bytes[first * PIXELS + i] / 255;
    net_predict(net, inputs, TEST_BATCH, outputs, threads);
    for (size_t s = 0; s < TEST_BATCH; s++) {
      size_t best = 0;
      for (size_t c = 1; c < CLASSES; c++)
        best = outputs[s * CLASSES + c] > outputs[s * CLASSES + best] ? c : best;
      right += best == data->labels.bytes[first + s];
    }
  }
  free(inputs);
  free(outputs);
  return (double)right / (double)data->images.item_count;
}

static void train(struct net *net, const struct data *data, unsigned epochs, uint64_t seed, unsigned threads)
{
  const uint32_t count = (uint32_t)data->images.item_count, steps = count / BATCH;
  uint32_t *order = malloc(count * sizeof *order);
  float *inputs = malloc(sizeof(float) * BATCH * PIXELS);
  uint8_t labels[BATCH];
  for (uint32_t i = 0; i < count; i++)
    order[i] = i;
  for (unsigned epoch = 0; epoch < epochs; epoch++) {
    struct swisd_philox random = swisd_philox_stream(seed, epoch, 0, 1);
    for (uint32_t i = count; i > 1; i--) { /* Fisher and Yates */
      const uint32_t j = swisd_philox_below(&random, i), swap = order[i - 1];
      order[i - 1] = order[j], order[j] = swap;
    }
    double loss = 0;
    for (uint32_t step = 0; step < steps; step++) {
      for (uint32_t s = 0; s < BATCH; s++) {
        const uint32_t index = order[step * BATCH + s];
        augment(data->images.bytes + (size_t)index * PIXELS, inputs + (size_t)s * PIXELS, &random);
        labels[s] = data->labels.bytes[index];
      }
      const double done = (epoch * (double)steps + step) / (epochs * (double)steps);
      const double warm = fmin(1, (epoch * (double)steps + step + 1) / 200);
      const double rate = 2e-3 * warm * (0.5 + 0.5 * cos(3.141592653589793 * done)) + 1e-5;
      loss += net_train(net, inputs, labels, 1, BATCH, net_loss_cross_entropy, rate, 1e-2, threads);
      if (step % 100 == 99)
        fprintf(stderr, "epoch %u/%u step %u/%u loss %.4f\n", epoch + 1, epochs, step + 1, steps, loss / (step + 1));
    }
  }
  free(order);
  free(inputs);
}

static int save(const struct net *net, const char *folder, enum swisd_fashion_cut cut)
{
  static struct swisd_bundle bundle;
  struct swisd_error error;
  char path[4096];
  int status = swisd_fashion_cut(net->parameters, cut, &bundle, &error);
  if (status == 0) {
    snprintf(path, sizeof path, "%s/%s", folder, bundle.model.name);
    status = swisd_model_folder_save(path, &bundle, &error);
  }
  if (status) {
    fprintf(stderr, "train_fashion: %s\n", error.text);
  } else {
    printf("%s: model %016llx\n", path, (unsigned long long)bundle.model.id);
  }
  swisd_bundle_free(&bundle);
  return status;
}

int main(int argc, char **argv)
{
  const unsigned epochs = argc > 2 ? (unsigned)atoi(argv[2]) : 12, threads = argc > 4 ? (unsigned)atoi(argv[4]) : 2;
  const uint64_t seed = argc > 3 ? strtoull(argv[3], NULL, 10) : 1;
  struct data training, test;
  if (argc < 2 || epochs < 1 || threads < 1 || threads > THREADS_MAX) {
    fprintf(stderr, "usage: train_fashion FOLDER [epochs] [seed] [threads, at most %d]\n", THREADS_MAX);
    return 2;
  }
  if (load(&training, "train") || load(&test, "t10k"))
    return 2;
  openblas_set_num_threads(1);
  struct net net;
  struct swisd_philox random = swisd_philox_stream(seed, 0, 0, 0);
  net_build(&net, layers, sizeof layers / sizeof *layers, SIDE, SIDE, 1, &random);
  train(&net, &training, epochs, seed, threads);
  printf("test accuracy %.2f %% of %llu images, %zu parameters, seed %llu, %u epochs\n", 100 * accuracy(&net, &test, threads),
         (unsigned long long)test.images.item_count, net.parameter_count, (unsigned long long)seed, epochs);
  const int status = net.parameter_count != SWISD_FASHION_PARAMETERS || save(&net, argv[1], SWISD_FASHION_LANES) ||
                     save(&net, argv[1], SWISD_FASHION_WHOLE);
  net_free(&net);
  swisd_dataset_free(&training.images);
  swisd_dataset_free(&training.labels);
  swisd_dataset_free(&test.images);
  swisd_dataset_free(&test.labels);
  return status ? 1 : 0;
}
