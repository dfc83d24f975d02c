/* A scenario with what belongs to it: included files, settings, sweeps, expectations, and its form with defaults. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "scenarios/study.h"
#include "tests/unit/cmocka_all.h"

#define BASE                                                            \
  "swisd: 1\nname: t\nduration: 10 s\nlinks: {wifi: {latency: 5 ms}}\n" \
  "devices: {pi4: {count: 4, link: wifi}}\nworkload: {model: m}\n"

static struct swisd_scenario_errors errors;

static void make_folder(char folder[64])
{
  snprintf(folder, 64, "/tmp/swisd-study.XXXXXX");
  assert_non_null(mkdtemp(folder));
}

static void write_file(const char *folder, const char *name, const char *text)
{
  char path[256];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  FILE *out = fopen(path, "w");
  assert_non_null(out);
  fputs(text, out);
  assert_int_equal(fclose(out), 0);
}

static void remove_folder(const char *folder)
{
  char command[128];
  snprintf(command, sizeof command, "rm -rf '%s'", folder);
  assert_int_equal(system(command), 0);
}

static struct swisd_study *open_text(const char *text, const char *world, const char *const *settings, uint32_t count)
{
  const struct swisd_study_request request = {
    .path = "t.yml", .text = text, .bytes = strlen(text), .world = world, .settings = settings, .setting_count = count};
  return swisd_study_open(&request, &errors);
}

static struct swisd_study *opened(const char *text)
{
  struct swisd_study *study = open_text(text, NULL, NULL, 0);
  if (!study) {
    fail_msg("%s", errors.text);
  }
  return study;
}

static void expect_errors(const char *wanted)
{
  if (strcmp(errors.text, wanted) != 0) {
    fail_msg("wanted:\n%s\ngot:\n%s", wanted, errors.text);
  }
}

static void a_file_starts_from_the_files_it_includes(void **state)
{
  (void)state;
  char folder[64], path[128];
  struct swisd_scenario s;
  make_folder(folder);
  write_file(folder, "base.yml", BASE "seed: 3\nrepeat: 4\n");
  write_file(folder, "more.yml", "seed: 4\nwarmup: 1 s\n");
  write_file(folder, "own.yml", "include: [base.yml, more.yml]\nrepeat: 9\n");
  snprintf(path, sizeof path, "%s/own.yml", folder);
  if (swisd_scenario_read(path, NULL, &s, &errors) != 0) {
    fail_msg("%s", errors.text);
  }
  assert_int_equal(s.seed, 4); /* the later file wins */
  assert_int_equal(s.repeat, 9);
  assert_int_equal(s.device_count, 4);
  assert_int_equal(s.warmup_ns, 1000000000);
  swisd_scenario_free(&s);
  remove_folder(folder);
}

static void a_mistake_in_an_included_file_is_said_there(void **state)
{
  (void)state;
  char folder[64], path[128], wanted[1024];
  struct swisd_scenario s;
  make_folder(folder);
  write_file(folder, "base.yml", BASE "sede: 3\n");
  write_file(folder, "own.yml", "include: base.yml\nrepeat: none\n");
  snprintf(path, sizeof path, "%s/own.yml", folder);
  assert_int_equal(swisd_scenario_read(path, NULL, &s, &errors), -1);
  snprintf(wanted, sizeof wanted,
           "%s:2:9: repeat: 'none' is not a whole number\n     2 | repeat: none\n       |         ^~~~\n"
           "%s/base.yml:7:1: sede: unknown key, did you mean 'seed'?\n     7 | sede: 3\n       | ^~~~\n",
           path, folder);
  expect_errors(wanted);
  remove_folder(folder);
}

