/* Figures of a run, by hand: the data files say what the run log says, a broken run log is named with its line, and without
 * gnuplot data and script are there all the same. */
#include "bench/report/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/cmocka_all.h"

static char run[64], out[64];

static void put(const char *directory, const char *name, const char *text)
{
  char path[128];
  snprintf(path, sizeof path, "%s/%s", directory, name);
  FILE *file = fopen(path, "w");
  assert_non_null(file);
  fputs(text, file);
  assert_int_equal(fclose(file), 0);
}

/* The contents of a file in `out`; the caller frees them. */
static char *get(const char *name)
{
  char path[128];
  snprintf(path, sizeof path, "%s/%s", out, name);
  FILE *file = fopen(path, "r");
  assert_non_null(file);
  char *text = calloc(1, 16384);
  assert_non_null(text);
  assert_true(fread(text, 1, 16383, file) > 0);
  fclose(file);
  return text;
}

static const char series[] = "time_s,items_per_s,accepted_gflops,duplicate_gflops,lost_gflops,devices_up,bound_items_per_s\n"
                             "0,10,1,0,0,2,16\n"
                             "1,14,1.4,0,0,1,8\n";
static const char tasks[] = "device,class,start_s,end_s,step,lane,lo,hi,outcome,submitter,job,attempt,gflop\n"
                            "pi-2,pi,0.5,0.75,0,0,0,4,accepted,pi-1,1,1,0.4\n"
                            "pi-1,pi,0,0.25,0,0,4,8,lost,pi-1,1,2,0.4\n";
static const char events[] = "time_s,event,device,by,step,lane,lo,hi,value\n"
                             "0.25,kill,pi-1,,,,,,\n"
                             "0.5,overdue,pi-1,pi-2,,,,,\n";

/* A run of two devices and two seconds, and no gnuplot within reach. */
static int set_up(void **state)
{
  (void)state;
  strcpy(run, "/tmp/swisd-run-XXXXXX");
  strcpy(out, "/tmp/swisd-out-XXXXXX");
  if (mkdtemp(run) == NULL || mkdtemp(out) == NULL)
    return -1;
  put(run, "series.csv", series);
  put(run, "tasks.csv", tasks);
  put(run, "events.csv", events);
  return setenv("PATH", "/nonexistent", 1);
}

static int tear_down(void **state)
{
  (void)state;
  static const char *const names[] = {"series.csv", "tasks.csv", "events.csv"};
  static const char *const made[] = {"figure.gp", "figure-0.dat", "figure.svg"};
  char path[128];
  for (size_t i = 0; i < 3; i++) {
    snprintf(path, sizeof path, "%s/%s", run, names[i]);
    unlink(path);
    snprintf(path, sizeof path, "%s/%s", out, made[i]);
    unlink(path);
  }
  return rmdir(run) | rmdir(out);
}

static int throughput(size_t runs, struct swisd_error *error)
{
  const char *const directories[] = {run, run};
  const struct swisd_report_panel panel = {"two \"pies\"", directories, runs, "images"};
  return swisd_report_throughput(out, "figure", "It works", &panel, 1, error);
}

static int gantt(struct swisd_error *error)
{
  const char *const directories[] = {run};
  const struct swisd_report_panel panel = {"two pies", directories, 1, "images"};
  return swisd_report_gantt(out, "figure", "Who did what", &panel, 1, error);
}

static void assert_has(const char *text, const char *part)
{
  if (strstr(text, part) == NULL)
    fail_msg("\"%s\" is not in:\n%s", part, text);
}

/* ---- what is promised ---- */

static void throughput_is_what_the_series_says(void **state)
{
  (void)state;
  struct swisd_error error;
  assert_int_equal(throughput(1, &error), -1); /* for want of gnuplot, after the data */
  char *data = get("figure-0.dat");
  assert_has(data, "\n0.5 10 10 10 16 2\n1.5 14 14 14 8 1\n");
  free(data);
}

static void several_runs_are_averaged_within_their_range(void **state)
{
  (void)state;
  struct swisd_error error;
  throughput(2, &error);
  char *data = get("figure-0.dat");
  assert_has(data, "\n0.5 10 10 10 16 2\n");
  free(data);
  data = get("figure.gp");
  assert_has(data, "(n = 2 runs)");
  free(data);
}

static void the_script_marks_faults_and_quotes_titles(void **state)
{
  (void)state;
  struct swisd_error error;
  throughput(1, &error);
  char *script = get("figure.gp");
  assert_has(script, "\"kill pi-1\"");
  assert_has(script, "two \\\"pies\\\"");
  assert_null(strstr(script, "overdue")); /* what the swarm made of a fault is no fault */
  free(script);
}

static void gantt_has_a_row_per_device_and_a_block_per_outcome(void **state)
{
  (void)state;
  struct swisd_error error;
  assert_int_equal(gantt(&error), -1);
  char *data = get("figure-0.dat");
  assert_has(data, ": accepted\n0 0 -9\n0.5 0.75 1\n"); /* devices by name: pi-1 is row 0 */
  assert_has(data, ": lost\n0 0 -9\n0 0.25 0\n");
  free(data);
}

static void a_row_of_another_length_is_named_by_file_and_line(void **state)
{
  (void)state;
  struct swisd_error error;
  put(run, "series.csv", "time_s,items_per_s,devices_up,bound_items_per_s\n0,1,2,3\n1,2\n");
  assert_int_equal(throughput(1, &error), -1);
  assert_has(error.text, "series.csv:3: ");
  put(run, "tasks.csv", "device,class\n\"pi,x\n");
  assert_int_equal(gantt(&error), -1);
  assert_has(error.text, "tasks.csv:2: ");
}

static void a_missing_file_or_column_is_named(void **state)
{
  (void)state;
  struct swisd_error error;
  put(run, "series.csv", "time_s,items_per_s,devices_up\n0,1,2\n");
  assert_int_equal(throughput(1, &error), -1);
  assert_has(error.text, "bound_items_per_s");
  put(run, "series.csv", "");
  assert_int_equal(throughput(1, &error), -1);
  assert_has(error.text, "series.csv:1: ");
  char path[128];
  snprintf(path, sizeof path, "%s/tasks.csv", run);
  unlink(path);
  assert_int_equal(gantt(&error), -1);
  assert_has(error.text, "tasks.csv: ");
}

static void without_gnuplot_the_error_says_so_and_where_the_data_are(void **state)
{
  (void)state;
  struct swisd_error error;
  assert_int_equal(throughput(1, &error), -1);
  assert_has(error.text, "gnuplot is not installed");
  assert_has(error.text, out);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup_teardown(throughput_is_what_the_series_says, set_up, tear_down),
    cmocka_unit_test_setup_teardown(several_runs_are_averaged_within_their_range, set_up, tear_down),
    cmocka_unit_test_setup_teardown(the_script_marks_faults_and_quotes_titles, set_up, tear_down),
    cmocka_unit_test_setup_teardown(gantt_has_a_row_per_device_and_a_block_per_outcome, set_up, tear_down),
    cmocka_unit_test_setup_teardown(a_row_of_another_length_is_named_by_file_and_line, set_up, tear_down),
    cmocka_unit_test_setup_teardown(a_missing_file_or_column_is_named, set_up, tear_down),
    cmocka_unit_test_setup_teardown(without_gnuplot_the_error_says_so_and_where_the_data_are, set_up, tear_down),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
