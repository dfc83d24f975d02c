/* Fixed-point logarithms and moving averages of speed. */
#include "runtime/core/rate.h"
#include "runtime/core/memory.h"

enum { FRACTION = 65536 }; /* of the averages: 16 bits, of which swisd_log_rate keeps 8 */

static uint32_t bit_length(uint64_t value)
{
  uint32_t length = 0;
  for (uint32_t step = 32; step; step >>= 1)
    if (value >> step)
      value >>= step, length += step;
  return length + (value != 0);
}

/* log2 with 16 fractional bits, by repeated squaring of the mantissa (Knuth, TAOCP 1, exercise 1.2.2-25). */
static uint32_t log2_16(uint64_t value)
{
  if (value <= 1)
    return 0;
  const uint32_t exponent = bit_length(value) - 1;
  uint64_t mantissa = exponent >= 31 ? value >> (exponent - 31) : value << (31 - exponent); /* [2^31, 2^32) */
  uint32_t fraction = 0;
  for (int bit = 15; bit >= 0; bit--) {
    mantissa = mantissa * mantissa >> 31;
    if (mantissa >> 32)
      mantissa >>= 1, fraction |= 1u << bit;
  }
  return exponent << 16 | fraction;
}

swisd_log_rate swisd_rate_log2(uint64_t value) { return (swisd_log_rate)((log2_16(value) + 128) >> 8); }

/* 2^(k / 256) as 1.31 fixed point would need a table; the product of the eight roots of two does as well. */
static uint64_t mantissa_exp2(uint32_t fraction)
{
  static const uint32_t roots[8] = {
    /* 2^(1/2), 2^(1/4), ... 2^(1/256) in 1.31 */
    3037000500u, 2553802834u, 2341847524u, 2242560872u, 2194507417u, 2170868212u, 2159144272u, 2153306067u,
  };
  uint64_t value = UINT64_C(1) << 31;
  for (int bit = 0; bit < 8; bit++)
    if (fraction & (128u >> bit))
      value = value * roots[bit] >> 31;
  return value;
}

uint64_t swisd_rate_exp2(uint32_t log)
{
  const uint32_t exponent = log >> 8;
  if (exponent >= 64)
    return UINT64_MAX;
  const uint64_t mantissa = mantissa_exp2(log & 255); /* 1.31 */
  return exponent >= 31 ? mantissa << (exponent - 31) : mantissa >> (31 - exponent);
}

static const uint64_t hour_ns = UINT64_C(3600000000000);

uint64_t swisd_rate_ns(uint64_t flops, swisd_log_rate rate)
{
  const double speed = (double)swisd_rate_exp2(rate ? rate : 20 * SWISD_RATE_ONE); /* 2^20 = 1 MFLOP/s */
  const double ns = (double)flops * 1e9 / speed;
  return ns < 1 ? 1 : ns >= (double)hour_ns ? hour_ns : (uint64_t)ns;
}

uint64_t swisd_rate_flops(uint64_t ns, swisd_log_rate rate)
{
  const double flops = (double)ns * (double)swisd_rate_exp2(rate ? rate : 20 * SWISD_RATE_ONE) / 1e9;
  return flops < 1 ? 1 : flops >= 1e19 ? UINT64_C(10000000000000000000) : (uint64_t)flops;
}

void swisd_speed_init(struct swisd_speed *speed, swisd_log_rate prior)
{
  memset(speed, 0, sizeof *speed);
  speed->fast = speed->slow = (int32_t)prior << 8;
  speed->deviation = FRACTION / 4;
}

void swisd_speed_measured(struct swisd_speed *speed, uint64_t flops, uint64_t elapsed_ns)
{
  if (flops == 0)
    return;
  const double per_second = (double)flops * 1e9 / (double)(elapsed_ns ? elapsed_ns : 1);
  const int32_t x = (int32_t)log2_16(per_second >= 1e19 ? UINT64_C(10000000000000000000) : (uint64_t)per_second);
  if (speed->samples == 0 && speed->fast == 0)
    speed->fast = speed->slow = x;
  int32_t error = x - speed->fast;
  const int32_t distance = error < 0 ? -error : error;
  speed->deviation += (distance - speed->deviation) / 8;
  /* A step of more than half an octave is a change, not noise: believe three quarters of it at once. */
  speed->fast += distance > FRACTION / 2 ? error / 4 * 3 : error * 3 / 10;
  speed->slow += (x - speed->slow) / 20;
  if (speed->fast < 0)
    speed->fast = 0;
  if (speed->slow < 0)
    speed->slow = 0;
  if (speed->samples < UINT32_MAX)
    speed->samples++;
}

swisd_log_rate swisd_speed_fast(const struct swisd_speed *speed) { return (swisd_log_rate)(speed->fast >> 8); }
swisd_log_rate swisd_speed_slow(const struct swisd_speed *speed) { return (swisd_log_rate)(speed->slow >> 8); }

uint64_t swisd_speed_margin_ns(const struct swisd_speed *speed, uint64_t ns)
{
  uint32_t log = (uint32_t)(speed->deviation >> 7); /* twice the deviation, 8 fractional bits */
  if (log > 2 * SWISD_RATE_ONE)
    log = 2 * SWISD_RATE_ONE;
  const uint64_t factor = mantissa_exp2(log & 255) << (log >> 8); /* 1.31 */
  return (uint64_t)((double)ns * ((double)factor / 2147483648.0 - 1.0));
}
