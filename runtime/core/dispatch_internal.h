/* What the files of dispatch share: dispatch.c (who gets what), issue.c (one execution of a piece), rescue.c, session.c. */
#ifndef SWISD_CORE_DISPATCH_INTERNAL_H
#define SWISD_CORE_DISPATCH_INTERNAL_H

#include "runtime/core/dispatch.h"

/* What an issue is to be. */
struct swisd_order {
  uint16_t partner;
  uint8_t job, step, lane;
  uint8_t flags;
  bool hedge, replay;
  uint64_t lo, hi;
};

/* dispatch.c */
/* The lanes of a job whose shards a partner holds, as bits. */
uint64_t swisd_partner_mask(const struct swisd_node *node, uint16_t partner, uint32_t job);
/* Worth giving new work to. */
bool swisd_partner_is_fit(const struct swisd_node *node, const struct swisd_partner *partner);
uint32_t swisd_job_step_of(const struct swisd_job *job, uint32_t lane_index);
/* Items of a lane that take a partner so long; at least one. */
uint64_t swisd_dispatch_items(const struct swisd_node *node, uint16_t partner, const struct swisd_job *job, uint32_t lane,
                              uint32_t step, uint64_t time_ns);

/* issue.c */
/* Until a TASK of this step that is sent now could run, and its answer come if that took no time. */
uint64_t swisd_issue_lead_ns(const struct swisd_node *node, const struct swisd_partner *partner, const struct swisd_job *job,
                             uint32_t step);
/* The issue that the partner will be computing when work that takes `lead` to get there can start; 0: none. */
uint16_t swisd_issue_runs_after(const struct swisd_node *node, const struct swisd_partner *partner, uint64_t lead);
/* Sends a TASK for what `order` says; its sources must exist. Returns the issue, 0 when a table is full. */
uint16_t swisd_issue_make(struct swisd_node *node, const struct swisd_order *order, const struct swisd_source *sources,
                          uint8_t source_count);
/* Gives a partner at most `items` items of an interval. False when nothing could be issued. */
bool swisd_issue_interval(struct swisd_node *node, struct swisd_order order, uint16_t index, uint64_t items);
/* Whether `partner` is already computing this interval. */
bool swisd_interval_is_at(const struct swisd_submitter *sub, const struct swisd_interval *interval, uint16_t partner);
/* An interval that `partner` (0: somebody) may take: wanted ones only, or READY ones only. */
uint16_t swisd_dispatch_candidate(const struct swisd_node *node, uint32_t job, uint32_t lane, uint16_t partner, bool wanted);
/* rescue.c: one more copy is wanted of all that the partner owes. */
void swisd_rescue_want(struct swisd_node *node, uint16_t partner);
/* issue.c */
/* The pieces that this issue was computing: without it, READY if nobody else is. */
void swisd_issue_drop_copies(struct swisd_node *node, uint16_t issue, bool wanted);

#endif
