/* What each message looks like on the wire: the fields in order, with their bounds. Append to a table, never reorder: peers
 * of an earlier version ignore what they do not know.
 *
 * Sizes that the core counts on (swisd_rumour_bytes_max()): a rumour takes at most 43 bytes, or, ALIVE, 72 with its record,
 * and 21 more per address, 10 per holding. */
#include "runtime/wire/message_fields.h"

#include "runtime/core/message.h"

/* ---- words ---- */

static const struct swisd_field address_rows[] = {{.kind = SWISD_FIELD_ADDRESS}};
const struct swisd_fields swisd_address_bare = SWISD_FIELDS(address_rows, .bare = true);

static const struct swisd_field u64_rows[] = {{.kind = SWISD_FIELD_U64}};
const struct swisd_fields swisd_u64_bare = SWISD_FIELDS(u64_rows, .bare = true);

static const struct swisd_field body_rows[] = {
  SWISD_NUMBER(struct swisd_body, handle),
  SWISD_NUMBER(struct swisd_body, generation),
  SWISD_NUMBER(struct swisd_body, bytes),
  SWISD_NUMBER(struct swisd_body, digest),
};
const struct swisd_fields swisd_body_fields = SWISD_FIELDS(body_rows);

static const struct swisd_field source_rows[] = {
  SWISD_ANYBODY(struct swisd_source, owner),
  SWISD_STRUCT(struct swisd_source, body, swisd_body_fields),
  SWISD_SPAN(struct swisd_source, body_lo, body_hi),
  SWISD_SPAN(struct swisd_source, lo, hi),
  SWISD_NUMBER_IN(struct swisd_source, edge, 0, SWISD_EDGES_MAX - 1),
  SWISD_NUMBER_IN(struct swisd_source, lane, 0, SWISD_LANES_MAX - 1),
};
const struct swisd_fields swisd_source_fields = SWISD_FIELDS(source_rows);

static const struct swisd_field job_id_rows[] = {
  SWISD_SOMEBODY(struct swisd_job_id, submitter),
  SWISD_NUMBER(struct swisd_job_id, number),
};
const struct swisd_fields swisd_job_id_fields = SWISD_FIELDS(job_id_rows);

static const struct swisd_field task_key_rows[] = {
  SWISD_STRUCT(struct swisd_task_key, job, swisd_job_id_fields),
  SWISD_NUMBER_IN(struct swisd_task_key, step, 0, SWISD_STEPS_MAX - 1),
  SWISD_NUMBER_IN(struct swisd_task_key, lane, 0, SWISD_LANES_MAX - 1),
  SWISD_NUMBER(struct swisd_task_key, attempt),
  SWISD_NUMBER(struct swisd_task_key, epoch),
  SWISD_SPAN(struct swisd_task_key, lo, hi),
};
const struct swisd_fields swisd_task_key_fields = SWISD_FIELDS(task_key_rows);

struct rates { /* an array in a struct of its own, so that a later version may append a kernel class */
  swisd_log_rate of[SWISD_KERNEL_COUNT];
};
static const struct swisd_field rates_rows[] = {
  SWISD_NUMBER(struct rates, of[SWISD_KERNEL_CONV]),
  SWISD_NUMBER(struct rates, of[SWISD_KERNEL_DENSE]),
  SWISD_NUMBER(struct rates, of[SWISD_KERNEL_ATTENTION]),
};
const struct swisd_fields swisd_rates_fields = SWISD_FIELDS(rates_rows);
_Static_assert(sizeof rates_rows / sizeof rates_rows[0] == SWISD_KERNEL_COUNT, "a row for each kernel class");

/* ---- membership ---- */

