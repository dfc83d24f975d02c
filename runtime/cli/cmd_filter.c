/* swisd filter: a grey image without its noise, computed in strips. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/image.h"
#include "kernels/local.h"
#include "kernels/strips.h"
#include "runtime/cli/submission.h"

const struct swisd_cli_option swisd_peer_options_filter[] = {
    {"model", "DIR", "model folder (the project's own denoiser)"},
    {"out", "FILE", "where the image goes instead of stdout"},
    {0}};

struct filtering {
  struct swisd_submission submission; /* first */
  struct swisd_peer_setup setup;
  const char *folder, *out;
  struct swisd_bundle bundle;
  struct swisd_image image, result; /* as high as the model wants it */
  uint32_t height;                  /* of the picture */
};

static int take(struct swisd_peer_setup *setup, const char *name, const char *value, struct swisd_error *error)
{
  (void)error;
  struct filtering *f = (struct filtering *)((char *)setup - offsetof(struct filtering, setup));
  *(strcmp(name, "model") == 0 ? &f->folder : &f->out) = value;
  return 0;
}

/* Repeats the last row until the image is `height` rows high. */
static int pad(struct swisd_image *image, uint32_t height, struct swisd_error *error)
{
  uint8_t *pixels = realloc(image->pixels, (size_t)height * image->width);
  if (!pixels)
    return swisd_error_set(error, "out of memory");
  for (uint32_t y = image->height; y < height; y++)
    memcpy(pixels + (size_t)y * image->width, pixels + (size_t)(image->height - 1) * image->width, image->width);
  image->pixels = pixels;
  image->height = height;
  return 0;
}

static int read_files(struct filtering *f, const char *path, struct swisd_error *error)
{
  char folder[512];
  if (!f->folder && swisd_find_weights("denoise", folder, sizeof folder, error) != 0)
    return -1;
  if (swisd_model_folder_load(f->folder ? f->folder : folder, &f->bundle, error) != 0 ||
      swisd_image_read(path, &f->image, error) != 0)
    return -1;
  if (f->bundle.model.task != SWISD_MODEL_TASK_STRIPS)
    return swisd_error_set(error, "the model %s does not work in strips", f->bundle.model.name);
  if (f->image.channels != 1)
    return swisd_error_set(error, "%s: a colour image; allowed are grey ones (PGM)", path);
  f->height = f->image.height;
  uint32_t padded;
  if (swisd_strips_resize(&f->bundle.model, f->image.height, f->image.width, &padded, error) != 0 ||
      swisd_bundle_seal(&f->bundle, error) != 0 || pad(&f->image, padded, error) != 0)
    return -1;
  f->result = (struct swisd_image){.height = padded, .width = f->image.width, .channels = 1,
                                   .pixels = malloc((size_t)padded * f->image.width)};
  return f->result.pixels ? 0 : swisd_error_set(error, "out of memory");
}

static void on_rows(struct swisd_submission *submission, const struct swisd_action_answer *answer)
{
  struct filtering *f = (struct filtering *)submission;
  if (!answer->more)
    memcpy(f->result.pixels, submission->job.rows, (size_t)f->result.height * f->result.width);
}

static int run(struct filtering *f, struct swisd_peer *peer)
{
  struct swisd_error error;
  struct swisd_submission *submission = &f->submission;
  submission->rows = on_rows;
  submission->what = "strips";
  submission->items_max = f->bundle.model.period;
  const uint64_t bytes = (uint64_t)f->image.height * f->image.width;
  struct swisd_blob *input = swisd_blob_new(swisd_peer_inputs(peer), bytes);
  if (!input) {
    swisd_error_set(&error, "out of memory");
    return swisd_cli_fail(SWISD_EXIT_FAILED, &error);
  }
  memcpy(input->data, f->image.pixels, bytes);
  if (swisd_submission_start(submission, peer, &f->bundle, input, submission->items_max, true, &error) != 0)
    return swisd_cli_fail(SWISD_EXIT_FAILED, &error);
  const int status = swisd_submission_run(submission);
  if (status != SWISD_EXIT_OK)
    return status;
  swisd_submission_report(submission);
  f->result.height = f->height;
  if (swisd_image_write(f->out ? f->out : "/dev/stdout", &f->result, &error) != 0)
    return swisd_cli_fail(SWISD_EXIT_FAILED, &error);
  return SWISD_EXIT_OK;
}

int swisd_command_filter(const struct swisd_command *command, int argc, char **argv)
{
  static struct filtering f;
  struct swisd_error error;
  swisd_peer_setup_init(&f.setup, true);
  f.setup.take_own = take;
  const int rest = swisd_options_read(command, argc, argv, &f.setup.taker);
  if (rest < 0)
    return -rest - 1;
  if (rest != 1) {
    fprintf(stderr, "swisd filter: one image is expected\n");
    return SWISD_EXIT_USAGE;
  }
  int status = SWISD_EXIT_USAGE;
  struct swisd_peer *peer = NULL;
  if (read_files(&f, argv[1], &error) != 0 || !(peer = swisd_peer_setup_open(&f.setup, &error))) {
    swisd_cli_fail(status, &error);
  } else {
    status = run(&f, peer);
    swisd_peer_setup_close(&f.setup, peer);
  }
  swisd_image_free(&f.image);
  swisd_image_free(&f.result);
  swisd_bundle_free(&f.bundle);
  return status;
}
