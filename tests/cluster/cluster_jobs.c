/* Jobs as the driver sees them: what was given in, what must come out, and what did. Each committed row is compared with
 * the reference at once and counted; so is each answered item. */
#include <stdlib.h>
#include <string.h>

#include "runtime/core/panic.h"
#include "tests/cluster/inside.h"

struct job *job_find(struct cluster *c, uint64_t number)
{
  return number == 0 || number > c->job_count ? NULL : &c->jobs[number - 1];
}

uint64_t job_input(const struct job *job, uint64_t item) { return mix(job->salt, item); }

static void *grown(void *block, uint64_t bytes)
{
  block = realloc(block, bytes);
  SWISD_ASSERT(block != NULL);
  return block;
}

/* Room for `items` items; what is new is zero. */
static void reserve(struct job *job, uint64_t items)
{
  const struct swisd_job_spec *spec = &job->view.model->spec;
  if (items <= job->capacity)
    return;
  const uint64_t old = job->capacity;
  for (uint32_t l = 0; l < spec->lane_count; l++) {
    job->reference[l] = grown(job->reference[l], items * sizeof(job->reference[l][0]));
    job->committed[l] = grown(job->committed[l], items);
    memset(job->committed[l] + old, 0, items - old);
  }
  job->answered = grown(job->answered, items);
  memset(job->answered + old, 0, items - old);
  job->capacity = items;
}

/* ---- the reference ---- */

struct known { /* what a step reads while the reference is made */
  const struct job *job;
  uint32_t step;
  uint64_t items; /* that exist */
};

static bool known_input(void *context, uint32_t edge, uint32_t lane, uint64_t item, uint64_t *value)
{
  const struct known *k = context;
  const struct swisd_job_spec *spec = &k->job->view.model->spec;
  const struct swisd_edge_spec *e = &spec->steps[k->step].edges[edge];
  if (e->map == SWISD_EDGE_LAGGED && item >= k->job->prompt) {
    *value = k->job->reference[spec->steps[e->from].lane_first][item - e->width];
    return true;
  }
  if (item >= k->items)
    return false;
  if (e->from == SWISD_EDGE_FROM_INPUT || e->map == SWISD_EDGE_LAGGED)
    *value = job_input(k->job, item);
  else
    *value = k->job->reference[spec->steps[e->from].lane_first + lane][item];
  return true;
}

/* Items lo..hi of one step. */
static void make_step(struct job *job, uint32_t step, uint64_t lo, uint64_t hi, uint64_t items)
{
  const struct cluster_model *m = job->view.model;
  const struct swisd_step_spec *s = &m->spec.steps[step];
  struct known known = {job, step, items};
  for (uint32_t lane = 0; lane < s->lane_count; lane++) {
    uint64_t *out = job->reference[s->lane_first + lane];
    for (uint64_t i = lo; i < hi; i++) {
      uint64_t v = 0;
      SWISD_ASSERT(arithmetic_gather(m, step, lane, i, known_input, &known, &v));
      if ((s->flags & SWISD_STEP_STATEFUL) != 0)
        v = job->chain[step] = mix(job->chain[step], v);
      if ((s->flags & SWISD_STEP_TOKENS) != 0)
        v = arithmetic_token(m, v);
      out[i] = v;
    }
  }
}

/* The tokens that must be spoken: from the one after the prompt up to the end flag or the bound. */
static void make_text(struct job *job)
{
  const struct cluster_model *m = job->view.model;
  reserve(job, m->spec.items_max + 1);
  uint64_t items = 0;
  bool end = false;
  while (items < m->spec.items_max && !end) {
    for (uint32_t s = 0; s < m->spec.step_count; s++)
      make_step(job, s, items, items + 1, items + 1);
    end = arithmetic_ends(m, job->reference[m->spec.steps[m->spec.step_count - 1].lane_first][items]);
    items++;
    end = end && items >= job->prompt; /* a guess inside the prompt ends nothing */
  }
  job->view.items = items;
}

static bool makes_tokens(const struct job *job)
{
  const struct swisd_job_spec *spec = &job->view.model->spec;
  return (spec->steps[spec->step_count - 1].flags & SWISD_STEP_TOKENS) != 0;
}

/* ---- giving work ---- */

static void append(struct cluster *c, struct job *job, uint64_t number, uint64_t items, bool last)
{
  struct host *h = &c->hosts[job->view.node];
  const uint64_t old = job->given;
  job->given += items;
  if (makes_tokens(job)) {
    job->prompt = job->given;
    if (last)
      make_text(job);
  } else {
    reserve(job, job->given + 1);
    for (uint32_t s = 0; s < job->view.model->spec.step_count; s++)
      make_step(job, s, old, job->given, job->given);
    job->view.items = job->given;
  }
  struct swisd_event event = {.kind = SWISD_EVENT_APPENDED};
  event.u.appended.number = number;
  event.u.appended.items = items;
  event.u.appended.last = last;
  if (items > 0) {
    struct buffer *input = buffer_new(items, job->view.model->spec.in_bytes_per_item);
    for (uint64_t i = 0; i < items; i++)
      input->values[i] = job_input(job, old + i);
    event.u.appended.body = bodies_put(&h->bodies, input);
  }
  cluster_step(c, job->view.node, &event);
}

