/* Written by hand, field by field, on purpose: a generator that walked the tables of runtime/wire could not see what they
 * forget. */
#include "tests/wire/random_message.h"

#include <string.h>

const enum swisd_message_type swisd_message_types[SWISD_MESSAGE_TYPES] = {
  SWISD_MESSAGE_PING,     SWISD_MESSAGE_ACK,    SWISD_MESSAGE_PING_REQ,  SWISD_MESSAGE_PROBE_NACK,
  SWISD_MESSAGE_GOSSIP,   SWISD_MESSAGE_JOIN,   SWISD_MESSAGE_SYNC,      SWISD_MESSAGE_MODEL,
  SWISD_MESSAGE_JOB_OPEN, SWISD_MESSAGE_PULL,   SWISD_MESSAGE_TASK,      SWISD_MESSAGE_RESULT,
  SWISD_MESSAGE_NACK,     SWISD_MESSAGE_CANCEL, SWISD_MESSAGE_BODY_FREE, SWISD_MESSAGE_JOB_CLOSE,
};

uint64_t swisd_random_number(struct swisd_philox *random, unsigned bits_max)
{
  const unsigned bits = swisd_philox_below(random, bits_max + 1);
  const uint64_t number = swisd_philox_u64(random);
  return bits == 0 ? 0 : number >> (64 - bits);
}

static uint8_t number8(struct swisd_philox *random) { return (uint8_t)swisd_random_number(random, 8); }
static uint16_t number16(struct swisd_philox *random) { return (uint16_t)swisd_random_number(random, 16); }
static uint32_t number32(struct swisd_philox *random) { return (uint32_t)swisd_random_number(random, 32); }
static uint64_t number64(struct swisd_philox *random) { return swisd_random_number(random, 64); }
static bool coin(struct swisd_philox *random) { return swisd_philox_below(random, 2) != 0; }

static uint64_t number64_some(struct swisd_philox *random)
{
  const uint64_t number = number64(random);
  return number != 0 ? number : 1;
}

uint8_t swisd_random_count(struct swisd_philox *random, uint32_t max)
{
  switch (swisd_philox_below(random, 4)) {
  case 0:
    return 0;
  case 1:
    return (uint8_t)max;
  default:
    return (uint8_t)swisd_philox_below(random, max + 1);
  }
}

struct swisd_id swisd_random_id(struct swisd_philox *random)
{
  struct swisd_id id;
  id.hi = swisd_philox_u64(random);
  id.lo = swisd_philox_u64(random) | 1;
  return id;
}

static struct swisd_id id_or_nobody(struct swisd_philox *random)
{
  return coin(random) ? swisd_random_id(random) : (struct swisd_id){0, 0};
}

struct swisd_address swisd_random_address(struct swisd_philox *random)
{
  static const uint8_t families[] = {SWISD_ADDRESS_NONE, SWISD_ADDRESS_IPV4, SWISD_ADDRESS_IPV6, SWISD_ADDRESS_INDEX};
  struct swisd_address address;
  memset(&address, 0, sizeof address);
  address.family = families[swisd_philox_below(random, 4)];
  const unsigned bytes = address.family == SWISD_ADDRESS_NONE ? 0 : address.family == SWISD_ADDRESS_IPV6 ? 16 : 4;
  for (unsigned i = 0; i < bytes; i++)
    address.bytes[i] = (uint8_t)swisd_philox_u32(random);
  if (bytes != 0)
    address.port = number16(random);
  return address;
}

struct swisd_body swisd_random_body(struct swisd_philox *random)
{
  struct swisd_body body;
  body.handle = number32(random);
  body.generation = number32(random);
  body.bytes = number64(random);
  body.digest = number64(random);
  return body;
}

static void span(struct swisd_philox *random, uint64_t *lo, uint64_t *hi)
{
  const uint64_t a = number64(random), b = number64(random);
  *lo = a < b ? a : b;
  *hi = a < b ? b : a;
}

/* Structs with padding are filled in place, so that the padding stays as the caller cleared it. */
static void source_fill(struct swisd_philox *random, struct swisd_source *source)
{
  source->owner = id_or_nobody(random);
  source->body = swisd_random_body(random);
  span(random, &source->body_lo, &source->body_hi);
  span(random, &source->lo, &source->hi);
  source->edge = (uint8_t)swisd_philox_below(random, SWISD_EDGES_MAX);
  source->lane = (uint8_t)swisd_philox_below(random, SWISD_LANES_MAX);
}

struct swisd_source swisd_random_source(struct swisd_philox *random)
{
  struct swisd_source source;
  memset(&source, 0, sizeof source);
  source_fill(random, &source);
  return source;
}

