/* swisd classify: a stream of images through the swarm. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/dataset.h"
#include "kernels/local.h"
#include "runtime/cli/submission.h"

enum { PASSES_AHEAD = 3 }; /* of the input, in the swarm at once */

const struct swisd_cli_option swisd_peer_options_classify[] = {
    {"model", "DIR", "model folder (the project's own network for Fashion-MNIST)"},
    {"labels", "FILE", "what is right, as labels.idx.gz, for the accuracy"},
    {"items", "N", "only the first N images"},
    {"repeat", "N", "the stream goes through the images N times (1)"},
    {"raw", "FILE", "write the rows of the answer, as floats"},
    {"check", NULL, "compare with one process without a swarm, bit for bit"},
    {0}};

struct classification {
  struct swisd_submission submission; /* first */
  struct swisd_peer_setup setup;
  const char *model_folder, *images, *labels, *raw;
  uint64_t repeat, items_wanted;
  bool check;
  struct swisd_bundle bundle;
  struct swisd_dataset dataset, truth;
  uint64_t items;          /* of one pass */
  struct swisd_blob *pass; /* the images */
  uint64_t appended;       /* passes */
  uint8_t *rows;           /* of the whole answer */
  uint32_t row_bytes;
};

static int take(struct swisd_peer_setup *setup, const char *name, const char *value, struct swisd_error *error)
{
  struct classification *c = (struct classification *)((char *)setup - offsetof(struct classification, setup));
  if (strcmp(name, "model") == 0)
    c->model_folder = value;
  else if (strcmp(name, "labels") == 0)
    c->labels = value;
  else if (strcmp(name, "raw") == 0)
    c->raw = value;
  else if (strcmp(name, "check") == 0)
    c->check = true;
  else if (strcmp(name, "items") == 0)
    return swisd_read_unsigned(name, value, 1, UINT64_C(1) << 32, &c->items_wanted, error);
  else
    return swisd_read_unsigned(name, value, 1, 100000, &c->repeat, error);
  return 0;
}

/* Files first: nothing is started when one is missing. */
static int read_files(struct classification *c, struct swisd_error *error)
{
  char folder[512];
  if (!c->model_folder && swisd_find_weights("fashion", folder, sizeof folder, error) != 0)
    return -1;
  if (swisd_model_folder_load(c->model_folder ? c->model_folder : folder, &c->bundle, error) != 0)
    return -1;
  if (!c->images) {
    c->images = SWISD_FASHION_FOLDER "/t10k-images-idx3-ubyte.gz";
    if (!c->labels)
      c->labels = SWISD_FASHION_FOLDER "/t10k-labels-idx1-ubyte.gz";
  }
  const struct swisd_model *model = &c->bundle.model;
  if (swisd_dataset_read(c->images, &c->dataset, error) != 0)
    return -1;
  if (model->task != SWISD_MODEL_TASK_CLASSIFY)
    return swisd_error_set(error, "the model %s does not classify", model->name);
  if (c->dataset.item_bytes != swisd_shape_bytes(model->input) || c->dataset.item_count == 0)
    return swisd_error_set(error, "%s: %llu images of %llu bytes, the model %s wants some of %llu", c->images,
                           (unsigned long long)c->dataset.item_count, (unsigned long long)c->dataset.item_bytes, model->name,
                           (unsigned long long)swisd_shape_bytes(model->input));
  if (c->labels && swisd_dataset_read(c->labels, &c->truth, error) != 0)
    return -1;
  if (c->labels && (c->truth.item_bytes != 1 || c->truth.item_count != c->dataset.item_count))
    return swisd_error_set(error, "%s: not one label for each of %llu images", c->labels,
                           (unsigned long long)c->dataset.item_count);
  c->items = c->items_wanted && c->items_wanted < c->dataset.item_count ? c->items_wanted : c->dataset.item_count;
  return 0;
}

static bool append_pass(struct classification *c, struct swisd_blob **blob)
{
  c->appended++;
  *blob = swisd_blob_slice(c->pass, 0, c->pass->bytes);
  return *blob != NULL;
}

static void on_rows(struct swisd_submission *submission, const struct swisd_action_answer *answer)
{
  struct classification *c = (struct classification *)submission;
  if (!answer->more) { /* the rows belong to the job, and go with it */
    memcpy(c->rows, submission->job.rows, submission->items_max * c->row_bytes);
    return;
  }
  struct swisd_blob *blob;
  while (c->appended < c->repeat && submission->items_answered + PASSES_AHEAD * c->items > c->appended * c->items &&
         append_pass(c, &blob))
    swisd_peer_append(submission->peer, &submission->job, c->items, blob, c->appended == c->repeat);
}

static unsigned best_of(const float *logits, uint32_t count)
{
  unsigned best = 0;
  for (unsigned i = 1; i < count; i++)
    if (logits[i] > logits[best])
      best = i;
  return best;
}

/* Each pass must have come to the same bits; returns how many rows differ. */
static uint64_t compare(const struct classification *c, const uint8_t *reference)
{
  uint64_t differing = 0;
  for (uint64_t i = 0; i < c->submission.items_max; i++)
    differing += memcmp(c->rows + i * c->row_bytes, reference + i % c->items * c->row_bytes, c->row_bytes) != 0;
  return differing;
}

