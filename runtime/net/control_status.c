/* The status of a node as one JSON object on one line. */
#include <inttypes.h>

#include "runtime/base/json.h"
#include "runtime/core/rate.h"
#include "runtime/net/control.h"
#include "runtime/net/identity.h"
#include "runtime/net/snapshot.h"
#include "runtime/net/socket_address.h"
#include "runtime/wire/trace_text.h"

static void number(struct swisd_json *json, const char *key, uint64_t value)
{
  swisd_json_key(json, key);
  swisd_json_unsigned(json, value);
}

static void text(struct swisd_json *json, const char *key, const char *value)
{
  swisd_json_key(json, key);
  if (value)
    swisd_json_string(json, value);
  else
    swisd_json_null(json);
}

static void boolean(struct swisd_json *json, const char *key, bool value)
{
  swisd_json_key(json, key);
  swisd_json_boolean(json, value);
}

static void real(struct swisd_json *json, const char *key, double value)
{
  swisd_json_key(json, key);
  swisd_json_number(json, value);
}

static void list(struct swisd_json *json, const char *key)
{
  swisd_json_key(json, key);
  swisd_json_array(json);
}

static void node_id(struct swisd_json *json, const char *key, struct swisd_id id)
{
  char name[33];
  swisd_id_text(id, name);
  text(json, key, name);
}

static void hex(struct swisd_json *json, const char *key, uint64_t value)
{
  char digits[17];
  snprintf(digits, sizeof digits, "%016" PRIx64, value);
  text(json, key, digits);
}

static void job_id(struct swisd_json *json, struct swisd_job_id id)
{
  char name[SWISD_JOB_NAME_BYTES];
  swisd_job_name(id, name);
  text(json, "job", name);
}

/* A time left: null when nothing is awaited. */
static void until(struct swisd_json *json, const char *key, uint64_t at_ns, uint64_t now_ns)
{
  swisd_json_key(json, key);
  if (at_ns == SWISD_NEVER)
    swisd_json_null(json);
  else
    swisd_json_integer(json, (int64_t)(at_ns - now_ns)); /* negative: it is late */
}

static void print_speeds(struct swisd_json *json, const char *key, const uint64_t flops_per_s[SWISD_KERNEL_COUNT])
{
  swisd_json_key(json, key);
  swisd_json_object(json);
  for (int k = 0; k < SWISD_KERNEL_COUNT; k++)
    number(json, swisd_kernel_class_name(k), flops_per_s[k]);
  swisd_json_end(json);
}

static void print_members(struct swisd_json *json, const struct swisd_snapshot *snapshot)
{
  list(json, "members");
  for (uint32_t i = 0; i < snapshot->member_count; i++) {
    const struct swisd_snapshot_member *member = &snapshot->members[i];
    char address[SWISD_ADDRESS_TEXT_BYTES];
    swisd_json_object(json);
    node_id(json, "id", member->id);
    text(json, "state", swisd_member_state_name(member->state));
    boolean(json, "self", member->self);
    number(json, "incarnation", member->incarnation);
    boolean(json, "works", member->works);
    if (member->address.family != SWISD_ADDRESS_NONE) {
      swisd_address_text(&member->address, address);
      text(json, "address", address);
    }
    number(json, "age_ns", member->age_ns);
    number(json, "rtt_ns", member->rtt_ns);
    if (member->state == SWISD_MEMBER_SUSPECT) {
      number(json, "dead_in_ns", member->dead_in_ns);
      list(json, "suspected_by");
      for (uint32_t a = 0; a < member->accuser_count; a++) {
        char id[33];
        swisd_id_text(member->accusers[a], id);
        swisd_json_string(json, id);
      }
      swisd_json_end(json);
    }
    print_speeds(json, "flops_per_s", member->flops_per_s);
    number(json, "holdings", member->holding_count);
    list(json, "shards");
    for (uint32_t h = 0; h < member->holding_count; h++) {
      char shard[17];
      snprintf(shard, sizeof shard, "%016" PRIx64, member->holdings[h]);
      swisd_json_string(json, shard);
    }
    swisd_json_end(json);
    swisd_json_end(json);
  }
  swisd_json_end(json);
}