static void what_cannot_be_included_is_said_at_its_name(void **state)
{
  (void)state;
  char folder[64], path[128], wanted[512];
  struct swisd_scenario s;
  make_folder(folder);
  write_file(folder, "self.yml", "include: self.yml\n" BASE);
  snprintf(path, sizeof path, "%s/self.yml", folder);
  assert_int_equal(swisd_scenario_read(path, NULL, &s, &errors), -1);
  assert_non_null(strstr(errors.text, "self.yml:1:10: include: is nested more than 8 deep, or includes itself\n"));
  write_file(folder, "own.yml", "include: gone.yml\n" BASE);
  snprintf(path, sizeof path, "%s/own.yml", folder);
  assert_int_equal(swisd_scenario_read(path, NULL, &s, &errors), -1);
  snprintf(wanted, sizeof wanted, "%s:1:10: include: %s/gone.yml: No such file or directory\n", path, folder);
  assert_non_null(strstr(errors.text, wanted));
  write_file(folder, "own.yml", "include: .\n" BASE);
  assert_int_equal(swisd_scenario_read(path, NULL, &s, &errors), -1);
  assert_non_null(strstr(errors.text, "/.: is no regular file"));
  remove_folder(folder);
}

static void settings_of_file_and_command_line_change_single_values(void **state)
{
  (void)state;
  const char *const settings[] = {"devices.pi4.count=7", "links.wifi={latency: 1 ms, loss: 2 %}", "warmup= 2 s"};
  struct swisd_study *study = open_text(BASE "set: {devices.pi4.count: 6, workload.chunk: 100 ms}\n", NULL, settings, 3);
  struct swisd_scenario s;
  if (!study || swisd_study_point(study, 0, &s, &errors) != 0) {
    fail_msg("%s", errors.text);
  }
  assert_int_equal(s.device_count, 7);
  assert_int_equal(s.workload.chunk_ns, 100000000);
  assert_int_equal(s.warmup_ns, 2000000000);
  assert_true(s.links[0].loss > 0.019 && s.links[0].loss < 0.021);
  swisd_scenario_free(&s);
  swisd_study_free(study);
}

static void a_setting_of_one_user_of_an_anchor_leaves_the_others_alone(void **state)
{
  (void)state;
  const char *const settings[] = {"devices.a.count=3"};
  struct swisd_study *study =
    open_text("swisd: 1\nname: t\nduration: 10 s\ndevices: {a: &c {class: pi4, count: 2}, b: *c}\nworkload: {model: m}\n", NULL,
              settings, 1);
  struct swisd_scenario s;
  assert_non_null(study);
  assert_int_equal(swisd_study_point(study, 0, &s, &errors), 0);
  assert_int_equal(s.classes[0].count, 3);
  assert_int_equal(s.classes[1].count, 2);
  swisd_scenario_free(&s);
  swisd_study_free(study);
}

static void a_wrong_setting_is_said_with_a_caret_under_it(void **state)
{
  (void)state;
  const char *const settings[] = {"devices.pi4.cuont=7", "seed=x", "links.wifi.latency.a=3", "duration", "faults[0].at=1 s"};
  assert_null(open_text(BASE "faults: [{at: 1 s, kill: pi4}]\n", NULL, settings, 4));
  expect_errors("--set:1:1: devices.pi4.cuont: unknown key, did you mean 'count'?\n"
                "     1 | devices.pi4.cuont=7\n"
                "       | ^~~~~~~~~~~~~~~~~\n"
                "--set:1:6: seed: 'x' is not a whole number\n"
                "     1 | seed=x\n"
                "       |      ^\n"
                "--set:1:1: links.wifi.latency.a: cannot be set: what stands before 'a is no map\n"
                "     1 | links.wifi.latency.a=3\n"
                "       | ^~~~~~~~~~~~~~~~~~~~\n"
                "--set:1:1: (the option): wanted is PATH=VALUE, e.g. links.wifi.latency=5ms\n"
                "     1 | duration\n"
                "       | ^~~~~~~~\n");
}

