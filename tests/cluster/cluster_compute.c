/* COMPUTE: programs wait for one of the device's slots, take flops / speed of virtual time, and then do their hashed
 * arithmetic. RUN makes items of a lane, CHECK makes them again and compares, COMMIT copies rows into a job's
 * answer, CONCAT joins bodies. */
#include <stdlib.h>
#include <string.h>

#include "runtime/core/panic.h"
#include "tests/cluster/inside.h"

enum { COMPUTE_OVERHEAD_NS = 50000 };

static struct computing *find(struct host *h, uint32_t ticket)
{
  struct computing *k = h->computes;
  while (k != NULL && k->action.ticket != ticket)
    k = k->next;
  return k;
}

static void release(struct computing *k)
{
  for (uint32_t i = 0; i < SWISD_SOURCES_MAX; i++)
    buffer_unref(k->sources[i]);
  free(k);
}

/* Starts what waits, as long as slots are free. */
static void fill_slots(struct cluster *c, uint32_t host)
{
  struct host *h = &c->hosts[host];
  uint32_t busy = 0;
  for (struct computing *k = h->computes; k != NULL; k = k->next)
    busy += k->running;
  for (struct computing *k = h->computes; k != NULL && busy < h->device->slots; k = k->next) {
    if (k->running || k->cancelled)
      continue;
    const double speed = h->device->flops_per_s[k->action.kernel % SWISD_KERNEL_COUNT];
    k->running = true;
    k->started_ns = c->now_ns;
    k->end_ns = c->now_ns + COMPUTE_OVERHEAD_NS + (uint64_t)((double)k->action.flops / speed * h->slow * 1e9);
    k->sequence = cluster_push(c, k->end_ns, ENTRY_COMPUTED, host, k->action.ticket, NULL);
    busy++;
  }
}

void compute_start(struct cluster *c, uint32_t host, const struct swisd_action_compute *action)
{
  struct host *h = &c->hosts[host];
  if (action->ticket == 0 || find(h, action->ticket) != NULL) {
    cluster_fail(c, "node %u computes with ticket %u, which is in use", host, action->ticket);
    return;
  }
  struct computing *k = calloc(1, sizeof(*k));
  SWISD_ASSERT(k != NULL);
  k->action = *action;
  struct computing **end = &h->computes;
  while (*end != NULL)
    end = &(*end)->next;
  *end = k;
  for (uint32_t i = 0; i < action->source_count; i++) {
    struct buffer *b = bodies_get(&h->bodies, action->sources[i].body);
    if (b == NULL) {
      cluster_fail(c, "node %u: source %u of ticket %u is not a body of this node", host, i, action->ticket);
      return;
    }
    k->sources[i] = buffer_ref(b);
  }
  fill_slots(c, host);
}

/* ---- what the programs do ---- */

struct running {
  const struct computing *k;
  uint32_t first_source;
};

static bool input_of(void *context, uint32_t edge, uint32_t lane, uint64_t item, uint64_t *value)
{
  const struct running *r = context;
  for (uint32_t i = r->first_source; i < r->k->action.source_count; i++) {
    const struct swisd_source *s = &r->k->action.sources[i];
    if (s->edge != edge || s->lane != lane || item < s->lo || item >= s->hi)
      continue;
    *value = r->k->sources[i]->values[item - s->body_lo];
    return true;
  }
  return false;
}

/* The sources must lie inside their bodies, and the bodies have as many items as they say: a core that slices wrongly is
 * caught here. */
static bool fits(const struct buffer *b, uint64_t items) { return b->real ? b->count % items == 0 : b->count == items; }

static bool sources_fit(struct cluster *c, uint32_t host, const struct computing *k)
{
  for (uint32_t i = 0; i < k->action.source_count; i++) {
    const struct swisd_source *s = &k->action.sources[i];
    if (s->lo < s->body_lo || s->hi > s->body_hi || s->lo >= s->hi || !fits(k->sources[i], s->body_hi - s->body_lo)) {
      cluster_fail(c, "node %u: source %u of a task says items %llu..%llu of a body %llu..%llu that has %llu", host, i,
                   (unsigned long long)s->lo, (unsigned long long)s->hi, (unsigned long long)s->body_lo,
                   (unsigned long long)s->body_hi, (unsigned long long)k->sources[i]->count);
      return false;
    }
  }
  return true;
}

