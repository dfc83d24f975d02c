/* How long a device takes to be of use: from the start of its process to its first accepted task. A submitter (in this process)
 * has a job and nobody to compute it, one shard of 20 MB, and that is all a newcomer needs. It joins with nothing on its disk,
 * then is killed and comes back with the shard there; with --speed, and without (then it measures itself first, once per data
 * directory).
 *
 * Then, what a node needs in memory that holds one shard of 20 MB out of a model of 160 MB.
 * usage: bench_join SWISD [RUNS]     (SWISD: the path of the command)   bars: 2 s to fetch, 0.5 s cached, at most, on loopback */
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/cli/lab.h"
#include "runtime/net/clock.h"
#include "runtime/net/peer.h"
#include "runtime/net/socket_address.h"

enum { RUNS_MAX = 50, ITEMS = 64, IN = 4096, OUT = 1221, LANES = 8, PATIENCE_S = 30 }; /* 4096 * 1221 floats: 20.0 MB */

struct bench {
  struct swisd_peer_job job; /* first */
  const char *swisd;
  char root[64], seed[64], node[96], log[128];
  struct swisd_peer *peer;
  uint64_t first_ns; /* when the first rows came; 0: not yet */
  bool ended;
  struct event *patience;
};

static void on_answer(struct swisd_peer_job *job, const struct swisd_action_answer *answer)
{
  struct bench *bench = (struct bench *)job;
  if (bench->first_ns == 0 && answer->hi > answer->lo)
    bench->first_ns = swisd_clock_now_ns();
  bench->ended |= !answer->more;
  if (bench->ended)
    swisd_peer_break(bench->peer);
}

static void on_patience(evutil_socket_t fd, short what, void *argument)
{
  (void)fd, (void)what;
  swisd_peer_break(((struct bench *)argument)->peer);
}

/* A model of one dense step in `lanes` lanes of 20 MB. */
static int add_model(struct bench *bench, const char *name, unsigned lanes, swisd_model_id *id, struct swisd_error *error)
{
  static struct swisd_bundle bundle;
  memset(&bundle, 0, sizeof bundle);
  struct swisd_model *model = &bundle.model;
  snprintf(model->name, sizeof model->name, "%s", name);
  model->input = (struct swisd_shape){1, 1, IN, SWISD_VALUE_F32};
  model->step_count = 1;
  struct swisd_model_step *step = &model->steps[0];
  snprintf(step->name, sizeof step->name, "dense");
  step->edge_count = step->op_count = 1;
  step->edges[0] = (struct swisd_edge){.from = SWISD_MODEL_FROM_INPUT, .map = SWISD_MAP_ROWS};
  step->ops[0] =
    (struct swisd_op){.kind = SWISD_OP_DENSE, .out = OUT * lanes, .split = lanes > 1 ? SWISD_SPLIT_ROWS : SWISD_SPLIT_NONE};
  step->lane_count = (uint8_t)lanes;
  for (unsigned l = 0; l < lanes && lanes > 1; l++) {
    step->lanes[l].block_first = l * OUT;
    step->lanes[l].block_end = (l + 1) * OUT;
  }
  int status = swisd_model_check(model, name, false, error);
  for (unsigned l = 0; l < lanes && status == 0; l++) {
    float *weights = malloc(step->lanes[l].bytes);
    for (uint64_t i = 0; weights && i < step->lanes[l].bytes / sizeof *weights; i++)
      weights[i] = (float)((i * 7 + l) % 13) / 13;
    bundle.shards[l] = weights;
    status = weights ? 0 : swisd_error_set(error, "no memory");
  }
  status = status == 0 ? swisd_peer_add_model(bench->peer, &bundle, error) : status;
  *id = model->id;
  swisd_bundle_free(&bundle);
  return status;
}

static int submit(struct bench *bench, swisd_model_id model, struct swisd_error *error)
{
  bench->job.answer = on_answer;
  bench->first_ns = 0;
  bench->ended = false;
  if (swisd_peer_submit(bench->peer, &bench->job, model, ITEMS, error) != 0)
    return -1;
  struct swisd_blob *input = swisd_blob_new(swisd_peer_inputs(bench->peer), (uint64_t)ITEMS * IN * sizeof(float));
  if (!input)
    return swisd_error_set(error, "no memory");
  memset(input->data, 0, (size_t)input->bytes);
  swisd_peer_append(bench->peer, &bench->job, ITEMS, input, true);
  return 0;
}

static int start_node(struct bench *bench, struct swisd_lab_process *process, bool with_speed, const char *memory,
                      struct swisd_error *error)
{
  const char *arguments[20] = {bench->swisd, "node",   "--data",    bench->node, "--port",
                               "0",          "--join", bench->seed, "--memory",  memory};
  if (with_speed) {
    arguments[10] = "--speed";
    arguments[11] = "5";
    arguments[12] = "--throttle";
    arguments[13] = "none";
  }
  return swisd_lab_start(process, arguments, NULL, bench->log, error);
}

