/* The workload: each submitter's jobs, one after another or as they arrive, each a stream whose input is appended while it is
 * computed. Work starts at the end of the warm-up: until then devices join and fetch their shards. */
#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/dataset.h"
#include "runtime/core/panic.h"
#include "sim/simdriver_internal.h"

enum {
  BLOCKS_UNDER_WAY = 6,      /* of one job's input: fewer than any limits' segments */
  JOB_ITEMS_MAX = 100000000, /* of a job whose size is drawn */
  TOKENS_DEFAULT = 64,       /* length of a text when the scenario says none */
  PROMPT_TOKENS_MAX = 4096,
};
#define BLOCK_S 2.0 /* of the whole swarm's time: what is appended at once */

/* ---- input ---- */

/* Tokens as decimal numbers, whatever stands between them. */
static int read_prompt(struct swisd_simdriver *d, const char *path, struct swisd_error *error)
{
  FILE *in = fopen(path, "r");
  uint32_t *tokens = calloc(PROMPT_TOKENS_MAX, sizeof *tokens);
  SWISD_ASSERT(tokens != NULL);
  d->inputs = (uint8_t *)tokens;
  if (in == NULL)
    return swisd_error_set(error, "workload.data: cannot read %s", path);
  while (d->input_count < PROMPT_TOKENS_MAX && fscanf(in, "%" SCNu32, &tokens[d->input_count]) == 1)
    d->input_count++;
  const bool ended = feof(in) != 0;
  fclose(in);
  if (d->input_count == 0 || !ended)
    return swisd_error_set(error, "workload.data: %s: not 1 to %d token numbers", path, PROMPT_TOKENS_MAX);
  return 0;
}

static int read_items(struct swisd_simdriver *d, const char *path, struct swisd_error *error)
{
  struct swisd_dataset dataset;
  if (swisd_dataset_read(path, &dataset, error) < 0)
    return -1;
  if (dataset.item_bytes != d->model.spec.in_bytes_per_item) {
    const uint64_t got = dataset.item_bytes;
    swisd_dataset_free(&dataset);
    return swisd_error_set(error, "workload.data: %s: items of %" PRIu64 " bytes, the model takes %u", path, got,
                           d->model.spec.in_bytes_per_item);
  }
  d->inputs = dataset.bytes; /* taken over */
  d->input_count = dataset.item_count;
  return 0;
}

/* Without data: items of random bytes, or of random numbers between -1 and 1. */
static void make_items(struct swisd_simdriver *d, uint64_t count)
{
  const uint32_t item_bytes = d->model.spec.in_bytes_per_item;
  struct swisd_philox random = swisd_philox_stream(d->scenario->seed, d->options.repeat, UINT32_MAX, SWISD_PURPOSE_PLATFORM);
  d->inputs = malloc(count * item_bytes);
  SWISD_ASSERT(d->inputs != NULL);
  d->input_count = count;
  if (d->model.bundle->model.input.type == SWISD_VALUE_F32) {
    float *values = (float *)(void *)d->inputs;
    for (uint64_t i = 0; i < count * item_bytes / sizeof *values; i++)
      values[i] = (float)(2 * swisd_philox_unit(&random) - 1);
  } else {
    for (uint64_t i = 0; i < count * item_bytes; i++)
      d->inputs[i] = (uint8_t)swisd_philox_u32(&random);
  }
}

