/* By hand, as random_message.c and for the same reason. */
#include "tests/wire/random_event.h"

#include <string.h>

#include "tests/wire/random_message.h"

static uint8_t number8(struct swisd_philox *random) { return (uint8_t)swisd_random_number(random, 8); }
static uint16_t number16(struct swisd_philox *random) { return (uint16_t)swisd_random_number(random, 16); }
static uint32_t number32(struct swisd_philox *random) { return (uint32_t)swisd_random_number(random, 32); }
static uint64_t number64(struct swisd_philox *random) { return swisd_random_number(random, 64); }
static bool coin(struct swisd_philox *random) { return swisd_philox_below(random, 2) != 0; }

static enum swisd_status some_status(struct swisd_philox *random)
{
  return (enum swisd_status) - (int)swisd_philox_below(random, 1 - SWISD_ERROR_STALE);
}

static enum swisd_message_type some_type(struct swisd_philox *random)
{
  return swisd_message_types[swisd_philox_below(random, SWISD_MESSAGE_TYPES)];
}

static void spec_fill(struct swisd_philox *random, struct swisd_job_spec *spec)
{
  spec->model = number64(random);
  spec->step_count = swisd_random_count(random, SWISD_STEPS_MAX);
  spec->lane_count = swisd_random_count(random, SWISD_LANES_MAX);
  for (unsigned s = 0; s < spec->step_count; s++) {
    struct swisd_step_spec *step = &spec->steps[s];
    step->kernel = number8(random), step->verify = number8(random), step->flags = number8(random);
    step->lane_first = number8(random), step->lane_count = number8(random);
    step->edge_count = swisd_random_count(random, SWISD_EDGES_MAX);
    for (unsigned e = 0; e < step->edge_count; e++) {
      step->edges[e].from = number8(random), step->edges[e].map = number8(random), step->edges[e].combine = number8(random);
      step->edges[e].width = number16(random);
      step->edges[e].period = number32(random);
    }
  }
  for (unsigned l = 0; l < spec->lane_count; l++) {
    spec->lanes[l].shard = number64(random);
    spec->lanes[l].flops_per_item = number64(random);
    spec->lanes[l].out_bytes_per_item = number32(random);
  }
  spec->in_bytes_per_item = number32(random);
  spec->items_max = number64(random);
}

static void start_fill(struct swisd_philox *random, struct swisd_event_start *start)
{
  start->incarnation = number32(random);
  start->seed_count = swisd_random_count(random, SWISD_SEEDS_MAX);
  for (unsigned i = 0; i < start->seed_count; i++)
    start->seeds[i] = swisd_random_address(random);
  start->holding_count = swisd_random_count(random, SWISD_HOLDINGS_MAX);
  for (unsigned i = 0; i < start->holding_count; i++)
    start->holdings[i] = number64(random);
}

static void pointing_fill(struct swisd_philox *random, struct swisd_event *out, struct swisd_random_pointed *pointed)
{
  switch (out->kind) {
  case SWISD_EVENT_MESSAGE:
    out->u.message.from = swisd_random_id(random);
    out->u.message.from_address = swisd_random_address(random);
    out->u.message.body = swisd_random_body(random);
    out->u.message.message = &pointed->message;
    swisd_random_message(random, some_type(random), &pointed->message);
    break;
  case SWISD_EVENT_SUBMITTED:
    out->u.submitted.number = number64(random);
    out->u.submitted.spec = &pointed->spec;
    spec_fill(random, &pointed->spec);
    break;
  default:
    out->u.model = &pointed->model;
    swisd_random_message(random, SWISD_MESSAGE_MODEL, &pointed->message);
    pointed->model = pointed->message.u.model;
    memset(&pointed->message, 0, sizeof pointed->message);
  }
}

