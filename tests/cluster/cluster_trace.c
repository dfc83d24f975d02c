/* The trace of the whole cluster: kept as text for stories, passed on to whoever watches, folded into the digest. */
#include <stdlib.h>
#include <string.h>

#include "runtime/core/panic.h"
#include "tests/cluster/inside.h"

static void fold(struct cluster *c, uint64_t v)
{
  c->digest = mix(c->digest, v);
}

static void keep(struct cluster *c, uint32_t host, const struct swisd_trace *trace)
{
  (void)c, (void)host, (void)trace;
}

void trace_step(struct cluster *c, uint32_t host, const struct swisd_actions *actions)
{
  fold(c, c->now_ns);
  fold(c, (uint64_t)host << 32 | actions->count << 16 | actions->trace_count);
  for (uint32_t i = 0; i < actions->count; i++)
    fold(c, actions->list[i].kind);
  for (uint32_t i = 0; i < actions->trace_count; i++) {
    const struct swisd_trace *t = &actions->traces[i];
    fold(c, t->kind);
    fold(c, t->value ^ t->key.lo);
    if (c->see != NULL)
      c->see(c->see_context, host, c->now_ns, t);
    if (c->kinds[t->kind])
      keep(c, host, t);
  }
}

void cluster_watch(struct cluster *c, void (*see)(void *context, uint32_t node, uint64_t now_ns, const struct swisd_trace *trace),
                   void *context)
{
  c->see = see;
  c->see_context = context;
}

void cluster_trace(struct cluster *c, const uint8_t *kinds)
{
  memset(c->kinds, 0, sizeof(c->kinds));
  for (; *kinds != 0; kinds++)
    c->kinds[*kinds] = true;
}

const char *cluster_trace_text(const struct cluster *c)
{
  return c->trace == NULL ? "" : c->trace;
}

void cluster_trace_clear(struct cluster *c)
{
  c->trace_bytes = 0;
  if (c->trace != NULL)
    c->trace[0] = '\0';
}
