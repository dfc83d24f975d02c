/* Who gets what: what a partner with credits is given, and the leases that keep jobs alive at workers. */
#include "runtime/core/dispatch_internal.h"

#include "runtime/core/job_internal.h"
#include "runtime/core/member.h"
#include "runtime/core/memory.h"

uint64_t swisd_partner_mask(const struct swisd_node *node, uint16_t partner, uint32_t job)
{
  return node->submitter->masks[(size_t)partner * node->config.limits.jobs_max + job];
}

/* Worth giving new work to. */
bool swisd_partner_is_fit(const struct swisd_node *node, const struct swisd_partner *partner)
{
  return partner->here && !partner->suspect && !partner->overdue && !partner->silent && partner->blocked_until_ns <= node->now_ns;
}

/* Chunks are as long as config.chunk_ns, shorter towards the end of a job: a third of what would finish it. */
static uint64_t chunk_ns(const struct swisd_node *node, const struct swisd_job *job)
{
  const uint64_t full_ns = node->config.chunk_ns, least_ns = full_ns / 10;
  if (!job->last || node->submitter->rate_total == 0)
    return full_ns;
  const double left_ns = (double)swisd_job_flops_left(job) * 1e9 / (double)node->submitter->rate_total / 3;
  return left_ns >= (double)full_ns ? full_ns : left_ns <= (double)least_ns ? least_ns : (uint64_t)left_ns;
}

uint32_t swisd_job_step_of(const struct swisd_job *job, uint32_t lane_index)
{
  uint32_t step = 0;
  while (lane_index >= (uint32_t)job->spec.steps[step].lane_first + job->spec.steps[step].lane_count ||
         lane_index < job->spec.steps[step].lane_first)
    step++;
  return step;
}

/* Whether inputs of a step lie at the submitter. */
static bool draws_here(const struct swisd_job *job, uint32_t step)
{
  for (uint32_t e = 0; e < job->spec.steps[step].edge_count; e++) {
    const uint8_t from = job->spec.steps[step].edges[e].from;
    if (from == SWISD_EDGE_FROM_INPUT || swisd_step_is_hub(&job->spec.steps[from]))
      return true;
  }
  return false;
}

/* In a cramped pool, whether a READY interval may be computed: the one that the next answer waits for; or, while a few
 * intervals are left, the one that follows without a gap on all that has been issued of its lane, so that results join what
 * has been used up instead of lying scattered. */
static bool fits_cramped(const struct swisd_node *node, uint8_t slot, const struct swisd_lane *lane, uint16_t index)
{
  const struct swisd_interval_pool *pool = &node->submitter->pool;
  const uint32_t spare_min = 4; /* for those that go first */
  if (swisd_job_goes_first(node, slot, pool->list[index].lo))
    return true;
  uint64_t end = 0;
  uint16_t i = lane->first;
  for (; i != index && pool->list[i].lo == end; i = pool->list[i].next)
    end = pool->list[i].hi;
  return pool->free_count >= spare_min && i == index && pool->list[i].lo == end;
}

/* MaxWeight: of all lanes the partner holds, the one with the longest queue, in items weighed by the size of their job (not
 * by the work of the lane, or a cheap step would wait until nothing else is left); wanted pieces before any. In a cramped pool
 * the latest step, whose results free most. */