static int open_inputs(struct swisd_simdriver *d, struct swisd_error *error)
{
  const struct swisd_scenario_workload *workload = &d->scenario->workload;
  char path[4096];
  if (workload->data[0] != '\0') {
    const bool known = strcmp(workload->data, "fashion-mnist") == 0;
    if (known)
      snprintf(path, sizeof path, "%s/t10k-images-idx3-ubyte.gz", SWISD_FASHION_FOLDER);
    else if (!swisd_sim_find_path(workload->data, d->options.scenario_path, path, sizeof path))
      return swisd_error_set(error, "workload.data: %s is not there", workload->data);
    /* Modelled work with a stated number of items needs no bytes. */
    if (d->model.kernels == NULL && workload->items > 0 && !d->model.tokens)
      return 0;
    return d->model.tokens ? read_prompt(d, path, error) : read_items(d, path, error);
  }
  if (d->model.tokens) { /* the begin token alone */
    d->inputs = calloc(1, sizeof(uint32_t));
    SWISD_ASSERT(d->inputs != NULL);
    memcpy(d->inputs, &d->model.bundle->model.llama.bos, sizeof(uint32_t));
    d->input_count = 1;
    return 0;
  }
  if (workload->items == 0 && workload->bound_ns == 0)
    return swisd_error_set(error, "workload.items: needed where there is no workload.data");
  if (d->model.kernels != NULL)
    make_items(d, workload->items > 0 && workload->items < 10000 ? workload->items : 10000);
  return 0;
}

/* ---- planning ---- */

/* A speed that a scripted fault will set. */
struct plan_change {
  uint64_t time_ns;
  uint32_t device;
  double factor;
};

static int by_time(const void *left, const void *right)
{
  const struct plan_change *a = left, *b = right;
  return a->time_ns != b->time_ns ? (a->time_ns < b->time_ns ? -1 : 1) : a->device < b->device ? -1 : a->device > b->device;
}

/* All changes of one fault; returns how many. `changes` has room for two per device. */
static uint32_t plan_fault(struct swisd_simdriver *d, const struct swisd_scenario_fault *fault, struct plan_change *changes)
{
  if (fault->kind != SWISD_FAULT_KILL && fault->kind != SWISD_FAULT_SILENCE && fault->kind != SWISD_FAULT_SLOW &&
      fault->kind != SWISD_FAULT_RETURN)
    return 0;
  const double factor = fault->kind == SWISD_FAULT_SLOW ? 1 / fault->factor : fault->kind == SWISD_FAULT_RETURN ? 1 : 0;
  const uint32_t hit = swisd_scenario_fault_devices(d->scenario, fault, d->options.repeat, d->fault_devices, d->device_count);
  uint32_t count = 0;
  for (uint32_t i = 0; i < hit; i++) {
    changes[count++] = (struct plan_change){fault->at_ns, d->fault_devices[i], factor};
    if (fault->for_ns < SWISD_NEVER - fault->at_ns)
      changes[count++] = (struct plan_change){fault->at_ns + fault->for_ns, d->fault_devices[i], 1};
  }
  return count;
}

/* Items that all devices could make in `span_ns` from the end of the warm-up on, with the scripted faults, without churn. */
static double planned_items(struct swisd_simdriver *d, uint64_t span_ns)
{
  const struct swisd_scenario *scenario = d->scenario;
  struct swisd_runlog *log = swisd_runlog_open(NULL, &(struct swisd_error){0});
  struct plan_change *changes = calloc((size_t)scenario->fault_count * d->device_count * 2 + 1, sizeof *changes);
  SWISD_ASSERT(log != NULL && changes != NULL);
  for (uint32_t i = 0; i < d->device_count; i++) {
    swisd_runlog_device(log, "", "", d->devices[i].flops_per_s);
    swisd_runlog_speed(log, i, 0, 1);
  }
  uint32_t count = 0;
  for (uint32_t f = 0; f < scenario->fault_count; f++)
    count += plan_fault(d, &scenario->faults[f], changes + count);
  qsort(changes, count, sizeof *changes, by_time);
  for (uint32_t c = 0; c < count; c++)
    swisd_runlog_speed(log, changes[c].device, changes[c].time_ns, changes[c].factor);
  swisd_runlog_item_flops(log, d->model.item_flops);
  const double items = swisd_runlog_bound_items(log, scenario->warmup_ns, scenario->warmup_ns + span_ns);
  swisd_runlog_discard(log);
  free(changes);
  return items;
}