uint64_t cluster_submit_open(struct cluster *c, uint32_t node, struct cluster_model *model, uint64_t items)
{
  if (c->job_count == c->job_capacity) {
    c->job_capacity = c->job_capacity == 0 ? 16 : 2 * c->job_capacity;
    c->jobs = grown(c->jobs, c->job_capacity * sizeof(c->jobs[0]));
  }
  struct job *job = &c->jobs[c->job_count++];
  memset(job, 0, sizeof(*job));
  const uint64_t number = c->job_count;
  job->view = (struct cluster_job_view){.node = node, .model = model, .start_ns = c->now_ns};
  job->salt = mix(mix(c->seed, 77), number);
  struct host *h = &c->hosts[node];
  job->life = h->life;
  if (h->node == NULL || !h->started || h->silent || h->leaving) {
    job->view.submitter_died = true;
    return number;
  }
  struct swisd_event event = {.kind = SWISD_EVENT_SUBMITTED};
  event.u.submitted.number = number;
  event.u.submitted.spec = &model->spec;
  cluster_step(c, node, &event);
  if (items > 0)
    cluster_append(c, number, items, false);
  return number;
}

void cluster_append(struct cluster *c, uint64_t number, uint64_t items, bool last)
{
  struct job *job = job_find(c, number);
  if (job->view.ended || job->view.submitter_died || c->hosts[job->view.node].silent)
    return;
  append(c, job, number, items, last);
}

uint64_t cluster_submit(struct cluster *c, uint32_t node, struct cluster_model *model, uint64_t items)
{
  const uint64_t number = cluster_submit_open(c, node, model, 0);
  cluster_append(c, number, items, true);
  return number;
}

void cluster_withdraw(struct cluster *c, uint64_t number)
{
  struct job *job = job_find(c, number);
  job->view.withdrawn = true;
  if (job->view.ended || job->view.submitter_died || c->hosts[job->view.node].silent)
    return;
  struct swisd_event event = {.kind = SWISD_EVENT_WITHDRAWN};
  event.u.withdrawn = number;
  cluster_step(c, job->view.node, &event);
}

uint64_t job_submit_known(struct cluster *c, uint32_t node, struct cluster_model *model, uint64_t items, struct buffer *input,
                          uint64_t *const reference[SWISD_LANES_MAX], uint64_t reference_items)
{
  const uint64_t number = cluster_submit_open(c, node, model, 0);
  struct job *job = job_find(c, number);
  job->given = job->prompt = items;
  reserve(job, reference_items + 1);
  for (uint32_t l = 0; l < model->spec.lane_count; l++)
    memcpy(job->reference[l], reference[l], reference_items * sizeof(reference[l][0]));
  job->view.items = reference_items;
  struct swisd_event event = {.kind = SWISD_EVENT_APPENDED};
  event.u.appended.number = number;
  event.u.appended.items = items;
  event.u.appended.last = true;
  event.u.appended.body = bodies_put(&c->hosts[node].bodies, input);
  cluster_step(c, node, &event);
  return number;
}

/* ---- what comes out ---- */

static unsigned long long ull(uint64_t v) { return v; }

void job_commit(struct cluster *c, uint32_t host, uint64_t number, uint32_t step, uint32_t lane, uint64_t item, uint64_t value)
{
  struct job *job = job_find(c, number);
  if (job == NULL || job->view.node != host || step >= job->view.model->spec.step_count ||
      lane >= job->view.model->spec.steps[step].lane_count) {
    cluster_fail(c, "node %u commits to job %llu, which is not its own", host, ull(number));
    return;
  }
  const uint32_t l = job->view.model->spec.steps[step].lane_first + lane;
  if (item >= job->view.items)
    cluster_fail(c, "job %llu: item %llu is committed but there are only %llu", ull(number), ull(item), ull(job->view.items));
  else if (++job->committed[l][item] > 1)
    cluster_fail(c, "job %llu: step %u lane %u item %llu is accepted twice", ull(number), step, lane, ull(item));
  else if (value != job->reference[l][item])
    cluster_fail(c, "job %llu: step %u lane %u item %llu is wrong", ull(number), step, lane, ull(item));
}

static bool is_committed(const struct job *job, uint64_t item)
{
  const struct swisd_job_spec *spec = &job->view.model->spec;
  for (uint32_t s = 0; s < spec->step_count; s++)
    for (uint32_t l = 0; l < spec->steps[s].lane_count && (spec->steps[s].flags & SWISD_STEP_SINK) != 0; l++)
      if (job->committed[spec->steps[s].lane_first + l][item] == 0)
        return false;
  return true;
}

