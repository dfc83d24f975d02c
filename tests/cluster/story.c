/* Assertions and tallies for stories. */
#include "tests/cluster/story.h"

#include <stdio.h>

static void see(void *context, uint32_t node, uint64_t now_ns, const struct swisd_trace *trace)
{
  struct tally *t = context;
  (void)node;
  const bool of_member = !swisd_id_is_zero(trace->subject);
  const uint64_t who = of_member ? trace->subject.lo : trace->peer.lo;
  t->seen[trace->kind]++;
  if (who == 0 || who > STORY_NODES_MAX)
    return;
  if (t->of[trace->kind][who - 1]++ == 0)
    t->first_ns[trace->kind][who - 1] = now_ns;
}

struct tally *story_tally(struct cluster *c)
{
  struct tally *t = test_calloc(1, sizeof(*t));
  t->cluster = c;
  cluster_watch(c, see, t);
  return t;
}

void story_forget(struct tally *t)
{
  struct cluster *c = t->cluster;
  memset(t, 0, sizeof(*t));
  t->cluster = c;
}

void story_is_well(struct cluster *c)
{
  if (cluster_failure(c) != NULL)
    fail_msg("%s\n%s", cluster_failure(c), cluster_trace_text(c));
}

void story_expect(struct cluster *c, const char *text)
{
  story_is_well(c);
  if (strcmp(cluster_trace_text(c), text) != 0)
    fail_msg("the trace is\n%s\nbut was expected to be\n%s", cluster_trace_text(c), text);
}

void story_answers(struct cluster *c, uint64_t number, uint64_t duration_ns)
{
  struct cluster_job_view view;
  const bool ended = cluster_run_job(c, number, duration_ns);
  story_is_well(c);
  assert_true(cluster_job(c, number, &view));
  if (!ended)
    fail_msg("job %llu has answered %llu of %llu items after %.1f s\n%s", (unsigned long long)number,
             (unsigned long long)view.answered, (unsigned long long)view.items, (double)duration_ns * 1e-9,
             cluster_trace_text(c));
  assert_int_equal(view.status, SWISD_OK);
}

void story_end(struct cluster *c, struct tally *t)
{
  cluster_settle(c, 60 * SWISD_SECOND);
  story_is_well(c);
  cluster_free(c);
  if (t != NULL)
    test_free(t);
}
