/* B2 by bisection. B3 by Newton's method on cuts: guess the items, let work flow from holders to shards; where it does not
 * suffice, the minimal cut names the shards that are served worst, and what their holders can do is the next guess. Each
 * guess is smaller than the one before and belongs to another set of shards, so it ends, in practice after two or three. */
#include "runtime/base/bound_shards.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BISECTIONS = 100, NOWHERE = -1, SPARE = -2 };

/* Work in units in which a device of average speed does the same of every class in a second. */
struct scale {
  double reference[SWISD_BOUND_KERNELS];
  uint8_t used; /* bit k: items need class k */
};

static struct scale scale_of(const struct swisd_bound_holder *holders, uint32_t count, const struct swisd_bound_shard *shards,
                             uint32_t shard_count)
{
  struct scale scale = {.used = 0};
  double seconds = 0;
  for (uint32_t s = 0; s < shard_count; s++)
    scale.used |= (uint8_t)(shards[s].flops > 0 ? 1u << shards[s].kernel : 0);
  for (uint32_t h = 0; h < count; h++) {
    seconds += holders[h].device_s;
    for (int k = 0; k < SWISD_BOUND_KERNELS; k++)
      scale.reference[k] += holders[h].flops_per_s[k] * holders[h].device_s;
  }
  for (int k = 0; k < SWISD_BOUND_KERNELS; k++)
    scale.reference[k] = scale.reference[k] > 0 ? scale.reference[k] / seconds : 1;
  return scale;
}

/* What it can do at its best class of `classes`. */
static double capacity(const struct scale *scale, const struct swisd_bound_holder *holder, uint8_t classes)
{
  double best = 0;
  for (int k = 0; k < SWISD_BOUND_KERNELS; k++)
    if (classes >> k & 1)
      best = fmax(best, holder->flops_per_s[k] / scale->reference[k]);
  return best * holder->device_s;
}

static double weight(const struct scale *scale, const struct swisd_bound_shard *shard)
{
  return shard->flops / scale->reference[shard->kernel];
}

/* ---- B2 ---- */

struct piece {
  double weight, bytes;
};

static int by_bytes(const void *left, const void *right)
{
  const double a = ((const struct piece *)left)->bytes, b = ((const struct piece *)right)->bytes;
  return a < b ? -1 : a > b;
}

static int by_weight_down(const void *left, const void *right)
{
  const double a = ((const struct piece *)left)->weight, b = ((const struct piece *)right)->weight;
  return a > b ? -1 : a < b;
}

/* Work per byte, downwards. */
static int by_density_down(const void *left, const void *right)
{
  const struct piece *a = left, *b = right;
  const double x = a->weight * b->bytes, y = b->weight * a->bytes;
  return x > y ? -1 : x < y;
}

/* The most work per item that `memory_bytes` can hold the weights of: no more than so many pieces fit, and no more than if
 * pieces could be divided. Exact for pieces of one size; never too little. */
static double held_max(struct piece *pieces, uint32_t count, double memory_bytes)
{
  double left = memory_bytes, divided = 0, whole = 0;
  uint32_t fit = 0;
  qsort(pieces, count, sizeof *pieces, by_bytes);
  while (fit < count && pieces[fit].bytes <= left)
    left -= pieces[fit++].bytes;
  qsort(pieces, count, sizeof *pieces, by_weight_down);
  for (uint32_t i = 0; i < fit; i++)
    whole += pieces[i].weight;
  qsort(pieces, count, sizeof *pieces, by_density_down);
  left = memory_bytes;
  for (uint32_t i = 0; i < count && left > 0; i++) {
    const double part = pieces[i].bytes <= left ? 1 : left / pieces[i].bytes;
    divided += part * pieces[i].weight;
    left -= pieces[i].bytes;
  }
  return fmin(whole, divided);
}

