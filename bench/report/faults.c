/* Faults from events.csv. */
#include "bench/report/faults.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "bench/report/run_table.h"
#include "runtime/base/runlog.h"

static const struct {
  const char *word, *colour;
} kinds[] = {
  {SWISD_RUNLOG_KILL, "#d55e00"},   {SWISD_RUNLOG_SILENCE, "#cc79a7"}, {SWISD_RUNLOG_SLOW, "#e69f00"},
  {SWISD_RUNLOG_RETURN, "#009e73"}, {SWISD_RUNLOG_LEAVE, "#56b4e9"},
};

const char *swisd_fault_colour(const char *word)
{
  for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++)
    if (strcmp(kinds[k].word, word) == 0)
      return kinds[k].colour;
  return NULL;
}

int swisd_fault_marks_read(const char *directory, struct swisd_fault_mark *marks, size_t max, size_t *count,
                           struct swisd_error *error)
{
  struct swisd_run_table table;
  *count = 0;
  if (swisd_run_table_read(directory, "events.csv", &table, error) != 0)
    return -1;
  const int time = swisd_run_table_column(&table, "time_s", error), event = swisd_run_table_column(&table, "event", error),
            device = swisd_run_table_column(&table, "device", error);
  int status = time < 0 || event < 0 || device < 0 ? -1 : 0;
  for (size_t row = 0; status == 0 && row < table.rows; row++) {
    const char *word = swisd_run_table_text(&table, row, event);
    const double time_s = swisd_run_table_number(&table, row, time);
    if (swisd_fault_colour(word) == NULL || isnan(time_s))
      continue;
    if (*count < max) {
      marks[*count].time_s = time_s;
      snprintf(marks[*count].word, sizeof marks[*count].word, "%.15s", word);
      snprintf(marks[*count].device, sizeof marks[*count].device, "%.31s", swisd_run_table_text(&table, row, device));
    }
    ++*count;
  }
  swisd_run_table_free(&table);
  return status;
}
