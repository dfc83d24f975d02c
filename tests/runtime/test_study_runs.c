/* swisd run and what follows it, as a person would: whatever is killed, the next start goes on, and the summary is the same
 * to the byte; shards put together are the whole; what must not be mixed is refused. */
#include <dirent.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/unit/cmocka_all.h"

static const char scenario[] =
  "swisd: 1\nname: s\nduration: 12 s\nwarmup: 3 s\nrepeat: 4\nlinks: {wifi: {latency: 2 ms, bandwidth: 50 Mbit}}\n"
  "devices: {pi4: {count: 5, link: wifi}}\nchurn: {pi4: {uptime: {exponential: 10 s}, downtime: {exponential: 3 s}}}\n"
  "workload: {shape: {input: 1 kB, steps: [{work: 300 Mflop, output: 100 B, weights: 1 MB}]}, items: 100000, link: wifi}\n"
  "sweep: {churn.pi4.uptime.exponential: [5 s, 20 s]}\n";

static char folder[64];

/* Runs a shell command in the folder, `swisd` being the program; its exit status. Output is in out.txt and err.txt. */
__attribute__((format(printf, 1, 2))) static int shell(const char *format, ...)
{
  char command[1024], whole[2048];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(command, sizeof command, format, arguments);
  va_end(arguments);
  snprintf(whole, sizeof whole, "cd %s && swisd() { %s \"$@\"; }; { %s; } >out.txt 2>err.txt", folder, SWISD_EXECUTABLE, command);
  const int status = system(whole);
  assert_true(WIFEXITED(status));
  return WEXITSTATUS(status);
}

static char *content(const char *name)
{
  static char text[1 << 18];
  char path[256];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  FILE *in = fopen(path, "r");
  assert_non_null(in);
  text[fread(text, 1, sizeof text - 1, in)] = '\0';
  fclose(in);
  return text;
}

static void says(const char *name, const char *words)
{
  if (!strstr(content(name), words))
    fail_msg("'%s' is not in %s:\n%s", words, name, content(name));
}

static void equal_files(const char *a, const char *b)
{
  char *one = strdup(content(a));
  if (strcmp(one, content(b)) != 0)
    fail_msg("%s and %s differ:\n%s\n%s", a, b, one, content(b));
  free(one);
}

static unsigned finished_runs(const char *results)
{
  char path[256];
  unsigned count = 0;
  snprintf(path, sizeof path, "%s/%s/runs", folder, results);
  DIR *runs = opendir(path);
  for (const struct dirent *entry; runs && (entry = readdir(runs)) != NULL;)
    count += entry->d_name[0] != '.';
  if (runs)
    closedir(runs);
  return count;
}

static int set_up(void **state)
{
  (void)state;
  char path[128];
  snprintf(folder, sizeof folder, "/tmp/swisd-runs.XXXXXX");
  if (!mkdtemp(folder))
    return -1;
  snprintf(path, sizeof path, "%s/s.yml", folder);
  FILE *out = fopen(path, "w");
  if (!out)
    return -1;
  fputs(scenario, out);
  fclose(out);
  return shell("swisd run s.yml -j 2 --out whole");
}

static int tear_down(void **state)
{
  (void)state;
  char command[128];
  snprintf(command, sizeof command, "rm -rf '%s'", folder);
  return system(command);
}

static void a_study_leaves_plain_files(void **state)
{
  (void)state;
  assert_int_equal(finished_runs("whole"), 8);
  says("whole/runs.csv", "point,repeat,churn.pi4.uptime.exponential,seed,digest,");
  says("whole/summary.csv", "\n1,20 s,items_per_s,4,");
  says("whole/points.csv", "\n0,");
  says("whole/manifest.json", "\"runs_finished\": 8");
  assert_null(strstr(content("whole/summary.csv"), "nan"));
  assert_null(strstr(content("whole/summary.csv"), "cpu_s"));
}

static void a_second_start_does_nothing_and_more_repeats_only_add(void **state)
{
  (void)state;
  assert_int_equal(shell("swisd run s.yml --out more --seeds 2 && swisd run s.yml --out more --seeds 2"), 0);
  assert_int_equal(finished_runs("more"), 4);
  assert_int_equal(shell("ls -i more/runs > before; swisd run s.yml --out more; ls -i more/runs > after; "
                         "grep -c -F -f before after > kept; test $(cat kept) = 4"),
                   0);
  assert_int_equal(finished_runs("more"), 8);
  equal_files("whole/summary.csv", "more/summary.csv");
}

/* Kills the whole group at a different moment each time, until it gets to its end. */
static void killed_anywhere_and_started_again_it_comes_to_the_same_bytes(void **state)
{
  (void)state;
  unsigned kills = 0;
  for (unsigned wanted = 1; finished_runs("killed") < 8; wanted = finished_runs("killed") + 2) {
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
      setpgid(0, 0);
      if (chdir(folder) == 0 && freopen("killed.txt", "w", stderr) && freopen("killed.txt", "w", stdout))
        execl(SWISD_EXECUTABLE, "swisd", "run", "s.yml", "--out", "killed", "-j", "2", (char *)NULL);
      _exit(127);
    }
    setpgid(child, child);
    int status = 0;
    while (finished_runs("killed") < wanted && waitpid(child, &status, WNOHANG) == 0)
      nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    kills += kill(-child, SIGKILL) == 0;
    waitpid(child, &status, 0);
  }
  assert_true(kills >= 3);
  assert_int_equal(shell("swisd run s.yml --out killed"), 0);
  equal_files("whole/summary.csv", "killed/summary.csv");
}

