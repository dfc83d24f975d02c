/* Trains the denoiser of kernels/strips.h on mosaics of Fashion-MNIST with Gaussian noise, and writes FOLDER/denoise.
 *
 *   train_strips FOLDER [steps] [seed] [threads]
 *
 * Prints the peak signal-to-noise ratio before and after on a mosaic of test images. */
#include <cblas.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/dataset.h"
#include "kernels/strips.h"
#include "kernels/train/net.h"
#include "runtime/store/model_store.h"

enum { TILE = 28, CROP = 32, CROP_PIXELS = CROP * CROP, BATCH = 32, CHANNELS = SWISD_STRIPS_CHANNELS };
enum { TEST_TILES = 16, TEST_SIDE = TEST_TILES * TILE, WEIGHTS_HEIGHT = 448, WEIGHTS_WIDTH = 448 };
static const double sigma = 25; /* grey levels: the usual test of denoisers */

static const struct layer layers[] = {
  {LAYER_CONV3, .out = CHANNELS}, {LAYER_RELU}, {LAYER_CONV3, .out = CHANNELS}, {LAYER_RELU},
  {LAYER_CONV3, .out = CHANNELS}, {LAYER_RELU}, {LAYER_CONV3, .out = 1},
};

static double normal(struct swisd_philox *random)
{
  const double u = 1.0 - swisd_philox_unit(random), v = swisd_philox_unit(random);
  return sqrt(-2 * log(u)) * cos(6.283185307179586 * v);
}

static uint8_t with_noise(uint8_t grey, struct swisd_philox *random)
{
  const double noisy = floor(grey + sigma * normal(random) + 0.5);
  return noisy < 0 ? 0 : noisy > 255 ? 255 : (uint8_t)noisy;
}

/* Pixel (y, x) of an endless mosaic whose tile (i, j) is image `tiles[i][j]` of the set. */
static uint8_t mosaic_pixel(const struct swisd_dataset *images, const uint32_t tiles[3][3], uint32_t y, uint32_t x)
{
  return images->bytes[(size_t)tiles[y / TILE][x / TILE] * TILE * TILE + (size_t)(y % TILE) * TILE + x % TILE];
}

/* A crop at a random place of a random mosaic: noisy input, and the clean image less the noisy one as target. */
static void draw_sample(const struct swisd_dataset *images, float *input, float *target, struct swisd_philox *random)
{
  uint32_t tiles[3][3];
  for (int i = 0; i < 9; i++) {
    tiles[i / 3][i % 3] = swisd_philox_below(random, (uint32_t)images->item_count);
  }
  const uint32_t top = swisd_philox_below(random, TILE), left = swisd_philox_below(random, TILE);
  for (uint32_t y = 0; y < CROP; y++) {
    for (uint32_t x = 0; x < CROP; x++) {
      const uint8_t clean = mosaic_pixel(images, tiles, top + y, left + x), noisy = with_noise(clean, random);
      input[y * CROP + x] = (float)noisy / 255;
      target[y * CROP + x] = ((float)clean - (float)noisy) / 255;
    }
  }
}

static double psnr(const uint8_t *a, const double *b, size_t count)
{
  double sum = 0;
  for (size_t i = 0; i < count; i++) {
    sum += (a[i] - b[i]) * (a[i] - b[i]);
  }
  return 10 * log10(255.0 * 255.0 * (double)count / sum);
}

/* The same layers over the whole test mosaic. */
static void evaluate(const struct net *net, const struct swisd_dataset *images, uint64_t seed)
{
  const size_t pixels = (size_t)TEST_SIDE * TEST_SIDE;
  struct swisd_philox random = swisd_philox_stream(seed, 0, 1, 2), unused = random;
  struct net large;
  uint8_t *clean = malloc(pixels);
  double *noisy = malloc(pixels * sizeof *noisy), *better = malloc(pixels * sizeof *better);
  float *input = malloc(pixels * sizeof *input), *output = malloc(pixels * sizeof *output);
  for (size_t i = 0; i < pixels; i++) {
    const size_t y = i / TEST_SIDE, x = i % TEST_SIDE, tile = y / TILE * TEST_TILES + x / TILE;
    clean[i] = images->bytes[tile * TILE * TILE + y % TILE * TILE + x % TILE];
    noisy[i] = with_noise(clean[i], &random);
    input[i] = (float)noisy[i] / 255;
  }
  net_build(&large, layers, sizeof layers / sizeof *layers, TEST_SIDE, TEST_SIDE, 1, &unused);
  memcpy(large.parameters, net->parameters, net->parameter_count * sizeof(float));
  net_predict(&large, input, 1, output, 1);
  for (size_t i = 0; i < pixels; i++) {
    better[i] = fmin(255, fmax(0, floor(255 * ((double)input[i] + (double)output[i]) + 0.5)));
  }
  printf("test mosaic %d x %d, noise %g: %.2f dB before, %.2f dB after\n", TEST_SIDE, TEST_SIDE, sigma,
         psnr(clean, noisy, pixels), psnr(clean, better, pixels));
  net_free(&large);
  free(clean);
  free(noisy);
  free(better);
  free(input);
  free(output);
}

