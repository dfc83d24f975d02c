/* What happens in one repeat of a scenario: who is up when, which faults hit whom, how fast each device is, where it stands.
 * All of it comes from Philox streams of (seed, repeat, device, purpose), so every driver enacts the same. */
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "scenarios/scenario.h"

enum { OCCURRENCES_MAX = 60000 }; /* of one fault in one run */

static uint64_t to_ns(double time_s)
{
  const double ns = time_s * 1e9;
  return ns < 0x1p63 ? (uint64_t)(ns + 0.5) : SWISD_NEVER;
}

static uint64_t add_ns(uint64_t a, uint64_t b) { return b < SWISD_NEVER - a ? a + b : SWISD_NEVER; }

/* A millisecond at least, so that no distribution can keep a driver busy at one instant for ever. */
static uint64_t draw_span_ns(const struct swisd_distribution *d, struct swisd_philox *stream)
{
  const uint64_t span_ns = swisd_distribution_draw_ns(d, stream);
  return span_ns < SWISD_MILLISECOND ? SWISD_MILLISECOND : span_ns;
}

/* ---- churn ---- */

/* How fast absences pass at a time of day: 1 at the peak, `low` half a period away, straight lines between. */
static double day_rate(const struct swisd_scenario_class *c, double time_s)
{
  const double period_s = (double)c->day_period_ns * 1e-9;
  const double phase = (time_s - (double)c->day_peak_ns * 1e-9) / period_s;
  const double away = fabs(phase - floor(phase + 0.5)) * 2; /* 0 at the peak, 1 half a period away */
  return 1 - (1 - c->day_low) * away;
}

/* When an absence that begins at `from_ns` and would take `span_ns` at the peak ends: the rate added up in steps of a 256th of
 * a day, each by its middle, which is exact between the corners. */
static uint64_t end_by_day(const struct swisd_scenario_class *c, uint64_t from_ns, uint64_t span_ns)
{
  if (c->day_period_ns == 0 || span_ns == SWISD_NEVER) {
    return add_ns(from_ns, span_ns);
  }
  const double step_s = (double)c->day_period_ns * 1e-9 / 256;
  double left_s = (double)span_ns * 1e-9, time_s = (double)from_ns * 1e-9;
  for (int i = 0; i < 1 << 20; i++) {
    const double rate = day_rate(c, time_s + step_s / 2);
    if (left_s <= rate * step_s) {
      return to_ns(time_s + left_s / rate);
    }
    left_s -= rate * step_s;
    time_s += step_s;
  }
  return SWISD_NEVER;
}

static uint64_t trace_time_ns(const struct swisd_scenario_class *c, double time_s)
{
  const double since_s = (time_s - (double)c->trace_from_ns * 1e-9) / c->faster;
  return since_s > 0 ? to_ns(since_s) : 0;
}

/* Where the sessions of a device are in its class's trace: devices take different hosts as long as there are enough. */
static void open_trace(const struct swisd_scenario *s, uint32_t repeat, uint32_t device, struct swisd_scenario_churn *churn)
{
  const struct swisd_scenario_class *c = churn->device_class;
  const struct swisd_table_availability *a = &c->trace->u.availability;
  struct swisd_philox stream = swisd_philox_stream(s->seed, repeat, c->first, SWISD_PURPOSE_TRACE);
  uint32_t start = swisd_philox_below(&stream, a->host_count), stride = 1 + swisd_philox_below(&stream, a->host_count);
  for (;; stride++) { /* to the next that has no divisor in common with the number of hosts */
    uint32_t x = a->host_count, y = stride;
    while (y) {
      const uint32_t rest = x % y;
      x = y;
      y = rest;
    }
    if (x == 1) {
      break;
    }
  }
  const uint32_t host = (uint32_t)((start + (uint64_t)stride * (device - c->first)) % a->host_count);
  churn->span = a->first[host];
  churn->span_end = a->first[host + 1];
}

/* The next change of a trace: `churn->up` holds until then. */
static void follow_trace(struct swisd_scenario_churn *churn)
{
  const struct swisd_scenario_class *c = churn->device_class;
  const struct swisd_table_span *spans = c->trace->u.availability.spans;
  if (churn->up) {
    churn->change_ns = trace_time_ns(c, spans[churn->span - 1].to_s);
    return;
  }
  churn->change_ns = churn->span < churn->span_end ? trace_time_ns(c, spans[churn->span++].from_s) : SWISD_NEVER;
}