double swisd_bound_memory_items(const struct swisd_bound_holder *devices, uint32_t count, const struct swisd_bound_shard *shards,
                                uint32_t shard_count)
{
  assert(shard_count <= SWISD_BOUND_SHARDS_MAX);
  const struct scale scale = scale_of(devices, count, shards, shard_count);
  struct piece pieces[SWISD_BOUND_SHARDS_MAX];
  double item = 0, all = 0, all_held = 0;
  for (uint32_t s = 0; s < shard_count; s++) {
    pieces[s] = (struct piece){weight(&scale, &shards[s]), shards[s].bytes};
    item += pieces[s].weight;
  }
  if (item <= 0)
    return INFINITY;
  double *held = calloc(count + 1, sizeof *held), *work = calloc(count + 1, sizeof *work);
  assert(held != NULL && work != NULL);
  for (uint32_t d = 0; d < count; d++) {
    work[d] = capacity(&scale, &devices[d], scale.used);
    held[d] = devices[d].memory_bytes > 0 ? held_max(pieces, shard_count, devices[d].memory_bytes) : item;
    all += work[d];
    all_held += work[d] > 0 ? held[d] : 0;
  }
  double low = 0, high = all / item;
  for (int i = 0; i < BISECTIONS && all_held >= item * (1 - 1e-12); i++) {
    const double middle = i == 0 ? high : (low + high) / 2; /* at first: does memory matter at all? */
    double served = 0;
    for (uint32_t d = 0; d < count && middle > 0; d++)
      served += fmin(held[d], work[d] / middle);
    if (served >= item * (1 - 1e-12))
      low = middle;
    else
      high = middle;
  }
  free(held);
  free(work);
  return low;
}

/* ---- B3 ---- */

/* All holders of one set of shards together. */
struct source {
  uint64_t holds;
  double work, given;
  double flow[SWISD_BOUND_SHARDS_MAX]; /* to each shard */
};

struct network {
  struct source *sources;
  uint32_t count, shard_count;
  double needs[SWISD_BOUND_SHARDS_MAX], got[SWISD_BOUND_SHARDS_MAX];
  double little; /* less than this is nothing */
  /* of a search: how a shard and a source were reached, SPARE: a source that has work left, NOWHERE: not reached */
  int shard_from[SWISD_BOUND_SHARDS_MAX];
  int *source_from;
};

/* Marks what can be reached from sources with work to spare, over sources that could give elsewhere what they give; returns a
 * shard that needs more, or NOWHERE. */
static int search(struct network *n)
{
  uint32_t shards[SWISD_BOUND_SHARDS_MAX], head = 0, tail = 0;
  for (uint32_t s = 0; s < n->shard_count; s++)
    n->shard_from[s] = NOWHERE;
  for (uint32_t i = 0; i < n->count; i++)
    n->source_from[i] = n->sources[i].work - n->sources[i].given > n->little ? SPARE : NOWHERE;
  for (uint32_t i = 0; i < n->count; i++)
    for (uint32_t s = 0; s < n->shard_count && n->source_from[i] == SPARE; s++)
      if (n->sources[i].holds >> s & 1 && n->shard_from[s] == NOWHERE)
        n->shard_from[s] = (int)i, shards[tail++] = s;
  while (head < tail) {
    const uint32_t at = shards[head++];
    if (n->needs[at] - n->got[at] > n->little)
      return (int)at;
    for (uint32_t i = 0; i < n->count; i++) {
      if (n->source_from[i] != NOWHERE || n->sources[i].flow[at] <= n->little)
        continue;
      n->source_from[i] = (int)at;
      for (uint32_t s = 0; s < n->shard_count; s++)
        if (n->sources[i].holds >> s & 1 && n->shard_from[s] == NOWHERE)
          n->shard_from[s] = (int)i, shards[tail++] = s;
    }
  }
  return NOWHERE;
}