struct swisd_job_id swisd_random_job_id(struct swisd_philox *random)
{
  struct swisd_job_id job;
  job.submitter = swisd_random_id(random);
  job.number = number64(random);
  return job;
}

struct swisd_task_key swisd_random_task_key(struct swisd_philox *random)
{
  struct swisd_task_key key;
  key.job = swisd_random_job_id(random);
  key.step = (uint8_t)swisd_philox_below(random, SWISD_STEPS_MAX);
  key.lane = (uint8_t)swisd_philox_below(random, SWISD_LANES_MAX);
  key.attempt = number16(random);
  key.epoch = number32(random);
  span(random, &key.lo, &key.hi);
  return key;
}

struct swisd_inline swisd_random_inline(struct swisd_philox *random)
{
  struct swisd_inline inlined;
  memset(&inlined, 0, sizeof inlined);
  inlined.count = swisd_random_count(random, SWISD_INLINE_BYTES_MAX);
  for (unsigned i = 0; i < inlined.count; i++)
    inlined.bytes[i] = (uint8_t)swisd_philox_u32(random);
  return inlined;
}

static void rates_fill(struct swisd_philox *random, swisd_log_rate rates[SWISD_KERNEL_COUNT])
{
  for (unsigned i = 0; i < SWISD_KERNEL_COUNT; i++)
    rates[i] = number16(random);
}

static void record_fill(struct swisd_philox *random, struct swisd_record *record)
{
  record->id = swisd_random_id(random);
  record->incarnation = number32(random);
  record->version = number32(random);
  record->address_count = swisd_random_count(random, SWISD_ADDRESSES_MAX);
  for (unsigned i = 0; i < record->address_count; i++)
    record->addresses[i] = swisd_random_address(random);
  record->flags = number8(random);
  record->kernels_class = number32(random);
  rates_fill(random, record->rates);
  record->holding_count = swisd_random_count(random, SWISD_HOLDINGS_MAX);
  for (unsigned i = 0; i < record->holding_count; i++) {
    record->holdings[i] = number64(random);
    record->holding_flags[i] = number8(random);
  }
}

static void rumour_fill(struct swisd_philox *random, struct swisd_rumour *out)
{
  out->state = (uint8_t)swisd_philox_below(random, SWISD_MEMBER_LEFT + 1);
  out->from = id_or_nobody(random);
  if (out->state == SWISD_MEMBER_ALIVE) {
    record_fill(random, &out->record);
    out->subject = out->record.id;
    out->incarnation = out->record.incarnation;
  } else {
    out->subject = swisd_random_id(random);
    out->incarnation = number32(random);
  }
}

void swisd_random_rumour(struct swisd_philox *random, struct swisd_rumour *out)
{
  memset(out, 0, sizeof *out);
  rumour_fill(random, out);
}

static uint8_t rumours_fill(struct swisd_philox *random, struct swisd_rumour *list, uint32_t max)
{
  const uint8_t count = swisd_random_count(random, max);
  for (unsigned i = 0; i < count; i++)
    rumour_fill(random, &list[i]);
  return count;
}

static void model_fill(struct swisd_philox *random, struct swisd_message_model *model)
{
  model->model = number64_some(random);
  model->hops = number8(random);
  model->shard_count = swisd_random_count(random, SWISD_MODEL_SHARDS_MAX);
  for (unsigned i = 0; i < model->shard_count; i++) {
    model->shards[i].shard = number64_some(random);
    model->shards[i].bytes = number64(random);
    model->shards[i].flops_per_item = number64(random);
    model->shards[i].kernel = (uint8_t)swisd_philox_below(random, SWISD_KERNEL_COUNT);
  }
}

static void membership_fill(struct swisd_philox *random, struct swisd_message *out)
{
  switch (out->type) {
  case SWISD_MESSAGE_PING:
  case SWISD_MESSAGE_GOSSIP:
    out->u.ping.sequence = number32(random);
    out->u.ping.target = id_or_nobody(random);
    out->u.ping.rumours.count = rumours_fill(random, out->u.ping.rumours.list, SWISD_RUMOURS_MAX);
    break;
  case SWISD_MESSAGE_ACK:
    out->u.ack.sequence = number32(random);
    out->u.ack.incarnation = number32(random);
    out->u.ack.rumours.count = rumours_fill(random, out->u.ack.rumours.list, SWISD_RUMOURS_MAX);
    break;
  case SWISD_MESSAGE_PING_REQ:
    out->u.ping_req.address = swisd_random_address(random);
    /* fall through */
  case SWISD_MESSAGE_PROBE_NACK:
    out->u.ping_req.sequence = number32(random);
    out->u.ping_req.target = swisd_random_id(random);
    break;
  case SWISD_MESSAGE_JOIN:
    record_fill(random, &out->u.join.record);
    break;
  case SWISD_MESSAGE_SYNC:
    out->u.sync.reply_wanted = coin(random);
    out->u.sync.last = coin(random);
    out->u.sync.count = rumours_fill(random, out->u.sync.list, SWISD_SYNC_RECORDS_MAX);
    break;
  default:
    model_fill(random, &out->u.model);
  }
}