void session_free(struct session *s)
{
  if (s->real != NULL)
    s->owner->session_free(s->real);
  free(s->chain);
  free(s);
}

static struct session *session_of(struct host *h, const struct swisd_task_key *key)
{
  for (struct session *s = h->sessions; s != NULL; s = s->next)
    if (swisd_job_id_equal(s->job, key->job) && s->step == key->step && s->lane == key->lane && s->epoch == key->epoch)
      return s;
  if (key->lo != 0)
    return NULL;
  struct session *s = calloc(1, sizeof(*s));
  SWISD_ASSERT(s != NULL);
  *s = (struct session){.job = key->job, .step = key->step, .lane = key->lane, .epoch = key->epoch, .next = h->sessions};
  h->sessions = s;
  return s;
}

/* Position `at` of a session: appended, or made again from the state before it. */
static uint64_t session_advance(struct cluster *c, uint32_t host, struct session *s, uint64_t at, uint64_t value)
{
  if (at == s->capacity) {
    s->capacity = s->capacity == 0 ? 64 : 2 * s->capacity;
    s->chain = realloc(s->chain, s->capacity * sizeof(s->chain[0]));
    SWISD_ASSERT(s->chain != NULL);
  }
  const uint64_t chain = mix(at == 0 ? 0 : s->chain[at - 1], value);
  if (at < s->length && s->chain[at] != chain)
    cluster_fail(c, "node %u: position %llu of step %u is made again from another input", host, (unsigned long long)at, s->step);
  if (at == s->length)
    s->chain[s->length++] = chain;
  return chain;
}

/* The model of a task that names the right shard; else a failure, and NULL. */
static const struct cluster_model *model_of(struct cluster *c, uint32_t host, const struct swisd_action_compute *a)
{
  const struct cluster_model *model = model_find(c, a->model);
  if (model != NULL && a->key.step < model->spec.step_count && a->key.lane < model->spec.steps[a->key.step].lane_count &&
      model->spec.lanes[model->spec.steps[a->key.step].lane_first + a->key.lane].shard == a->shard)
    return model;
  cluster_fail(c, "node %u computes step %u lane %u with the wrong model or shard", host, a->key.step, a->key.lane);
  return NULL;
}

/* Makes the values of items lo..hi into `values`. */
static enum swisd_status make(struct cluster *c, uint32_t host, const struct cluster_model *model, struct session *session,
                              const struct computing *k, uint32_t first_source, uint64_t *values)
{
  const struct swisd_action_compute *a = &k->action;
  struct running running = {k, first_source};
  for (uint64_t i = a->key.lo; i < a->key.hi; i++) {
    uint64_t v;
    if (!arithmetic_gather(model, a->key.step, a->key.lane, i, input_of, &running, &v)) {
      cluster_fail(c, "node %u: item %llu of step %u lane %u lacks an input", host, (unsigned long long)i, a->key.step,
                   a->key.lane);
      return SWISD_ERROR_INPUT;
    }
    if (session != NULL)
      v = session_advance(c, host, session, i, v);
    if ((a->flags & SWISD_TASK_TOKENS) != 0)
      v = arithmetic_token(model, v);
    values[i - a->key.lo] = v;
  }
  return SWISD_OK;
}

static void put_le(uint8_t *bytes, uint32_t count, uint64_t value)
{
  for (uint32_t b = 0; b < count; b++)
    bytes[b] = (uint8_t)(value >> 8 * b);
}

/* What a liar returns: nearly the truth, and no two say the same. */
static void spoil(struct buffer *values, uint32_t host)
{
  if (values->real)
    buffer_data(values)[0] ^= (uint8_t)(0x40 | (host & 0x3f));
  for (uint64_t i = 0; i < values->count && !values->real; i++)
    values->values[i] ^= 1 + host;
}