static void print_models(struct swisd_json *json, const struct swisd_snapshot *snapshot)
{
  list(json, "models");
  for (uint32_t m = 0; m < snapshot->model_count; m++) {
    const struct swisd_snapshot_model *model = &snapshot->models[m];
    swisd_json_object(json);
    hex(json, "id", model->id);
    text(json, "name", model->name[0] ? model->name : NULL);
    list(json, "shards");
    for (uint32_t s = 0; s < model->shard_count; s++) {
      const struct swisd_view_shard *shard = &model->shards[s];
      swisd_json_object(json);
      hex(json, "id", shard->id);
      text(json, "kernel", swisd_kernel_class_name(shard->kernel % SWISD_KERNEL_COUNT));
      number(json, "bytes", shard->bytes);
      number(json, "flops_per_item", shard->flops_per_item);
      number(json, "holders", shard->holders);
      number(json, "suspect_holders", shard->suspect_holders);
      real(json, "items_per_s", shard->items_per_s);
      boolean(json, "held", shard->held);
      boolean(json, "home", shard->home);
      boolean(json, "dropping", shard->dropping);
      boolean(json, "wanted", shard->wanted);
      swisd_json_end(json);
    }
    swisd_json_end(json);
    swisd_json_end(json);
  }
  swisd_json_end(json);
}

static void print_partners(struct swisd_json *json, const struct swisd_snapshot *snapshot)
{
  list(json, "partners");
  for (uint32_t p = 0; p < snapshot->partner_count; p++) {
    const struct swisd_view_partner *partner = &snapshot->partners[p].view;
    swisd_json_object(json);
    node_id(json, "id", partner->id);
    boolean(json, "here", partner->here);
    boolean(json, "suspect", partner->suspect);
    boolean(json, "overdue", partner->overdue);
    boolean(json, "blocked", partner->blocked_until_ns > snapshot->now_ns);
    number(json, "credits", partner->credits);
    number(json, "sessions", partner->sessions);
    number(json, "under_way", partner->issues);
    number(json, "late_ns", partner->late_ns);
    until(json, "first_due_in_ns", partner->first_due_ns, snapshot->now_ns);
    until(json, "last_due_in_ns", partner->last_due_ns, snapshot->now_ns);
    uint64_t speeds[SWISD_KERNEL_COUNT], samples = 0;
    for (int k = 0; k < SWISD_KERNEL_COUNT; k++) {
      speeds[k] = partner->rates[k] ? swisd_rate_exp2(partner->rates[k]) : 0;
      samples += partner->samples[k];
    }
    print_speeds(json, "flops_per_s", speeds);
    number(json, "samples", samples);
    number(json, "accepted", snapshot->partners[p].accepted);
    number(json, "accepted_items", snapshot->partners[p].accepted_items);
    number(json, "accepted_flops", snapshot->partners[p].accepted_flops);
    swisd_json_end(json);
  }
  swisd_json_end(json);
}

static void print_account(struct swisd_json *json, const struct swisd_job_account *account)
{
  swisd_json_key(json, "flops");
  swisd_json_object(json);
  number(json, "issued", account->issued);
  number(json, "accepted", account->accepted);
  number(json, "duplicate", account->duplicate);
  number(json, "lost", account->lost);
  number(json, "rejected", account->rejected);
  number(json, "cancelled", account->cancelled);
  number(json, "replayed", account->replayed);
  number(json, "under_way", account->under_way);
  swisd_json_end(json);
}

static void print_jobs(struct swisd_json *json, const struct swisd_snapshot *snapshot)
{
  list(json, "own_jobs");
  for (uint32_t j = 0; j < snapshot->job_count; j++) {
    const struct swisd_snapshot_job *job = &snapshot->jobs[j];
    swisd_json_object(json);
    job_id(json, job->view.id);
    number(json, "number", job->view.number);
    text(json, "model", job->model_name[0] ? job->model_name : NULL);
    boolean(json, "open", job->view.open);
    number(json, "items", job->view.items);
    number(json, "items_answered", job->view.account.items_answered);
    boolean(json, "input_complete", job->view.last);
    number(json, "age_ns", snapshot->now_ns - job->view.submitted_ns);
    print_account(json, &job->view.account);
    list(json, "lanes");
    for (uint32_t l = 0; job->view.open && l < job->view.lane_count; l++) {
      const struct swisd_view_lane *lane = &job->lanes[l];
      swisd_json_object(json);
      text(json, "step", job->step_names[lane->step]);
      number(json, "lane", lane->lane);
      hex(json, "shard", lane->shard);
      number(json, "holders", lane->holders);
      number(json, "ready", lane->ready);
      number(json, "under_way", lane->issued);
      number(json, "checking", lane->checking);
      number(json, "accepted", lane->accepted);
      swisd_json_end(json);
    }
    swisd_json_end(json);
    swisd_json_end(json);
  }
  swisd_json_end(json);
}