static bool best_lane(const struct swisd_node *node, uint16_t partner, uint8_t *job_out, uint32_t *lane_out, bool *wanted_out)
{
  const struct swisd_submitter *sub = node->submitter;
  uint64_t best = 0;
  bool found = false;
  const bool cramped = swisd_job_is_cramped(node);
  for (uint32_t j = 0; j < node->config.limits.jobs_max; j++) {
    struct swisd_job *job = &sub->jobs[j];
    if (job->phase != SWISD_JOB_OPEN_PHASE)
      continue;
    for (uint64_t lanes = swisd_partner_mask(node, partner, j); lanes; lanes &= lanes - 1) {
      const uint32_t l = (uint32_t)__builtin_ctzll(lanes);
      if (job->lanes[l].ready_items == 0 && job->lanes[l].wanted_items == 0)
        continue;
      const uint32_t step = swisd_job_step_of(job, l);
      if (job->spec.steps[step].flags & SWISD_STEP_STATEFUL)
        continue;
      const bool wanted = swisd_dispatch_candidate(node, j, l, partner, true) != 0;
      const uint16_t ready = wanted || job->lanes[l].ready_items == 0 ? 0 : swisd_dispatch_candidate(node, j, l, partner, false);
      if (!wanted && ready == 0)
        continue;
      if (swisd_uplink_room(&sub->uplink, wanted) == 0 && draws_here(job, step))
        continue;
      if (cramped && !wanted && !fits_cramped(node, (uint8_t)j, &job->lanes[l], ready))
        continue;
      const uint64_t items = wanted ? job->lanes[l].wanted_items : job->lanes[l].ready_items;
      const uint64_t weight = cramped ? step + 1 : items * job->flops_per_item;
      if (!found || (wanted && !*wanted_out) || (wanted == *wanted_out && weight > best)) {
        found = true;
        best = weight;
        *job_out = (uint8_t)j;
        *lane_out = l;
        *wanted_out = wanted;
      }
    }
  }
  return found;
}

uint64_t swisd_dispatch_items(const struct swisd_node *node, uint16_t partner, const struct swisd_job *job, uint32_t lane,
                              uint32_t step, uint64_t time_ns)
{
  const struct swisd_speed *speed = &node->submitter->partners[partner].speed[job->spec.steps[step].kernel];
  const uint64_t items = swisd_rate_flops(time_ns, swisd_speed_fast(speed)) / swisd_job_lane_flops(job, lane);
  return items ? items : 1;
}

static bool give_one(struct swisd_node *node, uint16_t p)
{
  struct swisd_submitter *sub = node->submitter;
  uint8_t j = 0;
  uint32_t l = 0;
  bool wanted = false;
  if (!best_lane(node, p, &j, &l, &wanted))
    return false;
  struct swisd_job *job = &sub->jobs[j];
  const uint32_t step = swisd_job_step_of(job, l);
  const uint16_t index = swisd_dispatch_candidate(node, j, l, p, wanted);
  const struct swisd_order order = {
    .partner = p, .job = j, .step = (uint8_t)step, .lane = (uint8_t)(l - job->spec.steps[step].lane_first)};
  /* What is short then is pieces, so each is to hold more. */
  const bool is_short = job->window || swisd_job_is_cramped(node);
  const uint64_t usual_ns = is_short ? 4 * chunk_ns(node, job) : chunk_ns(node, job);
  const uint64_t time_ns = wanted ? node->config.chunk_ns / 2 : usual_ns;
  return swisd_issue_interval(node, order, index, swisd_dispatch_items(node, p, job, l, step, time_ns));
}

static void spend_credits(struct swisd_node *node, uint16_t p)
{
  struct swisd_submitter *sub = node->submitter;
  struct swisd_partner *partner = &sub->partners[p];
  while (partner->credits && swisd_partner_is_fit(node, partner)) {
    if (!swisd_out_room(node, 3)) {
      sub->unfinished = true;
      return;
    }
    if (!give_one(node, p))
      return;
    if (--partner->credits == 0)
      sub->credit_partners--;
  }
}

void swisd_dispatch_credits(struct swisd_node *node)
{
  struct swisd_submitter *sub = node->submitter;
  if (!sub->work_arrived || sub->credit_partners == 0)
    return;
  /* Fast partners first would starve nobody: credits are few. But order must not depend on the slot alone, so start anywhere. */
  const uint16_t count = sub->partner_count;
  const uint16_t start = (uint16_t)swisd_philox_below(&node->random[SWISD_RANDOM_DISPATCH], count);
  for (uint16_t i = 0; i < count; i++) {
    const uint16_t p = (uint16_t)(1 + (start + i) % count);
    if (sub->partners[p].credits)
      spend_credits(node, p);
    if (sub->unfinished)
      return;
  }
}