struct swisd_scenario_churn swisd_scenario_churn_start(const struct swisd_scenario *scenario, uint32_t repeat, uint32_t device)
{
  const struct swisd_scenario_class *c = swisd_scenario_class_of(scenario, device);
  struct swisd_scenario_churn churn = {
    .stream = swisd_philox_stream(scenario->seed, repeat, device, SWISD_PURPOSE_CHURN), .device_class = c, .up = true};
  if (c->joins_s.kind != SWISD_DISTRIBUTION_NONE) {
    struct swisd_philox stream = swisd_philox_stream(scenario->seed, repeat, device, SWISD_PURPOSE_JOIN);
    churn.change_ns = swisd_distribution_draw_ns(&c->joins_s, &stream);
    churn.up = churn.change_ns == 0;
    if (!churn.up && !c->trace) {
      return churn;
    }
  }
  if (!c->trace) {
    churn.change_ns = draw_span_ns(&c->uptime_s, &churn.stream);
    return churn;
  }
  const uint64_t joined_ns = churn.up ? 0 : churn.change_ns;
  const struct swisd_table_span *spans = c->trace->u.availability.spans;
  open_trace(scenario, repeat, device, &churn);
  while (churn.span < churn.span_end && trace_time_ns(c, spans[churn.span].to_s) <= joined_ns) {
    churn.span++;
  }
  churn.up = joined_ns == 0 && churn.span < churn.span_end && trace_time_ns(c, spans[churn.span].from_s) == 0;
  churn.span += churn.up;
  follow_trace(&churn);
  churn.change_ns = churn.change_ns < joined_ns ? joined_ns : churn.change_ns;
  return churn;
}

void swisd_scenario_churn_next(struct swisd_scenario_churn *churn)
{
  const struct swisd_scenario_class *c = churn->device_class;
  if (churn->change_ns == SWISD_NEVER) {
    return;
  }
  const uint64_t now_ns = churn->change_ns;
  churn->up = !churn->up;
  if (c->trace) {
    follow_trace(churn);
    churn->change_ns = churn->change_ns <= now_ns ? now_ns + SWISD_MILLISECOND : churn->change_ns;
  } else if (churn->up) {
    churn->change_ns = add_ns(now_ns, draw_span_ns(&c->uptime_s, &churn->stream));
  } else {
    churn->change_ns = end_by_day(c, now_ns, draw_span_ns(&c->downtime_s, &churn->stream));
  }
}

/* ---- devices ---- */

uint32_t swisd_scenario_site_of(const struct swisd_scenario *scenario, uint32_t device)
{
  const struct swisd_scenario_class *c = swisd_scenario_class_of(scenario, device);
  if (c->site == SWISD_SCENARIO_NO_LINK) {
    return UINT32_MAX;
  }
  return scenario->sites[c->site].first + (device - c->first) % scenario->sites[c->site].count;
}

uint32_t swisd_scenario_site_places(const struct swisd_scenario *scenario)
{
  uint32_t count = 0;
  for (uint32_t i = 0; i < scenario->site_count; i++) {
    count += scenario->sites[i].count;
  }
  return count;
}

void swisd_scenario_speeds(const struct swisd_scenario *scenario, uint32_t repeat, uint32_t device,
                           double flops_per_s[SWISD_KERNEL_COUNT])
{
  const struct swisd_scenario_class *c = swisd_scenario_class_of(scenario, device);
  memcpy(flops_per_s, c->flops_per_s, sizeof c->flops_per_s);
  if (!c->sample) {
    return;
  }
  const struct swisd_table_devices *t = &c->sample->u.devices;
  struct swisd_philox stream = swisd_philox_stream(scenario->seed, repeat, device, SWISD_PURPOSE_SAMPLE);
  const double at = swisd_philox_unit(&stream) * t->sums[t->row_count - 1];
  uint32_t lo = 0, hi = t->row_count - 1; /* the first row whose sum is above `at` */
  while (lo < hi) {
    const uint32_t middle = (lo + hi) / 2;
    if (t->sums[middle] > at) {
      hi = middle;
    } else {
      lo = middle + 1;
    }
  }
  /* A scale that a lab has put on the class holds for its devices too. */
  double sum = 0, before = 0;
  for (uint32_t i = 0; i < t->row_count; i++) {
    sum += t->values[i] * (t->sums[i] - before);
    before = t->sums[i];
  }
  for (int k = 0; k < SWISD_KERNEL_COUNT; k++) {
    flops_per_s[k] = c->flops_per_s[k] * (t->values[lo] / (sum / before));
  }
}

