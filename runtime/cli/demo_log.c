/* From recordings to a run log. A recording is a whole node: stepping the core through it again gives every action and trace
 * with its time, so the lab needs no other reporting, and what a killed process has seen is not lost. All clocks are that of
 * one machine. Workers say when a program ran, the submitter what became of it. */
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/cli/demo.h"
#include "runtime/net/replay.h"
#include "runtime/store/model_spec.h"
#include "runtime/wire/wire.h"

enum { STORY_MAX = 512, RUNNING_MAX = 64, FETCHING_MAX = 32 };

struct running {
  uint32_t ticket;
  struct swisd_runlog_key key;
};

struct merge {
  struct swisd_replay_host host; /* first */
  const struct swisd_demo_plan *plan;
  struct swisd_runlog *log;
  struct swisd_demo_outcome *outcome;
  struct swisd_id ids[SWISD_DEMO_DEVICES_MAX + 1]; /* the submitter's behind the devices' */
  uint32_t device_count, self;                     /* self: whose recording is being read */
  uint64_t end_ns;                                 /* the last answer */
  uint64_t last_answer_ns;
  struct running running[RUNNING_MAX];
  struct swisd_message_model shards; /* of the model, by place */
  struct {
    uint32_t ticket;
    uint64_t bit;
  } fetching[FETCHING_MAX]; /* shards on their way to `self` */
  uint64_t holds;           /* bit s: shard s lies with `self` */
  bool told_suspect[SWISD_DEMO_DEVICES_MAX], told_dead[SWISD_DEMO_DEVICES_MAX];
  uint32_t story_count;
  struct {
    double time_s;
    char text[96];
  } story[STORY_MAX];
};

static uint64_t since(const struct merge *merge, uint64_t now_ns)
{
  return now_ns > merge->outcome->submit_ns ? now_ns - merge->outcome->submit_ns : 0;
}

static uint32_t index_of(const struct merge *merge, struct swisd_id id)
{
  for (uint32_t i = 0; i <= merge->device_count; i++)
    if (swisd_id_equal(merge->ids[i], id))
      return i;
  return SWISD_RUNLOG_NOBODY;
}

static const char *name_of(const struct merge *merge, uint32_t index, char name[96])
{
  if (index < merge->device_count)
    swisd_scenario_device_name(&merge->plan->scenario, index, name, 96);
  else
    snprintf(name, 96, "%s", index == merge->device_count ? "submitter/0" : "somebody");
  return name;
}

static void tell(struct merge *merge, uint64_t time_ns, const char *format, ...) __attribute__((format(printf, 3, 4)));
static void tell(struct merge *merge, uint64_t time_ns, const char *format, ...)
{
  if (merge->story_count == STORY_MAX)
    return;
  const double time_s = (double)time_ns / 1e9;
  uint32_t i = merge->story_count++;
  for (; i > 0 && merge->story[i - 1].time_s > time_s; i--)
    merge->story[i] = merge->story[i - 1];
  merge->story[i].time_s = time_s;
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(merge->story[i].text, sizeof merge->story[i].text, format, arguments);
  va_end(arguments);
}

static struct swisd_runlog_key key_of(const struct merge *merge, const struct swisd_task_key *key)
{
  return (struct swisd_runlog_key){.submitter = index_of(merge, key->job.submitter),
                                   .job = key->job.number,
                                   .step = key->step,
                                   .lane = key->lane,
                                   .attempt = key->attempt,
                                   .lo = key->lo,
                                   .hi = key->hi};
}

/* ---- the worker's side: programs by ticket ---- */

static void program_starts(struct merge *merge, uint64_t time_ns, const struct swisd_action_compute *action)
{
  if (action->program != SWISD_PROGRAM_RUN)
    return;
  const struct swisd_runlog_key key = key_of(merge, &action->key);
  for (uint32_t i = 0; i < RUNNING_MAX; i++)
    if (merge->running[i].ticket == 0) {
      merge->running[i] = (struct running){action->ticket, key};
      break;
    }
  swisd_runlog_task_start(merge->log, merge->self, &key, time_ns, (double)action->flops);
}

