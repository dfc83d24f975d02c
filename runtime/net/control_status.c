/* The status of a node as one JSON object on one line. */
#include <inttypes.h>

#include "runtime/base/json.h"
#include "runtime/core/rate.h"
#include "runtime/net/control.h"
#include "runtime/net/identity.h"
#include "runtime/net/snapshot.h"
#include "runtime/net/socket_address.h"
#include "runtime/wire/trace_text.h"

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
  swisd_json_member_string(json, key, name);
}

static void hex(struct swisd_json *json, const char *key, uint64_t value)
{
  char digits[17];
  snprintf(digits, sizeof digits, "%016" PRIx64, value);
  swisd_json_member_string(json, key, digits);
}

static void job_id(struct swisd_json *json, struct swisd_job_id id)
{
  char name[SWISD_JOB_NAME_BYTES];
  swisd_job_name(id, name);
  swisd_json_member_string(json, "job", name);
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
    swisd_json_member_unsigned(json, swisd_kernel_class_name(k), flops_per_s[k]);
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
    swisd_json_member_string(json, "state", swisd_member_state_name(member->state));
    swisd_json_member_boolean(json, "self", member->self);
    swisd_json_member_unsigned(json, "incarnation", member->incarnation);
    swisd_json_member_boolean(json, "works", member->works);
    if (member->address.family != SWISD_ADDRESS_NONE) {
      swisd_address_text(&member->address, address);
      swisd_json_member_string(json, "address", address);
    }
    swisd_json_member_unsigned(json, "age_ns", member->age_ns);
    swisd_json_member_unsigned(json, "rtt_ns", member->rtt_ns);
    if (member->state == SWISD_MEMBER_SUSPECT) {
      swisd_json_member_unsigned(json, "dead_in_ns", member->dead_in_ns);
      list(json, "suspected_by");
      for (uint32_t a = 0; a < member->accuser_count; a++) {
        char id[33];
        swisd_id_text(member->accusers[a], id);
        swisd_json_string(json, id);
      }
      swisd_json_end(json);
    }
    print_speeds(json, "flops_per_s", member->flops_per_s);
    swisd_json_member_unsigned(json, "holdings", member->holding_count);
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
    swisd_json_member_string(json, "name", model->name[0] ? model->name : NULL);
    list(json, "shards");
    for (uint32_t s = 0; s < model->shard_count; s++) {
      const struct swisd_view_shard *shard = &model->shards[s];
      swisd_json_object(json);
      hex(json, "id", shard->id);
      swisd_json_member_string(json, "kernel", swisd_kernel_class_name(shard->kernel % SWISD_KERNEL_COUNT));
      swisd_json_member_unsigned(json, "bytes", shard->bytes);
      swisd_json_member_unsigned(json, "flops_per_item", shard->flops_per_item);
      swisd_json_member_unsigned(json, "holders", shard->holders);
      swisd_json_member_unsigned(json, "suspect_holders", shard->suspect_holders);
      real(json, "items_per_s", shard->items_per_s);
      swisd_json_member_boolean(json, "held", shard->held);
      swisd_json_member_boolean(json, "home", shard->home);
      swisd_json_member_boolean(json, "dropping", shard->dropping);
      swisd_json_member_boolean(json, "wanted", shard->wanted);
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
    swisd_json_member_boolean(json, "here", partner->here);
    swisd_json_member_boolean(json, "suspect", partner->suspect);
    swisd_json_member_boolean(json, "overdue", partner->overdue);
    swisd_json_member_boolean(json, "blocked", partner->blocked_until_ns > snapshot->now_ns);
    swisd_json_member_unsigned(json, "credits", partner->credits);
    swisd_json_member_unsigned(json, "sessions", partner->sessions);
    swisd_json_member_unsigned(json, "under_way", partner->issues);
    swisd_json_member_unsigned(json, "late_ns", partner->late_ns);
    until(json, "first_due_in_ns", partner->first_due_ns, snapshot->now_ns);
    until(json, "last_due_in_ns", partner->last_due_ns, snapshot->now_ns);
    uint64_t speeds[SWISD_KERNEL_COUNT], samples = 0;
    for (int k = 0; k < SWISD_KERNEL_COUNT; k++) {
      speeds[k] = partner->rates[k] ? swisd_rate_exp2(partner->rates[k]) : 0;
      samples += partner->samples[k];
    }
    print_speeds(json, "flops_per_s", speeds);
    swisd_json_member_unsigned(json, "samples", samples);
    swisd_json_member_unsigned(json, "accepted", snapshot->partners[p].accepted);
    swisd_json_member_unsigned(json, "accepted_items", snapshot->partners[p].accepted_items);
    swisd_json_member_unsigned(json, "accepted_flops", snapshot->partners[p].accepted_flops);
    swisd_json_end(json);
  }
  swisd_json_end(json);
}

