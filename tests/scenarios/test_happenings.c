/* What happens in a repeat: traces, joining, days, faults played out, sampled speeds, distances, demand. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "scenarios/scenario.h"
#include "tests/unit/cmocka_all.h"

#define SECOND UINT64_C(1000000000)

static struct swisd_scenario_errors errors;
static char folder[64];

static void write_file(const char *name, const char *text)
{
  char path[256];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  FILE *out = fopen(path, "w");
  assert_non_null(out);
  fputs(text, out);
  assert_int_equal(fclose(out), 0);
}

/* A scenario of 100 s with these lines more; names of files are looked for in the folder. */
static int read_with(const char *lines, struct swisd_scenario *s)
{
  char text[4096], name[128];
  snprintf(text, sizeof text, "swisd: 1\nname: t\nduration: 100 s\nworkload: {model: m}\n%s", lines);
  snprintf(name, sizeof name, "%s/t.yml", folder);
  return swisd_scenario_parse(name, text, strlen(text), NULL, s, &errors);
}

static void must_read(const char *lines, struct swisd_scenario *s)
{
  if (read_with(lines, s) != 0) {
    fail_msg("%s", errors.text);
  }
}

/* When device `device` is up, as "10-20 30-40 " in seconds. */
static const char *sessions(const struct swisd_scenario *s, uint32_t device)
{
  static char text[512];
  struct swisd_scenario_churn churn = swisd_scenario_churn_start(s, 0, device);
  uint64_t since_ns = 0;
  text[0] = '\0';
  for (int i = 0; i < 20; i++) {
    char piece[64];
    snprintf(piece, sizeof piece, churn.change_ns == SWISD_NEVER ? "%g-end " : "%g-%g ", (double)since_ns / 1e9,
             (double)churn.change_ns / 1e9);
    if (churn.up) {
      strcat(text, piece);
    }
    since_ns = churn.change_ns;
    if (since_ns == SWISD_NEVER) {
      break;
    }
    swisd_scenario_churn_next(&churn);
  }
  return text;
}

static void a_trace_is_followed_from_where_the_run_begins(void **state)
{
  (void)state;
  struct swisd_scenario s;
  write_file("one.avt", "a\t3\t10 20 30 45 50 60\n");
  must_read("devices: {pi4: {}}\nchurn: {pi4: {trace: one.avt}}\n", &s);
  assert_string_equal(sessions(&s, 0), "10-20 30-45 50-60 ");
  swisd_scenario_free(&s);
  must_read("devices: {pi4: {}}\nchurn: {pi4: {trace: one.avt, from: 35 s}}\n", &s);
  assert_string_equal(sessions(&s, 0), "0-10 15-25 ");
  swisd_scenario_free(&s);
  must_read("devices: {pi4: {}}\nchurn: {pi4: {trace: one.avt, from: 20 s, faster: 5}}\n", &s);
  assert_string_equal(sessions(&s, 0), "2-5 6-8 ");
  swisd_scenario_free(&s);
  write_file("one.csv", "node,up_s,down_s\n7,0,15\n7,40,50\n");
  must_read("devices: {pi4: {}}\nchurn: {pi4: {trace: one.csv}}\n", &s);
  assert_string_equal(sessions(&s, 0), "0-15 40-50 ");
  swisd_scenario_free(&s);
}

static void devices_follow_different_hosts_of_a_trace(void **state)
{
  (void)state;
  struct swisd_scenario s;
  write_file("five.avt", "a\t1\t1 20\nb\t1\t2 20\nc\t1\t3 20\nd\t1\t4 20\ne\t1\t5 20\n");
  must_read("devices: {pi4: {count: 5}}\nchurn: {pi4: {trace: five.avt}}\n", &s);
  unsigned seen = 0;
  for (uint32_t d = 0; d < 5; d++) {
    seen |= 1u << atoi(sessions(&s, d));
  }
  assert_int_equal(seen, 2 + 4 + 8 + 16 + 32);
  swisd_scenario_free(&s);
}

