/* Logarithm, exponential, power, gamma and the normal quantile in IEEE + - * / and square root only.
 * libm differs in the last bits between C libraries and processors; these do not (with contraction off), so what is drawn
 * or modelled with them is the same everywhere. Relative error at most 1e-13 for log, exp, gamma and the quantile, 1e-12
 * for pow; special values as in C (Annex F), without floating-point exceptions to rely on. */
#ifndef SWISD_BASE_ELEMENTARY_H
#define SWISD_BASE_ELEMENTARY_H

double swisd_math_log(double x);           /* natural; -inf at 0, NaN below */
double swisd_math_exp(double x);           /* 0 below -745.2, +inf above 709.8 */
double swisd_math_pow(double x, double y); /* for x >= 0 */

/* Gamma(x) for x > 0; +inf from 171.7 on. Lanczos' approximation (SIAM J. Numer. Anal. B 1, 1964) with Godfrey's
 * coefficients for g = 7, n = 9. */
double swisd_math_gamma(double x);

/* z with Phi(z) = p, for 0 < p < 1; -inf at 0, +inf at 1. Wichura, "Algorithm AS 241", Applied Statistics 37, 1988. */
double swisd_math_normal_quantile(double p);

#endif
