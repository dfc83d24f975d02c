/* See metrics.h. Names follow Prometheus' conventions: a unit last, in base units; _total behind what only grows. */
#include "runtime/web/metrics.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static void head(FILE *out, const char *name, const char *type, const char *help)
{
  fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void counter(FILE *out, const char *name, const char *help, uint64_t value)
{
  head(out, name, "counter", help);
  fprintf(out, "%s %" PRIu64 "\n", name, value);
}

static void gauge(FILE *out, const char *name, const char *help, double value)
{
  head(out, name, "gauge", help);
  fprintf(out, "%s %.15g\n", name, value);
}

static void seconds_total(FILE *out, const char *name, const char *help, uint64_t ns)
{
  head(out, name, "counter", help);
  fprintf(out, "%s %.9f\n", name, (double)ns / 1e9);
}

/* A label's value: backslash, quote and line feed are escaped. */
static void label(FILE *out, const char *value)
{
  for (; *value; value++) {
    if (*value == '\\' || *value == '"')
      fputc('\\', out);
    fputs(*value == '\n' ? "\\n" : (char[]){*value, '\0'}, out);
  }
}

/* ---- the process ---- */

static void print_process(FILE *out)
{
  struct rusage usage;
  long pages = 0;
  FILE *statm = fopen("/proc/self/statm", "re");
  if (statm) {
    if (fscanf(statm, "%*d %ld", &pages) != 1)
      pages = 0;
    fclose(statm);
    gauge(out, "process_resident_memory_bytes", "Memory of the process that is in RAM.",
          (double)pages * (double)sysconf(_SC_PAGESIZE));
  }
  if (getrusage(RUSAGE_SELF, &usage) == 0) {
    head(out, "process_cpu_seconds_total", "counter", "CPU time of the process, user and system.");
    fprintf(out, "process_cpu_seconds_total %.6f\n",
            (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
              (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6);
  }
}

/* ---- the swarm ---- */

static void print_swarm(FILE *out, const struct swisd_snapshot *s)
{
  const struct swisd_node_status *node = &s->status.node;
  const struct swisd_ledger_totals *t = &s->totals;
  head(out, "swisd_members", "gauge", "Members this node knows, by state, without itself.");
  fprintf(out, "swisd_members{state=\"alive\"} %u\nswisd_members{state=\"suspect\"} %u\nswisd_members{state=\"dead\"} %u\n",
          node->members_alive, node->members_suspect, node->members_dead);
  head(out, "swisd_member_rtt_seconds", "gauge", "Smoothed round trip of probes, by member.");
  for (uint32_t m = 0; m < s->member_count; m++)
    if (s->members[m].rtt_ns && s->members[m].state <= SWISD_MEMBER_SUSPECT)
      fprintf(out, "swisd_member_rtt_seconds{member=\"%016" PRIx64 "%016" PRIx64 "\"} %.9f\n", s->members[m].id.hi,
              s->members[m].id.lo, (double)s->members[m].rtt_ns / 1e9);
  gauge(out, "swisd_local_health", "Lifeguard's local health: 0 is healthy, more means this node hears late.",
        node->local_health);
  gauge(out, "swisd_incarnation", "Incarnation of this node: raised by each start and each refuted suspicion.",
        node->incarnation);
  counter(out, "swisd_members_suspected_total", "Times a member became suspect.", t->count[SWISD_TRACE_MEMBER_SUSPECT]);
  counter(out, "swisd_members_died_total", "Times a member was declared dead.", t->count[SWISD_TRACE_MEMBER_DEAD]);
  counter(out, "swisd_members_joined_total", "Times a member came (back) to life.", t->count[SWISD_TRACE_MEMBER_ALIVE]);
  counter(out, "swisd_probes_failed_total", "Probes that nobody answered in time.", t->count[SWISD_TRACE_PROBE_FAILED]);
  counter(out, "swisd_refutations_total", "Suspicions of itself that this node refuted.", t->count[SWISD_TRACE_REFUTED]);
}

static void shard_labels(FILE *out, const char *name, const struct swisd_snapshot_model *model,
                         const struct swisd_view_shard *shard)
{
  fprintf(out, "%s{model=\"", name);
  if (model->name[0])
    label(out, model->name);
  else
    fprintf(out, "%016" PRIx64, model->id);
  fprintf(out, "\",shard=\"%016" PRIx64 "\"} ", shard->id);
}

static void print_shards(FILE *out, const struct swisd_snapshot *s)
{
  const struct swisd_ledger_totals *t = &s->totals;
  gauge(out, "swisd_shards_held", "Shards this node holds and advertises.", s->status.node.holdings);
  gauge(out, "swisd_model_memory_bytes", "Packed weights and session state in memory.", (double)s->status.model_memory_bytes);
  head(out, "swisd_shard_holders", "gauge", "Working members that are up and hold the shard.");
  for (uint32_t m = 0; m < s->model_count; m++)
    for (uint32_t i = 0; i < s->models[m].shard_count; i++) {
      shard_labels(out, "swisd_shard_holders", &s->models[m], &s->models[m].shards[i]);
      fprintf(out, "%u\n", s->models[m].shards[i].holders);
    }
  head(out, "swisd_shard_coverage_items_per_second", "gauge", "Items of the shard its holders could do per second, together.");
  for (uint32_t m = 0; m < s->model_count; m++)
    for (uint32_t i = 0; i < s->models[m].shard_count; i++) {
      shard_labels(out, "swisd_shard_coverage_items_per_second", &s->models[m], &s->models[m].shards[i]);
      fprintf(out, "%.6g\n", s->models[m].shards[i].items_per_s);
    }
  counter(out, "swisd_shards_fetched_total", "Shards fetched from others.", s->status.transfers.shards_fetched);
  counter(out, "swisd_shards_served_total", "Shards given to others.", s->status.serving.shards);
  counter(out, "swisd_shards_dropped_total", "Shards given up.", t->count[SWISD_TRACE_SHARD_DROPPED]);
  counter(out, "swisd_shard_fetches_failed_total", "Fetches of shards that failed.", t->count[SWISD_TRACE_SHARD_FAILED]);
  counter(out, "swisd_fetches_damaged_total", "Transfers whose digest did not match.", s->status.transfers.damaged);
}

/* ---- work ---- */

static void print_submitter(FILE *out, const struct swisd_snapshot *s)
{
  static const struct {
    const char *name, *help, *class;
    enum swisd_trace_kind kind;
  } kinds[] = {
    {"swisd_tasks_issued_total", "Tasks given to a worker for the first time, for jobs of this node.", "issued",
     SWISD_TRACE_TASK_ISSUED},
    {"swisd_tasks_hedged_total", "Copies given because the first worker was overdue.", "hedged", SWISD_TRACE_TASK_HEDGED},
    {"swisd_tasks_reissued_total", "Tasks given once more because their worker was gone, refused or was wrong.", "reissued",
     SWISD_TRACE_TASK_REISSUED},
    {"swisd_tasks_accepted_total", "Results accepted, each item exactly once.", "accepted", SWISD_TRACE_TASK_ACCEPTED},
    {"swisd_tasks_duplicate_total", "Results that another copy had been faster with.", "duplicate", SWISD_TRACE_TASK_DUPLICATE},
    {"swisd_tasks_lost_total", "Tasks that went away with their worker.", "lost", SWISD_TRACE_TASK_LOST},
    {"swisd_tasks_rejected_total", "Results that failed verification.", "rejected", SWISD_TRACE_TASK_REJECTED},
    {"swisd_tasks_cancelled_total", "Tasks whose result was no longer wanted.", "cancelled", SWISD_TRACE_TASK_CANCELLED},
    {"swisd_tasks_replayed_total", "Accepted tasks done again because their output was lost.", "replayed",
     SWISD_TRACE_TASK_REPLAYED},
  };
  const struct swisd_ledger_totals *t = &s->totals;
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
    counter(out, kinds[i].name, kinds[i].help, t->count[kinds[i].kind]);
  head(out, "swisd_task_flops_total", "counter", "Work of those tasks, in floating-point operations, by what became of it.");
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
    fprintf(out, "swisd_task_flops_total{class=\"%s\"} %" PRIu64 "\n", kinds[i].class, t->value[kinds[i].kind]);
  counter(out, "swisd_items_accepted_total", "Items accepted, summed over all steps and lanes.", t->items_accepted);
  counter(out, "swisd_tasks_nacked_total", "Tasks that a worker turned down.", t->count[SWISD_TRACE_TASK_NACKED]);
  counter(out, "swisd_workers_overdue_total", "Times a worker was late by its own history.",
          t->count[SWISD_TRACE_WORKER_OVERDUE]);
  counter(out, "swisd_workers_gone_total", "Times a worker with work of this node went away.", t->count[SWISD_TRACE_WORKER_GONE]);
  counter(out, "swisd_sessions_moved_total", "Times a step with state got a new worker.", t->count[SWISD_TRACE_SESSION_MOVED]);
  counter(out, "swisd_jobs_submitted_total", "Jobs submitted on this node.", t->count[SWISD_TRACE_JOB_SUBMITTED]);
  counter(out, "swisd_jobs_answered_total", "Of these, answered whole.", t->count[SWISD_TRACE_JOB_ANSWERED]);
  counter(out, "swisd_jobs_failed_total", "Of these, failed or withdrawn.", t->count[SWISD_TRACE_JOB_FAILED]);
  head(out, "swisd_jobs", "gauge", "Jobs that run now: of this node, and of others that it serves.");
  fprintf(out, "swisd_jobs{side=\"own\"} %u\nswisd_jobs{side=\"served\"} %u\n", s->status.node.jobs, s->status.node.open_jobs);
}

static void print_worker(FILE *out, const struct swisd_snapshot *s)
{
  const struct swisd_ledger_totals *t = &s->totals;
  head(out, "swisd_kernel_flops_per_second", "gauge", "Speed of this node by class of arithmetic, as measured.");
  for (int k = 0; k < SWISD_KERNEL_COUNT; k++)
    fprintf(out, "swisd_kernel_flops_per_second{kernel=\"%s\"} %" PRIu64 "\n", swisd_kernel_class_name(k), s->flops_per_s[k]);
  counter(out, "swisd_worker_tasks_queued_total", "Tasks of others (and own ones) taken in here.",
          t->count[SWISD_TRACE_TASK_QUEUED]);
  counter(out, "swisd_worker_tasks_started_total", "Of these, started.", t->count[SWISD_TRACE_TASK_STARTED]);
  counter(out, "swisd_worker_tasks_computed_total", "Of these, computed.", t->count[SWISD_TRACE_TASK_COMPUTED]);
  counter(out, "swisd_worker_tasks_refused_total", "Tasks turned down here, for whatever reason.",
          t->count[SWISD_TRACE_TASK_REFUSED]);
  counter(out, "swisd_worker_tasks_refused_busy_total", "Of these, because the queue was full.", t->refused_busy);
  seconds_total(out, "swisd_worker_compute_seconds_total", "Time spent computing tasks.", t->value[SWISD_TRACE_TASK_COMPUTED]);
  counter(out, "swisd_worker_leases_expired_total", "Jobs forgotten because their submitter fell silent.",
          t->count[SWISD_TRACE_JOB_EXPIRED]);
  gauge(out, "swisd_worker_queue_tasks", "Tasks queued here now.", s->status.node.queued);
  gauge(out, "swisd_worker_running_tasks", "Tasks being computed here now.", s->status.node.computing);
  gauge(out, "swisd_worker_queue_seconds", "What the queue should take at this node's speed.",
        (double)s->status.node.queue_ns / 1e9);
  gauge(out, "swisd_worker_outputs", "Results kept here for later steps.", s->status.node.outputs);
  counter(out, "swisd_programs_completed_total", "Programs of worker threads that ended.", s->status.workers.completed);
  counter(out, "swisd_programs_cancelled_total", "Programs that were cancelled.", s->status.workers.cancelled);
  seconds_total(out, "swisd_busy_seconds_total", "Time worker threads were taken, being held back included.",
                s->status.workers.busy_ns);
  seconds_total(out, "swisd_overrun_seconds_total", "Time worker threads took beyond what the emulated class would have.",
                s->status.workers.overrun_ns);
}

/* ---- the network and the rest ---- */

static void print_network(FILE *out, const struct swisd_snapshot *s)
{
  const struct swisd_links_status *links = &s->status.links;
  const struct swisd_datagrams_status *datagrams = &s->status.datagrams;
  uint64_t bad = 0;
  for (int i = 0; i < SWISD_WIRE_STATUS_COUNT; i++)
    bad += datagrams->bad[i];
  gauge(out, "swisd_streams", "Streams to other nodes that stand.", links->streams.open);
  counter(out, "swisd_stream_sent_bytes_total", "Bytes sent on streams.", links->streams.bytes_sent);
  counter(out, "swisd_stream_received_bytes_total", "Bytes received on streams.", links->streams.bytes_received);
  counter(out, "swisd_messages_sent_total", "Messages sent on streams.", links->messages_sent);
  counter(out, "swisd_messages_received_total", "Messages received on streams.", links->messages_received);
  counter(out, "swisd_messages_dropped_total", "Messages that could not be queued.", links->messages_dropped);
  counter(out, "swisd_messages_bad_total", "Messages refused as malformed.", links->messages_bad);
  counter(out, "swisd_frames_bad_total", "Frames refused as malformed.", links->streams.frames_bad);
  counter(out, "swisd_connections_refused_total", "Connections refused: no key, wrong version, no greeting in time.",
          links->refused);
  counter(out, "swisd_connections_over_quota_total", "Connections closed before TLS, because too many came from one address.",
          links->over_quota);
  counter(out, "swisd_messages_limited_total", "Messages of which a peer sent more than it may.", links->messages_limited);
  counter(out, "swisd_dials_failed_total", "Connections that could not be made.", links->dial_failed);
  counter(out, "swisd_body_sent_bytes_total", "Bytes of bodies sent.", links->body_bytes_sent);
  counter(out, "swisd_body_received_bytes_total", "Bytes of bodies received.", links->body_bytes_received);
  counter(out, "swisd_bodies_refused_total", "Bodies beyond grants or quota.", links->bodies_refused);
  counter(out, "swisd_datagrams_sent_total", "Datagrams sent.", datagrams->sent);
  counter(out, "swisd_datagrams_received_total", "Datagrams received.", datagrams->received);
  counter(out, "swisd_datagram_sent_bytes_total", "Bytes of datagrams sent.", datagrams->bytes_sent);
  counter(out, "swisd_datagram_received_bytes_total", "Bytes of datagrams received.", datagrams->bytes_received);
  counter(out, "swisd_datagrams_forged_total", "Datagrams whose seal does not fit.", datagrams->forged);
  counter(out, "swisd_datagrams_replayed_total", "Datagrams that had come before.", datagrams->replayed);
  counter(out, "swisd_datagrams_strange_total", "Datagrams sealed with a key that is not known here.", datagrams->strange);
  counter(out, "swisd_datagrams_other_key_total", "First contacts of nodes with another join key.", datagrams->other_key);
  counter(out, "swisd_datagrams_limited_total", "Datagrams of which a peer sent more than it may.", datagrams->limited);
  counter(out, "swisd_records_forged_total", "Membership records whose signature does not fit.", s->status.records.forged);
  counter(out, "swisd_datagrams_bad_total", "Datagrams refused as malformed.", bad);
}

static void print_rest(FILE *out, const struct swisd_snapshot *s, const struct swisd_http_status *http)
{
  head(out, "swisd_table_full_total", "counter", "Newcomers refused because a table of the core was full.");
  for (int i = 1; i < SWISD_TABLE_COUNT; i++)
    fprintf(out, "swisd_table_full_total{table=\"%s\"} %" PRIu64 "\n", swisd_snapshot_table_name(i),
            s->status.node.table_full[i]);
  gauge(out, "swisd_disk_used_bytes", "Shards held and cached on disk.", (double)s->status.store.used_bytes);
  gauge(out, "swisd_disk_cache_bytes", "Of these, what may go.", (double)s->status.store.cache_bytes);
  gauge(out, "swisd_disk_quota_bytes", "The most they may take; 0: no bound.", (double)s->status.store.quota_bytes);
  gauge(out, "swisd_disk_free_bytes", "Room on the file system.", (double)s->status.store.free_bytes);
  gauge(out, "swisd_disk_full", "1 when the last shard did not fit, so that nothing is fetched.", s->status.transfers.disk_full);
  gauge(out, "swisd_availability_ratio", "Share of the device that is used: below 1 when a rule lets it rest.",
        s->status.availability_percent / 100.0);
  gauge(out, "swisd_body_bytes", "Bodies held: inputs, results on their way.", (double)s->status.bodies.used_bytes);
  gauge(out, "swisd_body_peak_bytes", "The most that was ever held.", (double)s->status.bodies.peak_bytes);
  counter(out, "swisd_bodies_over_quota_total", "Bodies refused for lack of room.", s->status.bodies.refused);
  counter(out, "swisd_steps_total", "Steps of the core.", s->status.steps);
  counter(out, "swisd_resumed_total", "Times the loop had stood still: a closed lid, a stopped process.", s->status.resumed);
  counter(out, "swisd_traces_dropped_total", "Traces that did not fit their step, so that counters above miss them.",
          s->totals.traces_dropped);
  gauge(out, "swisd_http_connections", "Connections to this page that are open.", http->connections);
  gauge(out, "swisd_http_streams", "Of these, live pages.", http->streams);
  counter(out, "swisd_http_replies_total", "Requests replied to.", http->replied);
  counter(out, "swisd_http_refused_total", "Of these, with a status of 400 and more; and connections without room.",
          http->refused);
  counter(out, "swisd_http_slow_total", "Connections closed for being slow, or that gave way before they had asked.",
          http->timed_out + http->evicted);
}

void swisd_metrics_print(FILE *out, const struct swisd_snapshot *snapshot, const struct swisd_http_status *http)
{
  head(out, "swisd_node_info", "gauge", "Always 1; its labels say which node this is.");
  fprintf(out, "swisd_node_info{id=\"%016" PRIx64 "%016" PRIx64 "\",name=\"", snapshot->id.hi, snapshot->id.lo);
  label(out, snapshot->name ? snapshot->name : "");
  fprintf(out, "\",class=\"");
  label(out, snapshot->class_name ? snapshot->class_name : "");
  fprintf(out, "\",kernels=\"");
  label(out, snapshot->kernels);
  fprintf(out, "\"} 1\n");
  gauge(out, "swisd_uptime_seconds", "Since this node was started.", (double)snapshot->status.uptime_ns / 1e9);
  print_process(out);
  print_swarm(out, snapshot);
  print_shards(out, snapshot);
  print_submitter(out, snapshot);
  print_worker(out, snapshot);
  print_network(out, snapshot);
  print_rest(out, snapshot, http);
}