/* Images are appended whole. */
static uint64_t rounded(const struct swisd_simdriver *d, double items)
{
  const uint64_t period = d->model.bundle != NULL && d->model.bundle->model.period > 0 ? d->model.bundle->model.period : 1;
  const uint64_t count = items < 1 ? 1 : (uint64_t)(items + 0.5);
  return (count + period - 1) / period * period;
}

static void plan_job(struct swisd_simdriver *d, struct swisd_sim_run_job *job, uint64_t number, double items, double rate)
{
  *job = (struct swisd_sim_run_job){.number = number};
  job->items = rounded(d, items);
  job->block_items = rounded(d, fmax(16, rate * BLOCK_S));
  if (d->model.tokens) {
    job->items = d->scenario->workload.items > 0 ? d->scenario->workload.items : TOKENS_DEFAULT;
    if (job->items > d->model.bundle->model.llama.context)
      job->items = d->model.bundle->model.llama.context;
    job->answer_bytes = (job->items + 1) * sizeof(uint32_t);
  } else if (d->model.kernels != NULL) {
    job->answer_bytes = job->items * d->model.answer_bytes_per_item;
  }
  if (job->answer_bytes > 0) {
    job->answer = calloc(1, job->answer_bytes);
    SWISD_ASSERT(job->answer != NULL);
  }
}

int swisd_simjobs_open(struct swisd_simdriver *d, struct swisd_error *error)
{
  const struct swisd_scenario_workload *workload = &d->scenario->workload;
  if (open_inputs(d, error) < 0)
    return -1;
  const double rate = planned_items(d, SWISD_SECOND);
  const uint64_t stream = workload->items > 0 ? workload->items : d->input_count;
  d->jobs_each = workload->requests;
  const double all =
    workload->repeat > 0 ? (double)stream * (double)workload->repeat * d->jobs_each : planned_items(d, workload->bound_ns);
  const double each = all / ((double)d->submitter_count * d->jobs_each);
  if (each > 1e15)
    return swisd_error_set(error, "workload: a job of %.3g items, at most 1e15 are allowed", each);
  d->jobs_left = d->jobs_each * d->submitter_count;
  for (uint32_t s = 0; s < d->submitter_count; s++) {
    struct swisd_sim_submitter *submitter = &d->submitters[s];
    submitter->jobs = calloc(d->jobs_each, sizeof *submitter->jobs);
    SWISD_ASSERT(submitter->jobs != NULL);
    submitter->arrivals = swisd_philox_stream(d->scenario->seed, d->options.repeat, d->device_count + s, SWISD_PURPOSE_ARRIVAL);
    struct swisd_philox sizes =
      swisd_philox_stream(d->scenario->seed, d->options.repeat, d->device_count + s, SWISD_PURPOSE_SIZE);
    for (uint32_t j = 0; j < d->jobs_each; j++) {
      const bool drawn = workload->size.kind != SWISD_DISTRIBUTION_NONE;
      const double items = drawn ? fmin(swisd_distribution_draw(&workload->size, &sizes), JOB_ITEMS_MAX) : each;
      plan_job(d, &submitter->jobs[j], j + 1, items, rate / d->submitter_count);
    }
  }
  return 0;
}

void swisd_simjobs_close(struct swisd_simdriver *d)
{
  for (uint32_t s = 0; s < d->submitter_count; s++) {
    for (uint32_t j = 0; j < d->jobs_each && d->submitters[s].jobs != NULL; j++) {
      free(d->submitters[s].jobs[j].answer);
      free(d->submitters[s].jobs[j].block_left);
    }
    free(d->submitters[s].jobs);
  }
  free(d->inputs);
}

static void schedule(struct swisd_simdriver *d, uint32_t node, uint64_t delay_ns)
{
  if (delay_ns < d->options.settle_ns + d->scenario->duration_ns)
    swisd_simdriver_at(d, swisd_simdriver_now(d) + delay_ns, SWISD_SIM_SUBMIT, node, node, 0);
}