static void run(struct cluster *c, uint32_t host, const struct computing *k, struct swisd_event_computed *out)
{
  const struct swisd_action_compute *a = &k->action;
  struct host *h = &c->hosts[host];
  const uint64_t count = a->key.hi - a->key.lo;
  const struct cluster_model *model = model_of(c, host, a);
  if (model == NULL || a->key.lo >= a->key.hi || a->out_bytes % count != 0) {
    cluster_fail(c, "node %u runs a task of no items, or of %llu bytes for %llu", host, (unsigned long long)a->out_bytes,
                 (unsigned long long)count);
    return;
  }
  if (!cluster_has_shard(c, host, a->shard)) {
    out->status = SWISD_ERROR_NOT_FOUND;
    return;
  }
  struct session *session = NULL;
  if ((a->flags & SWISD_TASK_STATEFUL) != 0) {
    session = session_of(h, &a->key);
    if (session == NULL || session->length < a->key.lo) { /* says where it is */
      out->status = SWISD_ERROR_STALE;
      out->inlined.count = 8;
      put_le(out->inlined.bytes, 8, session == NULL ? 0 : session->length);
      return;
    }
  }
  struct buffer *values =
    model->real != NULL ? buffer_new_real(a->out_bytes) : buffer_new(count, (uint32_t)(a->out_bytes / count));
  if (model->real != NULL) {
    out->status = model->real->run(model->real, session, k, values, &out->inlined);
  } else {
    out->status = make(c, host, model, session, k, 0, values->values);
    if (out->status == SWISD_OK && (a->flags & SWISD_TASK_TOKENS) != 0) {
      out->inlined.count = 5;
      put_le(out->inlined.bytes, 4, values->values[count - 1]);
      out->inlined.bytes[4] = arithmetic_ends(model, values->values[count - 1]);
    }
  }
  if (out->status == SWISD_OK && h->lies)
    spoil(values, host);
  if (out->status == SWISD_OK && a->out_bytes != 0)
    out->out = bodies_put(&h->bodies, buffer_ref(values));
  buffer_unref(values);
}

static uint64_t item_value(struct buffer *b, const struct swisd_source *s, uint64_t item)
{
  if (!b->real)
    return b->values[item - s->body_lo];
  const uint64_t unit = b->count / (s->body_hi - s->body_lo);
  return bytes_value(buffer_data(b) + (item - s->body_lo) * unit, unit);
}

/* Two results of the same items. */
static enum swisd_status compare(const struct computing *k)
{
  const struct swisd_source *one = &k->action.sources[0], *other = &k->action.sources[1];
  if (other->lo != one->lo || other->hi != one->hi)
    return SWISD_ERROR_INPUT;
  for (uint64_t i = one->lo; i < one->hi; i++)
    if (item_value(k->sources[0], one, i) != item_value(k->sources[1], other, i))
      return SWISD_ERROR_CHECK;
  return SWISD_OK;
}

static enum swisd_status check(struct cluster *c, uint32_t host, const struct computing *k)
{
  const struct swisd_action_compute *a = &k->action;
  const struct swisd_source *result = &a->sources[0];
  if (a->source_count < 2 || result->lo > a->key.lo || result->hi < a->key.hi) {
    cluster_fail(c, "node %u checks a result without its inputs", host);
    return SWISD_ERROR_INPUT;
  }
  if (a->verify == SWISD_VERIFY_HASH)
    return compare(k);
  const struct cluster_model *model = model_of(c, host, a);
  if (model == NULL)
    return SWISD_ERROR_INPUT;
  if (model->real != NULL)
    return model->real->check(model->real, k);
  struct buffer *again = buffer_new(a->key.hi - a->key.lo, 1);
  enum swisd_status status = make(c, host, model, NULL, k, 1, again->values);
  for (uint64_t i = a->key.lo; i < a->key.hi && status == SWISD_OK; i++)
    if (again->values[i - a->key.lo] != k->sources[0]->values[i - result->body_lo])
      status = SWISD_ERROR_CHECK;
  buffer_unref(again);
  return status;
}

/* The wanted rows of each source, one after the other. */
static void concatenate(struct cluster *c, uint32_t host, const struct computing *k, struct swisd_event_computed *out)
{
  const struct swisd_action_compute *a = &k->action;
  uint64_t count = 0;
  for (uint32_t i = 0; i < a->source_count; i++)
    count += a->sources[i].hi - a->sources[i].lo;
  const struct swisd_source *first = &a->sources[0];
  const uint64_t unit = a->source_count == 0 ? 0 : buffer_bytes(k->sources[0]) / (first->body_hi - first->body_lo);
  if (count == 0 || a->out_bytes != count * unit) {
    cluster_fail(c, "node %u joins %llu rows into %llu bytes", host, (unsigned long long)count, (unsigned long long)a->out_bytes);
    return;
  }
  const bool real = k->sources[0]->real;
  struct buffer *joined = real ? buffer_new_real(a->out_bytes) : buffer_new(count, (uint32_t)unit);
  uint64_t at = 0;
  for (uint32_t i = 0; i < a->source_count; i++) {
    const uint64_t offset = a->sources[i].lo - a->sources[i].body_lo, rows = a->sources[i].hi - a->sources[i].lo;
    if (real)
      memcpy(buffer_data(joined) + at * unit, buffer_data(k->sources[i]) + offset * unit, rows * unit);
    else
      memcpy(joined->values + at, k->sources[i]->values + offset, rows * sizeof(joined->values[0]));
    at += rows;
  }
  out->out = bodies_put(&c->hosts[host].bodies, joined);
}

