/* Enacting a plan with processes: one `swisd node` per device, one `swisd classify` that submits, faults by signal and by the
 * control socket, at their times. */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "runtime/cli/demo.h"
#include "runtime/net/clock.h"

static const double patience_s = 20; /* for a process to come up, and for the swarm to meet */

static void device_directory(const struct swisd_demo_lab *lab, uint32_t device, char *path, size_t bytes)
{
  snprintf(path, bytes, "%s/node-%u", lab->directory, device);
}

void swisd_demo_recording(const struct swisd_demo_lab *lab, uint32_t device, uint32_t incarnation, char *path, size_t bytes)
{
  snprintf(path, bytes, "%s/node-%u-%u.rec", lab->directory, device, incarnation);
}

void swisd_demo_submitter_recording(const struct swisd_demo_lab *lab, char *path, size_t bytes)
{
  snprintf(path, bytes, "%s/submitter.rec", lab->directory);
}

/* The emulated link of a device, as options; returns how many were added. */
static size_t link_options(const struct swisd_scenario *scenario, uint16_t index, char rate[32], char delay[32],
                           const char **argv)
{
  if (index == SWISD_SCENARIO_NO_LINK)
    return 0;
  const struct swisd_scenario_link *link = &scenario->links[index];
  size_t count = 0;
  const double bytes_per_s = link->up_bytes_per_s < link->down_bytes_per_s ? link->up_bytes_per_s : link->down_bytes_per_s;
  if (bytes_per_s > 0) {
    snprintf(rate, 32, "%.3f Mbit/s", bytes_per_s / 125e3);
    argv[count++] = "--rate";
    argv[count++] = rate;
  }
  if (swisd_distribution_mean(&link->latency_s) > 0) {
    snprintf(delay, 32, "%.3f ms", swisd_distribution_mean(&link->latency_s) * 1e3);
    argv[count++] = "--delay";
    argv[count++] = delay;
  }
  return count;
}

static int start_device(struct swisd_demo_lab *lab, uint32_t device, struct swisd_error *error)
{
  const struct swisd_scenario *scenario = &lab->plan->scenario;
  const struct swisd_scenario_class *class = swisd_scenario_class_of(scenario, device);
  char directory[SWISD_DEMO_PATH_BYTES], recording[SWISD_DEMO_PATH_BYTES], log[SWISD_DEMO_PATH_BYTES];
  char name[SWISD_SCENARIO_NAME_BYTES + 16], speed[128], threads[8], rate[32], delay[32];
  char shards[8], replicas[8], memory[32];
  device_directory(lab, device, directory, sizeof directory);
  swisd_demo_recording(lab, device, lab->incarnations[device]++, recording, sizeof recording);
  snprintf(log, sizeof log, "%s/node-%u-%u.log", lab->directory, device, lab->incarnations[device] - 1);
  swisd_scenario_device_name(scenario, device, name, sizeof name);
  const unsigned slots = class->slots > 0 ? class->slots : 1u;
  const double each = 1e-9 / slots; /* --speed is that of one thread */
  snprintf(speed, sizeof speed, "conv=%.9g,dense=%.9g,attention=%.9g", class->flops_per_s[0] * each, class->flops_per_s[1] * each,
           class->flops_per_s[2] * each);
  snprintf(threads, sizeof threads, "%u", slots);
  snprintf(shards, sizeof shards, "%u", scenario->placement_slots);
  snprintf(replicas, sizeof replicas, "%u", scenario->placement_replicas_min);
  snprintf(memory, sizeof memory, "%" PRIu64 " B", class->memory_bytes);
  const char *argv[40] = {lab->executable, "node",       "--data",   directory, "--port",     "0",      "--name",   name,
                          "--class",       class->name,  "--speed",  speed,     "--threads",  threads,  "--record", recording,
                          "--kernels",     lab->kernels, "--shards", shards,    "--replicas", replicas, "--memory", memory};
  size_t count = 24;
  if (scenario->throttle == SWISD_THROTTLE_NONE) {
    argv[count++] = "--throttle";
    argv[count++] = "none";
  }
  if (lab->seed_address[0]) {
    argv[count++] = "--join";
    argv[count++] = lab->seed_address;
  }
  link_options(scenario, class->link, rate, delay, argv + count);
  return swisd_lab_start(&lab->devices[device], argv, NULL, log, error);
}

/* The first one, then all the others, which join it; ready when it has met them all. */
static int start_devices(struct swisd_demo_lab *lab, struct swisd_error *error)
{
  char directory[SWISD_DEMO_PATH_BYTES];
  device_directory(lab, 0, directory, sizeof directory);
  const uint32_t count = lab->plan->scenario.device_count;
  for (uint32_t d = 0; d < count; d++) {
    if (start_device(lab, d, error) != 0)
      return -1;
    if (d == 0 && (!swisd_lab_wait_for(directory, "/uptime_ns", 0, patience_s) ||
                   !swisd_lab_address(directory, lab->seed_address, sizeof lab->seed_address)))
      return swisd_error_set(error, "the first node did not start; see %s/node-0-0.log", lab->directory);
  }
  if (!swisd_lab_wait_for(directory, "/members_alive", count - 1, patience_s))
    return swisd_error_set(error, "the nodes did not all meet within %.0f s; see %s/node-*.log", patience_s, lab->directory);
  return 0;
}