static void check_token(struct cluster *c, const struct job *job, uint64_t number, uint64_t item, const struct swisd_inline *in)
{
  const struct swisd_job_spec *spec = &job->view.model->spec;
  const uint64_t expected = job->reference[spec->steps[spec->step_count - 1].lane_first][item];
  const uint32_t got =
    (uint32_t)in->bytes[0] | (uint32_t)in->bytes[1] << 8 | (uint32_t)in->bytes[2] << 16 | (uint32_t)in->bytes[3] << 24;
  const bool ends = job->view.model->real != NULL ? item + 1 == job->view.items : arithmetic_ends(job->view.model, expected);
  if (in->count != 5 || got != expected || in->bytes[4] != ends)
    cluster_fail(c, "job %llu: token %llu is %u, but must be %llu", ull(number), ull(item), got, ull(expected));
}

static void answer_items(struct cluster *c, struct job *job, const struct swisd_action_answer *answer)
{
  for (uint64_t i = answer->lo; i < answer->hi; i++) {
    if (i >= job->view.items)
      cluster_fail(c, "job %llu: item %llu is answered but there are only %llu", ull(answer->number), ull(i),
                   ull(job->view.items));
    else if (++job->answered[i] > 1)
      cluster_fail(c, "job %llu: item %llu is answered twice", ull(answer->number), ull(i));
    else if (makes_tokens(job))
      check_token(c, job, answer->number, i, &answer->inlined);
    else if (!is_committed(job, i))
      cluster_fail(c, "job %llu: item %llu is answered before it is committed", ull(answer->number), ull(i));
    if (c->failure[0] != '\0')
      return;
    job->view.answered++;
  }
}

void job_answer(struct cluster *c, uint32_t host, const struct swisd_action_answer *answer)
{
  struct job *job = job_find(c, answer->number);
  if (job == NULL || job->view.node != host || job->life != c->hosts[host].life || job->view.ended) {
    cluster_fail(c, "node %u answers job %llu, which is not its own or has ended", host, ull(answer->number));
    return;
  }
  answer_items(c, job, answer);
  if (answer->more || c->failure[0] != '\0')
    return;
  job->view.ended = true;
  job->view.end_ns = c->now_ns;
  job->view.status = answer->status;
  uint64_t missing = 0;
  for (uint64_t i = makes_tokens(job) ? job->prompt - 1 : 0; i < job->view.items; i++)
    missing += job->answered[i] == 0;
  if (answer->status == SWISD_OK && (missing > 0 || job->view.items == 0))
    cluster_fail(c, "job %llu ends well but lacks %llu items", ull(answer->number), ull(missing));
}

/* Every issue ends in exactly one class, whatever happens. */
void jobs_check_accounts(struct cluster *c, uint32_t host)
{
  for (uint32_t i = 0; i < c->job_count && c->hosts[host].node != NULL; i++) {
    const struct job *job = &c->jobs[i];
    struct swisd_job_account a;
    if (job->view.node != host || job->view.submitter_died || !swisd_node_job_account(c->hosts[host].node, i + 1u, &a))
      continue;
    const uint64_t sum = a.accepted + a.duplicate + a.lost + a.rejected + a.cancelled + a.replayed + a.under_way;
    if (a.issued != sum)
      cluster_fail(c,
                   "job %u: %llu FLOP issued, but accepted %llu, duplicate %llu, lost %llu, rejected %llu, cancelled %llu, "
                   "replayed %llu, under way %llu",
                   i + 1, ull(a.issued), ull(a.accepted), ull(a.duplicate), ull(a.lost), ull(a.rejected), ull(a.cancelled),
                   ull(a.replayed), ull(a.under_way));
  }
}

void jobs_submitter_died(struct cluster *c, uint32_t host)
{
  for (uint32_t i = 0; i < c->job_count; i++)
    if (c->jobs[i].view.node == host && !c->jobs[i].view.ended)
      c->jobs[i].view.submitter_died = true;
}

void jobs_free(struct cluster *c)
{
  for (uint32_t i = 0; i < c->job_count; i++) {
    for (uint32_t l = 0; l < SWISD_LANES_MAX; l++) {
      free(c->jobs[i].reference[l]);
      free(c->jobs[i].committed[l]);
    }
    free(c->jobs[i].answered);
  }
  free(c->jobs);
}

uint64_t cluster_reference(const struct cluster *c, uint64_t number, uint32_t lane, uint64_t item)
{
  return c->jobs[number - 1].reference[lane][item];
}

bool cluster_job(const struct cluster *c, uint64_t number, struct cluster_job_view *out)
{
  if (number == 0 || number > c->job_count)
    return false;
  *out = c->jobs[number - 1].view;
  return true;
}

uint64_t cluster_job_count(const struct cluster *c) { return c->job_count; }

static bool has_ended(struct cluster *c, void *context)
{
  const struct cluster_job_view *view = &c->jobs[*(const uint64_t *)context - 1].view;
  return view->ended || view->submitter_died;
}

bool cluster_run_job(struct cluster *c, uint64_t number, uint64_t duration_ns)
{
  return cluster_run_until(c, has_ended, &number, duration_ns) && c->jobs[number - 1].view.ended;
}