/* ---- JOB_OPEN: work to be had, and the lease ---- */

static void send_open(struct swisd_node *node, uint16_t p, uint32_t j)
{
  struct swisd_submitter *sub = node->submitter;
  struct swisd_job *job = &sub->jobs[j];
  struct swisd_partner *partner = &sub->partners[p];
  struct swisd_message_job_open *open = &swisd_out_send(node, partner->id, SWISD_MESSAGE_JOB_OPEN)->u.job_open;
  open->job = job->id;
  open->model = job->spec.model;
  open->lease_ms = (uint32_t)(node->config.lease_ns / SWISD_MILLISECOND);
  open->lane_count = 0;
  for (uint64_t lanes = swisd_partner_mask(node, p, j); lanes && open->lane_count < SWISD_OPEN_LANES_MAX; lanes &= lanes - 1) {
    const uint32_t l = (uint32_t)__builtin_ctzll(lanes);
    const uint32_t step = swisd_job_step_of(job, l);
    const uint64_t flops = job->lanes[l].ready_items * swisd_job_lane_flops(job, l);
    open->lanes[open->lane_count++] =
      (struct swisd_open_lane){.step = (uint8_t)step,
                               .lane = (uint8_t)(l - job->spec.steps[step].lane_first),
                               .shard = job->spec.lanes[l].shard,
                               .backlog = flops ? (uint8_t)(1 + swisd_rate_log2(flops) / SWISD_RATE_ONE) : 0};
  }
  if (!partner->granted) {
    partner->granted = true;
    struct swisd_action *grant = swisd_out_action(node, SWISD_ACTION_GRANT);
    grant->u.grant.peer = partner->id;
    grant->u.grant.bytes = node->config.body_bytes_max / 8;
  }
}

/* Refreshed every open_interval; sooner for a partner that sits idle while there is work for it. */
void swisd_dispatch_open(struct swisd_node *node)
{
  struct swisd_submitter *sub = node->submitter;
  if (!sub->open_scan)
    return;
  sub->open_scan = false;
  const uint64_t idle_ns = node->config.open_interval_ns / 10;
  for (uint16_t p = 1; p <= sub->partner_count; p++) {
    struct swisd_partner *partner = &sub->partners[p];
    if (!partner->here)
      continue;
    const uint64_t since_ns = partner->open_sent_ns ? node->now_ns - partner->open_sent_ns : SWISD_NEVER;
    const bool idle = partner->credits == 0 && partner->issue_count == 0 && since_ns >= idle_ns;
    if (since_ns < node->config.open_interval_ns && !idle)
      continue;
    for (uint32_t j = 0; j < node->config.limits.jobs_max; j++) {
      if (swisd_partner_mask(node, p, j) == 0 || sub->jobs[j].phase != SWISD_JOB_OPEN_PHASE)
        continue;
      if (!swisd_out_room(node, 3)) {
        sub->unfinished = sub->open_scan = true;
        return;
      }
      send_open(node, p, j);
      partner->open_sent_ns = node->now_ns ? node->now_ns : 1;
    }
  }
}

uint64_t swisd_dispatch_deadline_ns(const struct swisd_node *node)
{
  const struct swisd_submitter *sub = node->submitter;
  uint64_t deadline_ns = SWISD_NEVER;
  for (uint16_t p = 1; p <= sub->partner_count; p++) {
    if (sub->overdue_ns[p] < deadline_ns)
      deadline_ns = sub->overdue_ns[p];
    if (sub->listen_ns[p] < deadline_ns)
      deadline_ns = sub->listen_ns[p];
  }
  return deadline_ns;
}
