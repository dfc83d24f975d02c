/* Values on the command line: numbers with units. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/cli/commands.h"
#include "runtime/core/types.h"

struct unit {
  const char *name;
  double factor;
};

int swisd_read_unsigned(const char *option, const char *text, uint64_t min, uint64_t max, uint64_t *value,
                        struct swisd_error *error)
{
  char *end;
  const unsigned long long number = strtoull(text, &end, 10);
  if (*text < '0' || *text > '9' || *end != '\0' || number < min || number > max)
    return swisd_error_set(error, "--%s %s: allowed is a whole number from %llu to %llu", option, text, (unsigned long long)min,
                           (unsigned long long)max);
  *value = number;
  return 0;
}

static int read_with_unit(const char *option, const char *text, const struct unit *units, const char *allowed, double *value,
                          struct swisd_error *error)
{
  char *end;
  const double number = strtod(text, &end);
  if (end != text && isfinite(number) && number >= 0) {
    end += strspn(end, " ");
    for (; units->name; units++)
      if (strcmp(end, units->name) == 0) {
        *value = number * units->factor;
        return 0;
      }
  }
  return swisd_error_set(error, "--%s %s: allowed is a number with a unit: %s", option, text, allowed);
}

int swisd_read_time(const char *option, const char *text, uint64_t *ns, struct swisd_error *error)
{
  static const struct unit units[] = {{"us", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"min", 60e9}, {0}};
  double value = 0;
  if (read_with_unit(option, text, units, "us, ms, s, min", &value, error) != 0)
    return -1;
  if (value > 3600e9)
    return swisd_error_set(error, "--%s %s: allowed is at most an hour", option, text);
  *ns = (uint64_t)value;
  return 0;
}

int swisd_read_rate(const char *option, const char *text, double *bytes_per_s, struct swisd_error *error)
{
  static const struct unit units[] = {{"kbit/s", 125}, {"Mbit/s", 125e3}, {"Gbit/s", 125e6}, {"kB/s", 1e3}, {"MB/s", 1e6},
                                      {"GB/s", 1e9}, {0}};
  return read_with_unit(option, text, units, "kbit/s, Mbit/s, Gbit/s, kB/s, MB/s, GB/s", bytes_per_s, error);
}

int swisd_read_bytes(const char *option, const char *text, uint64_t *bytes, struct swisd_error *error)
{
  static const struct unit units[] = {{"B", 1}, {"kB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"KiB", 1024}, {"MiB", 1048576},
                                      {"GiB", 1073741824}, {0}};
  double value = 0;
  if (read_with_unit(option, text, units, "B, kB, MB, GB, KiB, MiB, GiB", &value, error) != 0)
    return -1;
  if (value < 65536 || value > 1e15)
    return swisd_error_set(error, "--%s %s: allowed is 64 KiB to 1000 TB", option, text);
  *bytes = (uint64_t)value;
  return 0;
}

int swisd_read_speeds(const char *option, const char *text, double flops_per_s[], struct swisd_error *error)
{
  static const char *const names[SWISD_KERNEL_COUNT] = {"conv", "dense", "attention"};
  const char *at = text;
  if (!strchr(text, '=')) {
    char *end;
    const double value = strtod(text, &end);
    if (end != text && *end == '\0' && value > 0 && value < 1e6) {
      for (int k = 0; k < SWISD_KERNEL_COUNT; k++)
        flops_per_s[k] = value * 1e9;
      return 0;
    }
    at = NULL;
  }
  while (at && *at) {
    bool known = false;
    for (int k = 0; k < SWISD_KERNEL_COUNT && !known; k++) {
      const size_t length = strlen(names[k]);
      if (strncmp(at, names[k], length) != 0 || at[length] != '=')
        continue;
      char *end;
      const double value = strtod(at + length + 1, &end);
      if (end == at + length + 1 || value <= 0 || value >= 1e6 || (*end != ',' && *end != '\0'))
        break;
      flops_per_s[k] = value * 1e9;
      at = *end == ',' ? end + 1 : end;
      known = true;
    }
    if (!known)
      at = NULL;
  }
  if (!at)
    return swisd_error_set(error, "--%s %s: allowed is GFLOP/s, as 2.5 or as conv=2.5,dense=1.2,attention=0.8", option, text);
  return 0;
}
