/* One run of a scenario given as text, in a child process (child.h), and what it came to. */
#ifndef SWISD_TESTS_SIM_SIMULATE_H
#define SWISD_TESTS_SIM_SIMULATE_H

#include "sim/simdriver.h"

enum { SIMULATE_ANSWER_BYTES = 1 << 16 };

struct simulation {
  char text[8192]; /* the scenario */
  struct swisd_simdriver_options options;
};

struct simulated {
  bool refused; /* no such world: `error` says why */
  struct swisd_error error;
  struct swisd_runlog_summary summary; /* its names are not to be used */
  uint64_t digest;
  uint64_t answer_bytes; /* of the first submitter's first job, cut to what fits */
  uint8_t answer[SIMULATE_ANSWER_BYTES];
};

/* A simulation of `text`, with checks after every step. */
struct simulation *simulation_of(const char *text);
struct simulated *simulate(const struct simulation *simulation);

#endif
