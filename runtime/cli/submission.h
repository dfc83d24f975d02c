/* What the submitting commands share: a node that takes part for one job, and the person who waits for it.
 *
 * Ctrl-C withdraws the job and leaves the swarm in good order. Progress goes to stderr, once a second on a terminal. */
#ifndef SWISD_CLI_SUBMISSION_H
#define SWISD_CLI_SUBMISSION_H

#include "kernels/model.h"
#include "runtime/cli/peer_setup.h"

struct swisd_submission {
  struct swisd_peer_job job; /* first */
  /* set by the command */
  void (*rows)(struct swisd_submission *submission,
               const struct swisd_action_answer *answer); /* more of the answer; may be NULL */
  const char *what; /* "images", for the progress line */
  uint64_t items_max;
  bool quiet; /* no progress */
  /* of the submission */
  struct swisd_peer *peer;
  uint64_t items_answered;
  bool ended, interrupted;
  enum swisd_status status;
  uint64_t start_ns, end_ns;
  struct swisd_job_account account; /* when ended */
};

/* Adds the model, submits the job and appends `first` (taken over) of `items` items; `last`: it is all. The caller runs it with
 * swisd_submission_run(). -1 with `error`. */
int swisd_submission_start(struct swisd_submission *submission, struct swisd_peer *peer, struct swisd_bundle *bundle,
                           struct swisd_blob *first, uint64_t items, bool last, struct swisd_error *error);
/* Runs the loop until the job has ended or the person has had enough, then leaves the swarm. SWISD_EXIT_OK when it was answered;
 * otherwise says why and returns SWISD_EXIT_FAILED. */
int swisd_submission_run(struct swisd_submission *submission);

/* A line about how the work was spent, to stderr. */
void swisd_submission_report(const struct swisd_submission *submission);

#endif
