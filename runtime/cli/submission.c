/* See submission.h. */
#include "runtime/cli/submission.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "runtime/net/clock.h"
#include "runtime/wire/trace_text.h"

static void on_answer(struct swisd_peer_job *job, const struct swisd_action_answer *answer)
{
  struct swisd_submission *submission = (struct swisd_submission *)job;
  if (answer->more) {
    submission->items_answered += answer->hi - answer->lo;
    if (submission->rows)
      submission->rows(submission, answer);
    return;
  }
  if (submission->rows && answer->status == SWISD_OK)
    submission->rows(submission, answer);
  submission->ended = true;
  submission->status = answer->status;
  submission->end_ns = swisd_clock_now_ns();
  swisd_node_job_account(swisd_peer_node(submission->peer), job->number, &submission->account);
  swisd_peer_break(submission->peer);
}

static void on_signal(evutil_socket_t number, short what, void *argument)
{
  (void)number, (void)what;
  struct swisd_submission *submission = argument;
  submission->interrupted = true;
  swisd_peer_break(submission->peer);
}

static void on_progress(evutil_socket_t fd, short what, void *argument)
{
  (void)fd, (void)what;
  const struct swisd_submission *submission = argument;
  struct swisd_node_status node;
  swisd_node_status(swisd_peer_node(submission->peer), &node);
  const double seconds = (double)(swisd_clock_now_ns() - submission->start_ns) / 1e9;
  const double rate = (double)submission->items_answered / seconds;
  const double left = rate > 0 ? (double)(submission->items_max - submission->items_answered) / rate : 0;
  fprintf(stderr, "\r%" PRIu64 " of %" PRIu64 " %s, %.0f/s, %u members", submission->items_answered, submission->items_max,
          submission->what, rate, node.members_alive + node.members_suspect);
  if (rate > 0)
    fprintf(stderr, ", %.0f s to go ", left);
}

int swisd_submission_start(struct swisd_submission *submission, struct swisd_peer *peer, struct swisd_bundle *bundle,
                           struct swisd_blob *first, uint64_t items, bool last, struct swisd_error *error)
{
  submission->peer = peer;
  submission->job.answer = on_answer;
  submission->start_ns = swisd_clock_now_ns();
  if (swisd_peer_add_model(peer, bundle, error) != 0 ||
      swisd_peer_submit(peer, &submission->job, bundle->model.id, submission->items_max, error) != 0) {
    swisd_blob_drop(first);
    return -1;
  }
  swisd_peer_append(peer, &submission->job, items, first, last);
  return 0;
}

int swisd_submission_run(struct swisd_submission *submission)
{
  struct event_base *base = swisd_peer_base(submission->peer);
  struct event *interrupt = evsignal_new(base, SIGINT, on_signal, submission);
  struct event *terminate = evsignal_new(base, SIGTERM, on_signal, submission);
  struct event *progress = event_new(base, -1, EV_PERSIST, on_progress, submission);
  event_add(interrupt, NULL);
  event_add(terminate, NULL);
  const struct timeval second = {.tv_sec = 1};
  const bool shown = !submission->quiet && isatty(STDERR_FILENO);
  if (shown)
    event_add(progress, &second);
  while (!submission->ended && !submission->interrupted)
    swisd_peer_run(submission->peer);
  event_free(progress);
  if (shown)
    fprintf(stderr, "\r%79s\r", "");
  if (!submission->ended)
    swisd_peer_withdraw(submission->peer, &submission->job);
  swisd_peer_stop(submission->peer);
  swisd_peer_run(submission->peer); /* until the farewell is sent */
  event_free(interrupt);
  event_free(terminate);
  if (submission->interrupted) {
    fprintf(stderr, "swisd: interrupted after %" PRIu64 " of %" PRIu64 " %s\n", submission->items_answered, submission->items_max,
            submission->what);
    return SWISD_EXIT_FAILED;
  }
  if (submission->status != SWISD_OK) {
    fprintf(stderr, "swisd: the swarm has no answer: %s\n", swisd_status_name(submission->status));
    if (submission->status == SWISD_ERROR_TIMEOUT || submission->status == SWISD_ERROR_NOT_FOUND)
      fprintf(stderr, "swisd: is a node running? start one with swisd node, and name it with --join\n");
    return SWISD_EXIT_FAILED;
  }
  return SWISD_EXIT_OK;
}

void swisd_submission_report(const struct swisd_submission *submission)
{
  const struct swisd_job_account *a = &submission->account;
  const double seconds = (double)(submission->end_ns - submission->start_ns) / 1e9;
  const double issued = a->issued > 0 ? (double)a->issued : 1;
  fprintf(stderr, "%" PRIu64 " %s in %.2f s (%.0f/s); of %.2f GFLOP issued: accepted %.1f %%, duplicate %.1f %%, lost %.1f %%, "
                  "cancelled %.1f %%, rejected %.1f %%, replayed %.1f %%\n",
          submission->items_answered, submission->what, seconds, (double)submission->items_answered / seconds,
          (double)a->issued / 1e9, 100 * (double)a->accepted / issued, 100 * (double)a->duplicate / issued,
          100 * (double)a->lost / issued, 100 * (double)a->cancelled / issued, 100 * (double)a->rejected / issued,
          100 * (double)a->replayed / issued);
}
