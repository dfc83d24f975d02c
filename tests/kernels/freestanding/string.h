/* For WebAssembly without a C library: what the kernels use of <string.h>; the compiler expands it in place. */
#define memcpy __builtin_memcpy