static void commit(struct cluster *c, uint32_t host, const struct computing *k)
{
  const struct swisd_action_compute *a = &k->action;
  if (a->source_count != 1) {
    cluster_fail(c, "node %u commits %u sources", host, a->source_count);
    return;
  }
  const struct swisd_source *s = &a->sources[0];
  for (uint64_t i = s->lo; i < s->hi; i++)
    job_commit(c, host, a->number, a->key.step, a->key.lane, i, item_value(k->sources[0], s, i));
}

void compute_end(struct cluster *c, struct entry *entry)
{
  struct host *h = &c->hosts[entry->host];
  struct computing **link = &h->computes;
  while (*link != NULL && (*link)->action.ticket != (uint32_t)entry->value)
    link = &(*link)->next;
  struct computing *k = *link;
  if (k == NULL || k->sequence != entry->sequence)
    return;
  *link = k->next;
  struct swisd_event event = {.kind = SWISD_EVENT_COMPUTED};
  struct swisd_event_computed *out = &event.u.computed;
  out->ticket = k->action.ticket;
  out->elapsed_ns = k->running ? c->now_ns - k->started_ns : 0;
  if (k->cancelled || k->forgotten)
    out->status = SWISD_ERROR_CANCELLED;
  else if (!sources_fit(c, entry->host, k))
    out->status = SWISD_ERROR_INPUT;
  else if (k->action.program == SWISD_PROGRAM_RUN)
    run(c, entry->host, k, out);
  else if (k->action.program == SWISD_PROGRAM_CHECK)
    out->status = check(c, entry->host, k);
  else if (k->action.program == SWISD_PROGRAM_CONCAT)
    concatenate(c, entry->host, k, out);
  else
    commit(c, entry->host, k);
  release(k);
  fill_slots(c, entry->host);
  cluster_step(c, entry->host, &event);
}

bool compute_cancel(struct cluster *c, uint32_t host, uint32_t ticket)
{
  struct computing *k = find(&c->hosts[host], ticket);
  if (k == NULL)
    return false;
  /* A product under way cannot always be stopped: every second one runs to its end, and COMPUTED says OK. */
  if (k->cancelled || (k->running && cluster_chance(&c->device_random, 0.5)))
    return true;
  k->cancelled = true;
  k->sequence = cluster_push(c, c->now_ns, ENTRY_COMPUTED, host, ticket, NULL);
  return true;
}

void compute_rescale(struct cluster *c, uint32_t host, double factor, uint64_t shift_ns)
{
  for (struct computing *k = c->hosts[host].computes; k != NULL; k = k->next) {
    if (!k->running || k->cancelled)
      continue;
    const uint64_t left = k->end_ns > c->now_ns - shift_ns ? k->end_ns - (c->now_ns - shift_ns) : 0;
    k->end_ns = c->now_ns + (uint64_t)((double)left * factor);
    k->sequence = cluster_push(c, k->end_ns, ENTRY_COMPUTED, host, k->action.ticket, NULL);
  }
}

void computes_clear(struct host *h)
{
  while (h->computes != NULL) {
    struct computing *k = h->computes;
    h->computes = k->next;
    release(k);
  }
  while (h->sessions != NULL) {
    struct session *s = h->sessions;
    h->sessions = s->next;
    session_free(s);
  }
}

void compute_forget(struct cluster *c, uint32_t host, struct swisd_job_id job)
{
  for (struct computing *k = c->hosts[host].computes; k != NULL; k = k->next)
    if ((k->action.flags & SWISD_TASK_STATEFUL) != 0 && swisd_job_id_equal(k->action.key.job, job))
      k->forgotten = true;
  struct session **link = &c->hosts[host].sessions;
  while (*link != NULL) {
    struct session *s = *link;
    if (!swisd_job_id_equal(s->job, job)) {
      link = &s->next;
      continue;
    }
    *link = s->next;
    session_free(s);
  }
}