static void work_fill(struct swisd_philox *random, struct swisd_event *out)
{
  switch (out->kind) {
  case SWISD_EVENT_SENT:
    out->u.sent.ticket = number32(random);
    out->u.sent.status = some_status(random);
    break;
  case SWISD_EVENT_FETCHED:
    out->u.fetched.status = some_status(random);
    out->u.fetched.body = swisd_random_body(random);
    /* fall through */
  case SWISD_EVENT_PROGRESS:
    out->u.fetched.ticket = number32(random);
    break;
  case SWISD_EVENT_COMPUTED:
    out->u.computed.ticket = number32(random);
    out->u.computed.status = some_status(random);
    out->u.computed.elapsed_ns = number64(random);
    out->u.computed.out = swisd_random_body(random);
    out->u.computed.inlined = swisd_random_inline(random);
    break;
  default:
    out->u.appended.number = number64(random);
    out->u.appended.items = number64(random);
    out->u.appended.body = swisd_random_body(random);
    out->u.appended.last = coin(random);
  }
}

void swisd_random_event(struct swisd_philox *random, enum swisd_event_kind kind, struct swisd_event *out,
                        struct swisd_random_pointed *pointed)
{
  memset(out, 0, sizeof *out);
  memset(pointed, 0, sizeof *pointed);
  out->kind = kind;
  switch (kind) {
  case SWISD_EVENT_START:
    start_fill(random, &out->u.start);
    break;
  case SWISD_EVENT_MESSAGE:
  case SWISD_EVENT_SUBMITTED:
  case SWISD_EVENT_MODEL:
    pointing_fill(random, out, pointed);
    break;
  case SWISD_EVENT_SENT:
  case SWISD_EVENT_FETCHED:
  case SWISD_EVENT_PROGRESS:
  case SWISD_EVENT_COMPUTED:
  case SWISD_EVENT_APPENDED:
    work_fill(random, out);
    break;
  case SWISD_EVENT_WITHDRAWN:
    out->u.withdrawn = number64(random);
    break;
  case SWISD_EVENT_WRITABLE:
  case SWISD_EVENT_UNREACHABLE:
    out->u.peer = swisd_random_id(random);
    break;
  case SWISD_EVENT_LINK:
    out->u.link_up = coin(random);
    break;
  case SWISD_EVENT_AVAILABILITY:
    out->u.availability.level_percent = number8(random);
    break;
  case SWISD_EVENT_SHARD_LOST:
    out->u.shard = number64(random);
    break;
  case SWISD_EVENT_RESUMED:
    out->u.gap_ns = number64(random);
    break;
  case SWISD_EVENT_DEADLINE:
  case SWISD_EVENT_STOP:
    break;
  }
}

static void compute_fill(struct swisd_philox *random, struct swisd_action_compute *compute)
{
  compute->ticket = number32(random);
  compute->program = number8(random), compute->kernel = number8(random);
  compute->verify = number8(random), compute->flags = number8(random);
  compute->key = swisd_random_task_key(random);
  compute->model = number64(random), compute->shard = number64(random);
  compute->flops = number64(random), compute->out_bytes = number64(random), compute->number = number64(random);
  compute->source_count = swisd_random_count(random, SWISD_SOURCES_MAX);
  for (unsigned i = 0; i < compute->source_count; i++)
    compute->sources[i] = swisd_random_source(random);
}

static void fetch_fill(struct swisd_philox *random, enum swisd_action_kind kind, struct swisd_action_fetch *fetch)
{
  fetch->ticket = number32(random);
  fetch->from = swisd_random_id(random);
  fetch->address = swisd_random_address(random);
  fetch->bytes = number64(random);
  if (kind == SWISD_ACTION_FETCH_SHARD) {
    fetch->model = number64(random);
    fetch->shard = number64(random);
  } else {
    fetch->body = swisd_random_body(random);
    fetch->offset = number64(random);
  }
}

static void answer_fill(struct swisd_philox *random, struct swisd_action_answer *answer)
{
  answer->number = number64(random);
  answer->job = swisd_random_job_id(random);
  answer->status = some_status(random);
  answer->more = coin(random);
  answer->lo = swisd_random_number(random, 40);
  answer->hi = answer->lo + swisd_random_number(random, 40);
  answer->inlined = swisd_random_inline(random);
}

