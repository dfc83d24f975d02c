/* One small message of each type with known contents, and the bytes that it must always have: the wire format, pinned. */
#ifndef SWISD_TESTS_GOLDEN_MESSAGE_H
#define SWISD_TESTS_GOLDEN_MESSAGE_H

#include <stddef.h>
#include <stdint.h>

#include "runtime/core/message.h"

/* Fills `out` whole; what is unused is zero. */
void swisd_golden_message(enum swisd_message_type type, struct swisd_message *out);

/* Its bytes; at most `capacity`. */
size_t swisd_golden_bytes(enum swisd_message_type type, uint8_t *out, size_t capacity);

/* Hexadecimal digits to bytes; blanks and line feeds are skipped. */
size_t swisd_hex(const char *hex, uint8_t *out, size_t capacity);

#endif
