/* `swisd explain`: of one job, which workers got what and why, what was copied, lost, rejected and moved, and what it waits for
 * now. All of it comes from the ledger and from a look into the core at this moment. */
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "runtime/base/json.h"
#include "runtime/net/clock.h"
#include "runtime/net/control_internal.h"
#include "runtime/net/identity.h"
#include "runtime/net/peer_internal.h"
#include "runtime/net/snapshot.h"
#include "runtime/net/socket_address.h"
#include "runtime/wire/trace_text.h"

enum { DECISIONS_SHOWN = 24, EVENTS_SHOWN = 40, UNDER_WAY_SHOWN = 64, SENTENCE_BYTES = 320 };

/* What the pages of an explanation share. */
struct explanation {
  struct swisd_json json;
  const struct swisd_peer *peer;
  const struct swisd_ledger_job *job;
  const struct swisd_model *model; /* NULL: its manifest is not here */
  uint64_t now_ns;
};

static void node_id(struct swisd_json *json, const char *key, struct swisd_id id)
{
  char name[33];
  swisd_id_text(id, name);
  swisd_json_member_string(json, key, name);
}

/* Nanoseconds from now; negative: it should have been. */
static void due(struct explanation *e, const char *key, uint64_t at_ns)
{
  swisd_json_key(&e->json, key);
  swisd_json_integer(&e->json, (int64_t)(at_ns - e->now_ns));
}

static const char *step_name(const struct explanation *e, uint32_t step, char scratch[16])
{
  if (e->model && step < e->model->step_count && e->model->steps[step].name[0])
    return e->model->steps[step].name;
  snprintf(scratch, 16, "step %u", step);
  return scratch;
}

static void print_key(struct explanation *e, const struct swisd_task_key *key)
{
  char scratch[16];
  swisd_json_member_string(&e->json, "step", step_name(e, key->step, scratch));
  swisd_json_member_unsigned(&e->json, "lane", key->lane);
  swisd_json_member_unsigned(&e->json, "lo", key->lo);
  swisd_json_member_unsigned(&e->json, "hi", key->hi);
}

/* ---- who did what ---- */

static void print_worker(struct explanation *e, const struct swisd_ledger_worker *worker)
{
  struct swisd_json *json = &e->json;
  struct swisd_member_view member;
  swisd_json_object(json);
  if (!swisd_id_is_zero(worker->id)) {
    node_id(json, "id", worker->id);
    if (swisd_node_find_member(e->peer->node, worker->id, &member)) {
      char address[SWISD_ADDRESS_TEXT_BYTES];
      swisd_json_member_string(json, "state", swisd_member_state_name(member.state));
      if (member.record->address_count) {
        swisd_address_text(&member.record->addresses[0], address);
        swisd_json_member_string(json, "address", address);
      }
    }
  }
  swisd_json_member_unsigned(json, "issued", worker->issued);
  swisd_json_member_unsigned(json, "hedged", worker->hedged);
  swisd_json_member_unsigned(json, "reissued", worker->reissued);
  swisd_json_member_unsigned(json, "accepted", worker->accepted);
  swisd_json_member_unsigned(json, "accepted_items", worker->accepted_items);
  swisd_json_member_unsigned(json, "accepted_flops", worker->accepted_flops);
  swisd_json_member_unsigned(json, "duplicate", worker->duplicate);
  swisd_json_member_unsigned(json, "lost", worker->lost);
  swisd_json_member_unsigned(json, "rejected", worker->rejected);
  swisd_json_member_unsigned(json, "cancelled", worker->cancelled);
  swisd_json_member_unsigned(json, "replayed", worker->replayed);
  swisd_json_member_unsigned(json, "busy", worker->busy);
  swisd_json_member_unsigned(json, "refused", worker->refused);
  swisd_json_member_unsigned(json, "sessions", worker->sessions);
  swisd_json_member_unsigned(json, "queued", worker->queued);
  swisd_json_member_unsigned(json, "computed", worker->computed);
  swisd_json_member_unsigned(json, "computed_ns", worker->computed_ns);
  due(e, "last_ns", worker->last_ns);
  swisd_json_end(json);
}

