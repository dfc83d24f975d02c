/* A convolutional denoiser for grey images, computed in strips: four 3x3 convolutions whose sum with the noisy image is the
 * clean one; each convolution is a step whose items are strips of image rows, with a halo of one strip. 21.7 kFLOP a pixel.
 * kernels/train/train_strips.c trains it, kernels/weights/ holds the result. The weights do not depend on the size of the
 * image: a model for another size has the same shards and another manifest. */
#ifndef SWISD_KERNELS_STRIPS_H
#define SWISD_KERNELS_STRIPS_H

#include "kernels/model.h"

enum { SWISD_STRIPS_CHANNELS = 24, SWISD_STRIPS_PARAMETERS = 10873 };

/* `parameters` as the trainer writes them: for each layer w[3][3][in][out], bias[out]. */
int swisd_strips_cut(const float parameters[SWISD_STRIPS_PARAMETERS], uint32_t height, uint32_t width,
                     struct swisd_bundle *bundle, struct swisd_error *error);

/* Makes any model of task strips one for images of this size: about 16 rows a strip, and a number of strips that divides the
 * height; an image whose height has no such divisor is to be padded to *padded_height rows by repeating its last row (and the
 * answer cut). The caller seals the bundle again (other manifest, same shards). */
int swisd_strips_resize(struct swisd_model *model, uint32_t height, uint32_t width, uint32_t *padded_height,
                        struct swisd_error *error);

#endif
