/* What the gate's tests share: what one process computes alone, the same scenario enacted in the cluster driver and by the
 * simulator, and what a recording proves. */
#ifndef SWISD_TESTS_STORY_GATE_H
#define SWISD_TESTS_STORY_GATE_H

#include "kernels/model.h"
#include "runtime/cli/lab.h"
#include "scenarios/scenario.h"
#include "tests/cluster/story.h"

enum { GATE_FAULTS_MAX = 32, GATE_PATH_BYTES = 512 };

/* One thing done to one device, from the submission on. */
struct gate_fault {
  uint64_t at_ns;
  uint8_t kind; /* enum swisd_fault_kind: KILL, SILENCE, SLOW or RETURN */
  uint32_t device;
  double factor;
};
/* Those of a scenario by time, an end as a return; returns how many. */
uint32_t gate_faults(const struct swisd_scenario *scenario, struct gate_fault faults[GATE_FAULTS_MAX]);

/* For cmocka: a fresh directory for each test, removed after it. */
int gate_setup(void **state);
int gate_teardown(void **state);
void gate_path(char path[GATE_PATH_BYTES], const char *format, ...) __attribute__((format(printf, 2, 3))); /* inside it */

/* A whole file, terminated, of test_malloc(). */
char *gate_read(const char *path, size_t *bytes);
/* The file holds exactly these bytes. */
void gate_expect_file(const char *path, const void *bytes, size_t count);
/* Runs a program with its output in NAME.out and NAME.err of the directory; it ends well within `seconds`. */
void gate_run(const char *name, const char *const *argv, double seconds);

/* ---- images ---- */

struct gate_rows {
  struct swisd_bundle bundle;
  uint64_t items, row_bytes;
  uint8_t *input, *rows; /* what one process makes of the input, with the portable kernels */
};
/* The images of the scenario's workload. False, with a line that says why, when the data set is not installed. */
bool gate_rows_open(struct gate_rows *rows, const struct swisd_scenario *scenario);
void gate_rows_close(struct gate_rows *rows);

/* ---- the tinystories model ---- */

/* Its folder; false, with a line that says so, when it is not there. */
bool gate_model_folder(char path[GATE_PATH_BYTES]);
/* ---- the cluster driver ---- */

/* A cluster of the scenario's devices, numbered as there, and one submitter. `classes`: one per class of the scenario, to be
 * filled; it must outlive the cluster. */
struct cluster *gate_cluster(const struct swisd_scenario *scenario, uint64_t seed, struct cluster_class *classes);
/* Does everything at its time from now on. */
void gate_cluster_enact(struct cluster *c, const struct gate_fault *faults, uint32_t count);

/* ---- recordings ---- */

/* `swisd replay` finds the same actions in every step of every recording in that folder, of which there are some. */
void gate_expect_replays(const char *folder, uint32_t at_least);
/* In the recording of a submitter, items first..items-1 of its one job were answered once each, the job ended well, every FLOP
 * issued is in exactly one class. Returns how many were spent because of a fault. */
uint64_t gate_expect_once(const char *recording, uint64_t first, uint64_t items);

#endif
