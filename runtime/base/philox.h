/* Philox4x32-10, a counter-based generator of random numbers: the block at any counter is computed directly,
 * so every (seed, repeat, device, purpose) owns a stream of its own and no stream disturbs another.
 * Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
 * Header only and freestanding: the core includes it too. */
#ifndef SWISD_BASE_PHILOX_H
#define SWISD_BASE_PHILOX_H

#include <stdint.h>

struct swisd_philox {
  uint32_t key[2];
  uint32_t counter[4];
  uint32_t block[4];
  uint32_t used; /* words of `block` already given out, 4 = none left */
};

static inline void swisd_philox_block(const uint32_t key_in[2], const uint32_t counter[4], uint32_t out[4])
{
  uint32_t key0 = key_in[0], key1 = key_in[1];
  uint32_t x0 = counter[0], x1 = counter[1], x2 = counter[2], x3 = counter[3];
  for (int round = 0; round < 10; round++) {
    const uint64_t p0 = (uint64_t)0xD2511F53u * x0, p1 = (uint64_t)0xCD9E8D57u * x2;
    const uint32_t y0 = (uint32_t)(p1 >> 32) ^ x1 ^ key0, y2 = (uint32_t)(p0 >> 32) ^ x3 ^ key1;
    x0 = y0, x1 = (uint32_t)p1, x2 = y2, x3 = (uint32_t)p0;
    key0 += 0x9E3779B9u, key1 += 0xBB67AE85u;
  }
  out[0] = x0, out[1] = x1, out[2] = x2, out[3] = x3;
}

/* The stream of `purpose` (any small number) of `device` in `repeat` under `seed`. */
static inline struct swisd_philox swisd_philox_stream(uint64_t seed, uint32_t repeat, uint32_t device, uint32_t purpose)
{
  struct swisd_philox p = {.key = {(uint32_t)seed, (uint32_t)(seed >> 32)}, .counter = {0, purpose, device, repeat}, .used = 4};
  return p;
}

static inline uint32_t swisd_philox_u32(struct swisd_philox *p)
{
  if (p->used == 4) {
    swisd_philox_block(p->key, p->counter, p->block);
    p->counter[0]++;
    p->used = 0;
  }
  return p->block[p->used++];
}

static inline uint64_t swisd_philox_u64(struct swisd_philox *p)
{
  const uint64_t high = swisd_philox_u32(p);
  return high << 32 | swisd_philox_u32(p);
}

/* Uniform in [0, bound); 0 when bound is 0. The bias of the multiply-shift is below bound / 2^32. */
static inline uint32_t swisd_philox_below(struct swisd_philox *p, uint32_t bound)
{
  return (uint32_t)((uint64_t)swisd_philox_u32(p) * bound >> 32);
}

/* Uniform in [0, 1), 53 bits: exact in IEEE double on every device. */
static inline double swisd_philox_unit(struct swisd_philox *p) { return (double)(swisd_philox_u64(p) >> 11) * 0x1p-53; }

#endif
