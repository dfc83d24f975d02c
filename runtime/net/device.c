/* See device.h. Files: proc(5), and Documentation/ABI/testing/sysfs-class-power, sysfs-class-hwmon, sysfs-class-thermal of Linux.
 */
#include "runtime/net/device.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { PATH_BYTES = 512, TEXT_BYTES = 4096 };

/* The beginning of a file, terminated; false when there is none. */
static bool read_text(const char *root, const char *folder, const char *name, char text[TEXT_BYTES])
{
  char path[PATH_BYTES];
  if (snprintf(path, sizeof path, "%s/%s/%s", root, folder, name) >= PATH_BYTES)
    return false;
  FILE *in = fopen(path, "re");
  if (!in)
    return false;
  const size_t got = fread(text, 1, TEXT_BYTES - 1, in);
  fclose(in);
  text[got] = '\0';
  return got > 0;
}

static bool says(const char *root, const char *folder, const char *name, const char *word)
{
  char text[TEXT_BYTES];
  return read_text(root, folder, name, text) && strncmp(text, word, strlen(word)) == 0;
}

/* ---- how busy others keep it ---- */

uint64_t swisd_device_own_ns(void)
{
  struct rusage usage;
  if (getrusage(RUSAGE_SELF, &usage) != 0)
    return 0;
  const bool niced = getpriority(PRIO_PROCESS, 0) > 0;
  const uint64_t user_us = (uint64_t)usage.ru_utime.tv_sec * 1000000 + (uint64_t)usage.ru_utime.tv_usec;
  const uint64_t system_us = (uint64_t)usage.ru_stime.tv_sec * 1000000 + (uint64_t)usage.ru_stime.tv_usec;
  return (system_us + (niced ? 0 : user_us)) * 1000;
}

static void look_at_load(const char *root, uint64_t own_ns, struct swisd_device_memory *memory, struct swisd_device_state *state)
{
  char text[TEXT_BYTES];
  unsigned long long t[8] = {0}; /* user nice system idle iowait irq softirq steal */
  if (!read_text(root, "proc", "stat", text) ||
      sscanf(text, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", &t[0], &t[1], &t[2], &t[3], &t[4], &t[5], &t[6], &t[7]) < 4)
    return;
  const uint64_t busy = t[0] + t[2] + t[5] + t[6], all = busy + t[1] + t[3] + t[4] + t[7];
  const long ticks_per_s = sysconf(_SC_CLK_TCK);
  if (memory->all_ticks > 0 && all > memory->all_ticks && busy >= memory->busy_ticks && ticks_per_s > 0) {
    const double own_ticks = (double)(own_ns - memory->own_ns) / 1e9 * (double)ticks_per_s;
    const double others = ((double)(busy - memory->busy_ticks) - own_ticks) / (double)(all - memory->all_ticks);
    state->others_load = others < 0 ? 0 : others;
    state->load_known = true;
  }
  *memory = (struct swisd_device_memory){.busy_ticks = busy, .all_ticks = all, .own_ns = own_ns};
}

/* ---- folders of sensors ---- */

/* Calls `look` for each entry of ROOT/CLASS that begins with `prefix`. */
static void each(const char *root, const char *class, const char *prefix,
                 void (*look)(const char *root, const char *folder, struct swisd_device_state *state),
                 struct swisd_device_state *state)
{
  char path[PATH_BYTES];
  if (snprintf(path, sizeof path, "%s/%s", root, class) >= PATH_BYTES)
    return;
  DIR *list = opendir(path);
  for (struct dirent *entry; list && (entry = readdir(list));) {
    char folder[PATH_BYTES];
    if (entry->d_name[0] != '.' && strncmp(entry->d_name, prefix, strlen(prefix)) == 0 &&
        snprintf(folder, sizeof folder, "%s/%s", class, entry->d_name) < PATH_BYTES)
      look(root, folder, state);
  }
  if (list)
    closedir(list);
}

static void look_for_mains(const char *root, const char *folder, struct swisd_device_state *state)
{
  if (!says(root, folder, "type", "Battery") && says(root, folder, "online", "1"))
    state->on_battery = false;
}

static void look_for_battery(const char *root, const char *folder, struct swisd_device_state *state)
{
  if (!says(root, folder, "type", "Battery") || says(root, folder, "scope", "Device")) /* of a mouse, say */
    return;
  state->battery_known = true;
  state->on_battery |= says(root, folder, "status", "Discharging");
}

static void take_temperature(const char *root, const char *folder, const char *name, struct swisd_device_state *state)
{
  char text[TEXT_BYTES];
  if (!read_text(root, folder, name, text))
    return;
  const double celsius = strtod(text, NULL) / 1000;
  if (celsius <= 0 || celsius > 150 || (state->temperature_known && celsius <= state->temperature))
    return; /* sensors without a probe read 0, -273 or 255 */
  state->temperature = celsius;
  state->temperature_known = true;
}

static void look_at_hwmon(const char *root, const char *folder, struct swisd_device_state *state)
{
  char path[PATH_BYTES];
  if (snprintf(path, sizeof path, "%s/%s", root, folder) >= PATH_BYTES)
    return;
  DIR *list = opendir(path);
  for (struct dirent *entry; list && (entry = readdir(list));) {
    const size_t length = strlen(entry->d_name);
    if (strncmp(entry->d_name, "temp", 4) == 0 && length > 10 && strcmp(entry->d_name + length - 6, "_input") == 0)
      take_temperature(root, folder, entry->d_name, state);
  }
  if (list)
    closedir(list);
}

static void look_at_zone(const char *root, const char *folder, struct swisd_device_state *state)
{
  take_temperature(root, folder, "temp", state);
}

/* ---- the way out ---- */

static bool is_mobile(const char *root, const char *interface)
{
  static const char *const prefixes[] = {"wwan", "rmnet", "ppp"};
  char folder[PATH_BYTES], text[TEXT_BYTES];
  for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
    if (strncmp(interface, prefixes[i], strlen(prefixes[i])) == 0)
      return true;
  snprintf(folder, sizeof folder, "sys/class/net/%.64s", interface);
  return read_text(root, folder, "uevent", text) && strstr(text, "DEVTYPE=wwan");
}

static void look_at_routes(const char *root, struct swisd_device_state *state)
{
  char path[PATH_BYTES], line[256], interface[65];
  unsigned long destination;
  if (snprintf(path, sizeof path, "%s/run/swisd/metered", root) < PATH_BYTES && access(path, F_OK) == 0)
    state->metered = state->network_known = true;
  if (snprintf(path, sizeof path, "%s/proc/net/route", root) >= PATH_BYTES)
    return;
  FILE *in = fopen(path, "re");
  while (in && fgets(line, sizeof line, in))
    if (sscanf(line, "%64s %lx", interface, &destination) == 2 && destination == 0) {
      state->network_known = true;
      state->metered |= is_mobile(root, interface);
    }
  if (in)
    fclose(in);
}

void swisd_device_look(const char *root, uint64_t own_ns, struct swisd_device_memory *memory, struct swisd_device_state *state)
{
  *state = (struct swisd_device_state){0};
  look_at_load(root, own_ns, memory, state);
  each(root, "sys/class/power_supply", "", look_for_battery, state);
  if (state->on_battery)
    each(root, "sys/class/power_supply", "", look_for_mains, state);
  each(root, "sys/class/hwmon", "hwmon", look_at_hwmon, state);
  if (!state->temperature_known)
    each(root, "sys/class/thermal", "thermal_zone", look_at_zone, state);
  look_at_routes(root, state);
}
