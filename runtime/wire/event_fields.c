/* What configuration, events and actions look like in recordings and digests. Append to a table, never reorder. Only counts are
 * bounded: a recorder must be able to write down whatever a driver told the core, foolish values included. */
#include "runtime/wire/event_fields.h"

#include "runtime/core/action.h"
#include "runtime/core/config.h"
#include "runtime/core/event.h"
#include "runtime/wire/message_fields.h"

/* ---- configuration ---- */

#define LIMIT(member) SWISD_NUMBER(struct swisd_limits, member)
static const struct swisd_field limits_rows[] = {
  LIMIT(members_max),   LIMIT(rumours_max), LIMIT(models_max),  LIMIT(jobs_max),     LIMIT(intervals_max), LIMIT(workers_max),
  LIMIT(open_jobs_max), LIMIT(queue_max),   LIMIT(outputs_max), LIMIT(segments_max), LIMIT(fetches_max),
};
static const struct swisd_fields limits_fields = SWISD_FIELDS(limits_rows);

#define OPTION(member) SWISD_NUMBER(struct swisd_config, member)
static const struct swisd_field config_rows[] = {
  SWISD_STRUCT(struct swisd_config, limits, limits_fields),
  SWISD_ANYBODY(struct swisd_config, id),
  SWISD_LIST(struct swisd_config, addresses, address_count, swisd_address_bare),
  SWISD_BOOL(struct swisd_config, works),
  OPTION(compute_slots),
  SWISD_STRUCT(struct swisd_config, rates, swisd_rates_fields),
  OPTION(memory_bytes),
  OPTION(body_bytes_max),
  OPTION(kernels_class),
  OPTION(probe_interval_ns),
  OPTION(probe_timeout_ns),
  OPTION(indirect_probes),
  OPTION(suspicion_mult),
  OPTION(suspicion_max_mult),
  OPTION(suspicion_confirmations),
  OPTION(local_health_max),
  OPTION(gossip_interval_ns),
  OPTION(gossip_fanout),
  OPTION(retransmit_mult),
  OPTION(sync_interval_ns),
  OPTION(dead_keep_ns),
  OPTION(shards_per_node),
  OPTION(replicas_min),
  OPTION(placement_interval_ns),
  OPTION(chunk_ns),
  OPTION(open_interval_ns),
  OPTION(lease_ns),
  OPTION(queue_ns_max),
  OPTION(credit_ns),
  OPTION(window_ns),
  OPTION(overdue_slack_ns),
  OPTION(hedge_permille),
  OPTION(patience_ns),
};
const struct swisd_fields swisd_config_fields = SWISD_FIELDS(config_rows);

/* ---- jobs ---- */

static const struct swisd_field edge_rows[] = {
  SWISD_NUMBER(struct swisd_edge_spec, from),    SWISD_NUMBER(struct swisd_edge_spec, map),
  SWISD_NUMBER(struct swisd_edge_spec, combine), SWISD_NUMBER(struct swisd_edge_spec, width),
  SWISD_NUMBER(struct swisd_edge_spec, period),
};
static const struct swisd_fields edge_fields = SWISD_FIELDS(edge_rows);

static const struct swisd_field step_rows[] = {
  SWISD_NUMBER(struct swisd_step_spec, kernel),     SWISD_NUMBER(struct swisd_step_spec, verify),
  SWISD_NUMBER(struct swisd_step_spec, flags),      SWISD_NUMBER(struct swisd_step_spec, lane_first),
  SWISD_NUMBER(struct swisd_step_spec, lane_count), SWISD_LIST(struct swisd_step_spec, edges, edge_count, edge_fields),
};
static const struct swisd_fields step_fields = SWISD_FIELDS(step_rows);

static const struct swisd_field lane_rows[] = {
  SWISD_NUMBER(struct swisd_lane_spec, shard),
  SWISD_NUMBER(struct swisd_lane_spec, flops_per_item),
  SWISD_NUMBER(struct swisd_lane_spec, out_bytes_per_item),
};
static const struct swisd_fields lane_fields = SWISD_FIELDS(lane_rows);

