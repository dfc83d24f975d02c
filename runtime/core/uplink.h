/* How many bytes of task inputs may be on their way from a submitter at once.
 *
 * Chunks are sized by time, so a fast worker is asked to fetch as many bytes as it could compute on, and a slow uplink would
 * be shared by so many transfers that none of them got anywhere: all would be given up, issued again, and given up again.
 * So what is under way is bounded as a TCP sender bounds it (RFC 5681: slow start, then congestion avoidance), with
 * tasks for segments: a result whose inputs came from here raises the bound, one whose inputs did not come in time halves it.
 * A bound that is not reached is not raised (RFC 7661). */
#ifndef SWISD_CORE_UPLINK_H
#define SWISD_CORE_UPLINK_H

#include <stdbool.h>
#include <stdint.h>

struct swisd_uplink {
  uint64_t bound_bytes, under_way_bytes;
  uint64_t backed_off_ns; /* when the bound was last halved; 0 = never */
};

void swisd_uplink_init(struct swisd_uplink *uplink);
/* Bytes that one more task may bring on their way; 0 when there is no room. `wanted`: of a rescue, which goes further. */
uint64_t swisd_uplink_room(const struct swisd_uplink *uplink, bool wanted);
void swisd_uplink_sent(struct swisd_uplink *uplink, uint64_t bytes);
/* They have arrived, or are not awaited any more. True when there was no room before. */
bool swisd_uplink_ended(struct swisd_uplink *uplink, uint64_t bytes);
/* A task's inputs have arrived in time; before it has ended. */
void swisd_uplink_came(struct swisd_uplink *uplink, uint64_t bytes);
/* They have not, though their reader lives. */
void swisd_uplink_missed(struct swisd_uplink *uplink, uint64_t now_ns);

#endif
