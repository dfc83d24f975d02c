#include "kernels/reference.h"

#include <math.h>

void swisd_reference_matmul(size_t m, size_t n, size_t k, const float *x, size_t x_stride, const float *w, size_t row_stride,
                            size_t column_stride, double *y, double *magnitude)
{
  for (size_t i = 0; i < m; i++)
    for (size_t j = 0; j < n; j++) {
      double sum = 0, size = 0;
      for (size_t p = 0; p < k; p++) {
        const double product = (double)x[i * x_stride + p] * w[p * row_stride + j * column_stride];
        sum += product;
        size += fabs(product);
      }
      y[i * n + j] = sum;
      if (magnitude)
        magnitude[i * n + j] = size;
    }
}

/* One output: x is the item with its context rows, `o` the output channel. */
static double conv_pixel(const struct swisd_conv *s, const float *x, const float *w, long row, long column, size_t o,
                         double *size)
{
  const long reach = (long)s->kernel / 2, rows_in = (long)(s->rows_above + s->height + s->rows_below);
  double sum = 0;
  *size = 0;
  for (long ky = 0; ky < (long)s->kernel; ky++)
    for (long kx = 0; kx < (long)s->kernel; kx++) {
      const long in = row + (long)s->rows_above + ky - reach, at = column + kx - reach;
      if (in < 0 || in >= rows_in || at < 0 || at >= (long)s->width)
        continue;
      for (size_t c = 0; c < s->channels_in; c++) {
        const size_t tap = ((size_t)ky * s->kernel + (size_t)kx) * s->channels_in + c;
        const double product =
          (double)x[((size_t)in * s->width + (size_t)at) * s->channels_in + c] * w[tap * s->channels_out + o];
        sum += product;
        *size += fabs(product);
      }
    }
  return sum;
}

void swisd_reference_conv2d(const struct swisd_conv *s, const float *x, const float *w, double *y, double *magnitude)
{
  const size_t item_floats = (s->rows_above + s->height + s->rows_below) * s->width * s->channels_in;
  size_t at = 0;
  for (size_t item = 0; item < s->batch; item++)
    for (size_t row = 0; row < s->height; row++)
      for (size_t column = 0; column < s->width; column++)
        for (size_t o = 0; o < s->channels_out; o++, at++) {
          double size;
          y[at] = conv_pixel(s, x + item * item_floats, w, (long)row, (long)column, o, &size);
          if (magnitude)
            magnitude[at] = size;
        }
}

void swisd_reference_average_pool(size_t pixels, size_t channels, const float *x, double *y, double *magnitude)
{
  for (size_t c = 0; c < channels; c++) {
    double sum = 0, size = 0;
    for (size_t p = 0; p < pixels; p++) {
      sum += x[p * channels + c];
      size += fabs((double)x[p * channels + c]);
    }
    y[c] = sum / (double)pixels;
    if (magnitude)
      magnitude[c] = size / (double)pixels;
  }
}

void swisd_reference_softmax(size_t columns, const float *x, double *y)
{
  double top = -INFINITY, sum = 0;
  for (size_t i = 0; i < columns; i++)
    top = x[i] > top ? x[i] : top;
  for (size_t i = 0; i < columns; i++)
    sum += exp(x[i] - top);
  for (size_t i = 0; i < columns; i++)
    y[i] = exp(x[i] - top) / sum;
}

void swisd_reference_rmsnorm(size_t columns, const float *x, const float *weight, double epsilon, double *y)
{
  double sum = 0;
  for (size_t i = 0; i < columns; i++)
    sum += (double)x[i] * x[i];
  for (size_t i = 0; i < columns; i++)
    y[i] = x[i] / sqrt(sum / (double)columns + epsilon) * weight[i];
}

void swisd_reference_swiglu(size_t count, const float *gate, const float *up, double *y)
{
  for (size_t i = 0; i < count; i++)
    y[i] = gate[i] / (1 + exp(-(double)gate[i])) * up[i];
}

void swisd_reference_rope(size_t head_size, const float *x, size_t position, double theta, double *y)
{
  const size_t half = head_size / 2;
  for (size_t i = 0; i < half; i++) {
    const double angle = (double)position * pow(theta, -2.0 * (double)i / (double)head_size);
    y[i] = x[i] * cos(angle) - x[i + half] * sin(angle);
    y[i + half] = x[i + half] * cos(angle) + x[i] * sin(angle);
  }
}

void swisd_reference_attention(const struct swisd_attention *s, const float *q, const float *k, const float *v, double *y,
                               double *magnitude, double *scratch)
{
  for (size_t token = 0; token < s->tokens; token++)
    for (size_t head = 0; head < s->heads; head++) {
      const size_t positions = s->position + token + 1, cache = head / (s->heads / s->kv_heads) * s->head_size;
      double top = -INFINITY, sum = 0;
      for (size_t p = 0; p < positions; p++) {
        scratch[p] = 0;
        for (size_t i = 0; i < s->head_size; i++)
          scratch[p] += (double)q[token * s->q_stride + head * s->head_size + i] * k[p * s->kv_stride + cache + i];
        scratch[p] /= sqrt((double)s->head_size);
        top = fmax(top, scratch[p]);
      }
      for (size_t p = 0; p < positions; p++)
        sum += scratch[p] = exp(scratch[p] - top);
      for (size_t i = 0; i < s->head_size; i++) {
        double value = 0, size = 0;
        for (size_t p = 0; p < positions; p++) {
          value += scratch[p] / sum * v[p * s->kv_stride + cache + i];
          size += scratch[p] / sum * fabs((double)v[p * s->kv_stride + cache + i]);
        }
        y[(token * s->heads + head) * s->head_size + i] = value;
        if (magnitude)
          magnitude[(token * s->heads + head) * s->head_size + i] = size;
      }
    }
}