uint32_t swisd_scenario_place(const struct swisd_scenario *scenario, uint32_t repeat, uint32_t node)
{
  if (!scenario->distances) {
    return 0;
  }
  struct swisd_philox stream = swisd_philox_stream(scenario->seed, repeat, node, SWISD_PURPOSE_PLACE);
  return swisd_philox_below(&stream, scenario->distances->u.matrix.places);
}

double swisd_scenario_distance_s(const struct swisd_scenario *scenario, uint32_t a, uint32_t b)
{
  if (!scenario->distances) {
    return 0;
  }
  const struct swisd_table_matrix *m = &scenario->distances->u.matrix;
  return (double)m->values[(size_t)a * m->places + b] / 2 * (double)scenario->distance_unit_ns * 1e-9;
}

/* ---- faults ---- */

struct list {
  struct swisd_scenario *s;
  uint32_t fault_room, target_room;
};

static void add_fault(struct list *list, const struct swisd_scenario_fault *fault)
{
  struct swisd_scenario *s = list->s;
  if (s->fault_count == list->fault_room) {
    list->fault_room = list->fault_room ? 2 * list->fault_room : 16;
    s->faults = realloc(s->faults, list->fault_room * sizeof *s->faults);
    assert(s->faults);
  }
  s->faults[s->fault_count++] = *fault;
}

static uint32_t add_target(struct list *list, struct swisd_scenario_target target)
{
  struct swisd_scenario *s = list->s;
  if (s->target_count == list->target_room) {
    list->target_room = list->target_room ? 2 * list->target_room : 16;
    s->targets = realloc(s->targets, list->target_room * sizeof *s->targets);
    assert(s->targets);
  }
  s->targets[s->target_count] = target;
  return s->target_count++;
}

/* `fault` for `device` alone. */
static void add_for_device(struct list *list, struct swisd_scenario_fault fault, uint32_t device)
{
  const struct swisd_scenario_class *c = swisd_scenario_class_of(list->s, device);
  fault.target_count = 1;
  fault.target_first = add_target(list, (struct swisd_scenario_target){.class_index = (uint16_t)(c - list->s->classes),
                                                                       .site = SWISD_SCENARIO_NO_LINK,
                                                                       .first = device - c->first,
                                                                       .count = 1});
  add_fault(list, &fault);
}

static struct swisd_philox stream_for(const struct swisd_scenario *s, uint32_t repeat, const struct swisd_scenario_fault *fault,
                                      enum swisd_purpose purpose)
{
  return swisd_philox_stream(s->seed, repeat, fault->order + (fault->occurrence << 16), purpose);
}

static void flap(struct list *list, uint32_t repeat, const struct swisd_scenario_fault *fault, uint32_t device)
{
  const struct swisd_scenario *s = list->s;
  struct swisd_philox stream =
    swisd_philox_stream(s->seed, repeat, device, SWISD_PURPOSE_FLAP | (fault->order + 1) << 8 | fault->occurrence << 24);
  uint64_t end_ns = add_ns(fault->at_ns, fault->for_ns);
  end_ns = end_ns < s->duration_ns ? end_ns : s->duration_ns;
  struct swisd_scenario_fault cut = {.kind = SWISD_FAULT_CUT, .order = fault->order, .occurrence = fault->occurrence};
  uint64_t at_ns = fault->at_ns;
  for (int i = 0; i < OCCURRENCES_MAX && at_ns < end_ns; i++) {
    cut.at_ns = at_ns;
    cut.for_ns = draw_span_ns(&fault->flap_down_s, &stream);
    if (cut.for_ns > end_ns - at_ns) {
      cut.for_ns = end_ns - at_ns;
    }
    add_for_device(list, cut, device);
    at_ns = add_ns(at_ns + cut.for_ns, draw_span_ns(&fault->flap_up_s, &stream));
  }
}