static void program_ends(struct merge *merge, uint64_t time_ns, uint32_t ticket)
{
  for (uint32_t i = 0; i < RUNNING_MAX; i++)
    if (merge->running[i].ticket == ticket) {
      merge->running[i].ticket = 0;
      swisd_runlog_task_end(merge->log, merge->self, &merge->running[i].key, time_ns);
    }
}

/* ---- what a device holds, from its own recording ---- */

static uint64_t shard_bit(const struct merge *merge, swisd_shard_id shard)
{
  for (uint32_t s = 0; s < merge->shards.shard_count; s++)
    if (merge->shards.shards[s].shard == shard)
      return UINT64_C(1) << s;
  return 0;
}

static void holds_now(struct merge *merge, uint64_t time_ns, uint64_t holds)
{
  merge->holds = holds;
  swisd_runlog_holds(merge->log, merge->self, time_ns, holds);
}

static void started_with(struct merge *merge, uint64_t time_ns, const struct swisd_event_start *start)
{
  uint64_t holds = 0;
  for (uint32_t i = 0; i < start->holding_count; i++)
    holds |= shard_bit(merge, start->holdings[i]);
  holds_now(merge, time_ns, holds);
}

static void fetch_starts(struct merge *merge, const struct swisd_action_fetch *fetch)
{
  for (uint32_t i = 0; i < FETCHING_MAX; i++)
    if (merge->fetching[i].ticket == 0) {
      merge->fetching[i].ticket = fetch->ticket;
      merge->fetching[i].bit = shard_bit(merge, fetch->shard);
      return;
    }
}

static void fetch_ends(struct merge *merge, uint64_t time_ns, const struct swisd_event_fetched *fetched)
{
  for (uint32_t i = 0; i < FETCHING_MAX; i++)
    if (merge->fetching[i].ticket == fetched->ticket) {
      merge->fetching[i].ticket = 0;
      if (fetched->status == SWISD_OK)
        holds_now(merge, time_ns, merge->holds | merge->fetching[i].bit);
    }
}

static void count_send(struct merge *merge, const struct swisd_action_send *send)
{
  struct swisd_runlog_summary *summary = &merge->outcome->summary;
  summary->messages++;
  summary->message_bytes += swisd_wire_size(&send->message);
  summary->bodies += send->body.handle != 0;
  summary->body_bytes += send->body.handle != 0 ? send->body_length : 0;
}

/* ---- the submitter's side ---- */

static void outcome_of(struct merge *merge, const struct swisd_trace *trace, enum swisd_runlog_outcome what)
{
  const struct swisd_runlog_key key = key_of(merge, &trace->key);
  swisd_runlog_task_outcome(merge->log, index_of(merge, trace->peer), &key, what, since(merge, trace->time_ns),
                            (double)trace->value);
}

static void task_event(struct merge *merge, const struct swisd_trace *trace, const char *event, bool has_task, double value)
{
  const struct swisd_runlog_event entry = {.time_ns = since(merge, trace->time_ns),
                                           .event = event,
                                           .device = index_of(merge, trace->peer),
                                           .by = merge->self,
                                           .has_task = has_task,
                                           .step = trace->key.step,
                                           .lane = trace->key.lane,
                                           .lo = trace->key.lo,
                                           .hi = trace->key.hi,
                                           .has_value = value > 0,
                                           .value = value};
  swisd_runlog_event(merge->log, &entry);
}

