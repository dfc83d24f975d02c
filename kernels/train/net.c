/* Forward, backward and Adam of the trainer. */
#include "kernels/train/net.h"

#include <assert.h>
#include <cblas.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <threads.h>

/* Buffers of one thread, for one sample at a time. */
struct workspace {
  float *activations[LAYERS_MAX + 1]; /* [0] is the input */
  float *columns[LAYERS_MAX];         /* im2col of the convolutions, kept for the backward pass */
  float *gradients[2];                /* by an activation: two in turn */
  float *column_gradient;
};

struct job {
  const struct net *net;
  const float *inputs;
  const char *targets;
  size_t target_bytes, count;
  net_loss loss;
  float *outputs;   /* predict: not NULL */
  float *gradients; /* train: [SLICES][parameter_count] */
  double losses[SLICES];
  unsigned thread, threads;
};

static size_t activation_floats(const struct net *net, size_t index)
{
  if (index == net->layer_count)
    return net->out_floats;
  const struct layer *layer = &net->layers[index];
  return layer->height * layer->width * layer->in;
}

static float *floats(size_t count)
{
  float *p = calloc(count ? count : 1, sizeof *p);
  assert(p && "no memory");
  return p;
}

static double normal(struct swisd_philox *random)
{
  const double u = 1.0 - swisd_philox_unit(random), v = swisd_philox_unit(random);
  return sqrt(-2 * log(u)) * cos(6.283185307179586 * v); /* Box and Muller 1958 */
}

void net_build(struct net *net, const struct layer *layers, size_t layer_count, size_t height, size_t width, size_t channels,
               struct swisd_philox *random)
{
  assert(layer_count <= LAYERS_MAX);
  *net = (struct net){.layer_count = layer_count, .in_floats = height * width * channels};
  for (size_t i = 0; i < layer_count; i++) {
    struct layer *layer = &net->layers[i];
    *layer = layers[i];
    layer->height = height, layer->width = width, layer->in = channels;
    layer->weight = net->parameter_count;
    switch (layer->kind) {
    case LAYER_CONV3:
      layer->bias = layer->weight + 9 * channels * layer->out, channels = layer->out;
      break;
    case LAYER_DENSE:
      layer->bias = layer->weight + height * width * channels * layer->out;
      height = width = 1, channels = layer->out;
      break;
    case LAYER_MAXPOOL2:
      height /= 2, width /= 2;
      break;
    case LAYER_AVERAGE:
      height = width = 1;
      break;
    case LAYER_RELU:
      break;
    }
    if (layer->kind == LAYER_CONV3 || layer->kind == LAYER_DENSE)
      net->parameter_count = layer->bias + layer->out;
  }
  net->out_floats = height * width * channels;
  net->parameters = floats(net->parameter_count);
  net->moments = floats(2 * net->parameter_count);
  for (size_t i = 0; i < layer_count; i++) {
    const struct layer *layer = &net->layers[i];
    if (layer->kind != LAYER_CONV3 && layer->kind != LAYER_DENSE)
      continue;
    const double scale = sqrt(2.0 * (double)layer->out / (double)(layer->bias - layer->weight));
    for (size_t p = layer->weight; p < layer->bias; p++)
      net->parameters[p] = (float)(scale * normal(random));
  }
}

void net_free(struct net *net)
{
  free(net->parameters);
  free(net->moments);
  *net = (struct net){0};
}

static void workspace_build(struct workspace *work, const struct net *net)
{
  size_t widest = 0, widest_columns = 0;
  for (size_t i = 0; i <= net->layer_count; i++) {
    const size_t count = activation_floats(net, i);
    work->activations[i] = floats(count);
    widest = count > widest ? count : widest;
  }
  for (size_t i = 0; i < net->layer_count; i++) {
    const size_t count = net->layers[i].kind == LAYER_CONV3 ? 9 * activation_floats(net, i) : 0;
    work->columns[i] = floats(count);
    widest_columns = count > widest_columns ? count : widest_columns;
  }
  work->gradients[0] = floats(widest);
  work->gradients[1] = floats(widest);
  work->column_gradient = floats(widest_columns);
}