/* One occurrence of a fault of the file. */
static void play(struct list *list, uint32_t repeat, struct swisd_scenario_fault fault, uint32_t *devices)
{
  const struct swisd_scenario *s = list->s;
  const uint64_t within_ns = fault.within_ns;
  fault.every_s = (struct swisd_distribution){.kind = SWISD_DISTRIBUTION_NONE};
  fault.within_ns = 0;
  if (within_ns == 0 && fault.kind != SWISD_FAULT_FLAP) {
    add_fault(list, &fault);
    return;
  }
  const uint32_t count = swisd_scenario_fault_devices(s, &fault, repeat, devices, s->device_count);
  struct swisd_philox stream = stream_for(s, repeat, &fault, SWISD_PURPOSE_WITHIN);
  for (uint32_t i = 0; i < count; i++) {
    struct swisd_scenario_fault one = fault;
    one.at_ns += within_ns ? (uint64_t)(swisd_philox_unit(&stream) * (double)within_ns) : 0;
    if (fault.kind == SWISD_FAULT_FLAP) {
      flap(list, repeat, &one, devices[i]);
    } else {
      add_for_device(list, one, devices[i]);
    }
  }
}

/* By time, then in the order of the file, then as they were played. */
static int by_time(const void *left, const void *right)
{
  const struct swisd_scenario_fault *a = left, *b = right;
  if (a->at_ns != b->at_ns) {
    return a->at_ns < b->at_ns ? -1 : 1;
  }
  if (a->order != b->order) {
    return a->order < b->order ? -1 : 1;
  }
  if (a->occurrence != b->occurrence) {
    return a->occurrence < b->occurrence ? -1 : 1;
  }
  return a->target_first < b->target_first ? -1 : a->target_first > b->target_first;
}

void swisd_scenario_unroll(const struct swisd_scenario *scenario, uint32_t repeat, struct swisd_scenario *unrolled)
{
  *unrolled = *scenario;
  struct list list = {.s = unrolled};
  unrolled->faults = NULL;
  unrolled->targets = NULL;
  unrolled->fault_count = unrolled->target_count = 0;
  uint32_t *devices = calloc(scenario->device_count + 1u, sizeof *devices);
  assert(devices);
  for (uint32_t i = 0; i < scenario->target_count; i++) { /* first, so that their indices stay */
    add_target(&list, scenario->targets[i]);
  }
  for (uint32_t i = 0; i < scenario->fault_count; i++) {
    struct swisd_scenario_fault fault = scenario->faults[i];
    const bool again = fault.every_s.kind != SWISD_DISTRIBUTION_NONE;
    struct swisd_philox gaps = stream_for(scenario, repeat, &fault, SWISD_PURPOSE_EVERY);
    do {
      play(&list, repeat, fault, devices);
      fault.at_ns = again ? add_ns(fault.at_ns, draw_span_ns(&scenario->faults[i].every_s, &gaps)) : SWISD_NEVER;
      fault.occurrence++;
    } while (fault.at_ns < scenario->duration_ns && fault.occurrence < OCCURRENCES_MAX);
  }
  free(devices);
  if (unrolled->fault_count) {
    qsort(unrolled->faults, unrolled->fault_count, sizeof *unrolled->faults, by_time);
  }
}

void swisd_scenario_unrolled_free(struct swisd_scenario *unrolled)
{
  free(unrolled->faults);
  free(unrolled->targets);
  memset(unrolled, 0, sizeof *unrolled);
}

/* ---- demand ---- */

/* What holds from `at_ns` on, and until when. Of several that overlap the factors multiply. */
static double demand_at(const struct swisd_scenario *s, uint64_t at_ns, uint64_t *until_ns)
{
  double factor = 1;
  *until_ns = SWISD_NEVER;
  for (uint32_t i = 0; i < s->fault_count; i++) {
    const struct swisd_scenario_fault *f = &s->faults[i];
    const uint64_t end_ns = add_ns(f->at_ns, f->for_ns);
    if (f->kind != SWISD_FAULT_DEMAND || end_ns <= at_ns) {
      continue;
    }
    const uint64_t change_ns = f->at_ns > at_ns ? f->at_ns : end_ns;
    factor *= f->at_ns > at_ns ? 1 : f->factor;
    *until_ns = change_ns < *until_ns ? change_ns : *until_ns;
  }
  return factor;
}

uint64_t swisd_scenario_arrival_ns(const struct swisd_scenario *unrolled, uint64_t from_ns, double gap_s)
{
  for (;;) {
    uint64_t until_ns;
    const double factor = demand_at(unrolled, from_ns, &until_ns);
    const uint64_t arrival_ns = add_ns(from_ns, to_ns(gap_s / factor));
    if (arrival_ns <= until_ns) {
      return arrival_ns;
    }
    gap_s -= (double)(until_ns - from_ns) * 1e-9 * factor;
    from_ns = until_ns;
  }
}