static void member_event(struct merge *merge, const struct swisd_trace *trace, const char *event, bool *told)
{
  const uint32_t subject = index_of(merge, trace->subject);
  if (subject >= merge->device_count || told[subject] || trace->time_ns < merge->outcome->submit_ns)
    return;
  told[subject] = true;
  const struct swisd_runlog_event entry = {
    .time_ns = since(merge, trace->time_ns), .event = event, .device = subject, .by = merge->self};
  swisd_runlog_event(merge->log, &entry);
  char a[96], b[96];
  tell(merge, entry.time_ns, "%s takes %s for %s", name_of(merge, merge->self, a), name_of(merge, subject, b), event);
}

static void trace_of(struct merge *merge, const struct swisd_trace *trace)
{
  struct swisd_runlog_summary *s = &merge->outcome->summary;
  char name[96];
  switch (trace->kind) {
  case SWISD_TRACE_MEMBER_SUSPECT:
    member_event(merge, trace, SWISD_RUNLOG_SUSPECT, merge->told_suspect);
    break;
  case SWISD_TRACE_MEMBER_DEAD:
    member_event(merge, trace, SWISD_RUNLOG_DEAD, merge->told_dead);
    break;
  case SWISD_TRACE_TASK_HEDGED:
    s->hedges++;
    task_event(merge, trace, SWISD_RUNLOG_HEDGE, true, (double)trace->value * 1e-9);
    break;
  case SWISD_TRACE_TASK_REISSUED:
    s->reissues++;
    task_event(merge, trace, SWISD_RUNLOG_REISSUE, true, (double)trace->value * 1e-9);
    break;
  case SWISD_TRACE_TASK_ACCEPTED:
    outcome_of(merge, trace, SWISD_RUNLOG_ACCEPTED);
    break;
  case SWISD_TRACE_TASK_DUPLICATE:
    outcome_of(merge, trace, SWISD_RUNLOG_DUPLICATE);
    break;
  case SWISD_TRACE_TASK_LOST:
    outcome_of(merge, trace, SWISD_RUNLOG_LOST);
    break;
  case SWISD_TRACE_TASK_REJECTED:
    outcome_of(merge, trace, SWISD_RUNLOG_REJECTED);
    break;
  case SWISD_TRACE_TASK_CANCELLED:
    outcome_of(merge, trace, SWISD_RUNLOG_CANCELLED);
    break;
  case SWISD_TRACE_TASK_REPLAYED:
    outcome_of(merge, trace, SWISD_RUNLOG_REPLAYED);
    break;
  case SWISD_TRACE_WORKER_OVERDUE:
    task_event(merge, trace, SWISD_RUNLOG_OVERDUE, false, 0);
    tell(merge, since(merge, trace->time_ns), "%s is overdue: its work is rescued",
         name_of(merge, index_of(merge, trace->peer), name));
    break;
  case SWISD_TRACE_WORKER_GONE:
    tell(merge, since(merge, trace->time_ns), "%s is gone: its work is given to others",
         name_of(merge, index_of(merge, trace->peer), name));
    break;
  default:
    break;
  }
}

/* The core's own account: traces would count accepted work that was lost later twice. */
static void take_account(struct merge *merge, const struct swisd_node *node, uint64_t number)
{
  struct swisd_runlog_summary *s = &merge->outcome->summary;
  struct swisd_job_account account;
  if (!swisd_node_job_account(node, number, &account))
    return;
  s->flop_issued = (double)account.issued;
  s->flop_accepted = (double)account.accepted;
  s->flop_duplicate = (double)account.duplicate;
  s->flop_lost = (double)account.lost;
  s->flop_rejected = (double)account.rejected;
  s->flop_cancelled = (double)account.cancelled;
  s->flop_replayed = (double)account.replayed;
  s->flop_under_way = (double)account.under_way;
}

