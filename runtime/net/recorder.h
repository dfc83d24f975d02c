/* The flight recorder: every event of a node with its time, and a digest of the actions each led to. With the node's
 * configuration and seed in front, such a file is the run: `swisd replay` steps the core through it and must come to the same
 * actions, bit for bit. The format is wire/record.h.
 *
 * Records gather in memory and go to the file at the end of each turn of the loop, so that a killed process loses nothing
 * but the event it died in. A disk that is full ends the recording, not the node. */
#ifndef SWISD_NET_RECORDER_H
#define SWISD_NET_RECORDER_H

#include "runtime/base/error.h"
#include "runtime/core/node.h"

struct event_base;
struct swisd_recorder;

/* Creates `path` and writes the head. NULL with `error`. */
struct swisd_recorder *swisd_recorder_open(struct event_base *base, const char *path, const struct swisd_config *config,
                                           uint64_t seed, struct swisd_error *error);
void swisd_recorder_close(struct swisd_recorder *recorder); /* NULL is nothing */

void swisd_recorder_event(struct swisd_recorder *recorder, uint64_t now_ns, const struct swisd_event *event); /* before a step */
void swisd_recorder_actions(struct swisd_recorder *recorder, const struct swisd_actions *actions);          /* after it */
uint64_t swisd_recorder_bytes(const struct swisd_recorder *recorder); /* NULL: 0 */

#endif
