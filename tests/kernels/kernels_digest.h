/* One number for all the bits of a set. Equal on every processor, compiler and width of vectors within a class: that is what
 * lets a swarm compare redundant results by hash. A change of these constants is a change of the class: old and new nodes
 * would disagree, so it needs a new class. Freestanding, so that WebAssembly and other architectures run it too. */
#ifndef SWISD_TESTS_KERNELS_DIGEST_H
#define SWISD_TESTS_KERNELS_DIGEST_H

#include "kernels/kernels.h"

#define KERNELS_DIGEST_FMA UINT64_C(0xe201b50351463076)
#define KERNELS_DIGEST_NOFMA UINT64_C(0x793261c337eef522)

uint64_t kernels_digest(const struct swisd_kernels *set);

#endif