static const struct swisd_field record_rows[] = {
  SWISD_SOMEBODY(struct swisd_record, id),
  SWISD_NUMBER(struct swisd_record, incarnation),
  SWISD_NUMBER(struct swisd_record, version),
  SWISD_NUMBER(struct swisd_record, flags),
  SWISD_NUMBER(struct swisd_record, kernels_class),
  SWISD_STRUCT(struct swisd_record, rates, swisd_rates_fields),
  SWISD_LIST(struct swisd_record, addresses, address_count, swisd_address_bare),
  SWISD_LIST(struct swisd_record, holdings, holding_count, swisd_u64_bare),
  SWISD_ALONG(struct swisd_record, holding_flags, holding_count),
};
const struct swisd_fields swisd_record_fields = SWISD_FIELDS(record_rows);

/* An ALIVE rumour is a record; its subject and incarnation are the record's and need not be said twice. */
static void rumour_complete(void *base)
{
  struct swisd_rumour *rumour = base;
  if (rumour->state == SWISD_MEMBER_ALIVE) {
    rumour->subject = rumour->record.id;
    rumour->incarnation = rumour->record.incarnation;
  }
}

static bool rumour_valid(const void *base)
{
  const struct swisd_rumour *rumour = base;
  return rumour->state != SWISD_MEMBER_ALIVE ||
         (swisd_id_equal(rumour->subject, rumour->record.id) && rumour->incarnation == rumour->record.incarnation);
}

static const struct swisd_field rumour_rows[] = {
  SWISD_NUMBER_IN(struct swisd_rumour, state, 0, SWISD_MEMBER_LEFT),
  SWISD_ANYBODY(struct swisd_rumour, from),
  SWISD_STRUCT(struct swisd_rumour, record, swisd_record_fields, SWISD_WHEN(struct swisd_rumour, state, SWISD_MEMBER_ALIVE)),
  SWISD_SOMEBODY(struct swisd_rumour, subject, SWISD_UNLESS(struct swisd_rumour, state, SWISD_MEMBER_ALIVE)),
  SWISD_NUMBER(struct swisd_rumour, incarnation, SWISD_UNLESS(struct swisd_rumour, state, SWISD_MEMBER_ALIVE)),
};
static const struct swisd_fields rumour_fields =
  SWISD_FIELDS(rumour_rows, .conditional = true, .complete = rumour_complete, .valid = rumour_valid);

static const struct swisd_field ping_rows[] = {
  SWISD_NUMBER(struct swisd_message_ping, sequence),
  SWISD_ANYBODY(struct swisd_message_ping, target),
  SWISD_LIST(struct swisd_message_ping, rumours.list, rumours.count, rumour_fields),
};
static const struct swisd_fields ping_fields = SWISD_FIELDS(ping_rows);

static const struct swisd_field ack_rows[] = {
  SWISD_NUMBER(struct swisd_message_ack, sequence),
  SWISD_NUMBER(struct swisd_message_ack, incarnation),
  SWISD_LIST(struct swisd_message_ack, rumours.list, rumours.count, rumour_fields),
};
static const struct swisd_fields ack_fields = SWISD_FIELDS(ack_rows);

static const struct swisd_field ping_req_rows[] = {
  SWISD_NUMBER(struct swisd_message_ping_req, sequence),
  SWISD_SOMEBODY(struct swisd_message_ping_req, target),
  SWISD_ADDRESS(struct swisd_message_ping_req, address),
};
static const struct swisd_fields ping_req_fields = SWISD_FIELDS(ping_req_rows);

static void probe_nack_complete(void *base) { ((struct swisd_message_ping_req *)base)->address = (struct swisd_address){0}; }

static const struct swisd_field probe_nack_rows[] = {
  SWISD_NUMBER(struct swisd_message_ping_req, sequence),
  SWISD_SOMEBODY(struct swisd_message_ping_req, target),
};
static const struct swisd_fields probe_nack_fields = SWISD_FIELDS(probe_nack_rows, .complete = probe_nack_complete);

static const struct swisd_field join_rows[] = {SWISD_STRUCT(struct swisd_message_join, record, swisd_record_fields)};
static const struct swisd_fields join_fields = SWISD_FIELDS(join_rows);

