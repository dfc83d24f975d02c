/* Speeds as base-2 logarithms in fixed point (8 fractional bits of FLOP/s): a factor is a difference, an average is a
 * geometric one, and a device eight times slower is 768 away whatever its class. No libm: the same bits everywhere. */
#ifndef SWISD_CORE_RATE_H
#define SWISD_CORE_RATE_H

#include "runtime/core/types.h"

enum { SWISD_RATE_ONE = 256 }; /* one octave */

/* log2(value) with 8 fractional bits, rounded to nearest; 0 for value <= 1. */
swisd_log_rate swisd_rate_log2(uint64_t value);
/* 2^(log / 256), rounded down; saturates at UINT64_MAX. */
uint64_t swisd_rate_exp2(uint32_t log);
/* Nanoseconds for `flops` at `rate`; a rate of 0 counts as 1 MFLOP/s. At least 1, at most an hour. */
uint64_t swisd_rate_ns(uint64_t flops, swisd_log_rate rate);
/* FLOP that `rate` does in `ns`; at least 1. */
uint64_t swisd_rate_flops(uint64_t ns, swisd_log_rate rate);

/* A measured speed: exponential averages of log2, and of the absolute deviation (reference: TCP's RTT estimator, Jacobson
 * 1988, on logarithms). `fast` (weight 0.3, so that an 8x step is followed within 5 tasks) serves dispatch, `slow` (0.05)
 * is advertised. */
struct swisd_speed {
  int32_t fast, slow, deviation; /* 16 fractional bits */
  uint32_t samples;
};
/* The prior: what calibration or the peer's record says; deviation of a quarter octave until measured. */
void swisd_speed_init(struct swisd_speed *speed, swisd_log_rate prior);
void swisd_speed_measured(struct swisd_speed *speed, uint64_t flops, uint64_t elapsed_ns);
swisd_log_rate swisd_speed_fast(const struct swisd_speed *speed);
swisd_log_rate swisd_speed_slow(const struct swisd_speed *speed);
/* How much longer than expected is still ordinary: `ns` * 2^(2 * deviation), the extra part only. */
uint64_t swisd_speed_margin_ns(const struct swisd_speed *speed, uint64_t ns);

#endif
