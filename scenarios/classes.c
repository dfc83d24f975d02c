/* Speeds are a judgement from the evidence named in each row, not a measurement of ours: `swisd bench` measures.
 * HPL is double precision, so doubled; ncnn on recent cores is half precision, so halved. Sources:
 *   HPL: github.com/geerlingguy/top500-benchmark, README at be7b6781
 *   ncnn: github.com/Tencent/ncnn, benchmark/README.md at a4d2ea1d; effective GFLOP/s = 1.14 GFLOP / mobilenet time
 *   OpenBLAS, BLIS: measurements in the issues and pull requests named */
#include "scenarios/classes.h"

#include <string.h>

#define GFLOPS 1e9
#define GIB 1073741824.0

const struct swisd_builtin_class swisd_builtin_classes[] = {
  {"pi-zero2w", 6 * GFLOPS, 0.5 * GIB, "Raspberry Pi Zero 2 W, 4 x A53 1.0 GHz", "ncnn 7.0"},
  {"pi3", 16 * GFLOPS, 1 * GIB, "Raspberry Pi 3B+, or an old phone with A53 cores", "ncnn 10.6; OpenBLAS PR 2643: 6.4 a core"},
  {"pi4", 24 * GFLOPS, 4 * GIB, "Raspberry Pi 4, 4 x A72 1.8 GHz", "HPL 11.9 and (BLIS issue 754) 17.9; ncnn 18.8 to 31"},
  {"pi5", 70 * GFLOPS, 8 * GIB, "Raspberry Pi 5, 4 x A76 2.4 GHz", "HPL 35 to 38; OpenBLAS issue 4581: 39.2"},
  {"rk3588", 100 * GFLOPS, 8 * GIB, "board with an RK3588", "HPL 48 to 60; OpenBLAS issue 4581: 59.7 to 62.7"},
  {"phone-low", 20 * GFLOPS, 2 * GIB, "phone of 2015 to 2017 (SD410 to SD660)", "ncnn 13 to 36"},
  {"phone-mid", 36 * GFLOPS, 4 * GIB, "phone with an SD675", "ncnn 36"},
  {"phone-high", 110 * GFLOPS, 8 * GIB, "phone with an SD855+, 2 to 4 threads", "ncnn 214 (half precision)"},
  {"phone-new", 140 * GFLOPS, 12 * GIB, "phone with a Snapdragon 8 Gen 2, 2 to 4 threads", "ncnn 273 (half precision)"},
  {"atom", 14 * GFLOPS, 2 * GIB, "netbook with an Atom Z8350", "ncnn 14"},
  {"n5105", 40 * GFLOPS, 8 * GIB, "mini PC with a Celeron N5105", "ncnn 35"},
  {"n100", 90 * GFLOPS, 16 * GIB, "mini PC with an N100", "HPL 37 to 63"},
  {"core2quad", 60 * GFLOPS, 4 * GIB, "old desktop with a Core 2 Quad Q8400", "HPL 31.2"},
  {"i5-mini", 140 * GFLOPS, 8 * GIB, "mini PC with a Core i5-7400T", "HPL 72.5"},
  {"m2", 200 * GFLOPS, 8 * GIB, "M2 laptop", "HPL 104.7"},
  {"ryzen5600", 450 * GFLOPS, 32 * GIB, "desktop with a Ryzen 5600X", "HPL 229"},
};
const size_t swisd_builtin_class_count = sizeof swisd_builtin_classes / sizeof swisd_builtin_classes[0];

const struct swisd_builtin_class *swisd_builtin_class(const char *name)
{
  for (size_t i = 0; i < swisd_builtin_class_count; i++) {
    if (strcmp(swisd_builtin_classes[i].name, name) == 0) {
      return &swisd_builtin_classes[i];
    }
  }
  return NULL;
}