static int start_submitter(struct swisd_demo_lab *lab, struct swisd_error *error)
{
  char directory[SWISD_DEMO_PATH_BYTES], recording[SWISD_DEMO_PATH_BYTES], log[SWISD_DEMO_PATH_BYTES], out[SWISD_DEMO_PATH_BYTES];
  char passes[24], items[24], rate[32], delay[32];
  const struct swisd_scenario_workload *workload = &lab->plan->scenario.workload;
  snprintf(directory, sizeof directory, "%s/submitter", lab->directory);
  swisd_demo_submitter_recording(lab, recording, sizeof recording);
  snprintf(log, sizeof log, "%s/submitter.log", lab->directory);
  snprintf(out, sizeof out, "%s/predictions.tsv", lab->directory);
  snprintf(passes, sizeof passes, "%" PRIu64, lab->plan->passes);
  snprintf(items, sizeof items, "%" PRIu64, lab->plan->items);
  const char *argv[40] = {lab->executable, "classify",        "--data",    directory,    "--port",  "0",
                          "--join",        lab->seed_address, "--repeat",  passes,       "--items", items,
                          "--record",      recording,         "--kernels", lab->kernels, "--check"};
  size_t count = 17;
  if (lab->raw) {
    argv[count++] = "--raw";
    argv[count++] = lab->raw;
  }
  if (strchr(workload->model, '/')) {
    argv[count++] = "--model";
    argv[count++] = workload->model;
  }
  count += link_options(&lab->plan->scenario, workload->link, rate, delay, argv + count);
  if (workload->data[0] && strcmp(workload->data, "fashion-mnist") != 0)
    argv[count] = workload->data;
  if (swisd_lab_start(&lab->submitter, argv, out, log, error) != 0)
    return -1;
  if (!swisd_lab_wait_for(directory, "/jobs", 1, patience_s))
    return swisd_error_set(error, "the submitter did not start; see %s", log);
  return 0;
}

static void do_fault(struct swisd_demo_lab *lab, struct swisd_demo_fault *fault)
{
  struct swisd_lab_process *process = &lab->devices[fault->device];
  struct swisd_error error;
  char directory[SWISD_DEMO_PATH_BYTES], line[64];
  device_directory(lab, fault->device, directory, sizeof directory);
  fault->done_ns = swisd_clock_now_ns();
  switch (fault->kind) {
  case SWISD_FAULT_KILL:
    swisd_lab_kill(process);
    lab->cpu_seconds += process->cpu_seconds;
    break;
  case SWISD_FAULT_SILENCE:
    swisd_lab_signal(process, SIGSTOP);
    lab->frozen[fault->device] = true;
    break;
  case SWISD_FAULT_SLOW:
    snprintf(line, sizeof line, "{\"command\":\"slow\",\"factor\":%.17g}", fault->factor);
    swisd_lab_command(directory, line);
    break;
  case SWISD_FAULT_RETURN:
    if (process->pid == 0) {
      if (start_device(lab, fault->device, &error) != 0)
        fprintf(stderr, "swisd demo: %s\n", error.text);
    } else if (lab->frozen[fault->device]) {
      swisd_lab_signal(process, SIGCONT);
      lab->frozen[fault->device] = false;
    } else {
      swisd_lab_command(directory, "{\"command\":\"resume\"}");
    }
    break;
  default:
    break;
  }
}

/* Until the submitter has its answer. */
static int play(struct swisd_demo_lab *lab, struct swisd_demo_plan *plan, void (*idle)(void), struct swisd_error *error)
{
  const uint64_t start_ns = swisd_clock_now_ns();
  const uint64_t limit_ns = 4 * plan->bound_ns + 60 * SWISD_SECOND;
  uint32_t next = 0;
  while (!swisd_lab_ended(&lab->submitter, 0)) {
    const uint64_t since_ns = swisd_clock_now_ns() - start_ns;
    if (since_ns > limit_ns)
      return swisd_error_set(error, "no answer after %.0f s, four times the bound; see %s", (double)since_ns / 1e9,
                             lab->directory);
    if (next < plan->fault_count && plan->faults[next].at_ns <= since_ns)
      do_fault(lab, &plan->faults[next++]);
    if (idle)
      idle();
    const struct timespec wait = {.tv_nsec = 2000000};
    nanosleep(&wait, NULL);
  }
  lab->cpu_seconds += lab->submitter.cpu_seconds;
  return 0;
}

static void end_devices(struct swisd_demo_lab *lab)
{
  char directory[SWISD_DEMO_PATH_BYTES];
  for (uint32_t d = 0; d < lab->plan->scenario.device_count; d++) {
    struct swisd_lab_process *process = &lab->devices[d];
    if (process->pid == 0)
      continue;
    device_directory(lab, d, directory, sizeof directory);
    if (!lab->frozen[d]) {
      const double busy = swisd_lab_status_number(directory, "/busy_ns");
      const double overrun = swisd_lab_status_number(directory, "/overrun_ns");
      lab->busy_ns += busy > 0 ? (uint64_t)busy : 0;
      lab->overrun_ns += overrun > 0 ? (uint64_t)overrun : 0;
    }
    swisd_lab_signal(process, SIGCONT);
    swisd_lab_signal(process, SIGTERM);
  }
  for (uint32_t d = 0; d < lab->plan->scenario.device_count; d++) {
    if (lab->devices[d].pid == 0)
      continue;
    if (!swisd_lab_ended(&lab->devices[d], 5))
      swisd_lab_kill(&lab->devices[d]);
    lab->cpu_seconds += lab->devices[d].cpu_seconds;
  }
  swisd_lab_kill(&lab->submitter);
}

int swisd_demo_lab_run(struct swisd_demo_lab *lab, struct swisd_demo_plan *plan, void (*idle)(void), struct swisd_error *error)
{
  lab->plan = plan;
  int result = swisd_lab_join_key(lab->directory, error);
  if (result == 0)
    result = start_devices(lab, error);
  if (result == 0)
    result = start_submitter(lab, error);
  if (result == 0)
    result = play(lab, plan, idle, error);
  end_devices(lab);
  return result;
}