static const struct swisd_field job_spec_rows[] = {
  SWISD_NUMBER(struct swisd_job_spec, model),
  SWISD_LIST(struct swisd_job_spec, steps, step_count, step_fields),
  SWISD_LIST(struct swisd_job_spec, lanes, lane_count, lane_fields),
  SWISD_NUMBER(struct swisd_job_spec, in_bytes_per_item),
  SWISD_NUMBER(struct swisd_job_spec, items_max),
};
const struct swisd_fields swisd_job_spec_fields = SWISD_FIELDS(job_spec_rows);

/* ---- events ---- */

static const struct swisd_field start_rows[] = {
  SWISD_NUMBER(struct swisd_event, u.start.incarnation),
  SWISD_LIST(struct swisd_event, u.start.seeds, u.start.seed_count, swisd_address_bare),
  SWISD_LIST(struct swisd_event, u.start.holdings, u.start.holding_count, swisd_u64_bare),
};
static const struct swisd_fields start_fields = SWISD_FIELDS(start_rows);

static const struct swisd_field message_rows[] = {
  SWISD_ANYBODY(struct swisd_event, u.message.from),
  SWISD_ADDRESS(struct swisd_event, u.message.from_address),
  SWISD_STRUCT(struct swisd_event, u.message.body, swisd_body_fields),
};
static const struct swisd_fields message_fields = SWISD_FIELDS(message_rows);

static const struct swisd_field sent_rows[] = {
  SWISD_NUMBER(struct swisd_event, u.sent.ticket),
  SWISD_STATUS(struct swisd_event, u.sent.status),
};
static const struct swisd_fields sent_fields = SWISD_FIELDS(sent_rows);

static const struct swisd_field fetched_rows[] = {
  SWISD_NUMBER(struct swisd_event, u.fetched.ticket),
  SWISD_STATUS(struct swisd_event, u.fetched.status),
  SWISD_STRUCT(struct swisd_event, u.fetched.body, swisd_body_fields),
};
static const struct swisd_fields fetched_fields = SWISD_FIELDS(fetched_rows);

/* A transfer that advances has neither a status nor a body yet, whatever its driver left there. */
static void progress_complete(void *base)
{
  struct swisd_event *event = base;
  event->u.fetched.status = SWISD_OK;
  event->u.fetched.body = (struct swisd_body){0};
}

static const struct swisd_field progress_rows[] = {SWISD_NUMBER(struct swisd_event, u.fetched.ticket)};
static const struct swisd_fields progress_fields = SWISD_FIELDS(progress_rows, .complete = progress_complete);

static const struct swisd_field computed_rows[] = {
  SWISD_NUMBER(struct swisd_event, u.computed.ticket),
  SWISD_STATUS(struct swisd_event, u.computed.status),
  SWISD_NUMBER(struct swisd_event, u.computed.elapsed_ns),
  SWISD_STRUCT(struct swisd_event, u.computed.out, swisd_body_fields),
  SWISD_BYTES(struct swisd_event, u.computed.inlined.bytes, u.computed.inlined.count),
};
static const struct swisd_fields computed_fields = SWISD_FIELDS(computed_rows);

static const struct swisd_field submitted_rows[] = {SWISD_NUMBER(struct swisd_event, u.submitted.number)};
static const struct swisd_fields submitted_fields = SWISD_FIELDS(submitted_rows);

static const struct swisd_field appended_rows[] = {
  SWISD_NUMBER(struct swisd_event, u.appended.number),
  SWISD_NUMBER(struct swisd_event, u.appended.items),
  SWISD_STRUCT(struct swisd_event, u.appended.body, swisd_body_fields),
  SWISD_BOOL(struct swisd_event, u.appended.last),
};
static const struct swisd_fields appended_fields = SWISD_FIELDS(appended_rows);

