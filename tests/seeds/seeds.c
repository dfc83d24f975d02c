/* seeds: runs random worlds and says which seeds break something.
 *
 *   seeds [--seed S] [--count N] [--file FILE] [--shrink] [--twice] [--verbose] [--trace]
 *
 * Seeds S .. S + N - 1, or those of FILE (one a line, a word of why behind it). --twice runs each world again and compares
 * digests. --trace prints all that the nodes said. Exit status 1 when a world failed; its seed stands in the line. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/seeds/world.h"

struct options {
  uint64_t seed, count;
  const char *file;
  bool shrink, twice, verbose, trace;
};

struct totals {
  uint64_t worlds, failures, steps, digest;
  uint64_t answered, refused, failed, withdrawn, submitters_died;
  uint64_t nodes[4096], seconds[4096], faults[4096]; /* of the first worlds, for the medians */
};

static uint64_t running_seed;

/* A world takes a fraction of a second: one that is still busy after a minute hangs. */
static void too_long(int signal)
{
  char text[64];
  (void)signal;
  const int n = snprintf(text, sizeof(text), "seed %llu hangs\n", (unsigned long long)running_seed);
  if (write(2, text, (size_t)n) < 0)
    _exit(1);
  _exit(1);
}

static void crashed(int signal)
{
  char text[64];
  const int n = snprintf(text, sizeof(text), "seed %llu: signal %d\n", (unsigned long long)running_seed, signal);
  if (write(2, text, (size_t)n) < 0)
    _exit(1);
  _exit(1);
}

static void failed(const struct options *o, struct world *world, struct world_verdict *verdict)
{
  printf("seed %llu: %s\n", (unsigned long long)world->seed, verdict->failure);
  alarm(0); /* shrinking may take its time */
  if (o->shrink) {
    world_shrink(world, verdict);
    printf("shrunk: %s\n", verdict->failure);
  }
  if (o->shrink || o->verbose)
    world_print(world, stdout);
  if (o->shrink && o->trace)
    world_run(world, verdict, stdout);
  fflush(stdout);
}

static void run_one(const struct options *o, uint64_t seed, struct totals *t)
{
  struct world world;
  struct world_verdict verdict, again;
  running_seed = seed;
  alarm(300);
  world_draw(seed, &world);
  world_run(&world, &verdict, o->trace && !o->shrink ? stdout : NULL);
  if (o->twice && verdict.failure[0] == '\0') {
    world_run(&world, &again, NULL);
    if (again.digest != verdict.digest)
      snprintf(verdict.failure, sizeof(verdict.failure), "two runs differ: digests %016llx and %016llx",
               (unsigned long long)verdict.digest, (unsigned long long)again.digest);
  }
  if (t->worlds < sizeof(t->nodes) / sizeof(t->nodes[0])) {
    t->nodes[t->worlds] = world.node_count;
    t->seconds[t->worlds] = world.duration_ns / SWISD_SECOND;
    t->faults[t->worlds] = world.fault_count;
  }
  t->worlds++;
  t->steps += verdict.steps;
  t->digest = t->digest * UINT64_C(0x9E3779B97F4A7C15) + verdict.digest;
  t->answered += verdict.answered;
  t->refused += verdict.refused;
  t->failed += verdict.failed;
  t->withdrawn += verdict.withdrawn;
  t->submitters_died += verdict.submitters_died;
  if (o->verbose)
    printf("seed %llu: %u nodes, %llu s, %llu steps, %u answered, %u refused, %u failed\n", (unsigned long long)seed,
           world.node_count, (unsigned long long)(world.duration_ns / SWISD_SECOND), (unsigned long long)verdict.steps,
           verdict.answered, verdict.refused, verdict.failed);
  if (verdict.failure[0] != '\0') {
    t->failures++;
    failed(o, &world, &verdict);
  }
  alarm(0);
}

static int compare(const void *a, const void *b)
{
  const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return x < y ? -1 : x > y;
}

static unsigned long long median(uint64_t *values, uint64_t count)
{
  const uint64_t known = count < 4096 ? count : 4096;
  qsort(values, known, sizeof(values[0]), compare);
  return known == 0 ? 0 : values[known / 2];
}

static void run_file(const struct options *o, struct totals *t)
{
  FILE *file = fopen(o->file, "r");
  if (file == NULL) {
    fprintf(stderr, "%s: cannot be read\n", o->file);
    exit(2);
  }
  char line[256];
  while (fgets(line, sizeof(line), file) != NULL)
    if (line[0] >= '0' && line[0] <= '9')
      run_one(o, strtoull(line, NULL, 10), t);
  fclose(file);
}

static void usage(void)
{
  fprintf(stderr, "usage: seeds [--seed S] [--count N] [--file FILE] [--shrink] [--twice] [--verbose] [--trace]\n");
  exit(2);
}

static struct options read_options(int argc, char **argv)
{
  struct options o = {.seed = 1, .count = 1};
  for (int i = 1; i < argc; i++) {
    const bool more = i + 1 < argc;
    if (strcmp(argv[i], "--seed") == 0 && more)
      o.seed = strtoull(argv[++i], NULL, 10);
    else if (strcmp(argv[i], "--count") == 0 && more)
      o.count = strtoull(argv[++i], NULL, 10);
    else if (strcmp(argv[i], "--file") == 0 && more)
      o.file = argv[++i];
    else if (strcmp(argv[i], "--shrink") == 0)
      o.shrink = true;
    else if (strcmp(argv[i], "--twice") == 0)
      o.twice = true;
    else if (strcmp(argv[i], "--trace") == 0)
      o.trace = true;
    else if (strcmp(argv[i], "--verbose") == 0)
      o.verbose = true;
    else
      usage();
  }
  return o;
}

int main(int argc, char **argv)
{
  const struct options o = read_options(argc, argv);
  static struct totals t;
  signal(SIGALRM, too_long);
  signal(SIGSEGV, crashed);
  signal(SIGFPE, crashed);
  if (o.file != NULL)
    run_file(&o, &t);
  for (uint64_t i = 0; i < o.count && o.file == NULL; i++)
    run_one(&o, o.seed + i, &t);
  printf("%llu worlds, %llu failed; medians: %llu nodes, %llu virtual seconds, %llu faults; %llu steps\n",
         (unsigned long long)t.worlds, (unsigned long long)t.failures, median(t.nodes, t.worlds), median(t.seconds, t.worlds),
         median(t.faults, t.worlds), (unsigned long long)t.steps);
  printf("jobs: %llu answered, %llu refused for want of room, %llu failed as they had to, %llu withdrawn, %llu lost with their "
         "submitter; digest %016llx\n",
         (unsigned long long)t.answered, (unsigned long long)t.refused, (unsigned long long)t.failed,
         (unsigned long long)t.withdrawn, (unsigned long long)t.submitters_died, (unsigned long long)t.digest);
  return t.failures == 0 ? 0 : 1;
}