/* Sends as much as can go the way that the search found to `shard`. */
static void augment(struct network *n, int shard)
{
  double amount = n->needs[shard] - n->got[shard];
  int at = shard, i = n->shard_from[at];
  for (; n->source_from[i] != SPARE; at = n->source_from[i], i = n->shard_from[at])
    amount = fmin(amount, n->sources[i].flow[n->source_from[i]]);
  amount = fmin(amount, n->sources[i].work - n->sources[i].given);
  n->sources[i].given += amount;
  n->got[shard] += amount;
  for (at = shard;; at = n->source_from[i]) {
    i = n->shard_from[at];
    n->sources[i].flow[at] += amount;
    if (n->source_from[i] == SPARE)
      return;
    n->sources[i].flow[n->source_from[i]] -= amount;
  }
}

static void merge(struct network *n, uint64_t holds, double work)
{
  uint32_t i = 0;
  while (i < n->count && n->sources[i].holds != holds)
    i++;
  if (i == n->count)
    n->sources[n->count++] = (struct source){.holds = holds};
  n->sources[i].work += work;
}

/* The items that the guess should have been: what the sources that the last search did not reach can do, by what an item takes
 * of the shards that it did not reach. */
static double cut(const struct network *n, const double *weights)
{
  double work = 0, item = 0;
  uint64_t starving = 0;
  for (uint32_t s = 0; s < n->shard_count; s++)
    if (n->shard_from[s] == NOWHERE && weights[s] > 0)
      starving |= UINT64_C(1) << s, item += weights[s];
  for (uint32_t i = 0; i < n->count; i++)
    if (n->sources[i].holds & starving)
      work += n->sources[i].work;
  return item > 0 ? work / item : INFINITY;
}

static double flow_items(struct network *n, const double *weights, double all, double item)
{
  double items = all / item;
  for (uint32_t round = 0; round <= n->shard_count && items > 0; round++) {
    n->little = 1e-12 * all;
    for (uint32_t s = 0; s < n->shard_count; s++)
      n->needs[s] = items * weights[s], n->got[s] = 0;
    for (uint32_t i = 0; i < n->count; i++) {
      n->sources[i].given = 0;
      memset(n->sources[i].flow, 0, sizeof n->sources[i].flow);
    }
    for (int shard = search(n); shard != NOWHERE; shard = search(n))
      augment(n, shard);
    double missing = 0;
    for (uint32_t s = 0; s < n->shard_count; s++)
      missing += n->needs[s] - n->got[s];
    const double next = cut(n, weights);
    if (missing <= 1e-9 * items * item || !(next < items))
      return items;
    items = next;
  }
  return items;
}

double swisd_bound_placement_items(const struct swisd_bound_holder *holders, uint32_t count,
                                   const struct swisd_bound_shard *shards, uint32_t shard_count)
{
  assert(shard_count <= SWISD_BOUND_SHARDS_MAX);
  const struct scale scale = scale_of(holders, count, shards, shard_count);
  double weights[SWISD_BOUND_SHARDS_MAX], item = 0, all = 0;
  for (uint32_t s = 0; s < shard_count; s++)
    item += weights[s] = weight(&scale, &shards[s]);
  if (item <= 0)
    return INFINITY;
  struct network n = {.shard_count = shard_count};
  n.sources = calloc(count + 1, sizeof *n.sources);
  n.source_from = calloc(count + 1, sizeof *n.source_from);
  assert(n.sources != NULL && n.source_from != NULL);
  for (uint32_t h = 0; h < count; h++) {
    uint8_t classes = 0;
    for (uint32_t s = 0; s < shard_count; s++)
      classes |= (uint8_t)(holders[h].holds >> s & 1 && weights[s] > 0 ? 1u << shards[s].kernel : 0);
    const double work = capacity(&scale, &holders[h], classes);
    if (work > 0)
      merge(&n, holders[h].holds, work);
    all += work;
  }
  const double items = flow_items(&n, weights, all, item);
  free(n.sources);
  free(n.source_from);
  return items;
}
