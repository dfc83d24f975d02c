/* SHA-256 (FIPS 180-4), over OpenSSL: the content addresses of shards, manifests and bodies. */
#ifndef SWISD_STORE_DIGEST_H
#define SWISD_STORE_DIGEST_H

#include <stddef.h>
#include <stdint.h>

/* SHA-256 of `byte_count` bytes into `out`. */
void swisd_digest(const void *bytes, size_t byte_count, uint8_t out[32]);

/* The same for data that comes in pieces; NULL when there is no memory. _end fills `out` and frees; `out` NULL only frees. */
struct swisd_digest_stream;
struct swisd_digest_stream *swisd_digest_begin(void);
void swisd_digest_add(struct swisd_digest_stream *stream, const void *bytes, size_t byte_count);
void swisd_digest_end(struct swisd_digest_stream *stream, uint8_t out[32]);

/* First 8 bytes of the SHA-256, big endian: the id of a shard, of a model, of a body's contents. Never 0 in practice. */
uint64_t swisd_digest_short(const void *bytes, size_t byte_count);

/* The short digest of the next `byte_count` bytes of an open file, read in pieces; also the whole one when `out` is not NULL.
 * 0, or -1 with errno: EIO when the file is shorter. */
int swisd_digest_file(int file, uint64_t byte_count, uint64_t *id, uint8_t out[32]);

#endif