/* Seconds from the start of the process to the first accepted rows; negative: not within PATIENCE_S, or an error was printed. */
static double join(struct bench *bench, swisd_model_id model, bool with_speed)
{
  struct swisd_lab_process process = {0};
  struct swisd_error error;
  const struct timeval patience = {.tv_sec = PATIENCE_S};
  if (submit(bench, model, &error) != 0) {
    fprintf(stderr, "bench_join: %s\n", error.text);
    return -1;
  }
  const uint64_t start_ns = swisd_clock_now_ns();
  if (start_node(bench, &process, with_speed, "24MB", &error) != 0) {
    fprintf(stderr, "bench_join: %s\n", error.text);
    return -1;
  }
  event_add(bench->patience, &patience);
  swisd_peer_run(bench->peer);
  event_del(bench->patience);
  swisd_lab_kill(&process);
  if (!bench->ended) {
    swisd_peer_withdraw(bench->peer, &bench->job);
    fprintf(stderr, "bench_join: no answer within %d s; see %s\n", PATIENCE_S, bench->log);
    return -1;
  }
  return (double)(bench->first_ns - start_ns) / 1e9;
}

static int compare(const void *a, const void *b)
{
  const double x = *(const double *)a, y = *(const double *)b;
  return x < y ? -1 : x > y;
}

static bool report(const char *what, double *seconds, int runs, double bar)
{
  qsort(seconds, (size_t)runs, sizeof *seconds, compare);
  printf("%-42s %8.3f %8.3f %8.3f   %.1f\n", what, seconds[0], seconds[runs / 2], seconds[runs - 1], bar);
  return seconds[runs / 2] <= bar;
}

static int measure_joining(struct bench *bench, swisd_model_id model, int runs)
{
  double seconds[4][RUNS_MAX];
  bool reached = true;
  for (int run = 0; run < runs; run++)
    for (int how = 0; how < 4; how++) {
      if (how % 2 == 0) {
        snprintf(bench->node, sizeof bench->node, "%s/node-%d-%d", bench->root, run, how);
        snprintf(bench->log, sizeof bench->log, "%s.log", bench->node);
      }
      seconds[how][run] = join(bench, model, how < 2);
      if (seconds[how][run] < 0)
        return 1;
    }
  printf("%-42s %8s %8s %8s   bar (median)\n", "process start to first accepted task, s", "least", "median", "most");
  reached &= report("20 MB to fetch, speed given", seconds[0], runs, 2);
  reached &= report("cached, speed given", seconds[1], runs, 0.5);
  reached &= report("20 MB to fetch, measures itself", seconds[2], runs, 2);
  reached &= report("cached, measured before", seconds[3], runs, 0.5);
  return reached ? 0 : 1;
}

/* One node that may hold one shard of eight: it fetches it and computes what it can of a job. */
static int measure_memory(struct bench *bench)
{
  struct swisd_error error;
  struct swisd_lab_process process = {0};
  swisd_model_id model;
  const struct timeval while_s = {.tv_sec = 6};
  snprintf(bench->node, sizeof bench->node, "%s/node-memory", bench->root);
  snprintf(bench->log, sizeof bench->log, "%s.log", bench->node);
  if (add_model(bench, "bench-join-wide", LANES, &model, &error) != 0 || submit(bench, model, &error) != 0 ||
      start_node(bench, &process, true, "24MB", &error) != 0) {
    fprintf(stderr, "bench_join: %s\n", error.text);
    return 1;
  }
  event_add(bench->patience, &while_s);
  swisd_peer_run(bench->peer);
  printf("\nholding 20 of %d MB, having computed with it: %.1f MiB resident, %.1f MiB at most\n", 20 * LANES,
         swisd_lab_memory_mib(&process, "VmRSS"), swisd_lab_memory_mib(&process, "VmHWM"));
  swisd_lab_kill(&process);
  swisd_peer_withdraw(bench->peer, &bench->job);
  return 0;
}

static int open_submitter(struct bench *bench, char *directory, char *key, struct swisd_error *error)
{
  struct swisd_peer_options options = swisd_peer_options_default();
  options.data_directory = directory;
  options.key_file = key;
  options.config.works = false;
  bench->peer = swisd_peer_open(&options, error);
  if (!bench->peer)
    return -1;
  const struct swisd_address at = swisd_peer_address(bench->peer);
  swisd_address_text(&at, bench->seed);
  bench->patience = evtimer_new(swisd_peer_base(bench->peer), on_patience, bench);
  return 0;
}

int main(int argc, char **argv)
{
  static struct bench bench;
  struct swisd_error error = {""};
  char directory[96];
  swisd_model_id model;
  const int runs = argc > 2 ? atoi(argv[2]) : 7;
  if (argc < 2 || runs < 1 || runs > RUNS_MAX) {
    fprintf(stderr, "usage: bench_join SWISD [RUNS]   (1 to %d runs)\n", RUNS_MAX);
    return 2;
  }
  bench.swisd = argv[1];
  snprintf(bench.root, sizeof bench.root, "/tmp/swisd-bench-XXXXXX");
  signal(SIGPIPE, SIG_IGN);
  int status = 2;
  if (mkdtemp(bench.root) && swisd_lab_join_key(bench.root, &error) == 0) {
    snprintf(directory, sizeof directory, "%s/submitter", bench.root);
    if (open_submitter(&bench, directory, getenv("SWISD_KEY_FILE"), &error) == 0 &&
        add_model(&bench, "bench-join", 1, &model, &error) == 0) {
      status = measure_joining(&bench, model, runs);
      status |= measure_memory(&bench);
    }
  }
  if (status == 2)
    fprintf(stderr, "bench_join: %s\n", error.text);
  if (bench.patience)
    event_free(bench.patience);
  swisd_peer_close(bench.peer);
  if (!getenv("BENCH_KEEP"))
    swisd_lab_remove(bench.root);
  return status;
}