static void workspace_free(struct workspace *work, const struct net *net)
{
  for (size_t i = 0; i <= net->layer_count; i++)
    free(work->activations[i]);
  for (size_t i = 0; i < net->layer_count; i++)
    free(work->columns[i]);
  free(work->gradients[0]);
  free(work->gradients[1]);
  free(work->column_gradient);
}

/* columns[pixel][3][3][channels] of a zero-padded image; with `back` the other way round, adding into the image. */
static void im2col(size_t height, size_t width, size_t channels, float *image, float *columns, int back)
{
  for (size_t y = 0; y < height; y++)
    for (size_t x = 0; x < width; x++)
      for (size_t ky = 0; ky < 3; ky++)
        for (size_t kx = 0; kx < 3; kx++) {
          float *column = columns + (((y * width + x) * 3 + ky) * 3 + kx) * channels;
          const size_t sy = y + ky - 1, sx = x + kx - 1; /* below zero wraps to a huge number: outside as well */
          const int inside = sy < height && sx < width;
          float *pixel = inside ? image + (sy * width + sx) * channels : NULL;
          if (!back && inside)
            memcpy(column, pixel, channels * sizeof *column);
          else if (!back)
            memset(column, 0, channels * sizeof *column);
          else if (inside)
            for (size_t c = 0; c < channels; c++)
              pixel[c] += column[c];
        }
}

static void gemm(CBLAS_TRANSPOSE ta, CBLAS_TRANSPOSE tb, size_t m, size_t n, size_t k, const float *a, size_t lda, const float *b,
                 size_t ldb, float beta, float *c)
{
  cblas_sgemm(CblasRowMajor, ta, tb, (int)m, (int)n, (int)k, 1, a, (int)lda, b, (int)ldb, beta, c, (int)n);
}

static void pool_forward(const struct layer *layer, const float *x, float *y)
{
  const size_t row = layer->width * layer->in;
  for (size_t i = 0; i < layer->height / 2; i++)
    for (size_t j = 0; j < layer->width / 2; j++)
      for (size_t c = 0; c < layer->in; c++) {
        const float *p = x + 2 * i * row + 2 * j * layer->in + c;
        y[(i * (layer->width / 2) + j) * layer->in + c] = fmaxf(fmaxf(p[0], p[layer->in]), fmaxf(p[row], p[row + layer->in]));
      }
}

/* The gradient goes to the first of the largest. */
static void pool_backward(const struct layer *layer, const float *x, const float *y, const float *dy, float *dx)
{
  const size_t row = layer->width * layer->in;
  memset(dx, 0, layer->height * row * sizeof *dx);
  for (size_t i = 0; i < layer->height / 2; i++)
    for (size_t j = 0; j < layer->width / 2; j++)
      for (size_t c = 0; c < layer->in; c++) {
        const size_t out = (i * (layer->width / 2) + j) * layer->in + c, first = 2 * i * row + 2 * j * layer->in + c;
        const size_t at[4] = {first, first + layer->in, first + row, first + row + layer->in};
        size_t k = 0;
        while (k < 3 && x[at[k]] < y[out])
          k++;
        dx[at[k]] = dy[out];
      }
}

