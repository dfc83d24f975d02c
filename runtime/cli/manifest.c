/* See manifest.h. */
#include "runtime/cli/manifest.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "kernels/kernels.h"
#include "runtime/base/json.h"
#include "runtime/base/json_read.h"

enum { MANIFEST_BYTES_MAX = 1 << 20, PATH_BYTES = 4200 };

static int digest_file(const char *path, uint64_t *digest, struct swisd_error *error)
{
  FILE *in = fopen(path, "rbe");
  if (!in)
    return swisd_error_set(error, "%s: cannot be read: %s", path, strerror(errno));
  static unsigned char bytes[1 << 16];
  uint64_t hash = UINT64_C(0xcbf29ce484222325); /* FNV-1a */
  for (size_t got; (got = fread(bytes, 1, sizeof bytes, in)) > 0;)
    for (size_t i = 0; i < got; i++)
      hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
  const bool bad = ferror(in) != 0;
  fclose(in);
  *digest = hash;
  return bad ? swisd_error_set(error, "%s: cannot be read", path) : 0;
}

int swisd_manifest_own(const char *simulator, struct swisd_manifest *manifest, struct swisd_error *error)
{
  memset(manifest, 0, sizeof *manifest);
  snprintf(manifest->version, sizeof manifest->version, "%s", SWISD_VERSION);
  snprintf(manifest->commit, sizeof manifest->commit, "%s", swisd_commit);
  return digest_file(simulator, &manifest->program, error);
}

int swisd_manifest_read(const char *directory, struct swisd_manifest *manifest, struct swisd_error *error)
{
  char path[PATH_BYTES];
  struct swisd_json_file file;
  const char *version, *commit, *program;
  snprintf(path, sizeof path, "%s/manifest.json", directory);
  if (access(path, F_OK) != 0)
    return 1;
  if (swisd_json_read(&file, path, MANIFEST_BYTES_MAX, error) != 0)
    return -1;
  int status = swisd_json_get_string(&file, "/version", &version, error);
  status = status ? status : swisd_json_get_string(&file, "/commit", &commit, error);
  status = status ? status : swisd_json_get_string(&file, "/program", &program, error);
  if (status == 0) {
    memset(manifest, 0, sizeof *manifest);
    snprintf(manifest->version, sizeof manifest->version, "%s", version);
    snprintf(manifest->commit, sizeof manifest->commit, "%s", commit);
    manifest->program = strtoull(program, NULL, 16);
  }
  swisd_json_free(&file);
  return status;
}

bool swisd_manifest_agree(const struct swisd_manifest *a, const struct swisd_manifest *b)
{
  if (strcmp(a->version, b->version) != 0 || strcmp(a->commit, b->commit) != 0)
    return false;
  const bool vague = strstr(a->commit, "dirty") != NULL || strcmp(a->commit, "unknown") == 0;
  return !vague || a->program == b->program;
}

static void put(struct swisd_json *json, const char *key, const char *value)
{
  swisd_json_key(json, key);
  swisd_json_string(json, value);
}

static void put_machine(struct swisd_json *json)
{
  struct utsname name;
  const struct swisd_kernels *kernels = swisd_kernels_portable();
  char text[64];
  put(json, "compiler", __VERSION__);
  if (uname(&name) == 0) {
    put(json, "system", name.sysname);
    put(json, "release", name.release);
    put(json, "machine", name.machine);
  }
  put(json, "kernels", kernels->name);
  put(json, "kernel_class", kernels->class_name);
  swisd_json_key(json, "processors");
  swisd_json_integer(json, sysconf(_SC_NPROCESSORS_ONLN));
  const time_t now = time(NULL);
  struct tm utc;
  strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
  put(json, "written", text);
}

int swisd_manifest_write(const char *directory, const struct swisd_manifest *manifest, const struct swisd_manifest_run *run,
                         struct swisd_error *error)
{
  char path[PATH_BYTES], temporary[PATH_BYTES], program[24];
  snprintf(path, sizeof path, "%s/manifest.json", directory);
  snprintf(temporary, sizeof temporary, "%s/.manifest.json.tmp", directory);
  snprintf(program, sizeof program, "%016" PRIx64, manifest->program);
  FILE *out = fopen(temporary, "we");
  if (!out)
    return swisd_error_set(error, "%.300s: cannot write: %s", temporary, strerror(errno));
  struct swisd_json json;
  swisd_json_start(&json, out, true);
  swisd_json_object(&json);
  put(&json, "version", manifest->version);
  put(&json, "commit", manifest->commit);
  put(&json, "program", program);
  put_machine(&json);
  put(&json, "scenario", run->scenario);
  put(&json, "world", run->world ? run->world : "");
  swisd_json_key(&json, "command");
  swisd_json_array(&json);
  for (int i = 0; i < run->argc; i++)
    swisd_json_string(&json, run->argv[i]);
  swisd_json_end(&json);
  const struct {
    const char *key;
    uint64_t value;
  } counts[] = {{"seed", run->seed},
                {"points", run->points},
                {"repeats", run->repeats},
                {"runs_planned", run->runs_planned},
                {"runs_finished", run->runs_finished}};
  for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
    swisd_json_key(&json, counts[i].key);
    swisd_json_unsigned(&json, counts[i].value);
  }
  swisd_json_end(&json);
  swisd_json_finish(&json);
  const bool bad = ferror(out) != 0;
  if ((fclose(out) != 0) | bad || rename(temporary, path) != 0)
    return swisd_error_set(error, "%.300s: cannot write: %s", path, strerror(errno));
  return 0;
}