static const struct swisd_field sync_rows[] = {
  SWISD_BOOL(struct swisd_message_sync, reply_wanted),
  SWISD_BOOL(struct swisd_message_sync, last),
  SWISD_LIST(struct swisd_message_sync, list, count, rumour_fields),
};
static const struct swisd_fields sync_fields = SWISD_FIELDS(sync_rows);

static const struct swisd_field model_shard_rows[] = {
  SWISD_NUMBER_IN(struct swisd_model_shard, shard, 1, 0),
  SWISD_NUMBER(struct swisd_model_shard, bytes),
  SWISD_NUMBER(struct swisd_model_shard, flops_per_item),
  SWISD_NUMBER_IN(struct swisd_model_shard, kernel, 0, SWISD_KERNEL_COUNT - 1),
};
static const struct swisd_fields model_shard_fields = SWISD_FIELDS(model_shard_rows);

static const struct swisd_field model_rows[] = {
  SWISD_NUMBER_IN(struct swisd_message_model, model, 1, 0),
  SWISD_NUMBER(struct swisd_message_model, hops),
  SWISD_LIST(struct swisd_message_model, shards, shard_count, model_shard_fields),
};
static const struct swisd_fields model_fields = SWISD_FIELDS(model_rows);

/* ---- jobs ---- */

static const struct swisd_field open_lane_rows[] = {
  SWISD_NUMBER_IN(struct swisd_open_lane, step, 0, SWISD_STEPS_MAX - 1),
  SWISD_NUMBER_IN(struct swisd_open_lane, lane, 0, SWISD_LANES_MAX - 1),
  SWISD_NUMBER_IN(struct swisd_open_lane, backlog, 0, 64),
  SWISD_NUMBER(struct swisd_open_lane, shard),
};
static const struct swisd_fields open_lane_fields = SWISD_FIELDS(open_lane_rows);

static const struct swisd_field job_open_rows[] = {
  SWISD_STRUCT(struct swisd_message_job_open, job, swisd_job_id_fields),
  SWISD_NUMBER(struct swisd_message_job_open, model),
  SWISD_NUMBER(struct swisd_message_job_open, lease_ms),
  SWISD_LIST(struct swisd_message_job_open, lanes, lane_count, open_lane_fields),
};
static const struct swisd_fields job_open_fields = SWISD_FIELDS(job_open_rows);

static const struct swisd_field pull_rows[] = {
  SWISD_STRUCT(struct swisd_message_pull, job, swisd_job_id_fields),
  SWISD_NUMBER(struct swisd_message_pull, credits),
  SWISD_STRUCT(struct swisd_message_pull, rates, swisd_rates_fields),
  SWISD_NUMBER(struct swisd_message_pull, queue_ms),
  SWISD_LIST(struct swisd_message_pull, holdings, holding_count, swisd_u64_bare),
};
static const struct swisd_fields pull_fields = SWISD_FIELDS(pull_rows);

static const struct swisd_field task_rows[] = {
  SWISD_STRUCT(struct swisd_message_task, key, swisd_task_key_fields),
  SWISD_NUMBER(struct swisd_message_task, model),
  SWISD_NUMBER(struct swisd_message_task, shard),
  SWISD_NUMBER_IN(struct swisd_message_task, kernel, 0, SWISD_KERNEL_COUNT - 1),
  SWISD_NUMBER(struct swisd_message_task, flags),
  SWISD_NUMBER(struct swisd_message_task, flops),
  SWISD_NUMBER(struct swisd_message_task, out_bytes),
  SWISD_LIST(struct swisd_message_task, sources, source_count, swisd_source_fields),
};
static const struct swisd_fields task_fields = SWISD_FIELDS(task_rows);