static void answered(struct merge *merge, const struct swisd_node *node, uint64_t now_ns,
                     const struct swisd_action_answer *answer)
{
  struct swisd_demo_outcome *outcome = merge->outcome;
  if (answer->more) {
    outcome->summary.items_answered += answer->hi - answer->lo;
    swisd_runlog_items_answered(merge->log, since(merge, now_ns), answer->hi - answer->lo);
    if (now_ns - merge->last_answer_ns > outcome->worst_gap_ns)
      outcome->worst_gap_ns = now_ns - merge->last_answer_ns;
    merge->last_answer_ns = now_ns;
  } else {
    outcome->summary.jobs_answered += answer->status == SWISD_OK;
    outcome->summary.jobs_failed += answer->status != SWISD_OK;
    merge->end_ns = now_ns;
    take_account(merge, node, answer->number);
  }
}

static void on_step(struct swisd_replay_host *host, const struct swisd_node *node, const struct swisd_event *event,
                    uint64_t now_ns, const struct swisd_actions *actions)
{
  struct merge *merge = (struct merge *)host;
  const uint64_t time_ns = since(merge, now_ns);
  if (event->kind == SWISD_EVENT_COMPUTED)
    program_ends(merge, time_ns, event->u.computed.ticket);
  else if (event->kind == SWISD_EVENT_START)
    started_with(merge, time_ns, &event->u.start);
  else if (event->kind == SWISD_EVENT_FETCHED)
    fetch_ends(merge, time_ns, &event->u.fetched);
  for (uint32_t i = 0; i < actions->count; i++) {
    const struct swisd_action *action = &actions->list[i];
    if (action->kind == SWISD_ACTION_COMPUTE)
      program_starts(merge, time_ns, &action->u.compute);
    else if (action->kind == SWISD_ACTION_FETCH_SHARD)
      fetch_starts(merge, &action->u.fetch);
    else if (action->kind == SWISD_ACTION_DROP)
      holds_now(merge, time_ns, merge->holds & ~shard_bit(merge, action->u.drop.shard));
    else if (action->kind == SWISD_ACTION_SEND)
      count_send(merge, &action->u.send);
    else if (action->kind == SWISD_ACTION_FETCH_BODY)
      merge->outcome->summary.bodies++, merge->outcome->summary.body_bytes += action->u.fetch.bytes;
    else if (action->kind == SWISD_ACTION_ANSWER)
      answered(merge, node, now_ns, &action->u.answer);
  }
  for (uint32_t i = 0; i < actions->trace_count; i++)
    trace_of(merge, &actions->traces[i]);
}

/* ---- reading them all ---- */

/* The submission's time is needed before anything else can be dated. */
struct submission_finder {
  struct swisd_replay_host host; /* first */
  uint64_t submit_ns;
};

static void find_submission(struct swisd_replay_host *host, const struct swisd_node *node, const struct swisd_event *event,
                            uint64_t now_ns, const struct swisd_actions *actions)
{
  (void)node, (void)actions;
  struct submission_finder *finder = (struct submission_finder *)host;
  if (event->kind == SWISD_EVENT_SUBMITTED && finder->submit_ns == 0)
    finder->submit_ns = now_ns;
}

static int read_one(struct merge *merge, const char *path, struct swisd_replay_host *host, uint32_t index,
                    struct swisd_error *error)
{
  struct swisd_replay_result result;
  if (swisd_replay_run(path, host, &result, error) != 0)
    return -1;
  if (result.first_differing)
    return swisd_error_set(error, "%s: the replay differs from the run at step %" PRIu64, path, result.first_differing);
  merge->ids[index] = result.id;
  return 0;
}

