#include "tests/sim/simulate.h"
#include "tests/unit/cmocka_all.h"

#include <stdlib.h>
#include <string.h>

#include "tests/sim/child.h"

struct simulation *simulation_of(const char *text)
{
  struct simulation *s = child_alloc(sizeof *s);
  assert_true(strlen(text) < sizeof s->text);
  strcpy(s->text, text);
  s->options.scenario_path = "test.yml";
  s->options.check = true;
  return s;
}

static void run(void *result, const void *input)
{
  const struct simulation *simulation = input;
  struct simulated *out = result;
  static struct swisd_scenario scenario;
  static struct swisd_scenario_errors errors;
  if (swisd_scenario_parse("test.yml", simulation->text, strlen(simulation->text), NULL, &scenario, &errors) < 0) {
    fprintf(stderr, "%s", errors.text);
    abort();
  }
  struct swisd_simdriver *driver = swisd_simdriver_new(&scenario, &simulation->options, &out->error);
  out->refused = driver == NULL;
  if (driver == NULL)
    return;
  if (swisd_simdriver_run(driver, &out->error) < 0)
    abort();
  out->summary = swisd_simdriver_summary(driver);
  out->digest = swisd_simdriver_digest(driver);
  const uint8_t *answer = swisd_simdriver_answer(driver, 0, 0, &out->answer_bytes);
  if (out->answer_bytes > SIMULATE_ANSWER_BYTES)
    out->answer_bytes = SIMULATE_ANSWER_BYTES;
  if (answer != NULL)
    memcpy(out->answer, answer, out->answer_bytes);
  if (swisd_simdriver_close(driver, &out->error) < 0)
    abort();
}

struct simulated *simulate(const struct simulation *simulation)
{
  struct simulated *out = child_alloc(sizeof *out);
  child_run(run, out, simulation);
  return out;
}