static void print_past(struct swisd_json *json, const struct swisd_snapshot *snapshot)
{
  list(json, "job_log");
  for (uint32_t j = 0; j < snapshot->past_count; j++) {
    const struct swisd_snapshot_past *past = &snapshot->past[j];
    swisd_json_object(json);
    job_id(json, past->id);
    boolean(json, "own", past->own);
    text(json, "outcome", swisd_ledger_outcome_name(past));
    if (past->outcome == SWISD_LEDGER_FAILED)
      text(json, "reason", swisd_status_name(past->failure));
    number(json, "age_ns", past->age_ns);
    number(json, "idle_ns", past->idle_ns);
    number(json, "workers", past->worker_count);
    number(json, "accepted", past->tasks);
    number(json, "accepted_items", past->items);
    number(json, "accepted_flops", past->flops);
    number(json, "computed", past->computed);
    number(json, "computed_ns", past->computed_ns);
    swisd_json_end(json);
  }
  swisd_json_end(json);
}

static void print_tasks(struct swisd_json *json, const struct swisd_snapshot *snapshot)
{
  static const char *const states[] = {"none", "waiting", "ready", "running"};
  list(json, "tasks");
  for (uint32_t t = 0; t < snapshot->task_count; t++) {
    const struct swisd_view_task *task = &snapshot->tasks[t];
    swisd_json_object(json);
    job_id(json, task->key.job);
    number(json, "step", task->key.step);
    number(json, "lane", task->key.lane);
    number(json, "lo", task->key.lo);
    number(json, "hi", task->key.hi);
    text(json, "state", states[task->state]);
    number(json, "cost_ns", task->cost_ns);
    swisd_json_end(json);
  }
  swisd_json_end(json);
}

static void print_core(struct swisd_json *json, const struct swisd_peer_status *status)
{
  number(json, "incarnation", status->node.incarnation);
  number(json, "members_alive", status->node.members_alive);
  number(json, "members_suspect", status->node.members_suspect);
  number(json, "members_dead", status->node.members_dead);
  number(json, "holdings", status->node.holdings);
  number(json, "jobs", status->node.jobs);
  number(json, "open_jobs", status->node.open_jobs);
  number(json, "queued", status->node.queued);
  number(json, "computing", status->node.computing);
  number(json, "outputs", status->node.outputs);
  number(json, "queue_ns", status->node.queue_ns);
  number(json, "steps", status->steps);
  number(json, "resumed", status->resumed);
  number(json, "recorded_bytes", status->recorded_bytes);
}

static void print_work(struct swisd_json *json, const struct swisd_peer_status *status)
{
  number(json, "programs_completed", status->workers.completed);
  number(json, "programs_cancelled", status->workers.cancelled);
  number(json, "busy_ns", status->workers.busy_ns);
  number(json, "overrun_ns", status->workers.overrun_ns);
  swisd_json_key(json, "slow_factor");
  swisd_json_number(json, status->workers.slow_factor);
  swisd_json_key(json, "silent");
  swisd_json_boolean(json, status->silent);
  number(json, "body_bytes", status->bodies.used_bytes);
  number(json, "body_bytes_peak", status->bodies.peak_bytes);
  number(json, "bodies_over_quota", status->bodies.refused);
  number(json, "model_memory_bytes", status->model_memory_bytes);
  number(json, "local_health", status->node.local_health);
}

