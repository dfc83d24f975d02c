/* The vectors of one instruction set, for the sources of this folder, which the build compiles once per set with
 *   SWISD_SIMD_LANES   floats per register: 4, 8 or 16
 *   SWISD_SIMD_FMA     1: class "fma", a product is added unrounded; 0: class "nofma"
 *   SWISD_SIMD_NAME    prefix of every external name of this compilation
 *   SWISD_SIMD_TITLE   the name that kernels.h promises, a string
 *
 * What makes the sets agree bit for bit: every sum has an order that no width changes (the products of one output in index
 * order; everything else over SUM_LANES logical lanes, folded in halves), and only `mul_add` may fuse, where the class says so.
 * A fused multiply-add is therefore an intrinsic here and never left to the compiler; contraction is off (top CMakeLists). */
#ifndef SWISD_KERNELS_SIMD_VECTOR_H
#define SWISD_KERNELS_SIMD_VECTOR_H

#include <stddef.h>
#include <stdint.h>

#ifndef SWISD_SIMD_LANES /* read alone: what every processor can be compiled for */
#define SWISD_SIMD_LANES 4
#define SWISD_SIMD_FMA 0
#endif

enum { LANES = SWISD_SIMD_LANES, SUM_LANES = 16, SUM_VECTORS = SUM_LANES / LANES };

typedef float vec __attribute__((vector_size(4 * SWISD_SIMD_LANES)));
typedef uint32_t bits __attribute__((vector_size(4 * SWISD_SIMD_LANES)));
typedef float vec_any __attribute__((vector_size(4 * SWISD_SIMD_LANES), aligned(4), may_alias));
typedef float vec4 __attribute__((vector_size(16)));
#if SWISD_SIMD_LANES > 4
typedef float vec8 __attribute__((vector_size(32)));
#endif

/* SUM_LANES partial sums, however wide a register is. */
struct lanes {
  vec v[16 / SWISD_SIMD_LANES];
};

#define INLINE static inline __attribute__((always_inline))
/* Loops over registers: they must vanish before the compiler decides what lives in a register. Clang takes a count larger than
 * the loop's as a request for its late unrolling, which is too late, so it is told `full`. */
#ifdef __clang__
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 32")
#endif

INLINE vec load(const float *p) { return *(const vec_any *)p; }

INLINE void store(float *p, vec v) { *(vec_any *)p = v; }

/* The first `count` < LANES floats; the other lanes are `rest`. */
INLINE vec load_part(const float *p, size_t count, float rest)
{
  float all[LANES];
  for (size_t i = 0; i < LANES; i++)
    all[i] = i < count ? p[i] : rest;
  return load(all);
}

INLINE void store_part(float *p, vec v, size_t count)
{
  float all[LANES];
  store(all, v);
  for (size_t i = 0; i < count; i++)
    p[i] = all[i];
}

INLINE vec splat(float x) { return x - (vec){0}; /* x - 0 is x for every x, -0 too; compilers make it one broadcast */ }

/* Lane by lane `mask ? a : b`; a mask comes from a comparison: all ones or all zeros. */
INLINE vec choose(bits mask, vec a, vec b) { return (vec)(((bits)a & mask) | ((bits)b & ~mask)); }

/* b where it is larger, else a: a NaN in b never wins. */
INLINE vec larger(vec a, vec b) { return choose((bits)(b > a), b, a); }

#if __FLT_EVAL_METHOD__ != 0
#error "floats must be computed as floats (on 32-bit x86: -msse2 -mfpmath=sse)"
#endif

#if SWISD_SIMD_FMA && (defined(__x86_64__) || defined(__i386__))
#include <immintrin.h>
INLINE vec mul_add(vec a, vec b, vec c)
{
#if SWISD_SIMD_LANES == 16
  return (vec)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#else
  return (vec)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#endif
}
#elif SWISD_SIMD_FMA && defined(__aarch64__)
#include <arm_neon.h>
INLINE vec mul_add(vec a, vec b, vec c) { return (vec)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b); }
#elif SWISD_SIMD_FMA
#error "no fused multiply-add known for this processor"
#else
INLINE vec mul_add(vec a, vec b, vec c) { return a * b + c; }
#endif

/* Sum of the logical lanes in halves: lane i with i + 8, then i + 4, i + 2, i + 1. */
INLINE float fold(struct lanes s)
{
  vec4 four;
#if SWISD_SIMD_LANES == 4
  four = (s.v[0] + s.v[2]) + (s.v[1] + s.v[3]);
#else
#if SWISD_SIMD_LANES == 8
  const vec8 eight = s.v[0] + s.v[1];
#else
  vec8 half[2];
  __builtin_memcpy(half, &s.v[0], sizeof half);
  const vec8 eight = half[0] + half[1];
#endif
  vec4 quarter[2];
  __builtin_memcpy(quarter, &eight, sizeof quarter);
  four = quarter[0] + quarter[1];
#endif
  return (four[0] + four[2]) + (four[1] + four[3]);
}

#endif