static void layer_forward(const struct net *net, size_t index, struct workspace *work)
{
  const struct layer *layer = &net->layers[index];
  const size_t pixels = layer->height * layer->width, in_floats = pixels * layer->in;
  const float *weight = net->parameters + layer->weight, *bias = net->parameters + layer->bias;
  float *x = work->activations[index], *y = work->activations[index + 1];
  switch (layer->kind) {
  case LAYER_CONV3:
    im2col(layer->height, layer->width, layer->in, x, work->columns[index], 0);
    for (size_t p = 0; p < pixels; p++)
      memcpy(y + p * layer->out, bias, layer->out * sizeof *y);
    gemm(CblasNoTrans, CblasNoTrans, pixels, layer->out, 9 * layer->in, work->columns[index], 9 * layer->in, weight, layer->out,
         1, y);
    break;
  case LAYER_DENSE:
    memcpy(y, bias, layer->out * sizeof *y);
    gemm(CblasNoTrans, CblasTrans, 1, layer->out, in_floats, x, in_floats, weight, in_floats, 1, y);
    break;
  case LAYER_RELU:
    for (size_t i = 0; i < in_floats; i++)
      y[i] = x[i] > 0 ? x[i] : 0;
    break;
  case LAYER_MAXPOOL2:
    pool_forward(layer, x, y);
    break;
  case LAYER_AVERAGE:
    memset(y, 0, layer->in * sizeof *y);
    for (size_t i = 0; i < in_floats; i++)
      y[i % layer->in] += x[i] / (float)pixels;
    break;
  }
}

/* dy by the layer's output -> dx by its input (unless it is the first), and the parameters' gradient added to `gradient`. */
static void layer_backward(const struct net *net, size_t index, struct workspace *work, const float *dy, float *dx,
                           float *gradient)
{
  const struct layer *layer = &net->layers[index];
  const size_t pixels = layer->height * layer->width, in_floats = pixels * layer->in, k = 9 * layer->in;
  const float *x = work->activations[index], *y = work->activations[index + 1], *weight = net->parameters + layer->weight;
  switch (layer->kind) {
  case LAYER_CONV3:
    gemm(CblasTrans, CblasNoTrans, k, layer->out, pixels, work->columns[index], k, dy, layer->out, 1, gradient + layer->weight);
    for (size_t i = 0; i < pixels * layer->out; i++)
      gradient[layer->bias + i % layer->out] += dy[i];
    if (index) {
      gemm(CblasNoTrans, CblasTrans, pixels, k, layer->out, dy, layer->out, weight, layer->out, 0, work->column_gradient);
      memset(dx, 0, in_floats * sizeof *dx);
      im2col(layer->height, layer->width, layer->in, dx, work->column_gradient, 1);
    }
    break;
  case LAYER_DENSE:
    gemm(CblasTrans, CblasNoTrans, layer->out, in_floats, 1, dy, layer->out, x, in_floats, 1, gradient + layer->weight);
    for (size_t i = 0; i < layer->out; i++)
      gradient[layer->bias + i] += dy[i];
    gemm(CblasNoTrans, CblasNoTrans, 1, in_floats, layer->out, dy, layer->out, weight, in_floats, 0, dx);
    break;
  case LAYER_RELU:
    for (size_t i = 0; i < in_floats; i++)
      dx[i] = x[i] > 0 ? dy[i] : 0;
    break;
  case LAYER_MAXPOOL2:
    pool_backward(layer, x, y, dy, dx);
    break;
  case LAYER_AVERAGE:
    for (size_t i = 0; i < in_floats; i++)
      dx[i] = dy[i % layer->in] / (float)pixels;
    break;
  }
}

static void sample_forward(const struct net *net, struct workspace *work, const float *input)
{
  memcpy(work->activations[0], input, net->in_floats * sizeof *input);
  for (size_t i = 0; i < net->layer_count; i++)
    layer_forward(net, i, work);
}

/* Thread t takes slices t, t + threads, ...; slice s holds samples s, s + SLICES, ... */
static int run_slices(void *argument)
{
  struct job *job = argument;
  const struct net *net = job->net;
  struct workspace work;
  workspace_build(&work, net);
  for (size_t slice = job->thread; slice < SLICES; slice += job->threads) {
    for (size_t s = slice; s < job->count; s += SLICES) {
      sample_forward(net, &work, job->inputs + s * net->in_floats);
      const float *out = work.activations[net->layer_count];
      if (job->outputs) {
        memcpy(job->outputs + s * net->out_floats, out, net->out_floats * sizeof *out);
        continue;
      }
      float *dy = work.gradients[0], *dx = work.gradients[1];
      job->losses[slice] += job->loss(out, net->out_floats, job->targets + s * job->target_bytes, dy);
      for (size_t i = net->layer_count; i-- > 0;) {
        layer_backward(net, i, &work, dy, dx, job->gradients + slice * net->parameter_count);
        float *swap = dy;
        dy = dx, dx = swap;
      }
    }
  }
  workspace_free(&work, net);
  return 0;
}