static void print_workers(struct explanation *e)
{
  static const struct swisd_ledger_worker nothing;
  swisd_json_key(&e->json, "workers");
  swisd_json_array(&e->json);
  for (uint32_t w = 0; w < e->job->worker_count; w++)
    print_worker(e, &e->job->workers[w]);
  if (memcmp(&e->job->others, &nothing, sizeof nothing) != 0)
    print_worker(e, &e->job->others);
  swisd_json_end(&e->json);
}

/* ---- why ---- */

static void print_decisions(struct explanation *e)
{
  static const char *const reasons[] = {"", "asked", "overdue", "lost", "pinned"};
  static const char *const obstacles[] = {"", "busy", "not here", "suspect", "overdue", "blocked", "later"};
  struct swisd_json *json = &e->json;
  swisd_json_key(json, "decisions");
  swisd_json_array(json);
  uint32_t cursor = 0, shown = 0;
  const struct swisd_ledger_decision *decision;
  while (shown++ < DECISIONS_SHOWN && (decision = swisd_ledger_decision(e->peer->ledger, e->job->id, &cursor)) != NULL) {
    swisd_json_object(json);
    due(e, "at_ns", decision->time_ns);
    node_id(json, "worker", decision->worker);
    print_key(e, &decision->key);
    swisd_json_member_string(json, "reason", reasons[decision->reason]);
    if (!swisd_id_is_zero(decision->instead_of))
      node_id(json, "instead_of", decision->instead_of);
    if (decision->due_ns)
      swisd_json_member_unsigned(json, "expected_ns", decision->due_ns - decision->time_ns);
    swisd_json_member_unsigned(json, "ready_items", decision->ready_items);
    swisd_json_member_unsigned(json, "holders", decision->holders);
    swisd_json_key(json, "others");
    swisd_json_array(json);
    for (uint32_t a = 0; a < decision->alternative_count && a < SWISD_LEDGER_ALTERNATIVES_MAX; a++) {
      const struct swisd_ledger_alternative *other = &decision->alternatives[a];
      swisd_json_object(json);
      node_id(json, "id", other->id);
      swisd_json_member_string(json, "not_because", obstacles[other->obstacle]);
      if (other->free_at_ns > decision->time_ns)
        swisd_json_member_unsigned(json, "free_after_ns", other->free_at_ns - decision->time_ns);
      swisd_json_end(json);
    }
    swisd_json_end(json);
    swisd_json_end(json);
  }
  swisd_json_end(json);
}

static void print_events(struct explanation *e)
{
  struct swisd_json *json = &e->json;
  swisd_json_key(json, "events");
  swisd_json_array(json);
  uint32_t cursor = 0, shown = 0;
  const struct swisd_trace *event;
  while (shown++ < EVENTS_SHOWN && (event = swisd_ledger_event(e->peer->ledger, e->job->id, &cursor)) != NULL) {
    char line[SWISD_TRACE_TEXT_BYTES_MAX];
    swisd_trace_text(event, e->peer->identity.id, NULL, line, sizeof line);
    const char *what = strstr(line, "> "); /* behind the time and this node's own name */
    swisd_json_object(json);
    due(e, "at_ns", event->time_ns);
    swisd_json_member_string(json, "kind", swisd_trace_kind_info(event->kind)->name);
    if (swisd_trace_kind_info(event->kind)->columns & SWISD_TRACE_HAS_TASK)
      print_key(e, &event->key);
    if (!swisd_id_is_zero(event->peer))
      node_id(json, "worker", event->peer);
    swisd_json_member_string(json, "text", what ? what + 2 : line);
    swisd_json_end(json);
  }
  swisd_json_end(json);
}

/* ---- now ---- */

static void print_under_way(struct explanation *e)
{
  struct swisd_json *json = &e->json;
  struct swisd_view_issue issue;
  uint32_t shown = 0;
  swisd_json_key(json, "under_way");
  swisd_json_array(json);
  for (uint32_t i = 0; shown < UNDER_WAY_SHOWN && swisd_view_issue(e->peer->node, i, &issue); i++) {
    if (swisd_id_is_zero(issue.worker) || !swisd_job_id_equal(issue.key.job, e->job->id))
      continue;
    shown++;
    swisd_json_object(json);
    node_id(json, "worker", issue.worker);
    print_key(e, &issue.key);
    swisd_json_member_unsigned(json, "since_ns", e->now_ns - issue.issued_ns);
    due(e, "due_in_ns", issue.due_ns);
    swisd_json_member_boolean(json, "copy", issue.hedge);
    swisd_json_member_boolean(json, "copies_wanted", issue.rescued);
    swisd_json_member_boolean(json, "unwanted", issue.cancelled);
    swisd_json_end(json);
  }
  swisd_json_end(json);
}