static void a_sweep_makes_every_combination_and_a_zip_goes_in_step(void **state)
{
  (void)state;
  struct swisd_study *study =
    opened(BASE "sweep:\n  seed: [1, 2]\n  zip: {devices.pi4.count: [4, 8, 16], warmup: [1 s, 2 s, 3 s]}\n");
  assert_int_equal(swisd_study_points(study), 6);
  assert_int_equal(swisd_study_columns(study), 3);
  assert_string_equal(swisd_study_column(study, 1), "devices.pi4.count");
  uint64_t hashes[6];
  for (uint32_t point = 0; point < 6; point++) {
    struct swisd_scenario s;
    assert_int_equal(swisd_study_point(study, point, &s, &errors), 0);
    assert_int_equal(s.seed, 1 + point / 3);
    assert_int_equal(s.device_count, 4 << point % 3);
    assert_int_equal(s.warmup_ns, (point % 3 + 1) * 1000000000ull);
    swisd_scenario_free(&s);
    char *value = swisd_study_value(study, point, 2);
    char wanted[16];
    snprintf(wanted, sizeof wanted, "%u s", point % 3 + 1);
    assert_string_equal(value, wanted);
    free(value);
    hashes[point] = swisd_study_point_hash(study, point);
    for (uint32_t other = 0; other < point; other++) {
      assert_true(hashes[other] != hashes[point]);
    }
  }
  swisd_study_free(study);
  /* What a run does not depend on changes no hash; what it does, does. */
  study = opened(BASE "repeat: 7\nexpect: {items_per_s: '> 1'}\nsweep: {seed: [1, 2], zip: {devices.pi4.count: [4, 8, 16], "
                      "warmup: [1 s, 2 s, 3 s]}}\n");
  assert_true(swisd_study_point_hash(study, 4) == hashes[4]);
  swisd_study_free(study);
  study = opened(BASE "sweep: {seed: [1, 2], zip: {devices.pi4.count: [4, 8, 17], warmup: [1 s, 2 s, 3 s]}}\n");
  assert_true(swisd_study_point_hash(study, 4) == hashes[4]);
  assert_true(swisd_study_point_hash(study, 5) != hashes[5]);
  swisd_study_free(study);
}

static void mistakes_in_sweeps_are_said_where_they_stand(void **state)
{
  (void)state;
  assert_null(open_text(BASE "sweep:\n  devces.pi4.count: [1]\n  devices.pi4.count: [1, many]\n  seed: 7\n"
                             "  zip: {warmup: [1 s, 2 s], repeat: [1]}\n  worlds: [1]\n",
                        NULL, NULL, 0));
  expect_errors("t.yml:8:3: sweep.devces.pi4.count: the path begins with an unknown key, did you mean 'devices.pi4.count'?\n"
                "     8 |   devces.pi4.count: [1]\n"
                "       |   ^~~~~~~~~~~~~~~~\n"
                "t.yml:9:26: devices.pi4.count: 'many' is not a whole number\n"
                "     9 |   devices.pi4.count: [1, many]\n"
                "       |                          ^~~~\n"
                "t.yml:10:9: sweep.seed: wanted is a list of values, e.g. [1, 2, 4]\n"
                "    10 |   seed: 7\n"
                "       |         ^\n"
                "t.yml:11:37: sweep.zip.repeat: has 1 values, the others of this zip have 2\n"
                "    11 |   zip: {warmup: [1 s, 2 s], repeat: [1]}\n"
                "       |                                     ^\n"
                "t.yml:12:3: sweep.worlds: cannot be set: it is read before anything is set\n"
                "    12 |   worlds: [1]\n"
                "       |   ^~~~~~\n");
}