static const struct swisd_field withdrawn_rows[] = {SWISD_NUMBER(struct swisd_event, u.withdrawn)};
static const struct swisd_fields withdrawn_fields = SWISD_FIELDS(withdrawn_rows);
static const struct swisd_field peer_rows[] = {SWISD_ANYBODY(struct swisd_event, u.peer)};
static const struct swisd_fields peer_fields = SWISD_FIELDS(peer_rows);
static const struct swisd_field shard_rows[] = {SWISD_NUMBER(struct swisd_event, u.shard)};
static const struct swisd_fields shard_fields = SWISD_FIELDS(shard_rows);
static const struct swisd_field gap_rows[] = {SWISD_NUMBER(struct swisd_event, u.gap_ns)};
static const struct swisd_fields gap_fields = SWISD_FIELDS(gap_rows);
static const struct swisd_field link_rows[] = {SWISD_BOOL(struct swisd_event, u.link_up)};
static const struct swisd_fields link_fields = SWISD_FIELDS(link_rows);
static const struct swisd_field availability_rows[] = {SWISD_NUMBER(struct swisd_event, u.availability.level_percent)};
static const struct swisd_fields availability_fields = SWISD_FIELDS(availability_rows);
static const struct swisd_fields nothing_fields = {.list = link_rows, .count = 0};

const struct swisd_fields *swisd_event_fields(uint64_t kind)
{
  static const struct swisd_fields *const by_kind[] = {
    [SWISD_EVENT_START] = &start_fields,         [SWISD_EVENT_MESSAGE] = &message_fields,
    [SWISD_EVENT_DEADLINE] = &nothing_fields,    [SWISD_EVENT_SENT] = &sent_fields,
    [SWISD_EVENT_FETCHED] = &fetched_fields,     [SWISD_EVENT_PROGRESS] = &progress_fields,
    [SWISD_EVENT_WRITABLE] = &peer_fields,       [SWISD_EVENT_COMPUTED] = &computed_fields,
    [SWISD_EVENT_SUBMITTED] = &submitted_fields, [SWISD_EVENT_APPENDED] = &appended_fields,
    [SWISD_EVENT_WITHDRAWN] = &withdrawn_fields, [SWISD_EVENT_UNREACHABLE] = &peer_fields,
    [SWISD_EVENT_LINK] = &link_fields,           [SWISD_EVENT_AVAILABILITY] = &availability_fields,
    [SWISD_EVENT_SHARD_LOST] = &shard_fields,    [SWISD_EVENT_RESUMED] = &gap_fields,
    [SWISD_EVENT_STOP] = &nothing_fields,        [SWISD_EVENT_MODEL] = &nothing_fields,
  };
  return kind < sizeof by_kind / sizeof by_kind[0] ? by_kind[kind] : NULL;
}

/* ---- actions ---- */

static const struct swisd_field send_rows[] = {
  SWISD_ANYBODY(struct swisd_action, u.send.to),
  SWISD_ADDRESS(struct swisd_action, u.send.address),
  SWISD_STRUCT(struct swisd_action, u.send.body, swisd_body_fields),
  SWISD_NUMBER(struct swisd_action, u.send.body_offset),
  SWISD_NUMBER(struct swisd_action, u.send.body_length),
};
static const struct swisd_fields send_fields = SWISD_FIELDS(send_rows);

static const struct swisd_field compute_rows[] = {
  SWISD_NUMBER(struct swisd_action, u.compute.ticket),
  SWISD_NUMBER(struct swisd_action, u.compute.program),
  SWISD_NUMBER(struct swisd_action, u.compute.kernel),
  SWISD_NUMBER(struct swisd_action, u.compute.verify),
  SWISD_NUMBER(struct swisd_action, u.compute.flags),
  SWISD_STRUCT(struct swisd_action, u.compute.key, swisd_task_key_fields),
  SWISD_NUMBER(struct swisd_action, u.compute.model),
  SWISD_NUMBER(struct swisd_action, u.compute.shard),
  SWISD_NUMBER(struct swisd_action, u.compute.flops),
  SWISD_NUMBER(struct swisd_action, u.compute.out_bytes),
  SWISD_NUMBER(struct swisd_action, u.compute.number),
  SWISD_LIST(struct swisd_action, u.compute.sources, u.compute.source_count, swisd_source_fields),
};
static const struct swisd_fields compute_fields = SWISD_FIELDS(compute_rows);