static int print_answers(const struct classification *c)
{
  const struct swisd_model *model = &c->bundle.model;
  uint64_t right = 0;
  for (uint64_t i = 0; i < c->items; i++) {
    const unsigned best = best_of((const float *)(const void *)(c->rows + i * c->row_bytes), c->row_bytes / 4);
    printf("%" PRIu64 "\t%u\t%s\n", i, best, best < model->label_count ? model->labels[best] : "");
    right += c->labels && c->truth.bytes[i] == best;
  }
  if (c->labels)
    fprintf(stderr, "%.2f %% of %" PRIu64 " are right\n", 100 * (double)right / (double)c->items, c->items);
  const uint64_t differing = compare(c, c->rows);
  if (differing > 0) {
    fprintf(stderr, "swisd: %" PRIu64 " rows differ between passes\n", differing);
    return SWISD_EXIT_FAILED;
  }
  return SWISD_EXIT_OK;
}

static int check(const struct classification *c)
{
  struct swisd_error error;
  uint8_t *reference = malloc(c->items * c->row_bytes);
  struct swisd_local *local = reference ? swisd_local_open(&c->bundle, c->setup.options.kernels, &error) : NULL;
  int status = SWISD_EXIT_FAILED;
  if (!local || swisd_local_run(local, c->dataset.bytes, c->items, reference, &error) != 0) {
    swisd_cli_fail(status, &error);
  } else {
    const uint64_t differing = compare(c, reference);
    fprintf(stderr, "%" PRIu64 " of %" PRIu64 " rows equal those of one process\n", c->submission.items_max - differing,
            c->submission.items_max);
    status = differing == 0 ? SWISD_EXIT_OK : SWISD_EXIT_FAILED;
  }
  swisd_local_close(local);
  free(reference);
  return status;
}

static int write_raw(const struct classification *c)
{
  FILE *out = fopen(c->raw, "we");
  const bool written = out && fwrite(c->rows, c->row_bytes, c->submission.items_max, out) == c->submission.items_max;
  if (!out || fclose(out) != 0 || !written) {
    fprintf(stderr, "swisd: %s: cannot write: %m\n", c->raw);
    return SWISD_EXIT_FAILED;
  }
  return SWISD_EXIT_OK;
}

static int run(struct classification *c, struct swisd_peer *peer)
{
  struct swisd_error error;
  struct swisd_submission *submission = &c->submission;
  submission->rows = on_rows;
  submission->what = "images";
  submission->items_max = c->items * c->repeat;
  c->row_bytes = (uint32_t)swisd_local_out_bytes(&c->bundle.model);
  c->rows = malloc(submission->items_max * c->row_bytes);
  c->pass = swisd_blob_new(swisd_peer_inputs(peer), c->items * c->dataset.item_bytes);
  struct swisd_blob *first;
  if (!c->rows || !c->pass || !append_pass(c, &first)) {
    swisd_error_set(&error, "out of memory");
    return swisd_cli_fail(SWISD_EXIT_FAILED, &error);
  }
  memcpy(c->pass->data, c->dataset.bytes, c->pass->bytes);
  if (swisd_submission_start(submission, peer, &c->bundle, first, c->items, c->repeat == 1, &error) != 0)
    return swisd_cli_fail(SWISD_EXIT_FAILED, &error);
  int status = swisd_submission_run(submission);
  if (status != SWISD_EXIT_OK)
    return status;
  swisd_submission_report(submission);
  status = print_answers(c);
  if (c->raw && write_raw(c) != SWISD_EXIT_OK)
    status = SWISD_EXIT_FAILED;
  if (c->check && check(c) != SWISD_EXIT_OK)
    status = SWISD_EXIT_FAILED;
  return status;
}

int swisd_command_classify(const struct swisd_command *command, int argc, char **argv)
{
  static struct classification c; /* large, and one is enough */
  struct swisd_error error;
  swisd_peer_setup_init(&c.setup, true);
  c.setup.take_own = take;
  c.repeat = 1;
  const int rest = swisd_options_read(command, argc, argv, &c.setup.taker);
  if (rest < 0)
    return -rest - 1;
  if (rest > 1) {
    fprintf(stderr, "swisd classify: one file of images is expected\n");
    return SWISD_EXIT_USAGE;
  }
  c.images = rest == 1 ? argv[1] : NULL;
  int status = SWISD_EXIT_USAGE;
  struct swisd_peer *peer = NULL;
  if (read_files(&c, &error) != 0 || !(peer = swisd_peer_setup_open(&c.setup, &error)))
    swisd_cli_fail(status, &error);
  else
    status = run(&c, peer);
  swisd_blob_drop(c.pass);
  if (peer)
    swisd_peer_setup_close(&c.setup, peer);
  free(c.rows);
  swisd_dataset_free(&c.dataset);
  swisd_dataset_free(&c.truth);
  swisd_bundle_free(&c.bundle);
  return status;
}