static void an_interrupt_ends_cleanly_and_says_how_to_go_on(void **state)
{
  (void)state;
  assert_int_equal(shell(SWISD_EXECUTABLE " run s.yml --out cut --set duration=600s -j 1 & pid=$!; "
                                          "while ! ls -d cut/runs/.*.tmp >/dev/null 2>&1; do :; done; kill -INT $pid; wait $pid"),
                   1);
  says("err.txt", "runs are missing (interrupted); the same command goes on with them");
  assert_int_equal(shell("ls -A cut/runs | grep tmp"), 1); /* nothing half done is left */
}

static void shards_put_together_are_the_whole(void **state)
{
  (void)state;
  assert_int_equal(shell("for i in 1 2 3; do swisd run s.yml --shard $i/3 --out part$i || exit 1; done"), 0);
  assert_int_equal(finished_runs("part1") + finished_runs("part2") + finished_runs("part3"), 8);
  assert_int_equal(shell("swisd merge all part1 part2 part3 && swisd merge all part2"), 0);
  equal_files("whole/summary.csv", "all/summary.csv");
  assert_int_equal(shell("swisd run s.yml --set seed=2 --seeds 1 --out other && swisd merge all other"), 2);
  says("err.txt", "of different studies");
}

static void results_of_another_program_are_not_mixed(void **state)
{
  (void)state;
  assert_int_equal(shell("cp -r whole mixed && sed -i 's/\"version\": \"[^\"]*\"/\"version\": \"0.0.1\"/' mixed/manifest.json && "
                         "swisd run s.yml --out mixed"),
                   2);
  says("err.txt", "was made by swisd 0.0.1 commit ");
  assert_int_equal(shell("swisd run s.yml --out mixed --mixed"), 0);
}

static void a_comparison_is_paired_by_seed_with_an_interval(void **state)
{
  (void)state;
  assert_int_equal(shell("swisd run s.yml --out slower --set devices.pi4.speed='12 Gflops' && swisd compare whole slower"), 0);
  says("out.txt", "pairs 4: B is worse");
  assert_int_equal(shell("swisd compare whole whole --metric items_per_s --json"), 0);
  says("out.txt", "\"verdict\": \"equal\"");
  says("out.txt", "\"difference\": 0");
  assert_int_equal(shell("swisd run s.yml --set seed=9 --out seed && swisd compare whole seed"), 0);
  says("err.txt", "the seeds differ");
  assert_int_equal(shell("swisd compare whole whole --metric items"), 2);
}

static void an_export_has_a_row_per_number(void **state)
{
  (void)state;
  assert_int_equal(shell("swisd export whole | tail -n +2 | awk -F, 'NF != 6 {exit 1}'"), 0);
  assert_int_equal(shell("swisd export whole --ndjson"), 0);
  says("out.txt", "\"makespan_s\":null");
  assert_null(strstr(content("out.txt"), "nan"));
}

static void the_report_is_one_page_with_its_figures_inside(void **state)
{
  (void)state;
  assert_int_equal(shell("swisd report whole/"), 0);
  says("out.txt", "whole/report/index.html\n");
  says("whole/report/items_per_s.dat", "# x mean lo hi n point\n5 ");
  says("whole/report/items_per_s.gp", "set xtics (\"5 s\" 5, \"20 s\" 20)");
  assert_int_equal(shell("grep -c '<svg' whole/report/index.html > figures; test $(cat figures) -ge 5"),
                   shell("command -v gnuplot") == 0 ? 0 : 1);
  assert_int_equal(shell("grep -E '<script|src=|href=.http' whole/report/index.html"), 1);
  says("whole/report/index.html", "<td>commit</td>");
  assert_int_equal(shell("swisd report gone"), 2);
}

static void expectations_decide_the_exit_status(void **state)
{
  (void)state;
  assert_int_equal(shell("swisd run s.yml --out whole --set 'expect={items_per_s: \"> 1\"}'"), 0);
  says("err.txt", "ok      expect items_per_s > 1: ");
  assert_int_equal(shell("swisd run s.yml --out whole --set 'expect={items_per_s: \"> 1000000\"}'"), 1);
  says("err.txt", "FAILED  expect items_per_s > 1000000: ");
}

static void mistakes_are_said_before_anything_starts(void **state)
{
  (void)state;
  assert_int_equal(shell("swisd run s.yml --shard 4/3 --out x"), 2);
  assert_int_equal(shell("swisd run s.yml --seeds none --out x"), 2);
  assert_int_equal(shell("swisd run s.yml --set devices.pi4.cont=3 --out x"), 2);
  says("err.txt", "--set:1:1: devices.pi4.cont: unknown key, did you mean 'count'?");
  assert_int_equal(shell("test -e x"), 1);
  assert_int_equal(shell("swisd run gone.yml"), 2);
  assert_int_equal(shell("swisd init study --template churn && swisd check study/churn.yml && swisd init study"), 2);
  says("err.txt", "File exists");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_study_leaves_plain_files),
    cmocka_unit_test(a_second_start_does_nothing_and_more_repeats_only_add),
    cmocka_unit_test(killed_anywhere_and_started_again_it_comes_to_the_same_bytes),
    cmocka_unit_test(an_interrupt_ends_cleanly_and_says_how_to_go_on),
    cmocka_unit_test(shards_put_together_are_the_whole),
    cmocka_unit_test(results_of_another_program_are_not_mixed),
    cmocka_unit_test(a_comparison_is_paired_by_seed_with_an_interval),
    cmocka_unit_test(an_export_has_a_row_per_number),
    cmocka_unit_test(the_report_is_one_page_with_its_figures_inside),
    cmocka_unit_test(expectations_decide_the_exit_status),
    cmocka_unit_test(mistakes_are_said_before_anything_starts),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
