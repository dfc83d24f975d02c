/* swisd ask: a text goes on, token by token, over the stages of a language model. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/llama.h"
#include "kernels/tokenizer.h"
#include "runtime/cli/submission.h"

const struct swisd_cli_option swisd_peer_options_ask[] = {
    {"model", "DIR", "folder in Hugging Face's layout, or a model folder with a tokenizer.json in it"},
    {"stages", "N", "how many stages it is cut in (2)"},
    {"tokens", "N", "at most so many tokens, the prompt's included (the model's context)"},
    {0}};

enum { TEXT_BYTES_MAX = 1 << 18 };

struct question {
  struct swisd_submission submission; /* first */
  struct swisd_peer_setup setup;
  const char *folder, *prompt;
  uint64_t stages, token_max;
  struct swisd_bundle bundle;
  struct swisd_tokenizer *tokenizer;
  uint32_t *tokens; /* prompt and answer */
  size_t token_count;
  size_t printed; /* bytes of the text */
};

static int take(struct swisd_peer_setup *setup, const char *name, const char *value, struct swisd_error *error)
{
  struct question *q = (struct question *)((char *)setup - offsetof(struct question, setup));
  if (strcmp(name, "model") == 0) {
    q->folder = value;
    return 0;
  }
  if (strcmp(name, "stages") == 0)
    return swisd_read_unsigned(name, value, 1, SWISD_MODEL_STEPS_MAX, &q->stages, error);
  return swisd_read_unsigned(name, value, 1, 1 << 20, &q->token_max, error);
}

static int read_files(struct question *q, struct swisd_error *error)
{
  char path[600];
  if (!q->folder)
    return swisd_error_set(error, "ask: --model DIR is needed");
  snprintf(path, sizeof path, "%s/tokenizer.json", q->folder);
  q->tokenizer = swisd_tokenizer_read(path, error);
  if (!q->tokenizer)
    return -1;
  if (swisd_llama_is_folder(q->folder)) {
    if (swisd_llama_import(q->folder, (unsigned)q->stages, &q->bundle, error) != 0 || swisd_bundle_seal(&q->bundle, error) != 0)
      return -1;
  } else if (swisd_model_folder_load(q->folder, &q->bundle, error) != 0) {
    return -1;
  }
  const struct swisd_model *model = &q->bundle.model;
  if (model->task != SWISD_MODEL_TASK_DECODE)
    return swisd_error_set(error, "%s: the model %s speaks no language", q->folder, model->name);
  if (q->token_max == 0 || q->token_max > model->llama.context)
    q->token_max = model->llama.context;
  q->tokens = calloc(q->token_max + 1, sizeof *q->tokens);
  if (!q->tokens)
    return swisd_error_set(error, "out of memory");
  const int64_t count = swisd_tokenizer_encode(q->tokenizer, q->prompt, strlen(q->prompt), q->tokens, q->token_max, error);
  if (count < 0)
    return -1;
  if (count == 0)
    q->tokens[0] = model->llama.bos;
  q->token_count = count > 0 ? (size_t)count : 1;
  return 0;
}

/* What the tokens so far say beyond what was printed. */
static void print_new_text(struct question *q)
{
  static char text[TEXT_BYTES_MAX];
  struct swisd_error error;
  const int64_t length = swisd_tokenizer_decode(q->tokenizer, q->tokens, q->token_count, 0, text, sizeof text, &error);
  if (length > (int64_t)q->printed) {
    fwrite(text + q->printed, 1, (size_t)length - q->printed, stdout);
    fflush(stdout);
    q->printed = (size_t)length;
  }
}

static void on_token(struct swisd_submission *submission, const struct swisd_action_answer *answer)
{
  struct question *q = (struct question *)submission;
  if (answer->inlined.count < 4 || q->token_count > q->token_max)
    return;
  const uint8_t *b = answer->inlined.bytes;
  q->tokens[q->token_count++] = (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
  print_new_text(q);
}

static int run(struct question *q, struct swisd_peer *peer)
{
  struct swisd_error error;
  struct swisd_submission *submission = &q->submission;
  submission->rows = on_token;
  submission->what = "tokens";
  submission->quiet = true;
  submission->items_max = q->token_max;
  struct swisd_blob *prompt = swisd_blob_new(swisd_peer_inputs(peer), q->token_count * 4);
  if (!prompt) {
    swisd_error_set(&error, "out of memory");
    return swisd_cli_fail(SWISD_EXIT_FAILED, &error);
  }
  for (size_t i = 0; i < q->token_count; i++)
    for (int b = 0; b < 4; b++)
      prompt->data[i * 4 + (size_t)b] = (uint8_t)(q->tokens[i] >> 8 * b);
  print_new_text(q);
  if (swisd_submission_start(submission, peer, &q->bundle, prompt, q->token_count, true, &error) != 0)
    return swisd_cli_fail(SWISD_EXIT_FAILED, &error);
  const int status = swisd_submission_run(submission);
  printf("\n");
  if (status == SWISD_EXIT_OK)
    swisd_submission_report(submission);
  return status;
}

int swisd_command_ask(const struct swisd_command *command, int argc, char **argv)
{
  static struct question q;
  struct swisd_error error;
  swisd_peer_setup_init(&q.setup, true);
  q.setup.take_own = take;
  q.stages = 2;
  const int rest = swisd_options_read(command, argc, argv, &q.setup.taker);
  if (rest < 0)
    return -rest - 1;
  if (rest > 1) {
    fprintf(stderr, "swisd ask: one prompt is expected; put it in quotes\n");
    return SWISD_EXIT_USAGE;
  }
  q.prompt = rest == 1 ? argv[1] : "";
  int status = SWISD_EXIT_USAGE;
  struct swisd_peer *peer = NULL;
  if (read_files(&q, &error) != 0 || !(peer = swisd_peer_setup_open(&q.setup, &error))) {
    swisd_cli_fail(status, &error);
  } else {
    status = run(&q, peer);
    swisd_peer_setup_close(&q.setup, peer);
  }
  free(q.tokens);
  swisd_tokenizer_free(q.tokenizer);
  swisd_bundle_free(&q.bundle);
  return status;
}
