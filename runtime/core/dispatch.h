/* Who gets what: credits and MaxWeight (Tassiulas and Ephremides 1992: serving the longest queue among those one can serve
 * stabilises every stabilisable load), chunks sized by time, rescue of what is overdue, pinned sessions. */
#ifndef SWISD_CORE_DISPATCH_H
#define SWISD_CORE_DISPATCH_H

#include "runtime/core/job.h"

/* The partner of this id, 0 if none. */
uint16_t swisd_partner_find(const struct swisd_node *node, struct swisd_id id);
/* The same; takes a member in as a partner when it is up and holds a shard of an open job. */
uint16_t swisd_partner_meet(struct swisd_node *node, uint32_t member_index);
/* Its holdings or the open jobs have changed. */
void swisd_partner_masks(struct swisd_node *node, uint16_t partner);
/* Its process or its link is gone: everything issued to it is issued again at once. */
void swisd_partner_gone(struct swisd_node *node, uint16_t partner, bool outputs_too);
/* Its sessions move elsewhere; always, or only when there is an elsewhere. */
void swisd_partner_unpin(struct swisd_node *node, uint16_t partner);
void swisd_partner_unpin_if_others(struct swisd_node *node, uint16_t partner);
/* A round trip to it; a guess until it has been measured. */
uint64_t swisd_partner_rtt_ns(const struct swisd_node *node, const struct swisd_partner *partner);
/* What it still owes is expected anew: its latest sign of life left it so long ago that it came at `anchor_ns`. Expected times
 * are those at which results arrive here. */
void swisd_partner_expect(struct swisd_node *node, uint16_t partner, uint64_t anchor_ns);
/* The result of an issue came, after so much computing: learns how late results are. Before the issue ends. */
void swisd_partner_came(struct swisd_node *node, uint16_t p, const struct swisd_issue *it, uint64_t compute_ns);
/* The result of an issue has not come in time, and is given up: results may just be later than thought. Before it ends. */
void swisd_partner_missed(struct swisd_node *node, uint16_t p, const struct swisd_issue *it);
/* A result of it was wrong. */
void swisd_partner_distrust(struct swisd_node *node, uint16_t partner);
/* Something came from it: it is here, if it is a member. */
void swisd_partner_seen(struct swisd_node *node, uint16_t partner);
/* A result came from it: it is here, and not overdue. */
void swisd_partner_heard(struct swisd_node *node, uint16_t partner);

/* Ends an issue in one class of the account; the pieces that only it was computing are READY again. */
enum swisd_issue_end { SWISD_ISSUE_LOST, SWISD_ISSUE_CANCELLED };
void swisd_issue_end(struct swisd_node *node, uint16_t issue, enum swisd_issue_end end, bool wanted);
/* Tells its worker that nothing of it is wanted any more; or what the caller makes of the message. */
struct swisd_message_cancel *swisd_issue_send_cancel(struct swisd_node *node, const struct swisd_issue *issue);
/* Takes an issue off its partner's list and frees it. */
void swisd_issue_free(struct swisd_node *node, uint16_t issue);

/* silence.c. Something is awaited of it, or lies there: from now on it is asked when it is quiet. */
void swisd_partner_needed(struct swisd_node *node, uint16_t partner);
/* Nothing is, or it is gone. */
void swisd_partner_unneeded(struct swisd_node *node, uint16_t partner);

/* Called by submitter.c, in this order, each pump. */
void swisd_dispatch_silence(struct swisd_node *node);
void swisd_dispatch_overdue(struct swisd_node *node);
void swisd_dispatch_sessions(struct swisd_node *node);
void swisd_dispatch_rescues(struct swisd_node *node);
void swisd_dispatch_credits(struct swisd_node *node);
void swisd_dispatch_open(struct swisd_node *node); /* JOB_OPEN and leases */
uint64_t swisd_dispatch_deadline_ns(const struct swisd_node *node);

#endif
