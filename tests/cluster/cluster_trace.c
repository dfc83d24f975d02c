/* The trace of the whole cluster: kept as text for stories, passed on to whoever watches, folded into the digest. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/core/panic.h"
#include "runtime/wire/record.h"
#include "runtime/wire/trace_text.h"
#include "runtime/wire/wire.h"
#include "tests/cluster/inside.h"

static void fold(struct cluster *c, uint64_t v) { c->digest = mix(c->digest, v); }

static size_t name(void *context, struct swisd_id id, char *out, size_t capacity)
{
  const int length = snprintf(out, capacity, "%u", cluster_index(context, id));
  return (size_t)length < capacity ? (size_t)length : capacity - 1;
}

/* Room for one more line. */
static char *line(struct cluster *c)
{
  if (c->trace_bytes + SWISD_TRACE_TEXT_BYTES_MAX + 2 > c->trace_capacity) {
    c->trace_capacity = 2 * c->trace_capacity + 64 * SWISD_TRACE_TEXT_BYTES_MAX;
    c->trace = realloc(c->trace, c->trace_capacity);
    SWISD_ASSERT(c->trace != NULL);
  }
  return c->trace + c->trace_bytes;
}

static void end_line(struct cluster *c, size_t length)
{
  c->trace_bytes += length < SWISD_TRACE_TEXT_BYTES_MAX ? length : SWISD_TRACE_TEXT_BYTES_MAX - 1;
  c->trace[c->trace_bytes++] = '\n';
  c->trace[c->trace_bytes] = '\0';
}

static void keep(struct cluster *c, uint32_t host, const struct swisd_trace *trace)
{
  const struct swisd_trace_namer namer = {name, c};
  struct swisd_trace shown = *trace;
  shown.time_ns = c->now_ns; /* the one time that all agree on: the driver's */
  char *out = line(c);
  end_line(c, swisd_trace_text(&shown, cluster_id(c, host), &namer, out, SWISD_TRACE_TEXT_BYTES_MAX));
}

/* What a node was told and what it asks for, for hunting: not part of any story. */
static void keep_actions(struct cluster *c, uint32_t host, const struct swisd_event *event, const struct swisd_actions *actions)
{
  const double now = (double)c->now_ns * 1e-9;
  if (event->kind == SWISD_EVENT_MESSAGE)
    end_line(c, (size_t)sprintf(line(c), "[%8.3f] %u << %s of %u, body %u.%u", now, host,
                                swisd_message_type_name(event->u.message.message->type), cluster_index(c, event->u.message.from),
                                event->u.message.body.handle, event->u.message.body.generation));
  else if (event->kind == SWISD_EVENT_COMPUTED)
    end_line(c, (size_t)sprintf(line(c), "[%8.3f] %u << computed %u, status %d, body %u.%u", now, host, event->u.computed.ticket,
                                event->u.computed.status, event->u.computed.out.handle, event->u.computed.out.generation));
  else if (event->kind != SWISD_EVENT_DEADLINE)
    end_line(c, (size_t)sprintf(line(c), "[%8.3f] %u << %s %u, status %d", now, host, swisd_event_kind_name(event->kind),
                                event->u.fetched.ticket, event->u.fetched.status));
  for (uint32_t i = 0; i < actions->count; i++) {
    const struct swisd_action *a = &actions->list[i];
    if (a->kind == SWISD_ACTION_SEND)
      end_line(c, (size_t)sprintf(line(c), "[%8.3f] %u >> %s to %u, body %u.%u", now, host,
                                  swisd_message_type_name(a->u.send.message.type), cluster_index(c, a->u.send.to),
                                  a->u.send.body.handle, a->u.send.body.generation));
    else if (a->kind == SWISD_ACTION_COMPUTE)
      end_line(c, (size_t)sprintf(line(c), "[%8.3f] %u >> compute %u, program %u, step %u lane %u items %llu..%llu", now, host,
                                  a->u.compute.ticket, a->u.compute.program, a->u.compute.key.step, a->u.compute.key.lane,
                                  (unsigned long long)a->u.compute.key.lo, (unsigned long long)a->u.compute.key.hi));
    else if (a->kind == SWISD_ACTION_RELEASE)
      end_line(c,
               (size_t)sprintf(line(c), "[%8.3f] %u >> release %u.%u", now, host, a->u.release.handle, a->u.release.generation));
    else
      end_line(c, (size_t)sprintf(line(c), "[%8.3f] %u >> %s %u", now, host, swisd_action_kind_name(a->kind), a->u.fetch.ticket));
  }
}

void trace_step(struct cluster *c, uint32_t host, const struct swisd_event *event, const struct swisd_actions *actions)
{
  if (c->kinds[CLUSTER_TRACE_ACTIONS])
    keep_actions(c, host, event, actions);
  fold(c, c->now_ns);
  fold(c, host);
  fold(c, swisd_actions_digest(actions));
  for (uint32_t i = 0; i < actions->trace_count; i++) {
    const struct swisd_trace *t = &actions->traces[i];
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

const char *cluster_trace_text(const struct cluster *c) { return c->trace == NULL ? "" : c->trace; }

void cluster_trace_clear(struct cluster *c)
{
  c->trace_bytes = 0;
  if (c->trace != NULL)
    c->trace[0] = '\0';
}
