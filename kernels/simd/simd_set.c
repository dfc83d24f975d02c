/* The table of one set. */
#include "kernels/simd/simd_set.h"

extern const struct swisd_kernels SWISD_SIMD(kernels);

const struct swisd_kernels SWISD_SIMD(kernels) = {
  .name = SWISD_SIMD_TITLE,
  .class_name = SWISD_SIMD_FMA ? "fma" : "nofma",
  .class_id = SWISD_SIMD_FMA ? SWISD_KERNELS_FMA : SWISD_KERNELS_NOFMA,
  .packed_floats = SWISD_SIMD(packed_floats),
  .pack = SWISD_SIMD(pack),
  .matmul = SWISD_SIMD(matmul),
  .conv_packed_floats = SWISD_SIMD(conv_packed_floats),
  .conv_pack = SWISD_SIMD(conv_pack),
  .conv_scratch_floats = SWISD_SIMD(conv_scratch_floats),
  .conv2d = SWISD_SIMD(conv2d),
  .epilogue = SWISD_SIMD(epilogue),
  .add = SWISD_SIMD(add),
  .maxpool2x2 = SWISD_SIMD(maxpool2x2),
  .average_pool = SWISD_SIMD(average_pool),
  .softmax = SWISD_SIMD(softmax),
  .rmsnorm = SWISD_SIMD(rmsnorm),
  .rope = swisd_kernels_rope,
  .attention = SWISD_SIMD(attention),
  .swiglu = SWISD_SIMD(swiglu),
  .argmax = SWISD_SIMD(argmax),
  .project = SWISD_SIMD(project),
};
