/* Argument reduction by powers of two on the bits, then a short series whose remainder is below half a unit in the last
 * place; see each function for the bound. */
#include "runtime/base/elementary.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

/* ln 2 in two parts: the high one has 21 trailing zero bits, so k * LN2_HIGH is exact for |k| < 2^20 (fdlibm's split). */
static const double LN2_HIGH = 6.93147180369123816490e-01, LN2_LOW = 1.90821492927058770002e-10;

static double from_bits(uint64_t bits)
{
  double x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

static uint64_t to_bits(double x)
{
  uint64_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}

static double polynomial(const double *coefficients, int count, double x)
{
  double sum = 0;
  for (int i = count - 1; i >= 0; i--) {
    sum = sum * x + coefficients[i];
  }
  return sum;
}

/* x = m 2^e with m in [sqrt(1/2), sqrt 2); ln m = 2 artanh(s), s = (m - 1) / (m + 1), |s| < 0.1716.
 * The first term left out is below 2 s^23 / 23 < 3e-19, relative to |s| below 1e-17. */
double swisd_math_log(double x)
{
  static const double odd[] = {1.0,      1.0 / 3,  1.0 / 5,  1.0 / 7,  1.0 / 9, 1.0 / 11,
                               1.0 / 13, 1.0 / 15, 1.0 / 17, 1.0 / 19, 1.0 / 21};
  if (isnan(x) || x < 0) {
    return NAN;
  }
  if (x == 0) {
    return -INFINITY;
  }
  if (isinf(x)) {
    return x;
  }
  int exponent = 0;
  if (x < 0x1p-1022) {
    x *= 0x1p54;
    exponent = -54;
  }
  const uint64_t bits = to_bits(x);
  exponent += (int)(bits >> 52) - 1023;
  double m = from_bits((bits & UINT64_C(0x000fffffffffffff)) | UINT64_C(0x3ff0000000000000));
  if (m > 1.4142135623730951) {
    m *= 0.5;
    exponent++;
  }
  const double s = (m - 1) / (m + 1);
  const double ln_m = 2 * s * polynomial(odd, sizeof odd / sizeof odd[0], s * s);
  return exponent * LN2_HIGH + (ln_m + exponent * LN2_LOW);
}

/* x = k ln 2 + r, |r| < 0.3466; the first term left out of the Taylor series is r^14 / 14! < 5e-18. */
double swisd_math_exp(double x)
{
  static const double inverse_factorials[] = {
    1.0,        1.0,         1.0 / 2,      1.0 / 6,       1.0 / 24,       1.0 / 120,       1.0 / 720,
    1.0 / 5040, 1.0 / 40320, 1.0 / 362880, 1.0 / 3628800, 1.0 / 39916800, 1.0 / 479001600, 1.0 / 6227020800.0};
  if (isnan(x)) {
    return x;
  }
  if (x > 709.782712893384) {
    return INFINITY;
  }
  if (x < -745.2) {
    return 0;
  }
  const int k = (int)(x * 1.4426950408889634 + (x < 0 ? -0.5 : 0.5));
  const double r = (x - k * LN2_HIGH) - k * LN2_LOW;
  const double e = polynomial(inverse_factorials, sizeof inverse_factorials / sizeof inverse_factorials[0], r);
  /* Two factors, so that neither leaves the normal range before the product does. */
  const int half = k / 2;
  return e * from_bits((uint64_t)(1023 + half) << 52) * from_bits((uint64_t)(1023 + k - half) << 52);
}

double swisd_math_pow(double x, double y)
{
  if (y == 0 || x == 1) {
    return 1;
  }
  if (x == 0) {
    return y > 0 ? 0 : INFINITY;
  }
  return swisd_math_exp(y * swisd_math_log(x));
}

double swisd_math_gamma(double x)
{
  static const double lanczos[] = {0.99999999999980993,  676.5203681218851,     -1259.1392167224028,
                                   771.32342877765313,   -176.61502916214059,   12.507343278686905,
                                   -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7};
  if (!(x > 0)) {
    return NAN;
  }
  if (x > 171.7) {
    return INFINITY;
  }
  if (x < 0.5) { /* Gamma(x) = Gamma(x + 1) / x: the series is good from 1/2 on */
    return swisd_math_gamma(x + 1) / x;
  }
  const double z = x - 1;
  double sum = lanczos[0];
  for (int i = 1; i < 9; i++) {
    sum += lanczos[i] / (z + i);
  }
  const double t = z + 7.5;
  /* The power in two halves: t^(z + 1/2) overflows before Gamma does. */
  const double half_power = swisd_math_pow(t, (z + 0.5) / 2);
  return 2.5066282746310002 * sum * half_power * swisd_math_exp(-t) * half_power;
}

/* Numerators and denominators of AS 241's PPND16: the middle, the near tail, the far tail. */
static const double quantile_tables[3][2][8] = {
  {{3.3871328727963666080e0, 1.3314166789178437745e2, 1.9715909503065514427e3, 1.3731693765509461125e4, 4.5921953931549871457e4,
    6.7265770927008700853e4, 3.3430575583588128105e4, 2.5090809287301226727e3},
   {1.0, 4.2313330701600911252e1, 6.8718700749205790830e2, 5.3941960214247511077e3, 2.1213794301586595867e4,
    3.9307895800092710610e4, 2.8729085735721942674e4, 5.2264952788528545610e3}},
  {{1.42343711074968357734e0, 4.63033784615654529590e0, 5.76949722146069140550e0, 3.64784832476320460504e0,
    1.27045825245236838258e0, 2.41780725177450611770e-1, 2.27238449892691845833e-2, 7.74545014278341407640e-4},
   {1.0, 2.05319162663775882187e0, 1.67638483018380384940e0, 6.89767334985100004550e-1, 1.48103976427480074590e-1,
    1.51986665636164571966e-2, 5.47593808499534494600e-4, 1.05075007164441684324e-9}},
  {{6.65790464350110377720e0, 5.46378491116411436990e0, 1.78482653991729133580e0, 2.96560571828504891230e-1,
    2.65321895265761230930e-2, 1.24266094738807843860e-3, 2.71155556874348757815e-5, 2.01033439929228813265e-7},
   {1.0, 5.99832206555887937690e-1, 1.36929880922735805310e-1, 1.48753612908506148525e-2, 7.86869131145613259100e-4,
    1.84631831751005468180e-5, 1.42151175831644588870e-7, 2.04426310338993978564e-15}},
};

double swisd_math_normal_quantile(double p)
{
  if (!(p > 0 && p < 1)) {
    return p == 0 ? -INFINITY : p == 1 ? INFINITY : NAN;
  }
  const double q = p - 0.5;
  if (q >= -0.425 && q <= 0.425) {
    const double r = 0.180625 - q * q;
    return q * polynomial(quantile_tables[0][0], 8, r) / polynomial(quantile_tables[0][1], 8, r);
  }
  const double r = sqrt(-swisd_math_log(q < 0 ? p : 1 - p));
  const int table = r <= 5 ? 1 : 2;
  const double t = r - (r <= 5 ? 1.6 : 5.0);
  const double z = polynomial(quantile_tables[table][0], 8, t) / polynomial(quantile_tables[table][1], 8, t);
  return q < 0 ? -z : z;
}