static void print_account(struct swisd_json *json, const struct swisd_job_account *account)
{
  swisd_json_key(json, "flops");
  swisd_json_object(json);
  swisd_json_member_unsigned(json, "issued", account->issued);
  swisd_json_member_unsigned(json, "accepted", account->accepted);
  swisd_json_member_unsigned(json, "duplicate", account->duplicate);
  swisd_json_member_unsigned(json, "lost", account->lost);
  swisd_json_member_unsigned(json, "rejected", account->rejected);
  swisd_json_member_unsigned(json, "cancelled", account->cancelled);
  swisd_json_member_unsigned(json, "replayed", account->replayed);
  swisd_json_member_unsigned(json, "under_way", account->under_way);
  swisd_json_end(json);
}

static void print_jobs(struct swisd_json *json, const struct swisd_snapshot *snapshot)
{
  list(json, "own_jobs");
  for (uint32_t j = 0; j < snapshot->job_count; j++) {
    const struct swisd_snapshot_job *job = &snapshot->jobs[j];
    swisd_json_object(json);
    job_id(json, job->view.id);
    swisd_json_member_unsigned(json, "number", job->view.number);
    swisd_json_member_string(json, "model", job->model_name[0] ? job->model_name : NULL);
    swisd_json_member_boolean(json, "open", job->view.open);
    swisd_json_member_unsigned(json, "items", job->view.items);
    swisd_json_member_unsigned(json, "items_answered", job->view.account.items_answered);
    swisd_json_member_boolean(json, "input_complete", job->view.last);
    swisd_json_member_unsigned(json, "age_ns", snapshot->now_ns - job->view.submitted_ns);
    print_account(json, &job->view.account);
    list(json, "lanes");
    for (uint32_t l = 0; job->view.open && l < job->view.lane_count; l++) {
      const struct swisd_view_lane *lane = &job->lanes[l];
      swisd_json_object(json);
      swisd_json_member_string(json, "step", job->step_names[lane->step]);
      swisd_json_member_unsigned(json, "lane", lane->lane);
      hex(json, "shard", lane->shard);
      swisd_json_member_unsigned(json, "holders", lane->holders);
      swisd_json_member_unsigned(json, "ready", lane->ready);
      swisd_json_member_unsigned(json, "under_way", lane->issued);
      swisd_json_member_unsigned(json, "checking", lane->checking);
      swisd_json_member_unsigned(json, "accepted", lane->accepted);
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
    swisd_json_member_boolean(json, "own", past->own);
    swisd_json_member_string(json, "outcome", swisd_ledger_outcome_name(past));
    if (past->outcome == SWISD_LEDGER_FAILED)
      swisd_json_member_string(json, "reason", swisd_status_name(past->failure));
    swisd_json_member_unsigned(json, "age_ns", past->age_ns);
    swisd_json_member_unsigned(json, "idle_ns", past->idle_ns);
    swisd_json_member_unsigned(json, "workers", past->worker_count);
    swisd_json_member_unsigned(json, "accepted", past->tasks);
    swisd_json_member_unsigned(json, "accepted_items", past->items);
    swisd_json_member_unsigned(json, "accepted_flops", past->flops);
    swisd_json_member_unsigned(json, "computed", past->computed);
    swisd_json_member_unsigned(json, "computed_ns", past->computed_ns);
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
    swisd_json_member_unsigned(json, "step", task->key.step);
    swisd_json_member_unsigned(json, "lane", task->key.lane);
    swisd_json_member_unsigned(json, "lo", task->key.lo);
    swisd_json_member_unsigned(json, "hi", task->key.hi);
    swisd_json_member_string(json, "state", states[task->state]);
    swisd_json_member_unsigned(json, "cost_ns", task->cost_ns);
    swisd_json_end(json);
  }
  swisd_json_end(json);
}

static void print_core(struct swisd_json *json, const struct swisd_peer_status *status)
{
  swisd_json_member_unsigned(json, "incarnation", status->node.incarnation);
  swisd_json_member_unsigned(json, "members_alive", status->node.members_alive);
  swisd_json_member_unsigned(json, "members_suspect", status->node.members_suspect);
  swisd_json_member_unsigned(json, "members_dead", status->node.members_dead);
  swisd_json_member_unsigned(json, "holdings", status->node.holdings);
  swisd_json_member_unsigned(json, "jobs", status->node.jobs);
  swisd_json_member_unsigned(json, "open_jobs", status->node.open_jobs);
  swisd_json_member_unsigned(json, "queued", status->node.queued);
  swisd_json_member_unsigned(json, "computing", status->node.computing);
  swisd_json_member_unsigned(json, "outputs", status->node.outputs);
  swisd_json_member_unsigned(json, "queue_ns", status->node.queue_ns);
  swisd_json_member_unsigned(json, "steps", status->steps);
  swisd_json_member_unsigned(json, "resumed", status->resumed);
  swisd_json_member_unsigned(json, "recorded_bytes", status->recorded_bytes);
}

static void print_work(struct swisd_json *json, const struct swisd_peer_status *status)
{
  swisd_json_member_unsigned(json, "programs_completed", status->workers.completed);
  swisd_json_member_unsigned(json, "programs_cancelled", status->workers.cancelled);
  swisd_json_member_unsigned(json, "busy_ns", status->workers.busy_ns);
  swisd_json_member_unsigned(json, "overrun_ns", status->workers.overrun_ns);
  swisd_json_key(json, "slow_factor");
  swisd_json_number(json, status->workers.slow_factor);
  swisd_json_key(json, "silent");
  swisd_json_boolean(json, status->silent);
  swisd_json_member_unsigned(json, "body_bytes", status->bodies.used_bytes);
  swisd_json_member_unsigned(json, "body_bytes_peak", status->bodies.peak_bytes);
  swisd_json_member_unsigned(json, "bodies_over_quota", status->bodies.refused);
  swisd_json_member_unsigned(json, "model_memory_bytes", status->model_memory_bytes);
  swisd_json_member_unsigned(json, "local_health", status->node.local_health);
}

static void print_network(struct swisd_json *json, const struct swisd_peer_status *status)
{
  const struct swisd_links_status *links = &status->links;
  swisd_json_member_unsigned(json, "streams", links->streams.open);
  swisd_json_member_unsigned(json, "stream_bytes_sent", links->streams.bytes_sent);
  swisd_json_member_unsigned(json, "stream_bytes_received", links->streams.bytes_received);
  swisd_json_member_unsigned(json, "frames_bad", links->streams.frames_bad);
  swisd_json_member_unsigned(json, "frames_skipped", links->streams.frames_skipped);
  swisd_json_member_unsigned(json, "connections_refused", links->refused);
  swisd_json_member_unsigned(json, "connections_over_quota", links->over_quota);
  swisd_json_member_unsigned(json, "messages_limited", links->messages_limited);
  swisd_json_member_unsigned(json, "dial_failed", links->dial_failed);
  swisd_json_member_unsigned(json, "messages_sent", links->messages_sent);
  swisd_json_member_unsigned(json, "messages_received", links->messages_received);
  swisd_json_member_unsigned(json, "messages_dropped", links->messages_dropped);
  swisd_json_member_unsigned(json, "messages_bad", links->messages_bad);
  swisd_json_member_unsigned(json, "bodies_sent", links->bodies_sent);
  swisd_json_member_unsigned(json, "bodies_received", links->bodies_received);
  swisd_json_member_unsigned(json, "bodies_refused", links->bodies_refused);
  swisd_json_member_unsigned(json, "body_bytes_sent", links->body_bytes_sent);
  swisd_json_member_unsigned(json, "body_bytes_received", links->body_bytes_received);
  const struct swisd_datagrams_status *datagrams = &status->datagrams;
  uint64_t bad = 0;
  for (int i = 0; i < SWISD_WIRE_STATUS_COUNT; i++)
    bad += datagrams->bad[i];
  swisd_json_member_unsigned(json, "datagrams_sent", datagrams->sent);
  swisd_json_member_unsigned(json, "datagrams_received", datagrams->received);
  swisd_json_member_unsigned(json, "datagram_bytes_sent", datagrams->bytes_sent);
  swisd_json_member_unsigned(json, "datagrams_forged", datagrams->forged);
  swisd_json_member_unsigned(json, "datagrams_replayed", datagrams->replayed);
  swisd_json_member_unsigned(json, "datagrams_strange", datagrams->strange);
  swisd_json_member_unsigned(json, "datagrams_other_key", datagrams->other_key);
  swisd_json_member_unsigned(json, "datagrams_limited", datagrams->limited);
  swisd_json_member_unsigned(json, "records_verified", status->records.verified);
  swisd_json_member_unsigned(json, "records_forged", status->records.forged);
  swisd_json_member_unsigned(json, "records_unsealed", status->records.unsealed);
  swisd_json_member_unsigned(json, "records_crowded", status->records.crowded);
  swisd_json_member_unsigned(json, "introductions", datagrams->introduced);
  swisd_json_member_unsigned(json, "introductions_unanswered", datagrams->unanswered);
  swisd_json_member_unsigned(json, "datagrams_bad", bad);
  swisd_json_member_unsigned(json, "datagrams_dropped", status->datagrams_dropped);
  swisd_json_member_unsigned(json, "shards_fetched", status->transfers.shards_fetched);
  swisd_json_member_unsigned(json, "shards_served", status->serving.shards);
  swisd_json_member_unsigned(json, "fetches_resumed", status->transfers.shards.resumed);
  swisd_json_member_unsigned(json, "fetches_shared", status->transfers.shards.shared);
  swisd_json_member_unsigned(json, "fetch_sources_lost", status->transfers.shards.sources_lost);
  swisd_json_member_unsigned(json, "shards_recalled", status->transfers.shards.recalled);
  swisd_json_member_unsigned(json, "disk_used_bytes", status->store.used_bytes);
  swisd_json_member_unsigned(json, "disk_cache_bytes", status->store.cache_bytes);
  swisd_json_member_unsigned(json, "disk_quota_bytes", status->store.quota_bytes);
  swisd_json_member_unsigned(json, "disk_free_bytes", status->store.free_bytes);
  swisd_json_member_unsigned(json, "disk_evicted", status->store.evicted);
  swisd_json_member_unsigned(json, "disk_full", status->transfers.disk_full);
  swisd_json_member_unsigned(json, "beacons_sent", status->beacon.sent);
  swisd_json_member_unsigned(json, "beacons_heard", status->beacon.received);
  swisd_json_member_unsigned(json, "availability_percent", status->availability_percent);
  swisd_json_member_string(json, "availability_why", status->availability_why[0] ? status->availability_why : NULL);
  swisd_json_member_unsigned(json, "fetches_damaged", status->transfers.damaged);
  swisd_json_member_unsigned(json, "fetches_failed", status->transfers.failed);
  swisd_json_member_unsigned(json, "bodies_fetched", status->transfers.bodies_fetched);
}

void swisd_snapshot_print(const struct swisd_snapshot *snapshot, struct swisd_json *json)
{
  char address[SWISD_ADDRESS_TEXT_BYTES];
  swisd_address_text(&snapshot->address, address);
  node_id(json, "id", snapshot->id);
  swisd_json_member_string(json, "name", snapshot->name);
  swisd_json_member_string(json, "class", snapshot->class_name);
  swisd_json_member_string(json, "address", address);
  swisd_json_member_string(json, "kernels", snapshot->kernels);
  swisd_json_member_unsigned(json, "uptime_ns", snapshot->status.uptime_ns);
  print_core(json, &snapshot->status);
  print_work(json, &snapshot->status);
  print_network(json, &snapshot->status);
  swisd_json_member_unsigned(json, "items_accepted", snapshot->totals.items_accepted);
  swisd_json_member_unsigned(json, "flops_accepted", snapshot->totals.value[SWISD_TRACE_TASK_ACCEPTED]);
  swisd_json_member_unsigned(json, "tasks_computed", snapshot->totals.count[SWISD_TRACE_TASK_COMPUTED]);
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
  swisd_json_member_boolean(&json, "ok", snapshot != NULL);
  if (snapshot)
    swisd_snapshot_print(snapshot, &json);
  else
    swisd_json_member_string(&json, "error", "out of memory");
  swisd_json_end(&json);
  swisd_json_finish(&json);
  swisd_snapshot_free(snapshot);
}
