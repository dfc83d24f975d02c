/* Scaling a scenario to this machine. All class speeds are multiplied by one factor: what stays true of the devices is how
 * unlike they are. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "kernels/dataset.h"
#include "kernels/local.h"
#include "runtime/cli/demo.h"
#include "runtime/cli/peer_setup.h"

static const double machine_share = 0.4; /* DESIGN section 9 */
/* Six processes share one machine's memory and loopback as well as its cores: an image makes 75 kB of traffic between the
 * steps, so more than this would measure the copying. */
static const double flops_per_s_max = 24e9;

static double thread_seconds(void)
{
  struct timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* FLOP/s of the model itself, on all cores. */
static int measure(struct swisd_demo_plan *plan, const struct swisd_kernels *kernels, struct swisd_error *error)
{
  enum { IMAGES = 256 };
  struct swisd_local *local = swisd_local_open(&plan->bundle, kernels, error);
  if (!local)
    return -1;
  const uint64_t in_bytes = swisd_shape_bytes(plan->bundle.model.input);
  uint8_t *in = calloc(IMAGES, in_bytes), *out = malloc(IMAGES * swisd_local_out_bytes(&plan->bundle.model));
  int result = in && out ? 0 : swisd_error_set(error, "out of memory");
  double best = INFINITY;
  for (int run = 0; run < 4 && result == 0; run++) { /* the first one warms up */
    const double start = thread_seconds();
    result = swisd_local_run(local, in, IMAGES, out, error);
    best = fmin(best, thread_seconds() - start);
  }
  double flops = 0;
  for (int k = 0; k < SWISD_KERNEL_COUNT; k++)
    flops += plan->item_flops[k];
  plan->machine_flops_per_s = flops * IMAGES / best * (double)sysconf(_SC_NPROCESSORS_ONLN);
  free(in);
  free(out);
  swisd_local_close(local);
  return result;
}

static int load_model(struct swisd_demo_plan *plan, struct swisd_error *error)
{
  char folder[512];
  const char *name = plan->scenario.workload.model;
  if (name[0] == '\0')
    return swisd_error_set(error, "workload.model: a lab needs a real one, such as fashion");
  if (strchr(name, '/'))
    snprintf(folder, sizeof folder, "%s", name);
  else if (swisd_find_weights(name, folder, sizeof folder, error) != 0)
    return -1;
  if (swisd_model_folder_load(folder, &plan->bundle, error) != 0)
    return -1;
  for (unsigned s = 0; s < plan->bundle.model.step_count; s++)
    for (unsigned l = 0; l < plan->bundle.model.steps[s].lane_count; l++)
      plan->item_flops[plan->bundle.model.steps[s].kernel_class] += (double)plan->bundle.model.steps[s].lanes[l].flops_per_item;
  return 0;
}

static int count_items(struct swisd_demo_plan *plan, struct swisd_error *error)
{
  struct swisd_dataset images;
  const char *data = plan->scenario.workload.data;
  const bool built_in = data[0] == '\0' || strcmp(data, "fashion-mnist") == 0;
  if (swisd_dataset_read(built_in ? SWISD_FASHION_FOLDER "/t10k-images-idx3-ubyte.gz" : data, &images, error) != 0)
    return -1;
  plan->items = images.item_count;
  if (plan->scenario.workload.items > 0 && plan->scenario.workload.items < plan->items)
    plan->items = plan->scenario.workload.items;
  swisd_dataset_free(&images);
  return 0;
}

static void add_fault(struct swisd_demo_plan *plan, uint64_t at_ns, uint8_t kind, uint32_t device, double factor)
{
  if (plan->fault_count == SWISD_DEMO_FAULTS_MAX)
    return;
  uint32_t i = plan->fault_count++;
  for (; i > 0 && plan->faults[i - 1].at_ns > at_ns; i--)
    plan->faults[i] = plan->faults[i - 1];
  plan->faults[i] = (struct swisd_demo_fault){.at_ns = at_ns, .kind = kind, .device = device, .factor = factor};
}

/* One entry per device and deed; what ends by itself becomes a return. */
static int expand_faults(struct swisd_demo_plan *plan, struct swisd_error *error)
{
  for (uint32_t f = 0; f < plan->scenario.fault_count; f++) {
    const struct swisd_scenario_fault *fault = &plan->scenario.faults[f];
    if (fault->kind > SWISD_FAULT_RETURN || fault->every_s.kind != SWISD_DISTRIBUTION_NONE || fault->within_ns > 0)
      return swisd_error_set(error, "faults: the lab has kill, silence, slow and return, each once, in this version");
    uint32_t devices[SWISD_DEMO_DEVICES_MAX];
    const uint32_t count = swisd_scenario_fault_devices(&plan->scenario, fault, 0, devices, SWISD_DEMO_DEVICES_MAX);
    for (uint32_t d = 0; d < count && d < SWISD_DEMO_DEVICES_MAX; d++) {
      add_fault(plan, fault->at_ns, fault->kind, devices[d], fault->factor);
      if (fault->for_ns != SWISD_NEVER)
        add_fault(plan, fault->at_ns + fault->for_ns, SWISD_FAULT_RETURN, devices[d], 1);
    }
  }
  return 0;
}

/* Items that the devices could make in `bound_ns` at these speeds, with the faults as planned: B1. */
static double bound_items(const struct swisd_demo_plan *plan, uint64_t bound_ns, struct swisd_error *error)
{
  struct swisd_runlog *log = swisd_runlog_open(NULL, error);
  if (!log)
    return -1;
  swisd_runlog_item_flops(log, plan->item_flops);
  for (uint32_t d = 0; d < plan->scenario.device_count; d++) {
    swisd_runlog_device(log, "", "", swisd_scenario_class_of(&plan->scenario, d)->flops_per_s);
    swisd_runlog_speed(log, d, 0, 1);
    for (uint32_t f = 0; f < plan->fault_count; f++)
      if (plan->faults[f].device == d)
        swisd_runlog_speed(log, d, plan->faults[f].at_ns, swisd_demo_speed_after(&plan->faults[f]));
  }
  const double items = swisd_runlog_bound_items(log, 0, bound_ns);
  swisd_runlog_discard(log);
  return items;
}

double swisd_demo_speed_after(const struct swisd_demo_fault *fault)
{
  if (fault->kind == SWISD_FAULT_SLOW)
    return 1 / fault->factor;
  return fault->kind == SWISD_FAULT_RETURN ? 1 : 0;
}

static int scale(struct swisd_demo_plan *plan, struct swisd_error *error)
{
  const double nominal_items = bound_items(plan, plan->bound_ns, error);
  if (nominal_items <= 0)
    return nominal_items < 0 ? -1 : swisd_error_set(error, "workload.bound: no device is up long enough for a single item");
  double sum = 0;
  for (uint32_t d = 0; d < plan->scenario.device_count; d++)
    sum += swisd_scenario_class_of(&plan->scenario, d)->flops_per_s[SWISD_KERNEL_CONV];
  const double sum_max = fmin(machine_share * plan->machine_flops_per_s, flops_per_s_max);
  const double passes = floor(sum_max / sum * nominal_items / (double)plan->items);
  plan->passes = passes >= 1 ? (uint64_t)passes : 1;
  if (passes < 1) /* a slow machine: part of the images, once */
    plan->items = (uint64_t)(sum_max / sum * nominal_items);
  if (plan->items == 0)
    return swisd_error_set(error, "this machine is too slow for workload.bound: not one item would be done");
  plan->factor = (double)(plan->items * plan->passes) / nominal_items;
  for (uint32_t c = 0; c < plan->scenario.class_count; c++)
    for (int k = 0; k < SWISD_KERNEL_COUNT; k++)
      plan->scenario.classes[c].flops_per_s[k] *= plan->factor;
  return 0;
}

void swisd_demo_scenario_wrong(const char *path, const struct swisd_scenario_errors *errors, struct swisd_error *error)
{
  fputs(errors->text, stderr); /* all of it, with its carets: more than an error holds */
  swisd_error_set(error, "%s: %u mistake%s, nothing was started", path, errors->count, errors->count == 1 ? "" : "s");
}

int swisd_demo_plan_make(struct swisd_demo_plan *plan, const char *path, const char *world, uint64_t bound_ns,
                         const struct swisd_kernels *kernels, struct swisd_error *error)
{
  memset(plan, 0, sizeof *plan);
  struct swisd_scenario_errors *errors = malloc(sizeof *errors);
  if (!errors)
    return swisd_error_set(error, "out of memory");
  const int read = swisd_scenario_read(path, world, &plan->scenario, errors);
  if (read != 0)
    swisd_demo_scenario_wrong(path, errors, error);
  free(errors);
  if (read != 0)
    return -1;
  plan->bound_ns = bound_ns ? bound_ns : plan->scenario.workload.bound_ns ? plan->scenario.workload.bound_ns : 45 * SWISD_SECOND;
  if (plan->scenario.device_count > SWISD_DEMO_DEVICES_MAX)
    return swisd_error_set(error, "%s: %u devices; a lab on one machine has at most %d", path, plan->scenario.device_count,
                           SWISD_DEMO_DEVICES_MAX);
  if (load_model(plan, error) != 0 || count_items(plan, error) != 0 || measure(plan, kernels, error) != 0 ||
      expand_faults(plan, error) != 0)
    return -1;
  return scale(plan, error);
}

void swisd_demo_plan_free(struct swisd_demo_plan *plan)
{
  swisd_bundle_free(&plan->bundle);
  swisd_scenario_free(&plan->scenario);
}

/* ---- the same for the simulator ---- */

static void write_devices(const struct swisd_demo_plan *plan, FILE *out)
{
  const struct swisd_scenario *s = &plan->scenario;
  fprintf(out, "links:\n");
  for (uint32_t l = 0; l < s->link_count; l++) {
    const struct swisd_scenario_link *link = &s->links[l];
    fprintf(out, "  %s: {latency: %.6f ms", link->name, swisd_distribution_mean(&link->latency_s) * 1e3);
    if (link->up_bytes_per_s > 0 && link->down_bytes_per_s > 0)
      fprintf(out, ", up: %.6f Mbit, down: %.6f Mbit", link->up_bytes_per_s / 125e3, link->down_bytes_per_s / 125e3);
    fprintf(out, "}\n");
  }
  fprintf(out, "devices:\n");
  for (uint32_t c = 0; c < s->class_count; c++) {
    const struct swisd_scenario_class *class = &s->classes[c];
    fprintf(out, "  %s: {count: %u, speed: {conv: %.6f Gflops, dense: %.6f Gflops, attention: %.6f Gflops}, memory: %.0f MiB",
            class->name, class->count, class->flops_per_s[0] / 1e9, class->flops_per_s[1] / 1e9, class->flops_per_s[2] / 1e9,
            (double)class->memory_bytes / 1048576);
    if (class->link != SWISD_SCENARIO_NO_LINK)
      fprintf(out, ", link: %s", s->links[class->link].name);
    fprintf(out, "}\n");
  }
}

static void write_faults(const struct swisd_demo_plan *plan, FILE *out)
{
  static const char *const words[] = {"kill", "silence", "slow", "return"};
  if (plan->fault_count > 0)
    fprintf(out, "faults:\n");
  for (uint32_t f = 0; f < plan->fault_count; f++) {
    const struct swisd_demo_fault *fault = &plan->faults[f];
    char name[SWISD_SCENARIO_NAME_BYTES + 16];
    swisd_scenario_device_name(&plan->scenario, fault->device, name, sizeof name);
    if (fault->kind == SWISD_FAULT_SLOW)
      fprintf(out, "  - {at: %.3f s, slow: {devices: %s, factor: %g}}\n", (double)fault->at_ns / 1e9, name, fault->factor);
    else
      fprintf(out, "  - {at: %.3f s, %s: %s}\n", (double)fault->at_ns / 1e9, words[fault->kind], name);
  }
}

int swisd_demo_plan_write(const struct swisd_demo_plan *plan, const char *path, struct swisd_error *error)
{
  FILE *out = fopen(path, "we");
  if (!out)
    return swisd_error_set(error, "%s: cannot write: %m", path);
  const struct swisd_scenario *s = &plan->scenario;
  fprintf(out, "# The lab world `%s`, its class speeds multiplied by %.6g to fit the machine it ran on.\n", s->world,
          plan->factor);
  fprintf(out, "swisd: 1\nname: %s\nseed: %" PRIu64 "\nduration: %.0f s\nbackend: sim\nplacement: {slots: %u, r_min: %u}\n",
          s->name, s->seed, (double)s->duration_ns / 1e9, s->placement_slots, s->placement_replicas_min);
  write_devices(plan, out);
  write_faults(plan, out);
  fprintf(out, "workload: {model: %s, data: %s, items: %" PRIu64 ", repeat: %" PRIu64 ", chunk: %.0f ms", s->workload.model,
          s->workload.data, plan->items, plan->passes, (double)s->workload.chunk_ns / 1e6);
  if (s->workload.link != SWISD_SCENARIO_NO_LINK)
    fprintf(out, ", link: %s", s->links[s->workload.link].name);
  fprintf(out, "}\n");
  return fclose(out) == 0 ? 0 : swisd_error_set(error, "%s: cannot write: %m", path);
}
