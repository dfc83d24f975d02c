/* "Did you mean": the known word nearest to one that was mistyped. */
#ifndef SWISD_BASE_SUGGEST_H
#define SWISD_BASE_SUGGEST_H

#include <stddef.h>

/* Insertions, deletions, replacements and swaps of neighbours that turn `a` into `b` (optimal string alignment), letters
 * compared without case; words past 63 bytes are as far apart as their longer length. */
size_t swisd_suggest_distance(const char *a, const char *b);

/* The nearest of `known` (the first of equals), NULL if none is within a third of the word's length (at least one edit). */
const char *swisd_suggest(const char *word, const char *const *known, size_t known_count);

#endif
