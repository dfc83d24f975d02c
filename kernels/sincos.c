#include "kernels/sincos.h"

#include <stdint.h>

#include "kernels/kernels_bug.h"

/* Adding and subtracting 1.5 * 2^52 rounds a small double to the nearest integer. */
#define ROUNDER 0x1.8p52

/* x = n pi/2 + r, |r| <= pi/4. n < 2^24 and the first two parts of pi/2 have at most 27 significant bits, so their products
 * with n are exact; the Taylor series to r^15 and r^14 leave out less than 5e-17 and 2e-15. */
void swisd_sincos(double x, double *sine, double *cosine)
{
  static const double s_ratio[] = {1.0 / 6, 1.0 / 20, 1.0 / 42, 1.0 / 72, 1.0 / 110, 1.0 / 156, 1.0 / 210};
  static const double c_ratio[] = {1.0 / 2, 1.0 / 12, 1.0 / 30, 1.0 / 56, 1.0 / 90, 1.0 / 132, 1.0 / 182};
  const double two_over_pi = 0x1.45f306dc9c883p-1;
  const double part1 = 0x1.921fb54p0, part2 = 0x1.10b461p-30, part3 = 0x1.a62633145c06ep-58;
  SWISD_KERNELS_ASSERT(x >= 0 && x < 0x1p24);
  const double n = (x * two_over_pi + ROUNDER) - ROUNDER;
  const double r = ((x - n * part1) - n * part2) - n * part3, r2 = r * r;
  double s = 1, c = 1;
  for (int i = 6; i >= 0; i--) {
    s = 1 - r2 * s * s_ratio[i]; /* each term of the series from the one before */
    c = 1 - r2 * c * c_ratio[i];
  }
  s *= r;
  const uint64_t quarter = (uint64_t)n & 3;
  const double sin_out = quarter & 1 ? c : s, cos_out = quarter & 1 ? s : c;
  *sine = quarter & 2 ? -sin_out : sin_out;
  *cosine = (quarter + 1) & 2 ? -cos_out : cos_out;
}
