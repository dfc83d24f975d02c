/* See gate.h: files, references, programs and recordings. */
#include "tests/story/gate.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "kernels/dataset.h"
#include "kernels/local.h"
#include "kernels/tokenizer.h"
#include "runtime/net/replay.h"
#include "runtime/store/model_store.h"

static char directory[64]; /* of the test that runs */

/* ---- files and programs ---- */

int gate_setup(void **state)
{
  (void)state;
  const char *temporary = getenv("TMPDIR");
  snprintf(directory, sizeof(directory), "%.40s/swisd-gate-XXXXXX", temporary != NULL && *temporary != '\0' ? temporary : "/tmp");
  return mkdtemp(directory) == NULL ? -1 : 0;
}

int gate_teardown(void **state)
{
  (void)state;
  swisd_lab_remove(directory);
  return 0;
}

void gate_path(char path[GATE_PATH_BYTES], const char *format, ...)
{
  va_list arguments;
  const int used = snprintf(path, GATE_PATH_BYTES, "%s/", directory);
  va_start(arguments, format);
  vsnprintf(path + used, (size_t)(GATE_PATH_BYTES - used), format, arguments);
  va_end(arguments);
}

char *gate_read(const char *path, size_t *bytes)
{
  FILE *in = fopen(path, "re");
  if (in == NULL)
    fail_msg("%s is not there", path);
  fseek(in, 0, SEEK_END);
  const long size = ftell(in);
  rewind(in);
  char *text = test_malloc((size_t)size + 1);
  const size_t got = fread(text, 1, (size_t)size, in);
  text[got] = '\0';
  fclose(in);
  if (bytes != NULL)
    *bytes = got;
  return text;
}

void gate_expect_file(const char *path, const void *bytes, size_t count)
{
  size_t got;
  char *contents = gate_read(path, &got);
  assert_int_equal(got, count);
  if (memcmp(contents, bytes, count) != 0)
    fail_msg("%s differs from what one process computes", path);
  test_free(contents);
}

void gate_run(const char *name, const char *const *argv, double seconds)
{
  struct swisd_lab_process process;
  struct swisd_error error;
  char out[GATE_PATH_BYTES], err[GATE_PATH_BYTES];
  gate_path(out, "%s.out", name);
  gate_path(err, "%s.err", name);
  assert_int_equal(swisd_lab_start(&process, argv, out, err, &error), 0);
  const bool ended = swisd_lab_ended(&process, seconds);
  swisd_lab_kill(&process);
  char *said = gate_read(err, NULL);
  if (!ended || swisd_lab_exit_status(&process) != 0)
    fail_msg("%s %s\n%s", name, ended ? "failed" : "did not end", said);
  test_free(said);
}

/* ---- what a scenario does to its devices ---- */

static void add_fault(struct gate_fault *faults, uint32_t *count, struct gate_fault fault)
{
  assert_true(*count < GATE_FAULTS_MAX);
  uint32_t i = (*count)++;
  for (; i > 0 && faults[i - 1].at_ns > fault.at_ns; i--)
    faults[i] = faults[i - 1];
  faults[i] = fault;
}

uint32_t gate_faults(const struct swisd_scenario *scenario, struct gate_fault faults[GATE_FAULTS_MAX])
{
  uint32_t count = 0;
  for (uint32_t f = 0; f < scenario->fault_count; f++) {
    const struct swisd_scenario_fault *fault = &scenario->faults[f];
    uint32_t devices[GATE_FAULTS_MAX];
    const uint32_t hit = swisd_scenario_fault_devices(scenario, fault, 0, devices, GATE_FAULTS_MAX);
    assert_true(fault->kind <= SWISD_FAULT_RETURN && hit <= GATE_FAULTS_MAX);
    for (uint32_t i = 0; i < hit; i++) {
      add_fault(faults, &count, (struct gate_fault){fault->at_ns, fault->kind, devices[i], fault->factor});
      if (fault->for_ns != SWISD_NEVER)
        add_fault(faults, &count, (struct gate_fault){fault->at_ns + fault->for_ns, SWISD_FAULT_RETURN, devices[i], 1});
    }
  }
  return count;
}

/* ---- images ---- */