static void train(struct net *net, const struct swisd_dataset *images, unsigned steps, uint64_t seed, unsigned threads)
{
  float *inputs = malloc(sizeof(float) * BATCH * CROP_PIXELS), *targets = malloc(sizeof(float) * BATCH * CROP_PIXELS);
  struct swisd_philox random = swisd_philox_stream(seed, 0, 0, 1);
  double loss = 0;
  for (unsigned step = 0; step < steps; step++) {
    for (size_t s = 0; s < BATCH; s++) {
      draw_sample(images, inputs + s * CROP_PIXELS, targets + s * CROP_PIXELS, &random);
    }
    const double rate = 2e-3 * fmin(1, (step + 1) / 100.0) * (0.5 + 0.5 * cos(3.141592653589793 * step / steps)) + 1e-5;
    loss += net_train(net, inputs, targets, CROP_PIXELS * sizeof(float), BATCH, net_loss_squared, rate, 0, threads);
    if (step % 200 == 199) {
      fprintf(stderr, "step %u/%u loss %.6f\n", step + 1, steps, loss / 200);
      loss = 0;
    }
  }
  free(inputs);
  free(targets);
}

static int save(const struct net *net, const char *folder)
{
  static struct swisd_bundle bundle;
  struct swisd_error error;
  char path[4096];
  snprintf(path, sizeof path, "%s/denoise", folder);
  if (net->parameter_count != SWISD_STRIPS_PARAMETERS ||
      swisd_strips_cut(net->parameters, WEIGHTS_HEIGHT, WEIGHTS_WIDTH, &bundle, &error) ||
      swisd_model_folder_save(path, &bundle, &error)) {
    fprintf(stderr, "train_strips: %s\n", error.text);
    return -1;
  }
  printf("%s: model %016llx\n", path, (unsigned long long)bundle.model.id);
  swisd_bundle_free(&bundle);
  return 0;
}

int main(int argc, char **argv)
{
  const unsigned steps = argc > 2 ? (unsigned)atoi(argv[2]) : 2000, threads = argc > 4 ? (unsigned)atoi(argv[4]) : 2;
  const uint64_t seed = argc > 3 ? strtoull(argv[3], NULL, 10) : 1;
  struct swisd_dataset training, test;
  struct swisd_error error;
  if (argc < 2 || steps < 1 || threads < 1 || threads > THREADS_MAX) {
    fprintf(stderr, "usage: train_strips FOLDER [steps] [seed] [threads, at most %d]\n", THREADS_MAX);
    return 2;
  }
  if (swisd_dataset_read(SWISD_FASHION_FOLDER "/train-images-idx3-ubyte.gz", &training, &error) ||
      swisd_dataset_read(SWISD_FASHION_FOLDER "/t10k-images-idx3-ubyte.gz", &test, &error)) {
    fprintf(stderr, "train_strips: %s\n", error.text);
    return 2;
  }
  openblas_set_num_threads(1);
  struct net net;
  struct swisd_philox random = swisd_philox_stream(seed, 0, 0, 0);
  net_build(&net, layers, sizeof layers / sizeof *layers, CROP, CROP, 1, &random);
  train(&net, &training, steps, seed, threads);
  evaluate(&net, &test, seed);
  const int status = save(&net, argv[1]);
  net_free(&net);
  swisd_dataset_free(&training);
  swisd_dataset_free(&test);
  return status ? 1 : 0;
}