static void a_wrong_trace_is_said_at_its_own_line(void **state)
{
  (void)state;
  struct swisd_scenario s;
  char wanted[256];
  write_file("bad.avt", "a\t1\t1 20\nb\t2\t2 20\n");
  assert_int_equal(read_with("devices: {pi4: {}}\nchurn: {pi4: {trace: bad.avt}}\n", &s), -1);
  snprintf(wanted, sizeof wanted, "%s/bad.avt:2:1: churn.pi4.trace: has another number of sessions than it says\n", folder);
  assert_memory_equal(errors.text, wanted, strlen(wanted));
  assert_int_equal(read_with("devices: {pi4: {}}\nchurn: {pi4: {trace: gone.avt}}\n", &s), -1);
  assert_non_null(strstr(errors.text, "t.yml:6:22: churn.pi4.trace: "));
  static const char *const wrong[] = {"a\t1\t20 1\n",   "a\t2\t1 5 4 6\n", "a\n", "a\tx\t\n", "", "node,up_s,down_s\n1,2\n",
                                      "a\t1\t1 1e999\n"};
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
    write_file("bad.avt", wrong[i]);
    assert_int_equal(read_with("devices: {pi4: {}}\nchurn: {pi4: {trace: bad.avt}}\n", &s), -1);
    assert_non_null(strstr(errors.text, "bad.avt:"));
  }
}

static void devices_join_when_they_are_said_to(void **state)
{
  (void)state;
  struct swisd_scenario s;
  must_read("devices: {pi4: {joins: 40 s}, pi5: {joins: {uniform: [50 s, 60 s]}}}\nchurn: {pi5: {uptime: 10 s}}\n", &s);
  assert_string_equal(sessions(&s, 0), "40-end ");
  const double joined = atof(sessions(&s, 1));
  assert_true(joined >= 50 && joined < 60);
  struct swisd_scenario_churn churn = swisd_scenario_churn_start(&s, 0, 1);
  assert_false(churn.up);
  swisd_scenario_churn_next(&churn);
  assert_true(churn.up && fabs((double)churn.change_ns / 1e9 - joined - 10) < 0.01);
  swisd_scenario_free(&s);
}

static void absences_last_longer_at_night(void **state)
{
  (void)state;
  struct swisd_scenario s;
  must_read("devices: {pi4: {}}\nchurn: {pi4: {uptime: 10 s, downtime: 10 s, day: {period: 1000 s, peak: 0 s, low: 10 %}}}\n",
            &s);
  /* At the peak (time 10): nearly 10 s. Half a day later: rate 0.1, so nearly 100 s. */
  struct swisd_scenario_churn churn = swisd_scenario_churn_start(&s, 0, 0);
  uint64_t shortest = SWISD_NEVER, longest = 0;
  while (churn.change_ns < 1000 * SECOND) {
    const uint64_t from = churn.change_ns;
    swisd_scenario_churn_next(&churn);
    if (!churn.up) {
      shortest = churn.change_ns - from < shortest ? churn.change_ns - from : shortest;
      longest = churn.change_ns - from > longest ? churn.change_ns - from : longest;
    }
  }
  assert_true(shortest >= 10 * SECOND && shortest < 11 * SECOND);
  assert_true(longest > 60 * SECOND && longest <= 100 * SECOND);
  swisd_scenario_free(&s);
}

