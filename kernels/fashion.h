/* The project's own network for Fashion-MNIST: four 3x3 convolutions (16, 32, 64, 128 channels), two poolings, the mean over
 * the pixels, one dense layer; 22 MFLOP an image of 28 x 28 bytes, ten logits. kernels/train/train_fashion.c trains it,
 * kernels/weights/ holds the result. */
#ifndef SWISD_KERNELS_FASHION_H
#define SWISD_KERNELS_FASHION_H

#include "kernels/model.h"

enum { SWISD_FASHION_PARAMETERS = 98442 };

/* How it is cut. Bytes are what flows per image between the steps: */
enum swisd_fashion_cut {
  SWISD_FASHION_LANES = 0,    /* 4 steps, 7 shards: blocks of output channels. 75 kB */
  SWISD_FASHION_PIPELINE = 1, /* 2 steps, 2 shards. 13 kB */
  SWISD_FASHION_WHOLE = 2,    /* 1 step, 1 shard. Nothing */
};

/* `parameters` in the order of the layers, each its weights (convolutions HWIO, dense [out][in]), then its bias. Digests are left
 * to swisd_bundle_seal(). */
int swisd_fashion_cut(const float parameters[SWISD_FASHION_PARAMETERS], enum swisd_fashion_cut cut, struct swisd_bundle *bundle,
                      struct swisd_error *error);

#endif