/* Of the workers that hold a lane's shard and are here: how many have work of ours, how many may not get any now. */
struct readiness {
  uint32_t here, working, overdue, blocked;
};

static struct readiness readiness_of(const struct explanation *e, uint32_t slot, uint32_t lane_index)
{
  struct readiness out = {0};
  struct swisd_view_partner partner;
  for (uint32_t p = 0; swisd_view_partner(e->peer->node, p, &partner); p++) {
    if (swisd_id_is_zero(partner.id) || !partner.here || !swisd_view_holds(e->peer->node, p, slot, lane_index))
      continue;
    out.here++;
    out.working += partner.issues > 0;
    out.overdue += partner.overdue || partner.suspect;
    out.blocked += partner.blocked_until_ns > e->now_ns;
  }
  return out;
}

/* A sentence in the making: parts between semicolons. */
struct sentence {
  char text[SENTENCE_BYTES];
  size_t used;
  bool begun; /* it has a part */
};

__attribute__((format(printf, 2, 3))) static void add_part(struct sentence *sentence, const char *format, ...)
{
  va_list arguments;
  va_start(arguments, format);
  const size_t room = sizeof sentence->text - sentence->used;
  const int head = snprintf(sentence->text + sentence->used, room, "%s", sentence->begun ? "; " : "");
  sentence->used += head > 0 && (size_t)head < room ? (size_t)head : 0;
  const size_t rest = sizeof sentence->text - sentence->used;
  const int body = vsnprintf(sentence->text + sentence->used, rest, format, arguments);
  sentence->used += body < 0 ? 0 : (size_t)body < rest ? (size_t)body : rest - 1;
  sentence->begun = true;
  va_end(arguments);
}

static void explain_lane(struct explanation *e, uint32_t slot, const struct swisd_view_job *job, uint32_t index,
                         const struct swisd_view_lane *lane)
{
  if (lane->accepted >= job->items)
    return;
  char scratch[16];
  struct sentence sentence = {0};
  const struct readiness workers = readiness_of(e, slot, index);
  add_part(&sentence, "%s lane %u: ", step_name(e, lane->step, scratch), lane->lane);
  sentence.begun = false;
  if (workers.here == 0) {
    add_part(&sentence, "nobody who is here holds its shard %016" PRIx64, lane->shard);
    if (job->orphan_fails_ns != SWISD_NEVER && job->orphan_fails_ns > e->now_ns)
      add_part(&sentence, "the job fails in %.0f s if that stays so", (double)(job->orphan_fails_ns - e->now_ns) / 1e9);
  }
  if (lane->issued)
    add_part(&sentence, "%" PRIu64 " items are under way", lane->issued);
  if (lane->wanted)
    add_part(&sentence, "of %" PRIu64 " copies are wanted, their worker being late or gone", lane->wanted);
  if (lane->ready && workers.here)
    add_part(&sentence, "%" PRIu64 " are ready for whoever asks (of %u holders here %u are busy, %u late, %u refusing)",
             lane->ready, workers.here, workers.working, workers.overdue, workers.blocked);
  if (lane->checking)
    add_part(&sentence, "results of %" PRIu64 " are being checked or written here", lane->checking);
  const uint64_t known = lane->accepted + lane->ready + lane->issued + lane->checking;
  if (job->items > known)
    add_part(&sentence, "%" PRIu64 " wait for their inputs", job->items - known);
  swisd_json_string(&e->json, sentence.text);
}

static void print_waits(struct explanation *e, uint32_t slot, const struct swisd_view_job *job)
{
  struct swisd_json *json = &e->json;
  swisd_json_key(json, "waits_for");
  swisd_json_array(json);
  struct swisd_view_lane lane;
  for (uint32_t l = 0; job->open && swisd_view_lane(e->peer->node, slot, l, &lane); l++)
    explain_lane(e, slot, job, l, &lane);
  if (job->open && !job->last && job->account.items_answered >= job->items)
    swisd_json_string(json, "more input: all that came is answered, and the submitter has not said that it was the last");
  if (job->open && job->starved)
    swisd_json_string(json, "room: this node's tables are too small for all that could run at once");
  swisd_json_end(json);
}