static void faults_are_played_out(void **state)
{
  (void)state;
  struct swisd_scenario s, u;
  uint32_t devices[16];
  must_read("devices: {pi4: {count: 8}}\nfaults:\n  - {at: 10 s, every: 20 s, for: 1 s, kill: {class: pi4, count: 2}}\n", &s);
  swisd_scenario_unroll(&s, 0, &u);
  assert_int_equal(u.fault_count, 5);
  unsigned pairs = 0;
  for (uint32_t i = 0; i < u.fault_count; i++) {
    assert_int_equal(u.faults[i].at_ns, (10 + 20 * i) * SECOND);
    assert_int_equal(swisd_scenario_fault_devices(&u, &u.faults[i], 0, devices, 16), 2);
    pairs |= 1u << devices[0] | 1u << devices[1];
  }
  assert_true(__builtin_popcount(pairs) > 2); /* chosen anew */
  swisd_scenario_unrolled_free(&u);
  swisd_scenario_free(&s);

  must_read("devices: {pi4: {count: 8}}\nfaults: [{at: 10 s, within: 5 s, silence: {class: pi4, share: 50 %}}]\n", &s);
  swisd_scenario_unroll(&s, 0, &u);
  assert_int_equal(u.fault_count, 4);
  for (uint32_t i = 0; i < 4; i++) {
    assert_true(u.faults[i].at_ns >= 10 * SECOND && u.faults[i].at_ns < 15 * SECOND);
    assert_int_equal(swisd_scenario_fault_devices(&u, &u.faults[i], 0, devices, 16), 1);
  }
  assert_true(u.faults[0].at_ns < u.faults[3].at_ns);
  swisd_scenario_unrolled_free(&u);
  swisd_scenario_free(&s);

  must_read("devices: {pi4: {count: 2}}\nfaults: [{at: 10 s, for: 11 s, flap: {devices: pi4/1, up: 3 s, down: 2 s}}]\n", &s);
  swisd_scenario_unroll(&s, 0, &u);
  assert_int_equal(u.fault_count, 3);
  for (uint32_t i = 0; i < 3; i++) {
    assert_int_equal(u.faults[i].kind, SWISD_FAULT_CUT);
    assert_int_equal(u.faults[i].at_ns, (10 + 5 * i) * SECOND);
    assert_int_equal(u.faults[i].for_ns, (i < 2 ? 2 : 1) * SECOND);
    assert_int_equal(swisd_scenario_fault_devices(&u, &u.faults[i], 0, devices, 16), 1);
    assert_int_equal(devices[0], 1);
  }
  swisd_scenario_unrolled_free(&u);
  swisd_scenario_free(&s);
}

static void speeds_are_drawn_by_weight_from_a_table(void **state)
{
  (void)state;
  struct swisd_scenario s;
  write_file("cpu.csv", "model,hosts,speed\n\"a, b\",1,2\nc,3,4\nnone,5,0\n");
  must_read("devices: {v: {count: 400, memory: 1 GiB, sample: {table: cpu.csv, column: speed, weight: hosts, unit: 2 Gflops}}}\n",
            &s);
  assert_true(fabs(s.classes[0].flops_per_s[0] - 7e9) < 1);
  unsigned slow = 0, fast = 0;
  for (uint32_t d = 0; d < 400; d++) {
    double speeds[SWISD_KERNEL_COUNT];
    swisd_scenario_speeds(&s, 0, d, speeds);
    slow += fabs(speeds[0] - 4e9) < 1;
    fast += fabs(speeds[0] - 8e9) < 1;
  }
  assert_int_equal(slow + fast, 400);
  assert_true(slow > 70 && slow < 130);
  swisd_scenario_free(&s);
  assert_int_equal(read_with("devices: {v: {memory: 1 GiB, sample: {table: cpu.csv, column: sped, unit: 2 Gflops}}}\n", &s), -1);
  assert_non_null(strstr(errors.text, "cpu.csv:1:1: devices.v.sample.table: has no column 'sped'\n"));
}

static void distances_are_half_the_round_trips(void **state)
{
  (void)state;
  struct swisd_scenario s;
  write_file("rtt.txt", "0 10 20\n10 0 0\n20 30 0\n");
  must_read("devices: {pi4: {count: 50}}\ndistances: {matrix: rtt.txt}\n", &s);
  assert_true(fabs(swisd_scenario_distance_s(&s, 0, 1) - 0.005) < 1e-9);
  assert_true(fabs(swisd_scenario_distance_s(&s, 1, 2) - 0.010) < 1e-9); /* missing: the median of 10 10 20 20 30 */
  unsigned places = 0;
  for (uint32_t d = 0; d < 50; d++) {
    places |= 1u << swisd_scenario_place(&s, 0, d);
  }
  assert_int_equal(places, 7);
  swisd_scenario_free(&s);
  static const char *const wrong[] = {"1 2\n3\n", "1 2\n3 4\n5 6\n", "1 2\n", "a b\n1 2\n", "", "0 0\n0 0\n", "1 -2\n3 4\n"};
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
    write_file("bad.txt", wrong[i]);
    assert_int_equal(read_with("devices: {pi4: {}}\ndistances: {matrix: bad.txt}\n", &s), -1);
  }
}