bool gate_rows_open(struct gate_rows *rows, const struct swisd_scenario *scenario)
{
  struct swisd_dataset images;
  struct swisd_error error;
  memset(rows, 0, sizeof(*rows));
  if (swisd_dataset_read(SWISD_FASHION_FOLDER "/t10k-images-idx3-ubyte.gz", &images, &error) != 0) {
    printf("%s: left out\n", error.text);
    return false;
  }
  rows->items = scenario->workload.items;
  rows->input = images.bytes;
  assert_true(rows->items > 0 && rows->items <= images.item_count);
  char folder[GATE_PATH_BYTES];
  snprintf(folder, sizeof(folder), "kernels/weights/%s", scenario->workload.model);
  if (swisd_model_folder_load(folder, &rows->bundle, &error) != 0)
    fail_msg("%s", error.text);
  struct swisd_local *local = swisd_local_open(&rows->bundle, swisd_kernels_portable(), &error);
  assert_non_null(local);
  rows->row_bytes = swisd_local_out_bytes(&rows->bundle.model);
  rows->rows = test_malloc(rows->items * rows->row_bytes);
  assert_int_equal(swisd_local_run(local, rows->input, rows->items, rows->rows, &error), 0);
  swisd_local_close(local);
  return true;
}

void gate_rows_close(struct gate_rows *rows)
{
  test_free(rows->rows);
  free(rows->input);
  swisd_bundle_free(&rows->bundle);
}

/* ---- the tinystories model ---- */

bool gate_model_folder(char path[GATE_PATH_BYTES])
{
  const char *root = getenv("SWISD_SHARED");
  snprintf(path, GATE_PATH_BYTES, "%s/data/models/tinystories-656k", root != NULL && *root != '\0' ? root : "../shared");
  if (access(path, R_OK) == 0)
    return true;
  printf("%s is not there: this story is left out\n", path);
  return false;
}

/* ---- recordings ---- */

static void expect_replay(const char *recording)
{
  char out[GATE_PATH_BYTES], err[GATE_PATH_BYTES];
  unsigned long long same = 0, of = 0, steps = 0;
  gate_run("replay", (const char *const[]){SWISD_EXECUTABLE, "replay", recording, NULL}, 60);
  gate_path(out, "replay.out");
  gate_path(err, "replay.err");
  char *said = gate_read(out, NULL), *about = gate_read(err, NULL);
  assert_int_equal(sscanf(said, "same actions in %llu of %llu steps", &same, &of), 2);
  assert_int_equal(sscanf(about, "%llu steps", &steps), 1);
  assert_true(same == of && of + 1 >= steps && steps > 10); /* a process may be killed inside a step */
  test_free(said);
  test_free(about);
}

void gate_expect_replays(const char *folder, uint32_t at_least)
{
  uint32_t files = 0;
  DIR *listing = opendir(folder);
  assert_non_null(listing);
  for (struct dirent *entry; (entry = readdir(listing)) != NULL;) {
    char path[GATE_PATH_BYTES + 256];
    const size_t length = strlen(entry->d_name);
    if (length < 4 || strcmp(entry->d_name + length - 4, ".rec") != 0)
      continue;
    snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
    expect_replay(path);
    files++;
  }
  closedir(listing);
  assert_true(files >= at_least);
}

struct counting {
  struct swisd_replay_host host; /* first */
  uint8_t *answered;
  uint64_t items, beyond;
  uint32_t ends;
  enum swisd_status status;
  struct swisd_job_account account;
};

static void count_answers(struct swisd_replay_host *host, const struct swisd_node *node, const struct swisd_event *event,
                          uint64_t now_ns, const struct swisd_actions *actions)
{
  struct counting *counting = (struct counting *)host;
  (void)event, (void)now_ns;
  for (uint32_t i = 0; i < actions->count; i++) {
    const struct swisd_action_answer *answer = &actions->list[i].u.answer;
    if (actions->list[i].kind != SWISD_ACTION_ANSWER)
      continue;
    for (uint64_t item = answer->lo; item < answer->hi; item++)
      if (item < counting->items)
        counting->answered[item]++;
      else
        counting->beyond++;
    if (!answer->more) {
      counting->ends++;
      counting->status = answer->status;
      assert_true(swisd_node_job_account(node, answer->number, &counting->account));
    }
  }
}

uint64_t gate_expect_once(const char *recording, uint64_t first, uint64_t items)
{
  struct counting counting = {.host.step = count_answers, .answered = test_calloc(items, 1), .items = items};
  struct swisd_replay_result result;
  struct swisd_error error;
  if (swisd_replay_run(recording, &counting.host, &result, &error) != 0)
    fail_msg("%s", error.text);
  assert_int_equal(result.first_differing, 0);
  assert_int_equal(counting.beyond, 0);
  assert_true(counting.ends == 1 && counting.status == SWISD_OK);
  const struct swisd_job_account *a = &counting.account;
  assert_int_equal(a->issued, a->accepted + a->duplicate + a->lost + a->rejected + a->cancelled + a->replayed + a->under_way);
  for (uint64_t i = first; i < items; i++)
    if (counting.answered[i] != 1)
      fail_msg("%s: item %llu was answered %u times", recording, (unsigned long long)i, counting.answered[i]);
  test_free(counting.answered);
  return a->duplicate + a->lost + a->replayed;
}