static void run_job(struct job *jobs, unsigned threads)
{
  thrd_t handles[THREADS_MAX];
  for (unsigned t = 1; t < threads; t++) {
    const int status = thrd_create(&handles[t], run_slices, &jobs[t]);
    assert(status == thrd_success);
    (void)status;
  }
  run_slices(&jobs[0]);
  for (unsigned t = 1; t < threads; t++)
    thrd_join(handles[t], NULL);
}

double net_train(struct net *net, const float *inputs, const void *targets, size_t target_bytes, size_t count, net_loss loss,
                 double rate, double decay, unsigned threads)
{
  const double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8; /* the paper's own defaults */
  const size_t n = net->parameter_count;
  struct job jobs[THREADS_MAX];
  float *gradients = floats(SLICES * n);
  for (unsigned t = 0; t < threads; t++)
    jobs[t] = (struct job){.net = net,
                           .inputs = inputs,
                           .targets = targets,
                           .target_bytes = target_bytes,
                           .count = count,
                           .loss = loss,
                           .gradients = gradients,
                           .thread = t,
                           .threads = threads};
  run_job(jobs, threads);
  double total = 0;
  for (size_t slice = 0; slice < SLICES; slice++)
    total += jobs[slice % threads].losses[slice];
  net->step++;
  const double correct1 = 1 - pow(beta1, (double)net->step), correct2 = 1 - pow(beta2, (double)net->step);
  for (size_t p = 0; p < n; p++) {
    double g = 0;
    for (size_t slice = 0; slice < SLICES; slice++)
      g += (double)gradients[slice * n + p];
    g /= (double)count;
    const double m = beta1 * (double)net->moments[p] + (1 - beta1) * g;
    const double v = beta2 * (double)net->moments[n + p] + (1 - beta2) * g * g;
    net->moments[p] = (float)m, net->moments[n + p] = (float)v;
    const double w = (double)net->parameters[p];
    net->parameters[p] = (float)(w - rate * (m / correct1 / (sqrt(v / correct2) + epsilon) + decay * w));
  }
  free(gradients);
  return total / (double)count;
}

void net_predict(const struct net *net, const float *inputs, size_t count, float *outputs, unsigned threads)
{
  struct job jobs[THREADS_MAX];
  for (unsigned t = 0; t < threads; t++)
    jobs[t] = (struct job){.net = net, .inputs = inputs, .count = count, .outputs = outputs, .thread = t, .threads = threads};
  run_job(jobs, threads);
}

double net_loss_cross_entropy(const float *out, size_t out_floats, const void *target, float *gradient)
{
  const size_t label = *(const uint8_t *)target;
  double largest = (double)out[0], sum = 0;
  for (size_t i = 1; i < out_floats; i++)
    largest = fmax(largest, (double)out[i]);
  for (size_t i = 0; i < out_floats; i++)
    sum += exp((double)out[i] - largest);
  for (size_t i = 0; i < out_floats; i++)
    gradient[i] = (float)(exp((double)out[i] - largest) / sum - (i == label));
  return log(sum) - ((double)out[label] - largest);
}

double net_loss_squared(const float *out, size_t out_floats, const void *target, float *gradient)
{
  const float *wanted = target;
  double sum = 0;
  for (size_t i = 0; i < out_floats; i++) {
    const double d = (double)out[i] - (double)wanted[i];
    gradient[i] = (float)(d / (double)out_floats);
    sum += d * d;
  }
  return sum / (2 * (double)out_floats);
}
