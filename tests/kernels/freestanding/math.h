/* For WebAssembly without a C library: what the kernels use of <math.h>; the compiler expands it in place. */
#define NAN __builtin_nanf("")
#define INFINITY __builtin_inff()
#define isnan __builtin_isnan
#define isinf __builtin_isinf_sign
#define sqrt __builtin_sqrt