static int read_all(struct merge *merge, const struct swisd_demo_lab *lab, struct swisd_error *error)
{
  char path[SWISD_DEMO_PATH_BYTES];
  struct submission_finder finder = {.host.step = find_submission};
  swisd_demo_submitter_recording(lab, path, sizeof path);
  if (read_one(merge, path, &finder.host, merge->device_count, error) != 0)
    return -1;
  merge->outcome->submit_ns = merge->last_answer_ns = finder.submit_ns;
  for (uint32_t d = 0; d < merge->device_count; d++) {
    swisd_demo_recording(lab, d, 0, path, sizeof path);
    if (read_one(merge, path, NULL, d, error) != 0)
      return -1;
  }
  merge->host.step = on_step;
  for (uint32_t d = 0; d < merge->device_count; d++)
    for (uint32_t i = 0; i < lab->incarnations[d]; i++) {
      merge->self = d;
      memset(merge->running, 0, sizeof merge->running);
      memset(merge->fetching, 0, sizeof merge->fetching);
      swisd_demo_recording(lab, d, i, path, sizeof path);
      if (read_one(merge, path, &merge->host, d, error) != 0)
        return -1;
    }
  /* Last, because what became of a task is said of one that is known. */
  merge->self = merge->device_count;
  swisd_demo_submitter_recording(lab, path, sizeof path);
  return read_one(merge, path, &merge->host, merge->self, error);
}

static void add_link(struct merge *merge, uint32_t device, uint16_t link)
{
  const struct swisd_scenario *scenario = &merge->plan->scenario;
  if (link != SWISD_SCENARIO_NO_LINK)
    swisd_runlog_link(merge->log, device, scenario->links[link].up_bytes_per_s, scenario->links[link].down_bytes_per_s);
}

static void add_devices(struct merge *merge)
{
  const struct swisd_scenario *scenario = &merge->plan->scenario;
  char name[96];
  for (uint32_t d = 0; d < merge->device_count; d++) {
    const struct swisd_scenario_class *class = swisd_scenario_class_of(scenario, d);
    swisd_runlog_device(merge->log, name_of(merge, d, name), class->name, class->flops_per_s);
    swisd_runlog_memory(merge->log, d, (double)class->memory_bytes);
    add_link(merge, d, class->link);
  }
  const double none[SWISD_RUNLOG_KERNELS] = {0};
  swisd_runlog_device(merge->log, "submitter/0", "submitter", none);
  swisd_runlog_speed(merge->log, merge->device_count, 0, 1);
  add_link(merge, merge->device_count, scenario->workload.link);
  swisd_runlog_item_flops(merge->log, merge->plan->item_flops);
  struct swisd_job_spec spec;
  uint64_t up_bytes, down_bytes;
  swisd_model_job_spec(&merge->plan->bundle.model, 0, &spec);
  swisd_job_spec_bytes(&spec, &up_bytes, &down_bytes);
  swisd_runlog_item_bytes(merge->log, (double)up_bytes, (double)down_bytes);
  swisd_model_announcement(&merge->plan->bundle.model, &merge->shards);
  for (uint32_t s = 0; s < merge->shards.shard_count; s++)
    swisd_runlog_shard(merge->log, merge->shards.shards[s].kernel, (double)merge->shards.shards[s].flops_per_item,
                       (double)merge->shards.shards[s].bytes);
}

/* The churn that happened, from when it did. */
static void add_faults(struct merge *merge)
{
  static const char *const events[] = {SWISD_RUNLOG_KILL, SWISD_RUNLOG_SILENCE, SWISD_RUNLOG_SLOW, SWISD_RUNLOG_RETURN};
  static const char *const words[] = {"is killed", "falls silent", "becomes slower", "comes back"};
  struct swisd_runlog_summary *summary = &merge->outcome->summary;
  char name[96];
  for (uint32_t d = 0; d < merge->device_count; d++)
    swisd_runlog_speed(merge->log, d, 0, 1);
  for (uint32_t f = 0; f < merge->plan->fault_count; f++) {
    const struct swisd_demo_fault *fault = &merge->plan->faults[f];
    if (fault->done_ns == 0)
      continue; /* the answer was there before */
    const struct swisd_runlog_event entry = {.time_ns = since(merge, fault->done_ns),
                                             .event = events[fault->kind],
                                             .device = fault->device,
                                             .by = SWISD_RUNLOG_NOBODY,
                                             .has_value = fault->kind == SWISD_FAULT_SLOW,
                                             .value = fault->factor};
    swisd_runlog_speed(merge->log, fault->device, entry.time_ns, swisd_demo_speed_after(fault));
    swisd_runlog_event(merge->log, &entry);
    summary->departures += fault->kind == SWISD_FAULT_KILL || fault->kind == SWISD_FAULT_SILENCE;
    summary->returns += fault->kind == SWISD_FAULT_RETURN;
    tell(merge, entry.time_ns, "* %s %s", name_of(merge, fault->device, name), words[fault->kind]);
  }
}