static void print_network(struct swisd_json *json, const struct swisd_peer_status *status)
{
  const struct swisd_links_status *links = &status->links;
  number(json, "streams", links->streams.open);
  number(json, "stream_bytes_sent", links->streams.bytes_sent);
  number(json, "stream_bytes_received", links->streams.bytes_received);
  number(json, "frames_bad", links->streams.frames_bad);
  number(json, "frames_skipped", links->streams.frames_skipped);
  number(json, "connections_refused", links->refused);
  number(json, "connections_over_quota", links->over_quota);
  number(json, "messages_limited", links->messages_limited);
  number(json, "dial_failed", links->dial_failed);
  number(json, "messages_sent", links->messages_sent);
  number(json, "messages_received", links->messages_received);
  number(json, "messages_dropped", links->messages_dropped);
  number(json, "messages_bad", links->messages_bad);
  number(json, "bodies_sent", links->bodies_sent);
  number(json, "bodies_received", links->bodies_received);
  number(json, "bodies_refused", links->bodies_refused);
  number(json, "body_bytes_sent", links->body_bytes_sent);
  number(json, "body_bytes_received", links->body_bytes_received);
  const struct swisd_datagrams_status *datagrams = &status->datagrams;
  uint64_t bad = 0;
  for (int i = 0; i < SWISD_WIRE_STATUS_COUNT; i++)
    bad += datagrams->bad[i];
  number(json, "datagrams_sent", datagrams->sent);
  number(json, "datagrams_received", datagrams->received);
  number(json, "datagram_bytes_sent", datagrams->bytes_sent);
  number(json, "datagrams_forged", datagrams->forged);
  number(json, "datagrams_replayed", datagrams->replayed);
  number(json, "datagrams_strange", datagrams->strange);
  number(json, "datagrams_other_key", datagrams->other_key);
  number(json, "datagrams_limited", datagrams->limited);
  number(json, "records_verified", status->records.verified);
  number(json, "records_forged", status->records.forged);
  number(json, "records_unsealed", status->records.unsealed);
  number(json, "records_crowded", status->records.crowded);
  number(json, "introductions", datagrams->introduced);
  number(json, "introductions_unanswered", datagrams->unanswered);
  number(json, "datagrams_bad", bad);
  number(json, "datagrams_dropped", status->datagrams_dropped);
  number(json, "shards_fetched", status->transfers.shards_fetched);
  number(json, "shards_served", status->serving.shards);
  number(json, "fetches_resumed", status->transfers.shards.resumed);
  number(json, "fetches_shared", status->transfers.shards.shared);
  number(json, "fetch_sources_lost", status->transfers.shards.sources_lost);
  number(json, "shards_recalled", status->transfers.shards.recalled);
  number(json, "disk_used_bytes", status->store.used_bytes);
  number(json, "disk_cache_bytes", status->store.cache_bytes);
  number(json, "disk_quota_bytes", status->store.quota_bytes);
  number(json, "disk_free_bytes", status->store.free_bytes);
  number(json, "disk_evicted", status->store.evicted);
  number(json, "disk_full", status->transfers.disk_full);
  number(json, "beacons_sent", status->beacon.sent);
  number(json, "beacons_heard", status->beacon.received);
  number(json, "availability_percent", status->availability_percent);
  text(json, "availability_why", status->availability_why[0] ? status->availability_why : NULL);
  number(json, "fetches_damaged", status->transfers.damaged);
  number(json, "fetches_failed", status->transfers.failed);
  number(json, "bodies_fetched", status->transfers.bodies_fetched);
}

void swisd_snapshot_print(const struct swisd_snapshot *snapshot, struct swisd_json *json)
{
  char address[SWISD_ADDRESS_TEXT_BYTES];
  swisd_address_text(&snapshot->address, address);
  node_id(json, "id", snapshot->id);
  text(json, "name", snapshot->name);
  text(json, "class", snapshot->class_name);
  text(json, "address", address);
  text(json, "kernels", snapshot->kernels);
  number(json, "uptime_ns", snapshot->status.uptime_ns);
  print_core(json, &snapshot->status);
  print_work(json, &snapshot->status);
  print_network(json, &snapshot->status);
  number(json, "items_accepted", snapshot->totals.items_accepted);
  number(json, "flops_accepted", snapshot->totals.value[SWISD_TRACE_TASK_ACCEPTED]);
  number(json, "tasks_computed", snapshot->totals.count[SWISD_TRACE_TASK_COMPUTED]);
  print_speeds(json, "flops_per_s", snapshot->flops_per_s);
  print_members(json, snapshot);
  print_models(json, snapshot);
  print_partners(json, snapshot);
  print_jobs(json, snapshot);
  print_past(json, snapshot);
  print_tasks(json, snapshot);
}

void swisd_control_print_status(struct swisd_peer *peer, FILE *out)
{
  struct swisd_snapshot *snapshot = swisd_snapshot_take(peer);
  struct swisd_json json;
  swisd_json_start(&json, out, false);
  swisd_json_object(&json);
  boolean(&json, "ok", snapshot != NULL);
  if (snapshot)
    swisd_snapshot_print(snapshot, &json);
  else
    text(&json, "error", "out of memory");
  swisd_json_end(&json);
  swisd_json_finish(&json);
  swisd_snapshot_free(snapshot);
}
