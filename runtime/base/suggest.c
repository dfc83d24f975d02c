/* Three rows of the usual table are enough: a swap looks two rows back. */
#include "runtime/base/suggest.h"

#include <ctype.h>
#include <string.h>

enum { WORD_MAX = 63 };

static size_t least(size_t a, size_t b) { return a < b ? a : b; }

static int same_letter(char a, char b) { return tolower((unsigned char)a) == tolower((unsigned char)b); }

size_t swisd_suggest_distance(const char *a, const char *b)
{
  const size_t a_length = strlen(a), b_length = strlen(b);
  if (a_length > WORD_MAX || b_length > WORD_MAX) {
    return a_length > b_length ? a_length : b_length;
  }
  size_t rows[3][WORD_MAX + 1];
  for (size_t j = 0; j <= b_length; j++) {
    rows[0][j] = j;
  }
  for (size_t i = 1; i <= a_length; i++) {
    size_t *row = rows[i % 3], *above = rows[(i + 2) % 3], *two_above = rows[(i + 1) % 3];
    row[0] = i;
    for (size_t j = 1; j <= b_length; j++) {
      row[j] = least(least(row[j - 1], above[j]) + 1, above[j - 1] + !same_letter(a[i - 1], b[j - 1]));
      if (i > 1 && j > 1 && same_letter(a[i - 1], b[j - 2]) && same_letter(a[i - 2], b[j - 1])) {
        row[j] = least(row[j], two_above[j - 2] + 1);
      }
    }
  }
  return rows[a_length % 3][b_length];
}

const char *swisd_suggest(const char *word, const char *const *known, size_t known_count)
{
  const size_t third = strlen(word) / 3, limit = third ? third : 1;
  const char *best = NULL;
  size_t best_distance = limit + 1;
  for (size_t i = 0; i < known_count; i++) {
    const size_t distance = swisd_suggest_distance(word, known[i]);
    if (distance < best_distance) {
      best_distance = distance;
      best = known[i];
    }
  }
  return best;
}
