/* See swarm.h. */
#include "tests/runtime/swarm.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "kernels/dataset.h"
#include "runtime/net/clock.h"

enum { ARGUMENTS_MAX = 40 };

static struct swarm current; /* what a failed test would leave behind */

void swarm_path(const struct swarm *swarm, const char *name, char path[SWARM_PATH_BYTES])
{
  snprintf(path, SWARM_PATH_BYTES, "%s/%s", swarm->directory, name);
}

void swarm_node_directory(const struct swarm *swarm, uint32_t index, char path[SWARM_PATH_BYTES])
{
  snprintf(path, SWARM_PATH_BYTES, "%s/node-%u", swarm->directory, index);
}

void swarm_start_node(struct swarm *swarm, uint32_t index, const char *gflops, const char *wrap)
{
  char directory[SWARM_PATH_BYTES], record[SWARM_PATH_BYTES + 8], log[SWARM_PATH_BYTES + 8];
  struct swisd_error error;
  swarm_node_directory(swarm, index, directory);
  snprintf(record, sizeof record, "%s.rec", directory);
  snprintf(log, sizeof log, "%s.log", directory);
  const char *argv[ARGUMENTS_MAX] = {0};
  size_t count = 0;
  if (wrap) {
    argv[count++] = "/bin/sh";
    argv[count++] = "-c";
    argv[count++] = wrap;
    argv[count++] = "sh";
  }
  const char *const rest[] = {SWISD_EXECUTABLE, "node", "--data", directory, "--port", "0", "--speed", gflops, "--record",
                              record};
  memcpy(argv + count, rest, sizeof rest);
  count += sizeof rest / sizeof *rest;
  if (swarm->seed[0]) {
    argv[count++] = "--join";
    argv[count++] = swarm->seed;
  }
  assert_int_equal(swisd_lab_start(&swarm->nodes[index], argv, NULL, log, &error), 0);
  if (index >= swarm->node_count)
    swarm->node_count = index + 1;
  current = *swarm;
}

void swarm_start(struct swarm *swarm, uint32_t count, const char *gflops)
{
  memset(swarm, 0, sizeof *swarm);
  const char *temporary = getenv("TMPDIR");
  snprintf(swarm->directory, sizeof swarm->directory, "%s/swisd-test-XXXXXX", temporary && *temporary ? temporary : "/tmp");
  assert_non_null(mkdtemp(swarm->directory));
  current = *swarm;
  struct swisd_error error;
  assert_int_equal(swisd_lab_join_key(swarm->directory, &error), 0);
  char directory[SWARM_PATH_BYTES];
  swarm_node_directory(swarm, 0, directory);
  for (uint32_t i = 0; i < count; i++) {
    swarm_start_node(swarm, i, gflops, NULL);
    if (i == 0) {
      assert_true(swarm_wait_for(swarm, 0, "/uptime_ns", 0, 10));
      assert_true(swisd_lab_address(directory, swarm->seed, sizeof swarm->seed));
    }
  }
  for (uint32_t i = 0; i < count; i++)
    assert_true(swarm_wait_for(swarm, i, "/members_alive", count - 1, 10));
}

void swarm_end(struct swarm *swarm)
{
  for (uint32_t i = 0; i < swarm->node_count; i++)
    swisd_lab_kill(&swarm->nodes[i]);
  swisd_lab_remove(swarm->directory);
  memset(&current, 0, sizeof current);
}

int swarm_teardown(void **state)
{
  (void)state;
  if (current.directory[0])
    swarm_end(&current);
  return 0;
}

void swarm_command(const struct swarm *swarm, struct swisd_lab_process *process, const char *name, const char *const *arguments)
{
  char path[SWARM_PATH_BYTES], out[SWARM_PATH_BYTES + 8], err[SWARM_PATH_BYTES + 8];
  struct swisd_error error;
  swarm_path(swarm, name, path);
  snprintf(out, sizeof out, "%s.out", path);
  snprintf(err, sizeof err, "%s.err", path);
  const char *argv[ARGUMENTS_MAX] = {SWISD_EXECUTABLE};
  for (size_t i = 0; arguments[i]; i++)
    argv[1 + i] = arguments[i];
  assert_int_equal(swisd_lab_start(process, argv, out, err, &error), 0);
}

int swarm_run(const struct swarm *swarm, const char *name, const char *const *arguments, double seconds)
{
  struct swisd_lab_process process;
  swarm_command(swarm, &process, name, arguments);
  const bool ended = swisd_lab_ended(&process, seconds);
  if (!ended)
    swisd_lab_kill(&process);
  assert_true(ended);
  return swisd_lab_exit_status(&process);
}

char *swarm_read(const struct swarm *swarm, const char *name, size_t *bytes)
{
  char path[SWARM_PATH_BYTES];
  swarm_path(swarm, name, path);
  FILE *in = fopen(path, "re");
  assert_non_null(in);
  fseek(in, 0, SEEK_END);
  const long size = ftell(in);
  rewind(in);
  char *text = malloc((size_t)size + 1);
  assert_non_null(text);
  const size_t got = fread(text, 1, (size_t)size, in);
  text[got] = '\0';
  fclose(in);
  if (bytes)
    *bytes = got;
  return text;
}

bool swarm_file_says(const struct swarm *swarm, const char *name, const char *text)
{
  char *contents = swarm_read(swarm, name, NULL);
  const bool says = strstr(contents, text) != NULL;
  free(contents);
  return says;
}

bool swarm_file_will_say(const struct swarm *swarm, const char *name, const char *text, double seconds)
{
  const uint64_t until_ns = swisd_clock_now_ns() + (uint64_t)(seconds * 1e9);
  while (!swarm_file_says(swarm, name, text)) {
    if (swisd_clock_now_ns() >= until_ns)
      return false;
    const struct timespec wait = {.tv_nsec = 5000000};
    nanosleep(&wait, NULL);
  }
  return true;
}

double swarm_status(const struct swarm *swarm, uint32_t node, const char *pointer)
{
  char directory[SWARM_PATH_BYTES];
  swarm_node_directory(swarm, node, directory);
  return swisd_lab_status_number(directory, pointer);
}

bool swarm_wait_for(const struct swarm *swarm, uint32_t node, const char *pointer, double least, double seconds)
{
  char directory[SWARM_PATH_BYTES];
  swarm_node_directory(swarm, node, directory);
  return swisd_lab_wait_for(directory, pointer, least, seconds);
}

const char *swarm_shared(void)
{
  const char *shared = getenv("SWISD_SHARED");
  if (!shared || !*shared)
    shared = "../shared";
  char path[512];
  snprintf(path, sizeof path, "%s/data", shared);
  if (access(path, R_OK) == 0)
    return shared;
  fprintf(stderr, "skipped: no shared data in %s (SWISD_SHARED says where)\n", path);
  return NULL;
}

bool swarm_has_fashion(void)
{
  if (access(SWISD_FASHION_FOLDER "/t10k-images-idx3-ubyte.gz", R_OK) == 0)
    return true;
  fprintf(stderr, "skipped: Debian's dataset-fashion-mnist is not installed\n");
  return false;
}
