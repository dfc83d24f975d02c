/* A small trainer: sequential networks of 3x3 convolutions, pooling and dense layers, by back-propagation on OpenBLAS.
 *
 * A mini-batch is cut in SLICES slices, each with a gradient of its own; the slices are added in order. So a result depends on
 * the seed and on OpenBLAS's kernels, but not on the number of threads or on who is faster.
 * Layouts are those of the shards: images NHWC, convolutions HWIO, dense weights [out][in]; each layer's weights are followed
 * by its bias. */
#ifndef SWISD_KERNELS_TRAIN_NET_H
#define SWISD_KERNELS_TRAIN_NET_H

#include <stddef.h>
#include <stdint.h>

#include "runtime/base/philox.h"

enum layer_kind { LAYER_CONV3, LAYER_RELU, LAYER_MAXPOOL2, LAYER_AVERAGE, LAYER_DENSE };

struct layer {
  enum layer_kind kind;
  size_t out;               /* channels made; CONV3 and DENSE */
  size_t height, width, in; /* filled by net_build: of the input */
  size_t weight, bias;      /* filled: offsets in the parameters */
};

enum { LAYERS_MAX = 16, SLICES = 8, THREADS_MAX = 8 };

struct net {
  struct layer layers[LAYERS_MAX];
  size_t layer_count;
  size_t in_floats, out_floats, parameter_count;
  float *parameters; /* owned */
  float *moments;    /* owned: Adam's first and second moment, one after the other */
  uint64_t step;
};

/* What a sample's loss is, and its gradient by the network's output. */
typedef double (*net_loss)(const float *out, size_t out_floats, const void *target, float *gradient);

/* Cross entropy of softmax(out); `target` is a uint8_t label. Half the mean squared error; `target` is float[out_floats]. */
double net_loss_cross_entropy(const float *out, size_t out_floats, const void *target, float *gradient);
double net_loss_squared(const float *out, size_t out_floats, const void *target, float *gradient);

/* Lays out the parameters and draws them (He et al. 2015: normal, variance 2 / fan-in; biases zero) from `random`. */
void net_build(struct net *net, const struct layer *layers, size_t layer_count, size_t height, size_t width, size_t channels,
               struct swisd_philox *random);
void net_free(struct net *net);

/* One Adam step (Kingma and Ba 2015, with decoupled weight decay) on `count` samples: inputs[count][in_floats], targets
 * `target_bytes` apart. Returns the mean loss. */
double net_train(struct net *net, const float *inputs, const void *targets, size_t target_bytes, size_t count, net_loss loss,
                 double rate, double decay, unsigned threads);

/* outputs[count][out_floats] */
void net_predict(const struct net *net, const float *inputs, size_t count, float *outputs, unsigned threads);

#endif