/* The next job of a submitter arrives when it does, whatever became of this one. */
static void schedule_arrival(struct swisd_simdriver *d, uint32_t node, struct swisd_sim_submitter *submitter)
{
  const double gap_s = swisd_distribution_draw(&d->scenario->workload.arrivals_s, &submitter->arrivals);
  const uint64_t from_ns = swisd_simdriver_since(d, swisd_simdriver_now(d));
  const uint64_t arrival_ns = swisd_scenario_arrival_ns(d->scenario, from_ns, gap_s);
  if (arrival_ns != SWISD_NEVER)
    schedule(d, node, arrival_ns - from_ns);
}

void swisd_simjobs_prepare(struct swisd_simdriver *d)
{
  for (uint32_t s = 0; s < d->submitter_count; s++)
    schedule(d, d->device_count + s, d->options.settle_ns + d->scenario->warmup_ns);
}

/* ---- a job's life ---- */

static struct swisd_sim_blob *input_blob(struct swisd_simdriver *d, const struct swisd_sim_run_job *job, uint64_t items)
{
  const uint64_t item_bytes = d->model.spec.in_bytes_per_item;
  struct swisd_sim_blob *blob = swisd_sim_blob_new(items * item_bytes, d->model.kernels != NULL);
  for (uint64_t i = 0; i < items && blob->data != NULL; i++)
    memcpy(blob->data + i * item_bytes, d->inputs + (job->given + i) % d->input_count * item_bytes, item_bytes);
  return blob;
}

static void append(struct swisd_simdriver *d, uint32_t node, struct swisd_sim_run_job *job, uint64_t items, bool last)
{
  struct swisd_event event = {.kind = SWISD_EVENT_APPENDED};
  event.u.appended = (struct swisd_event_appended){.number = job->number, .items = items, .last = last};
  event.u.appended.body = swisd_sim_bodies_add(&d->devices[node].bodies, input_blob(d, job, items));
  job->given += items;
  swisd_simdriver_step(d, node, &event);
}

/* Appends as long as few blocks are unanswered. */
static void feed(struct swisd_simdriver *d, uint32_t node, struct swisd_sim_run_job *job)
{
  while (!job->ended && job->given < job->items && job->blocks < BLOCKS_UNDER_WAY) {
    const uint64_t left = job->items - job->given;
    const uint64_t items = left < job->block_items ? left : job->block_items;
    job->block_left[job->given / job->block_items] = items;
    job->blocks++;
    append(d, node, job, items, items == left);
  }
}

void swisd_simjobs_submit(struct swisd_simdriver *d, uint32_t node)
{
  struct swisd_sim_submitter *submitter = &d->submitters[node - d->device_count];
  if (submitter->job_next == d->jobs_each)
    return;
  struct swisd_sim_run_job *job = &submitter->jobs[submitter->job_next++];
  if (d->scenario->workload.arrivals_s.kind != SWISD_DISTRIBUTION_NONE && submitter->job_next < d->jobs_each)
    schedule_arrival(d, node, submitter);
  job->submitted = true;
  job->start_ns = swisd_simdriver_now(d);
  swisd_simreport_event(d, SWISD_RUNLOG_SUBMITTED, node, (double)job->number);
  if (d->first_submit_ns == SWISD_NEVER)
    d->first_submit_ns = job->start_ns;
  d->model.spec.items_max = job->items;
  const struct swisd_event event = {.kind = SWISD_EVENT_SUBMITTED,
                                    .u.submitted = {.number = job->number, .spec = &d->model.spec}};
  swisd_simdriver_step(d, node, &event);
  if (d->model.tokens) {
    memcpy(job->answer, d->inputs, d->input_count * sizeof(uint32_t));
    job->answer_tokens = d->input_count;
    append(d, node, job, d->input_count, true);
    return;
  }
  job->block_left = calloc((job->items + job->block_items - 1) / job->block_items, sizeof *job->block_left);
  SWISD_ASSERT(job->block_left != NULL);
  feed(d, node, job);
}