static const struct swisd_field result_rows[] = {
  SWISD_STRUCT(struct swisd_message_result, key, swisd_task_key_fields),
  SWISD_NUMBER(struct swisd_message_result, compute_ns),
  SWISD_NUMBER(struct swisd_message_result, flops),
  SWISD_NUMBER(struct swisd_message_result, queue_ms),
  SWISD_NUMBER(struct swisd_message_result, credits),
  SWISD_STRUCT(struct swisd_message_result, output, swisd_body_fields),
  SWISD_BYTES(struct swisd_message_result, inlined.bytes, inlined.count),
};
static const struct swisd_fields result_fields = SWISD_FIELDS(result_rows);

/* Only INPUT_LOST names a source. */
static void nack_complete(void *base)
{
  struct swisd_message_nack *nack = base;
  if (nack->reason != SWISD_NACK_INPUT_LOST)
    nack->lost = (struct swisd_source){0};
}

static const struct swisd_field nack_rows[] = {
  SWISD_STRUCT(struct swisd_message_nack, key, swisd_task_key_fields),
  SWISD_NUMBER_IN(struct swisd_message_nack, reason, SWISD_NACK_BUSY, SWISD_NACK_LEAVING),
  SWISD_NUMBER(struct swisd_message_nack, delay_ms),
  SWISD_NUMBER(struct swisd_message_nack, state_items),
  SWISD_STRUCT(struct swisd_message_nack, lost, swisd_source_fields,
               SWISD_WHEN(struct swisd_message_nack, reason, SWISD_NACK_INPUT_LOST)),
};
static const struct swisd_fields nack_fields = SWISD_FIELDS(nack_rows, .conditional = true, .complete = nack_complete);

static const struct swisd_field cancel_rows[] = {
  SWISD_STRUCT(struct swisd_message_cancel, key, swisd_task_key_fields),
  SWISD_ANYBODY(struct swisd_message_cancel, source),
};
static const struct swisd_fields cancel_fields = SWISD_FIELDS(cancel_rows);

static const struct swisd_field body_free_rows[] = {
  SWISD_STRUCT(struct swisd_message_body_free, job, swisd_job_id_fields),
  SWISD_LIST(struct swisd_message_body_free, bodies, count, swisd_body_fields),
};
static const struct swisd_fields body_free_fields = SWISD_FIELDS(body_free_rows);

static const struct swisd_field job_close_rows[] = {SWISD_STRUCT(struct swisd_message_job_close, job, swisd_job_id_fields)};
static const struct swisd_fields job_close_fields = SWISD_FIELDS(job_close_rows);

const struct swisd_fields *swisd_message_fields(uint64_t type)
{
  static const struct swisd_fields *const by_type[] = {
    [SWISD_MESSAGE_PING] = &ping_fields,           [SWISD_MESSAGE_ACK] = &ack_fields,
    [SWISD_MESSAGE_PING_REQ] = &ping_req_fields,   [SWISD_MESSAGE_PROBE_NACK] = &probe_nack_fields,
    [SWISD_MESSAGE_GOSSIP] = &ping_fields,         [SWISD_MESSAGE_JOIN] = &join_fields,
    [SWISD_MESSAGE_SYNC] = &sync_fields,           [SWISD_MESSAGE_MODEL] = &model_fields,
    [SWISD_MESSAGE_JOB_OPEN] = &job_open_fields,   [SWISD_MESSAGE_PULL] = &pull_fields,
    [SWISD_MESSAGE_TASK] = &task_fields,           [SWISD_MESSAGE_RESULT] = &result_fields,
    [SWISD_MESSAGE_NACK] = &nack_fields,           [SWISD_MESSAGE_CANCEL] = &cancel_fields,
    [SWISD_MESSAGE_BODY_FREE] = &body_free_fields, [SWISD_MESSAGE_JOB_CLOSE] = &job_close_fields,
  };
  return type < sizeof by_type / sizeof by_type[0] ? by_type[type] : NULL;
}