/* What the submitting command has said at its end. */
static void read_verdict(const struct swisd_demo_lab *lab, struct swisd_demo_outcome *outcome)
{
  char path[SWISD_DEMO_PATH_BYTES], line[512];
  snprintf(path, sizeof path, "%s/submitter.log", lab->directory);
  FILE *in = fopen(path, "re");
  while (in && fgets(line, sizeof line, in)) {
    unsigned long long equal, rows;
    double percent;
    if (sscanf(line, "%llu of %llu rows equal", &equal, &rows) == 2) {
      outcome->rows_equal = equal;
      outcome->rows = rows;
    } else if (sscanf(line, "%lf %% of", &percent) == 1) {
      outcome->right_percent = percent;
    }
  }
  if (in)
    fclose(in);
}

static void summarise(struct merge *merge, const struct swisd_demo_lab *lab)
{
  struct swisd_runlog_summary *s = &merge->outcome->summary;
  const struct swisd_scenario *scenario = &merge->plan->scenario;
  s->scenario = scenario->name, s->world = scenario->world, s->backend = "lab", s->policy = scenario->policy;
  s->seed = scenario->seed;
  s->devices = merge->device_count;
  s->submitters = s->jobs = 1;
  s->items_wanted = merge->plan->items * merge->plan->passes;
  s->cpu_s = lab->cpu_seconds;
  const uint64_t span_ns = merge->end_ns ? since(merge, merge->end_ns) : since(merge, merge->last_answer_ns);
  s->duration_s = s->window_to_s = (double)span_ns / 1e9;
  if (span_ns > 0) {
    s->items_per_s = (double)s->items_answered / s->duration_s;
    swisd_runlog_reckon(merge->log, 0, span_ns, s);
  }
  if (s->jobs_answered == 1) {
    s->makespan_s = s->duration_s;
    s->bound_fluid_makespan_s = swisd_runlog_bound_makespan_s(merge->log, 0, (double)s->items_answered);
  }
  merge->outcome->overrun_percent = lab->busy_ns ? 100.0 * (double)lab->overrun_ns / (double)lab->busy_ns : 0;
}

int swisd_demo_log_make(const struct swisd_demo_lab *lab, const struct swisd_demo_plan *plan, struct swisd_demo_outcome *outcome,
                        struct swisd_error *error)
{
  memset(outcome, 0, sizeof *outcome);
  struct merge *merge = calloc(1, sizeof *merge);
  if (!merge)
    return swisd_error_set(error, "out of memory");
  merge->plan = plan;
  merge->outcome = outcome;
  merge->device_count = plan->scenario.device_count;
  merge->log = swisd_runlog_open(lab->directory, error);
  int result = -1;
  if (merge->log) {
    add_devices(merge);
    result = read_all(merge, lab, error);
    if (result == 0) {
      add_faults(merge);
      summarise(merge, lab);
      read_verdict(lab, outcome);
      const uint64_t end_ns = since(merge, merge->end_ns ? merge->end_ns : merge->last_answer_ns);
      result = swisd_runlog_close(merge->log, &outcome->summary, end_ns, error);
    } else {
      swisd_runlog_discard(merge->log);
    }
  }
  for (uint32_t i = 0; result == 0 && i < merge->story_count; i++)
    printf("  %6.2f s  %s\n", merge->story[i].time_s, merge->story[i].text);
  free(merge);
  return result;
}