static void a_flash_crowd_arrives_more_often(void **state)
{
  (void)state;
  struct swisd_scenario s, u;
  must_read("devices: {pi4: {}}\nfaults: [{at: 10 s, for: 10 s, demand: 4}]\n", &s);
  swisd_scenario_unroll(&s, 0, &u);
  assert_int_equal(swisd_scenario_arrival_ns(&u, 0, 8), 8 * SECOND);
  assert_int_equal(swisd_scenario_arrival_ns(&u, 0, 14), 11 * SECOND);
  assert_int_equal(swisd_scenario_arrival_ns(&u, 12 * SECOND, 8), 14 * SECOND);
  assert_int_equal(swisd_scenario_arrival_ns(&u, 18 * SECOND, 10), 22 * SECOND);
  swisd_scenario_unrolled_free(&u);
  swisd_scenario_free(&s);
}

static void devices_at_a_site_go_together(void **state)
{
  (void)state;
  struct swisd_scenario s;
  uint32_t devices[16];
  must_read(
    "sites: {lab: {}, home: {count: 4, bandwidth: 10 Mbit}}\ndevices: {pi4: {count: 8, site: home}, pi5: {count: 2, site: "
    "lab}}\nfaults: [{at: 1 s, kill: {site: home, count: 1}}, {at: 2 s, kill: {site: lab}}]\n",
    &s);
  assert_int_equal(swisd_scenario_site_places(&s), 5);
  assert_int_equal(swisd_scenario_site_of(&s, 0), 1);
  assert_int_equal(swisd_scenario_site_of(&s, 6), 3);
  assert_int_equal(swisd_scenario_site_of(&s, 9), 0);
  assert_int_equal(swisd_scenario_fault_devices(&s, &s.faults[0], 0, devices, 16), 2);
  assert_int_equal(devices[1] - devices[0], 4);
  assert_int_equal(swisd_scenario_fault_devices(&s, &s.faults[1], 0, devices, 16), 2);
  assert_int_equal(devices[0], 8);
  swisd_scenario_free(&s);
  assert_int_equal(
    read_with("devices: {pi4: {site: hom}}\nsites: {home: {}}\nfaults: [{at: 1 s, kill: {site: home, count: 2}}]\n", &s), -1);
  assert_non_null(strstr(errors.text, "devices.pi4.site: no site is called 'hom', did you mean 'home'?"));
  assert_non_null(strstr(errors.text, "wants 2 places, 'home' has 1"));
}

static double cpu_seconds(void)
{
  struct timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* Prints what a long trace takes; what it should take is held by bench, not here. */
static void thirty_thousand_sessions_are_read(void **state)
{
  (void)state;
  struct swisd_scenario s;
  char path[256];
  snprintf(path, sizeof path, "%s/long.avt", folder);
  FILE *out = fopen(path, "w");
  assert_non_null(out);
  for (int host = 0; host < 2000; host++) {
    fprintf(out, "%d\t15\t", host);
    for (int i = 0; i < 15; i++) {
      fprintf(out, " %d %d", host + 100 * i, host + 100 * i + 50);
    }
    fputc('\n', out);
  }
  fclose(out);
  const double start = cpu_seconds();
  must_read("devices: {pi4: {count: 2000}}\nchurn: {pi4: {trace: long.avt}}\n", &s);
  printf("30,000 sessions: %.3f s of CPU\n", cpu_seconds() - start);
  assert_int_equal(s.classes[0].trace->u.availability.span_count, 30000);
  swisd_scenario_free(&s);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_trace_is_followed_from_where_the_run_begins),
    cmocka_unit_test(devices_follow_different_hosts_of_a_trace),
    cmocka_unit_test(a_wrong_trace_is_said_at_its_own_line),
    cmocka_unit_test(devices_join_when_they_are_said_to),
    cmocka_unit_test(absences_last_longer_at_night),
    cmocka_unit_test(faults_are_played_out),
    cmocka_unit_test(speeds_are_drawn_by_weight_from_a_table),
    cmocka_unit_test(distances_are_half_the_round_trips),
    cmocka_unit_test(a_flash_crowd_arrives_more_often),
    cmocka_unit_test(devices_at_a_site_go_together),
    cmocka_unit_test(thirty_thousand_sessions_are_read),
  };
  snprintf(folder, sizeof folder, "/tmp/swisd-happenings.XXXXXX");
  if (!mkdtemp(folder)) {
    return 1;
  }
  const int failed = cmocka_run_group_tests(tests, NULL, NULL);
  char command[128];
  snprintf(command, sizeof command, "rm -rf '%s'", folder);
  return system(command) != 0 || failed;
}