static void offer_fill(struct swisd_philox *random, struct swisd_message *out)
{
  if (out->type == SWISD_MESSAGE_JOB_OPEN) {
    struct swisd_message_job_open *open = &out->u.job_open;
    open->job = swisd_random_job_id(random);
    open->model = number64(random);
    open->lease_ms = number32(random);
    open->lane_count = swisd_random_count(random, SWISD_OPEN_LANES_MAX);
    for (unsigned i = 0; i < open->lane_count; i++) {
      open->lanes[i].step = (uint8_t)swisd_philox_below(random, SWISD_STEPS_MAX);
      open->lanes[i].lane = (uint8_t)swisd_philox_below(random, SWISD_LANES_MAX);
      open->lanes[i].backlog = (uint8_t)swisd_philox_below(random, 65);
      open->lanes[i].shard = number64(random);
    }
  } else {
    struct swisd_message_pull *pull = &out->u.pull;
    pull->job = swisd_random_job_id(random);
    pull->credits = number8(random);
    rates_fill(random, pull->rates);
    pull->queue_ms = number32(random);
    pull->holding_count = swisd_random_count(random, SWISD_HOLDINGS_MAX);
    for (unsigned i = 0; i < pull->holding_count; i++)
      pull->holdings[i] = number64(random);
  }
}

static void task_fill(struct swisd_philox *random, struct swisd_message_task *task)
{
  task->key = swisd_random_task_key(random);
  task->model = number64(random);
  task->shard = number64(random);
  task->kernel = (uint8_t)swisd_philox_below(random, SWISD_KERNEL_COUNT);
  task->flags = number8(random);
  task->flops = number64(random);
  task->out_bytes = number64(random);
  task->source_count = swisd_random_count(random, SWISD_SOURCES_MAX);
  for (unsigned i = 0; i < task->source_count; i++)
    source_fill(random, &task->sources[i]);
}

static void jobs_fill(struct swisd_philox *random, struct swisd_message *out)
{
  switch (out->type) {
  case SWISD_MESSAGE_TASK:
    task_fill(random, &out->u.task);
    break;
  case SWISD_MESSAGE_RESULT:
    out->u.result.key = swisd_random_task_key(random);
    out->u.result.compute_ns = number64(random);
    out->u.result.flops = number64(random);
    out->u.result.queue_ms = number32(random);
    out->u.result.credits = number8(random);
    out->u.result.output = swisd_random_body(random);
    out->u.result.inlined = swisd_random_inline(random);
    break;
  case SWISD_MESSAGE_NACK:
    out->u.nack.key = swisd_random_task_key(random);
    out->u.nack.reason = (uint8_t)(SWISD_NACK_BUSY + swisd_philox_below(random, SWISD_NACK_LEAVING));
    out->u.nack.delay_ms = number32(random);
    out->u.nack.state_items = number64(random);
    if (out->u.nack.reason == SWISD_NACK_INPUT_LOST)
      source_fill(random, &out->u.nack.lost);
    break;
  case SWISD_MESSAGE_CANCEL:
    out->u.cancel.key = swisd_random_task_key(random);
    out->u.cancel.source = swisd_random_id(random);
    break;
  case SWISD_MESSAGE_BODY_FREE:
    out->u.body_free.job = swisd_random_job_id(random);
    out->u.body_free.count = swisd_random_count(random, SWISD_RELEASES_MAX);
    for (unsigned i = 0; i < out->u.body_free.count; i++)
      out->u.body_free.bodies[i] = swisd_random_body(random);
    break;
  default:
    out->u.job_close.job = swisd_random_job_id(random);
  }
}

void swisd_random_message(struct swisd_philox *random, enum swisd_message_type type, struct swisd_message *out)
{
  memset(out, 0, sizeof *out);
  out->type = type;
  if (type <= SWISD_MESSAGE_MODEL)
    membership_fill(random, out);
  else if (type <= SWISD_MESSAGE_PULL)
    offer_fill(random, out);
  else
    jobs_fill(random, out);
}