static const struct swisd_field fetch_shard_rows[] = {
  SWISD_NUMBER(struct swisd_action, u.fetch.ticket),   SWISD_ANYBODY(struct swisd_action, u.fetch.from),
  SWISD_ADDRESS(struct swisd_action, u.fetch.address), SWISD_NUMBER(struct swisd_action, u.fetch.model),
  SWISD_NUMBER(struct swisd_action, u.fetch.shard),    SWISD_NUMBER(struct swisd_action, u.fetch.bytes),
};
static const struct swisd_fields fetch_shard_fields = SWISD_FIELDS(fetch_shard_rows);

static const struct swisd_field fetch_body_rows[] = {
  SWISD_NUMBER(struct swisd_action, u.fetch.ticket),
  SWISD_ANYBODY(struct swisd_action, u.fetch.from),
  SWISD_ADDRESS(struct swisd_action, u.fetch.address),
  SWISD_NUMBER(struct swisd_action, u.fetch.bytes),
  SWISD_STRUCT(struct swisd_action, u.fetch.body, swisd_body_fields),
  SWISD_NUMBER(struct swisd_action, u.fetch.offset),
};
static const struct swisd_fields fetch_body_fields = SWISD_FIELDS(fetch_body_rows);

static const struct swisd_field answer_rows[] = {
  SWISD_NUMBER(struct swisd_action, u.answer.number),
  SWISD_STRUCT(struct swisd_action, u.answer.job, swisd_job_id_fields),
  SWISD_STATUS(struct swisd_action, u.answer.status),
  SWISD_BOOL(struct swisd_action, u.answer.more),
  SWISD_SPAN(struct swisd_action, u.answer.lo, u.answer.hi),
  SWISD_BYTES(struct swisd_action, u.answer.inlined.bytes, u.answer.inlined.count),
};
static const struct swisd_fields answer_fields = SWISD_FIELDS(answer_rows);

static const struct swisd_field grant_rows[] = {
  SWISD_ANYBODY(struct swisd_action, u.grant.peer),
  SWISD_NUMBER(struct swisd_action, u.grant.bytes),
};
static const struct swisd_fields grant_fields = SWISD_FIELDS(grant_rows);

static const struct swisd_field cancel_rows[] = {SWISD_NUMBER(struct swisd_action, u.ticket)};
static const struct swisd_fields cancel_fields = SWISD_FIELDS(cancel_rows);
static const struct swisd_field drop_rows[] = {SWISD_NUMBER(struct swisd_action, u.drop.shard)};
static const struct swisd_fields drop_fields = SWISD_FIELDS(drop_rows);
static const struct swisd_field release_rows[] = {SWISD_STRUCT(struct swisd_action, u.release, swisd_body_fields)};
static const struct swisd_fields release_fields = SWISD_FIELDS(release_rows);
static const struct swisd_field persist_rows[] = {SWISD_NUMBER(struct swisd_action, u.persist.incarnation)};
static const struct swisd_fields persist_fields = SWISD_FIELDS(persist_rows);
static const struct swisd_field forget_rows[] = {SWISD_STRUCT(struct swisd_action, u.forget, swisd_job_id_fields)};
static const struct swisd_fields forget_fields = SWISD_FIELDS(forget_rows);

const struct swisd_fields *swisd_action_fields(uint64_t kind)
{
  static const struct swisd_fields *const by_kind[] = {
    [SWISD_ACTION_SEND] = &send_fields,
    [SWISD_ACTION_COMPUTE] = &compute_fields,
    [SWISD_ACTION_CANCEL] = &cancel_fields,
    [SWISD_ACTION_FETCH_SHARD] = &fetch_shard_fields,
    [SWISD_ACTION_FETCH_BODY] = &fetch_body_fields,
    [SWISD_ACTION_GRANT] = &grant_fields,
    [SWISD_ACTION_DROP] = &drop_fields,
    [SWISD_ACTION_RELEASE] = &release_fields,
    [SWISD_ACTION_PERSIST] = &persist_fields,
    [SWISD_ACTION_ANSWER] = &answer_fields,
    [SWISD_ACTION_FORGET] = &forget_fields,
  };
  return kind < sizeof by_kind / sizeof by_kind[0] ? by_kind[kind] : NULL;
}