static void end_job(struct swisd_simdriver *d, uint32_t node, struct swisd_sim_run_job *job, enum swisd_status status)
{
  struct swisd_sim_submitter *submitter = &d->submitters[node - d->device_count];
  job->ended = true;
  job->status = status;
  job->end_ns = swisd_simdriver_now(d);
  swisd_node_job_account(d->devices[node].node, job->number, &job->account);
  free(job->block_left);
  job->block_left = NULL;
  swisd_simreport_event(d, status == SWISD_OK ? SWISD_RUNLOG_ANSWERED : SWISD_RUNLOG_FAILED, node, (double)job->number);
  if (--d->jobs_left == 0)
    swisd_sim_stop(d->sim);
  else if (d->scenario->workload.arrivals_s.kind == SWISD_DISTRIBUTION_NONE && submitter->job_next < d->jobs_each)
    schedule(d, node, 0);
}

static void speak(struct swisd_sim_run_job *job, const struct swisd_action_answer *answer)
{
  if (answer->inlined.count >= 4 && (job->answer_tokens + 1) * sizeof(uint32_t) <= job->answer_bytes)
    memcpy(job->answer + job->answer_tokens++ * sizeof(uint32_t), answer->inlined.bytes, sizeof(uint32_t));
}

static void count_blocks(struct swisd_sim_run_job *job, uint64_t lo, uint64_t hi)
{
  while (lo < hi) {
    const uint64_t block = lo / job->block_items, end = (block + 1) * job->block_items;
    const uint64_t part = (hi < end ? hi : end) - lo;
    SWISD_ASSERT(part <= job->block_left[block]);
    job->block_left[block] -= part;
    job->blocks -= job->block_left[block] == 0;
    lo += part;
  }
}

void swisd_simjobs_answer(struct swisd_simdriver *d, uint32_t node, const struct swisd_action_answer *answer)
{
  SWISD_ASSERT(node >= d->device_count && answer->number > 0 && answer->number <= d->jobs_each);
  struct swisd_sim_run_job *job = &d->submitters[node - d->device_count].jobs[answer->number - 1];
  SWISD_ASSERT(job->submitted && !job->ended);
  const uint64_t items = answer->hi - answer->lo;
  if (items > 0) {
    job->answered += items;
    d->last_answer_ns = swisd_simdriver_now(d);
    swisd_runlog_items_answered(d->log, swisd_simdriver_since(d, d->last_answer_ns), items);
    if (d->model.tokens)
      speak(job, answer);
    else
      count_blocks(job, answer->lo, answer->hi);
  }
  if (!answer->more)
    end_job(d, node, job, answer->status);
  else if (!d->model.tokens && job->given < job->items && job->blocks < BLOCKS_UNDER_WAY)
    swisd_simdriver_at(d, swisd_simdriver_now(d), SWISD_SIM_FEED, node, node, answer->number);
}

/* After the step in which room was made: its actions must be carried out first. */
void swisd_simjobs_feed(struct swisd_simdriver *d, uint32_t node, uint64_t number)
{
  feed(d, node, &d->submitters[node - d->device_count].jobs[number - 1]);
}

uint8_t *swisd_simjobs_row(struct swisd_simdriver *d, uint32_t node, uint64_t number, uint64_t item)
{
  if (node < d->device_count || number == 0 || number > d->jobs_each)
    return NULL;
  struct swisd_sim_run_job *job = &d->submitters[node - d->device_count].jobs[number - 1];
  return job->answer == NULL || d->model.tokens || item >= job->items ? NULL
                                                                      : job->answer + item * d->model.answer_bytes_per_item;
}

const uint8_t *swisd_simdriver_answer(const struct swisd_simdriver *d, uint32_t submitter, uint32_t job, uint64_t *bytes)
{
  if (submitter >= d->submitter_count || job >= d->jobs_each || d->submitters[submitter].jobs[job].answer == NULL)
    return NULL;
  const struct swisd_sim_run_job *found = &d->submitters[submitter].jobs[job];
  *bytes = d->model.tokens ? found->answer_tokens * sizeof(uint32_t) : found->answer_bytes;
  return found->answer;
}