void swisd_random_action(struct swisd_philox *random, enum swisd_action_kind kind, struct swisd_action *out)
{
  memset(out, 0, sizeof *out);
  out->kind = kind;
  switch (kind) {
  case SWISD_ACTION_SEND:
    out->u.send.to = swisd_random_id(random);
    out->u.send.address = swisd_random_address(random);
    swisd_random_message(random, some_type(random), &out->u.send.message);
    out->u.send.body = swisd_random_body(random);
    out->u.send.body_offset = number64(random);
    out->u.send.body_length = number64(random);
    break;
  case SWISD_ACTION_COMPUTE:
    compute_fill(random, &out->u.compute);
    break;
  case SWISD_ACTION_CANCEL:
    out->u.ticket = number32(random);
    break;
  case SWISD_ACTION_FETCH_SHARD:
  case SWISD_ACTION_FETCH_BODY:
    fetch_fill(random, kind, &out->u.fetch);
    break;
  case SWISD_ACTION_GRANT:
    out->u.grant.peer = swisd_random_id(random);
    out->u.grant.bytes = number64(random);
    break;
  case SWISD_ACTION_DROP:
    out->u.drop.shard = number64(random);
    break;
  case SWISD_ACTION_RELEASE:
    out->u.release = swisd_random_body(random);
    break;
  case SWISD_ACTION_PERSIST:
    out->u.persist.incarnation = number32(random);
    break;
  case SWISD_ACTION_ANSWER:
    answer_fill(random, &out->u.answer);
    break;
  case SWISD_ACTION_FORGET:
    out->u.forget = swisd_random_job_id(random);
    break;
  }
}

static void limits_fill(struct swisd_philox *random, struct swisd_limits *limits)
{
  uint16_t *const each[] = {
    &limits->members_max,   &limits->rumours_max,  &limits->models_max,    &limits->jobs_max,
    &limits->intervals_max, &limits->workers_max,  &limits->open_jobs_max, &limits->queue_max,
    &limits->outputs_max,   &limits->segments_max, &limits->fetches_max,
  };
  for (size_t i = 0; i < sizeof each / sizeof each[0]; i++)
    *each[i] = number16(random);
}

void swisd_random_config(struct swisd_philox *random, struct swisd_config *out)
{
  memset(out, 0, sizeof *out);
  uint64_t *const wide[] = {
    &out->memory_bytes,       &out->body_bytes_max,   &out->probe_interval_ns, &out->probe_timeout_ns,
    &out->gossip_interval_ns, &out->sync_interval_ns, &out->dead_keep_ns,      &out->placement_interval_ns,
    &out->chunk_ns,           &out->open_interval_ns, &out->lease_ns,          &out->queue_ns_max,
    &out->credit_ns,          &out->window_ns,        &out->overdue_slack_ns,  &out->patience_ns,
  };
  uint8_t *const narrow[] = {
    &out->compute_slots,    &out->indirect_probes, &out->suspicion_mult,  &out->suspicion_max_mult, &out->suspicion_confirmations,
    &out->local_health_max, &out->gossip_fanout,   &out->retransmit_mult, &out->shards_per_node,    &out->replicas_min,
  };
  limits_fill(random, &out->limits);
  out->id = swisd_random_id(random);
  out->address_count = swisd_random_count(random, SWISD_ADDRESSES_MAX);
  for (unsigned i = 0; i < out->address_count; i++)
    out->addresses[i] = swisd_random_address(random);
  out->works = coin(random);
  for (unsigned i = 0; i < SWISD_KERNEL_COUNT; i++)
    out->rates[i] = number16(random);
  out->kernels_class = number32(random);
  out->hedge_permille = number16(random);
  for (size_t i = 0; i < sizeof wide / sizeof wide[0]; i++)
    *wide[i] = number64(random);
  for (size_t i = 0; i < sizeof narrow / sizeof narrow[0]; i++)
    *narrow[i] = number8(random);
}
