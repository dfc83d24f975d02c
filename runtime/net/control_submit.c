/* A job through the control socket: a model folder, a file of input items as they are (rows of bytes or floats), a file for
 * the rows of the answer. Files are read and written by the disk thread. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/net/control_internal.h"
#include "runtime/net/peer_internal.h"

enum { PATH_BYTES = 512 };
#define INPUT_BYTES_MAX (UINT64_C(4) << 30)

struct swisd_control_submission {
  struct swisd_peer_job job; /* first */
  struct swisd_work work;
  struct swisd_peer *peer;
  struct swisd_control_client *client; /* NULL: gone */
  char model[PATH_BYTES], input[PATH_BYTES], output[PATH_BYTES];
  struct swisd_bundle bundle;
  void *bytes; /* the input; later the rows of the answer */
  uint64_t byte_count, items;
  bool running; /* in the core's hands */
  struct swisd_error error;
};

static struct swisd_control_submission *of_work(struct swisd_work *work)
{
  return (struct swisd_control_submission *)((char *)work - offsetof(struct swisd_control_submission, work));
}

/* Tells the client, if he is still there, and forgets everything. `text` NULL: all went well. */
static void conclude(struct swisd_control_submission *submission, const char *text)
{
  struct swisd_control_client *client = submission->client;
  swisd_bundle_free(&submission->bundle);
  free(submission->bytes);
  if (client) {
    client->submission = NULL;
    if (text)
      swisd_control_answer_error(client, text);
    else
      swisd_control_answer_ok(client);
  }
  free(submission);
}

/* ---- on the disk thread ---- */

static int read_input(struct swisd_control_submission *submission)
{
  FILE *in = fopen(submission->input, "re");
  if (!in)
    return swisd_error_set(&submission->error, "%s: cannot read: %s", submission->input, strerror(errno));
  fseek(in, 0, SEEK_END);
  const long size = ftell(in);
  rewind(in);
  const uint64_t item_bytes = swisd_shape_bytes(submission->bundle.model.input);
  int result = 0;
  if (size <= 0 || (uint64_t)size > INPUT_BYTES_MAX || (uint64_t)size % item_bytes != 0) {
    result = swisd_error_set(&submission->error, "%s: %ld bytes, allowed are whole items of %llu bytes", submission->input, size,
                             (unsigned long long)item_bytes);
  } else {
    submission->byte_count = (uint64_t)size;
    submission->items = submission->byte_count / item_bytes;
    submission->bytes = malloc(submission->byte_count);
    if (!submission->bytes || fread(submission->bytes, 1, submission->byte_count, in) != submission->byte_count)
      result = swisd_error_set(&submission->error, "%s: cannot be read into memory", submission->input);
  }
  fclose(in);
  return result;
}

static void on_load(struct swisd_work *work)
{
  struct swisd_control_submission *submission = of_work(work);
  if (swisd_model_folder_load(submission->model, &submission->bundle, &submission->error) != 0) {
    work->status = SWISD_ERROR_INPUT;
  } else if (submission->bundle.model.task == SWISD_MODEL_TASK_DECODE) {
    swisd_error_set(&submission->error, "%s: a language model answers in tokens, not in rows: use swisd ask", submission->model);
    work->status = SWISD_ERROR_INPUT;
  } else if (read_input(submission) != 0) {
    work->status = SWISD_ERROR_INPUT;
  }
}

static void on_write(struct swisd_work *work)
{
  struct swisd_control_submission *submission = of_work(work);
  FILE *out = fopen(submission->output, "we");
  const bool written = out && fwrite(submission->bytes, 1, submission->byte_count, out) == submission->byte_count;
  if (!out || fclose(out) != 0 || !written) {
    swisd_error_set(&submission->error, "%s: cannot write: %s", submission->output, strerror(errno));
    work->status = SWISD_ERROR_SPACE;
  }
}

/* ---- on the loop ---- */

static void on_written(struct swisd_work *work)
{
  struct swisd_control_submission *submission = of_work(work);
  if (work->status == SWISD_ERROR_CANCELLED)
    swisd_error_set(&submission->error, "the node stops");
  conclude(submission, work->status == SWISD_OK ? NULL : submission->error.text);
}

static void on_answer(struct swisd_peer_job *job, const struct swisd_action_answer *answer)
{
  struct swisd_control_submission *submission = (struct swisd_control_submission *)job;
  if (answer->more)
    return;
  submission->running = false;
  submission->byte_count = submission->items * job->row_bytes;
  submission->bytes = answer->status == SWISD_OK ? malloc(submission->byte_count) : NULL;
  if (!submission->bytes) {
    conclude(submission, answer->status == SWISD_OK ? "out of memory" : "the swarm has no answer");
    return;
  }
  memcpy(submission->bytes, job->rows, submission->byte_count);
  submission->work = (struct swisd_work){.run = on_write, .done = on_written};
  swisd_workers_submit(submission->peer->disk, &submission->work);
}

static void on_loaded(struct swisd_work *work)
{
  struct swisd_control_submission *submission = of_work(work);
  struct swisd_peer *peer = submission->peer;
  if (work->status != SWISD_OK || !submission->client || !peer->started) {
    conclude(submission, submission->error.text[0] ? submission->error.text : "the node stops");
    return;
  }
  struct swisd_blob *input = swisd_blob_adopt(peer->inputs, submission->bytes, submission->byte_count);
  submission->bytes = NULL;
  submission->job.answer = on_answer;
  if (!input || swisd_peer_add_model(peer, &submission->bundle, &submission->error) != 0 ||
      swisd_peer_submit(peer, &submission->job, submission->bundle.model.id, submission->items, &submission->error) != 0) {
    swisd_blob_drop(input);
    conclude(submission, submission->error.text[0] ? submission->error.text : "out of memory");
    return;
  }
  submission->running = true;
  swisd_peer_append(peer, &submission->job, submission->items, input, true);
}

void swisd_control_abandon(struct swisd_control_submission *submission)
{
  submission->client = NULL;
  if (!submission->running)
    return; /* its file is being read or written: it ends by itself */
  swisd_peer_withdraw(submission->peer, &submission->job);
  conclude(submission, NULL);
}

void swisd_control_submit(struct swisd_control_client *client, const struct swisd_json_file *request)
{
  struct swisd_error error;
  const char *model, *input, *output;
  if (client->submission) {
    swisd_control_answer_error(client, "one job at a time on one connection");
    return;
  }
  if (swisd_json_get_string(request, "/model", &model, &error) != 0 || swisd_json_get_string(request, "/input", &input,
      &error) != 0 ||
      swisd_json_get_string(request, "/output", &output, &error) != 0) {
    swisd_control_answer_error(client, error.text);
    return;
  }
  struct swisd_control_submission *submission = calloc(1, sizeof *submission);
  if (!submission || strlen(model) >= PATH_BYTES || strlen(input) >= PATH_BYTES || strlen(output) >= PATH_BYTES) {
    free(submission);
    swisd_control_answer_error(client, "a path is longer than 511 bytes");
    return;
  }
  strcpy(submission->model, model);
  strcpy(submission->input, input);
  strcpy(submission->output, output);
  submission->peer = client->peer;
  submission->client = client;
  client->submission = submission;
  submission->work = (struct swisd_work){.run = on_load, .done = on_loaded};
  swisd_workers_submit(client->peer->disk, &submission->work);
}
