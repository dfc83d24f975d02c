/* See device_speed.h. FOLDER/speed: a line "swisd-speed 1", then the kernel set and FLOP/s per kernel class. */
#include "runtime/cli/device_speed.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "runtime/base/log.h"
#include "runtime/store/whole_file.h"

enum { TEXT_BYTES = 256, KEPT_SECONDS = 7 * 86400, PATH_BYTES = 600 };

static bool read_kept(const char *path, const struct swisd_kernels *kernels, double flops_per_s[SWISD_KERNEL_COUNT])
{
  struct swisd_error error;
  struct stat about;
  void *text;
  size_t bytes;
  char set[64];
  double speeds[3];
  if (stat(path, &about) != 0 || time(NULL) - about.st_mtime > KEPT_SECONDS || time(NULL) < about.st_mtime ||
      swisd_whole_file_read(path, TEXT_BYTES, &text, &bytes, &error) != SWISD_STORE_OK)
    return false;
  bool good = sscanf(text, "swisd-speed 1 %63s %lf %lf %lf", set, &speeds[0], &speeds[1], &speeds[2]) == 4 &&
              strcmp(set, kernels->name) == 0;
  free(text);
  for (int k = 0; k < SWISD_KERNEL_COUNT && good; k++)
    good = isfinite(speeds[k]) && speeds[k] >= 1e6 && speeds[k] <= 1e15;
  if (good)
    memcpy(flops_per_s, speeds, sizeof speeds);
  return good;
}

int swisd_device_speed_kept(const char *folder, const struct swisd_kernels *kernels, double flops_per_s[SWISD_KERNEL_COUNT])
{
  char path[PATH_BYTES], text[TEXT_BYTES];
  struct swisd_error error;
  snprintf(path, sizeof path, "%s/speed", folder);
  if (read_kept(path, kernels, flops_per_s))
    return 0;
  if (swisd_device_speed(kernels, flops_per_s) != 0)
    return -1;
  const int length = snprintf(text, sizeof text, "swisd-speed 1\n%s %.0f %.0f %.0f\n", kernels->name, flops_per_s[0],
                              flops_per_s[1], flops_per_s[2]);
  if (swisd_folder_make(folder, &error) != 0 ||
      swisd_whole_file_write(folder, "speed", text, (size_t)length, &error) != SWISD_STORE_OK)
    swisd_log(SWISD_LOG_DEBUG, "node", "the measured speed is not kept: %s", error.text);
  return 0;
}