static bool find_open_job(const struct explanation *e, uint32_t *slot, struct swisd_view_job *job)
{
  for (*slot = 0; swisd_view_job(e->peer->node, *slot, job); ++*slot)
    if (job->number && swisd_job_id_equal(job->id, e->job->id))
      return true;
  memset(job, 0, sizeof *job);
  return false;
}

static bool find_served_job(const struct explanation *e, struct swisd_view_served *served)
{
  for (uint32_t s = 0; swisd_view_served(e->peer->node, s, served); s++)
    if (!swisd_id_is_zero(served->id.submitter) && swisd_job_id_equal(served->id, e->job->id))
      return true;
  memset(served, 0, sizeof *served);
  return false;
}

static void print_job(struct explanation *e)
{
  struct swisd_json *json = &e->json;
  char name[SWISD_JOB_NAME_BYTES];
  uint32_t slot;
  struct swisd_view_job job;
  struct swisd_view_served served;
  const bool known = find_open_job(e, &slot, &job), is_served = find_served_job(e, &served);
  const struct swisd_snapshot_past past = {.running = e->job->own ? e->job->outcome == SWISD_LEDGER_OPEN : is_served,
                                           .outcome = e->job->outcome};
  e->model = swisd_models_find(e->peer->models, known ? job.model : served.model);
  swisd_job_name(e->job->id, name);
  swisd_json_member_string(json, "job", name);
  swisd_json_member_boolean(json, "own", e->job->own);
  node_id(json, "submitter", e->job->id.submitter);
  swisd_json_member_string(json, "outcome", swisd_ledger_outcome_name(&past));
  if (past.outcome == SWISD_LEDGER_FAILED)
    swisd_json_member_string(json, "reason", swisd_status_name(e->job->failure));
  if (e->model)
    swisd_json_member_string(json, "model", e->model->name);
  swisd_json_member_unsigned(json, "age_ns", e->now_ns - e->job->start_ns);
  swisd_json_member_unsigned(json, "elapsed_ns", (past.running ? e->now_ns : e->job->end_ns) - e->job->start_ns);
  if (known) {
    swisd_json_member_unsigned(json, "items", job.items);
    swisd_json_member_unsigned(json, "items_answered", job.account.items_answered);
  }
  print_workers(e);
  if (known)
    print_waits(e, slot, &job);
  print_under_way(e);
  print_decisions(e);
  print_events(e);
}

/* ---- which job ---- */

/* The job that `wanted` names or begins; empty: the latest own one that runs, or the latest. NULL with `error`. */
static const struct swisd_ledger_job *choose(const struct swisd_ledger *ledger, const char *wanted, struct swisd_error *error)
{
  const struct swisd_ledger_job *found = NULL;
  for (uint32_t j = 0; j < SWISD_LEDGER_JOBS_MAX; j++) {
    const struct swisd_ledger_job *job = swisd_ledger_job(ledger, j);
    char name[SWISD_JOB_NAME_BYTES];
    swisd_job_name(job->id, name);
    if (swisd_id_is_zero(job->id.submitter) || strncmp(name, wanted, strlen(wanted)) != 0)
      continue;
    if (strcmp(name, wanted) == 0)
      return job;
    if (found && wanted[0]) {
      swisd_error_set(error, "more than one job begins with %s: swisd explain without a name lists them", wanted);
      return NULL;
    }
    const bool better = !found || (job->own && !found->own) || (job->own == found->own && job->start_ns > found->start_ns);
    found = better ? job : found;
  }
  if (!found && wanted[0])
    swisd_error_set(error, "this node knows of no job %s: swisd explain without a name lists those it knows", wanted);
  else if (!found)
    swisd_error_set(error, "this node has seen no job yet");
  return found;
}

int swisd_control_print_explanation(struct swisd_peer *peer, const char *wanted, FILE *out, struct swisd_error *error)
{
  struct explanation e = {.peer = peer, .now_ns = swisd_clock_now_ns()};
  e.job = choose(peer->ledger, wanted, error);
  if (!e.job)
    return -1;
  swisd_json_start(&e.json, out, false);
  swisd_json_object(&e.json);
  swisd_json_member_boolean(&e.json, "ok", true);
  print_job(&e);
  swisd_json_end(&e.json);
  swisd_json_finish(&e.json);
  return 0;
}
