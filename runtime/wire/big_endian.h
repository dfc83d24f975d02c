/* Big-endian integers at any address, written so that compilers make one instruction of each. */
#ifndef SWISD_WIRE_BIG_ENDIAN_H
#define SWISD_WIRE_BIG_ENDIAN_H

#include <stdint.h>
#include <string.h>

static inline uint16_t swisd_be16_get(const uint8_t *bytes) { return (uint16_t)(bytes[0] << 8 | bytes[1]); }

static inline uint32_t swisd_be32_get(const uint8_t *bytes)
{
  return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static inline uint64_t swisd_be64_get(const uint8_t *bytes)
{
  return (uint64_t)swisd_be32_get(bytes) << 32 | swisd_be32_get(bytes + 4);
}

static inline void swisd_be16_put(uint8_t *bytes, uint16_t value)
{
  bytes[0] = (uint8_t)(value >> 8);
  bytes[1] = (uint8_t)value;
}

static inline void swisd_be32_put(uint8_t *bytes, uint32_t value)
{
  swisd_be16_put(bytes, (uint16_t)(value >> 16));
  swisd_be16_put(bytes + 2, (uint16_t)value);
}

static inline void swisd_be64_put(uint8_t *bytes, uint64_t value)
{
  swisd_be32_put(bytes, (uint32_t)(value >> 32));
  swisd_be32_put(bytes + 4, (uint32_t)value);
}

#endif