static void expectations_name_results_with_their_units(void **state)
{
  (void)state;
  struct swisd_study *study = opened(BASE "expect: {completed: '>= 99 %', detect_p95_s: max < 3 s, items_per_s: '> 5'}\n");
  struct swisd_scenario s;
  assert_int_equal(swisd_study_point(study, 0, &s, &errors), 0);
  assert_int_equal(s.expect_count, 3);
  assert_string_equal(s.expects[1].metric, "detect_p95_s");
  assert_int_equal(s.expects[1].statistic, SWISD_EXPECT_MAX);
  assert_int_equal(s.expects[1].operation, SWISD_EXPECT_BELOW);
  assert_true(s.expects[0].value > 0.98 && s.expects[1].value > 2.9 && s.expects[2].value > 4.9);
  swisd_scenario_free(&s);
  swisd_study_free(study);
  assert_null(
    open_text(BASE "expect: {competed: '>= 99 %', completed: '>= 99', items_per_s: many, detect_p95_s: 3 s}\n", NULL, NULL, 0));
  assert_non_null(strstr(errors.text, "7:10: expect.competed: no result is called so, did you mean 'completed'?\n"));
  assert_non_null(strstr(errors.text, "7:42: expect.completed: needs a unit, e.g. 5 %\n"));
  assert_non_null(strstr(errors.text, "7:64: expect.items_per_s: wanted is a comparison, e.g. '>= 99 %' or 'p95 < 3 s'\n"));
  assert_int_equal(errors.count, 4);
}

static void a_world_has_its_own_sweep_and_settings(void **state)
{
  (void)state;
  const char *const settings[] = {"devices.pi5.count=9"};
  struct swisd_study *study =
    open_text(BASE "seed: 4\nworlds: {big: {devices: {pi5: {count: 2}}, sweep: {seed: [1, 2, 3]}, set: {repeat: 8}}}\n", "big",
              settings, 1);
  struct swisd_scenario s;
  assert_non_null(study);
  assert_int_equal(swisd_study_points(study), 3);
  assert_int_equal(swisd_study_point(study, 2, &s, &errors), 0);
  assert_int_equal(s.device_count, 9);
  assert_int_equal(s.repeat, 8);
  assert_int_equal(s.seed, 3);
  assert_string_equal(s.world, "big");
  swisd_scenario_free(&s);
  swisd_study_free(study);
}

static char *print(struct swisd_study *study, uint32_t point)
{
  char *text = NULL;
  size_t bytes;
  FILE *out = open_memstream(&text, &bytes);
  assert_non_null(out);
  swisd_study_print(study, point, out);
  fclose(out);
  return text;
}

static void the_resolved_form_reads_back_the_same(void **state)
{
  (void)state;
  static const char *const texts[] = {
    BASE "sweep: {devices.pi4.count: [4, 5]}\nexpect: {completed: '>= 99 %'}\nx-note: 'a: b'\n",
    BASE "churn: {pi4: {uptime: {weibull: {mean: 1 min, shape: 0.5}}, downtime: 10 s}}\n"
         "faults: [{at: 1 s, slow: {devices: [pi4/0, {class: pi4, count: 1}], factor: 2}}]\n",
  };
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    struct swisd_study *first = opened(texts[i]);
    char *text = print(first, SWISD_STUDY_WHOLE);
    struct swisd_study *second = opened(text);
    char *again = print(second, SWISD_STUDY_WHOLE);
    assert_string_equal(text, again);
    assert_int_equal(swisd_study_points(first), swisd_study_points(second));
    for (uint32_t point = 0; point < swisd_study_points(first); point++) {
      assert_true(swisd_study_point_hash(first, point) == swisd_study_point_hash(second, point));
    }
    free(text);
    free(again);
    swisd_study_free(first);
    swisd_study_free(second);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_file_starts_from_the_files_it_includes),
    cmocka_unit_test(a_mistake_in_an_included_file_is_said_there),
    cmocka_unit_test(what_cannot_be_included_is_said_at_its_name),
    cmocka_unit_test(settings_of_file_and_command_line_change_single_values),
    cmocka_unit_test(a_setting_of_one_user_of_an_anchor_leaves_the_others_alone),
    cmocka_unit_test(a_wrong_setting_is_said_with_a_caret_under_it),
    cmocka_unit_test(a_sweep_makes_every_combination_and_a_zip_goes_in_step),
    cmocka_unit_test(mistakes_in_sweeps_are_said_where_they_stand),
    cmocka_unit_test(expectations_name_results_with_their_units),
    cmocka_unit_test(a_world_has_its_own_sweep_and_settings),
    cmocka_unit_test(the_resolved_form_reads_back_the_same),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
