/* COMPUTE: a program takes flops / class speed of a simulated slot; what it makes is made at its end (simprogram.c).
 * Checking and committing at a node that has no class (a submitter) goes by a speed of its own and takes no slot. */
#include <stdlib.h>
#include <string.h>

#include "runtime/core/panic.h"
#include "sim/simdriver_internal.h"

/* Waking a thread and telling the loop: what a program costs besides its arithmetic. */
#define OVERHEAD_S 50e-6
/* Of submitters, whose class a scenario does not say: that of an old laptop. Only checks are charged with it. */
#define SUBMITTER_FLOPS_PER_S 30e9
/* Copying rows. */
#define COMMIT_BYTES_PER_S 2e9

static void discard(struct swisd_sim_computing *c)
{
  for (uint32_t i = 0; i < c->action.source_count; i++)
    swisd_sim_blob_drop(c->sources[i]);
  free(c);
}

static struct swisd_sim_computing **link_of(struct swisd_sim_device *device, uint32_t ticket)
{
  struct swisd_sim_computing **link = &device->computing;
  while (*link != NULL && (*link)->action.ticket != ticket)
    link = &(*link)->next;
  return link;
}

static double seconds_of(const struct swisd_sim_device *device, const struct swisd_sim_computing *c)
{
  const struct swisd_action_compute *a = &c->action;
  if (a->program == SWISD_PROGRAM_CONCAT)
    return OVERHEAD_S + (double)a->out_bytes / COMMIT_BYTES_PER_S;
  if (a->program == SWISD_PROGRAM_COMMIT)
    return OVERHEAD_S + (c->sources[0] == NULL ? 0 : (double)c->sources[0]->bytes / COMMIT_BYTES_PER_S);
  const double speed = device->device_class == NULL
                         ? SUBMITTER_FLOPS_PER_S
                         : device->flops_per_s[a->kernel % SWISD_KERNEL_COUNT] / device->config.compute_slots;
  return OVERHEAD_S + (double)a->flops / speed;
}

void swisd_simcompute_start(struct swisd_simdriver *d, uint32_t node, const struct swisd_action_compute *action)
{
  struct swisd_sim_device *device = &d->devices[node];
  SWISD_ASSERT(action->ticket != 0 && *link_of(device, action->ticket) == NULL);
  struct swisd_sim_computing *c = malloc(sizeof *c);
  SWISD_ASSERT(c != NULL);
  c->operation = (struct swisd_sim_operation){.kind = SWISD_SIM_COMPUTING};
  c->action = *action;
  c->started_ns = swisd_simdriver_now(d);
  c->cancelled = false;
  c->next = device->computing;
  device->computing = c;
  for (uint32_t i = 0; i < action->source_count; i++) {
    struct swisd_sim_blob *blob = swisd_sim_bodies_find(&device->bodies, action->sources[i].body);
    SWISD_ASSERT(blob != NULL);
    c->sources[i] = swisd_sim_blob_keep(blob);
  }
  const double duration_s = seconds_of(device, c);
  if (action->program != SWISD_PROGRAM_RUN) {
    swisd_simdriver_at(d, c->started_ns + (uint64_t)(duration_s * device->slow * 1e9), SWISD_SIM_COMPUTED, node, node,
                       action->ticket);
    return;
  }
  const struct swisd_runlog_key key = swisd_simreport_key(d, &action->key);
  swisd_runlog_task_start(d->log, node, &key, swisd_simdriver_since(d, c->started_ns), (double)action->flops);
  c->operation.job = swisd_sim_compute(d->sim, node, duration_s);
  c->operation.job->operation = &c->operation;
}

/* Takes it off the list and tells the node. */
static void end(struct swisd_simdriver *d, uint32_t node, struct swisd_sim_computing *c)
{
  struct swisd_sim_device *device = &d->devices[node];
  *link_of(device, c->action.ticket) = c->next;
  struct swisd_event event = {.kind = SWISD_EVENT_COMPUTED};
  struct swisd_event_computed *out = &event.u.computed;
  out->ticket = c->action.ticket;
  out->elapsed_ns = swisd_simdriver_now(d) - c->started_ns;
  if (c->action.program == SWISD_PROGRAM_RUN) {
    const struct swisd_runlog_key key = swisd_simreport_key(d, &c->action.key);
    swisd_runlog_task_end(d->log, node, &key, swisd_simdriver_since(d, swisd_simdriver_now(d)));
  }
  if (c->cancelled)
    out->status = SWISD_ERROR_CANCELLED;
  else
    swisd_simprogram_run(d, node, c, out);
  discard(c);
  swisd_simdriver_step(d, node, &event);
}

void swisd_simcompute_ended(struct swisd_simdriver *d, uint32_t node, struct swisd_sim_computing *computing)
{
  computing->operation.job = NULL;
  end(d, node, computing);
}

void swisd_simcompute_quick(struct swisd_simdriver *d, uint32_t node, uint32_t ticket)
{
  struct swisd_sim_computing *c = *link_of(&d->devices[node], ticket);
  if (c != NULL)
    end(d, node, c);
}

/* Ends at once: a device does not wait with an answer that is not wanted (the lab's withheld ones neither). */
bool swisd_simcompute_cancel(struct swisd_simdriver *d, uint32_t node, uint32_t ticket)
{
  struct swisd_sim_computing *c = *link_of(&d->devices[node], ticket);
  if (c == NULL)
    return false;
  if (c->cancelled || c->operation.job == NULL)
    return true; /* what is short runs to its end */
  c->cancelled = true;
  swisd_sim_cancel(d->sim, c->operation.job);
  c->operation.job = NULL;
  swisd_simdriver_at(d, swisd_simdriver_now(d), SWISD_SIM_COMPUTED, node, node, ticket);
  return true;
}

static void session_free(struct swisd_sim_session *session)
{
  swisd_session_free(session->real);
  free(session);
}

void swisd_simcompute_forget(struct swisd_sim_device *device, struct swisd_job_id job)
{
  for (struct swisd_sim_session **link = &device->sessions; *link != NULL;) {
    struct swisd_sim_session *session = *link;
    if (!swisd_job_id_equal(session->job, job)) {
      link = &session->next;
      continue;
    }
    *link = session->next;
    session_free(session);
  }
}

void swisd_simcompute_clear(struct swisd_simdriver *d, uint32_t node)
{
  struct swisd_sim_device *device = &d->devices[node];
  while (device->computing != NULL) {
    struct swisd_sim_computing *c = device->computing;
    device->computing = c->next;
    if (c->action.program == SWISD_PROGRAM_RUN) {
      const struct swisd_runlog_key key = swisd_simreport_key(d, &c->action.key);
      swisd_runlog_task_end(d->log, node, &key, swisd_simdriver_since(d, swisd_simdriver_now(d)));
    }
    discard(c);
  }
  while (device->sessions != NULL) {
    struct swisd_sim_session *session = device->sessions;
    device->sessions = session->next;
    session_free(session);
  }
}
