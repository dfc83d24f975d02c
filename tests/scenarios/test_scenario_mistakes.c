/* Each kind of mistake: its exact words, line and column. Then what no file may do: hang, crash, or take the memory. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "runtime/base/philox.h"
#include "scenarios/scenario.h"
#include "tests/unit/cmocka_all.h"

static struct swisd_scenario_errors errors;

static void parse_bytes(const char *text, size_t bytes, const char *world)
{
  struct swisd_scenario s;
  static const struct swisd_scenario zero;
  assert_int_equal(swisd_scenario_parse("t.yml", text, bytes, world, &s, &errors), -1);
  assert_true(errors.count > 0 && errors.used == strlen(errors.text));
  assert_memory_equal(&s, &zero, sizeof s);
}

/* The whole text of the errors in `text`. */
static void expect_all(const char *text, const char *wanted)
{
  parse_bytes(text, strlen(text), NULL);
  assert_string_equal(errors.text, wanted);
}

static void expect_line(const char *wanted)
{
  if (!strstr(errors.text, wanted)) {
    fail_msg("not found: %s\nin:\n%s", wanted, errors.text);
  }
}

/* `line` (at most one line) is added to a right scenario as its line 6; the first line of the errors is `wanted`, alone. */
static void expect_with(const char *line, const char *wanted)
{
  char text[4096], message[1024];
  snprintf(text, sizeof text,
           "swisd: 1\nname: t\nduration: 10 s\nlinks: {wifi: {latency: 5 ms}}\n"
           "devices: {pi4: {count: 4, link: wifi}, mine: {speed: 1 Gflops, memory: 1 GiB}}\n%s\n%s",
           line, strstr(line, "workload:") ? "" : "workload: {model: m}\n");
  parse_bytes(text, strlen(text), NULL);
  snprintf(message, sizeof message, "t.yml:6:%s\n", wanted);
  if (strncmp(errors.text, message, strlen(message)) != 0 || errors.count != 1) {
    fail_msg("%s: wanted %sgot (%u)\n%s", line, message, errors.count, errors.text);
  }
}

static void all_mistakes_of_a_file_are_said_in_order_with_carets(void **state)
{
  (void)state;
  expect_all("swisd: 1\n"
             "name: t\n"
             "sede: 7\n"
             "duration: 10 min\n"
             "links:\n"
             "  wifi: {latency: 5, bandwidth: 40 Mbit}\n"
             "devices:\n"
             "  pi4: {count: many, link: wify}\n"
             "workload: {model: m}\n"
             "polcy: x\n",
             "t.yml:3:1: sede: unknown key, did you mean 'seed'?\n"
             "     3 | sede: 7\n"
             "       | ^~~~\n"
             "t.yml:6:19: links.wifi.latency: needs a unit, e.g. 250 ms\n"
             "     6 |   wifi: {latency: 5, bandwidth: 40 Mbit}\n"
             "       |                   ^\n"
             "t.yml:8:16: devices.pi4.count: 'many' is not a whole number\n"
             "     8 |   pi4: {count: many, link: wify}\n"
             "       |                ^~~~\n"
             "t.yml:8:28: devices.pi4.link: no link is called 'wify', did you mean 'wifi'?\n"
             "     8 |   pi4: {count: many, link: wify}\n"
             "       |                            ^~~~\n"
             "t.yml:10:1: polcy: unknown key, did you mean 'policy'?\n"
             "    10 | polcy: x\n"
             "       | ^~~~~\n");
  assert_int_equal(errors.count, 5);
}

static void values_of_a_wrong_kind_say_what_is_wanted(void **state)
{
  (void)state;
  expect_with("seed: [1]", "7: seed: is a list, wanted is a whole number");
  expect_with("seed: -1", "7: seed: '-1' is not a whole number");
  expect_with("seed: 18446744073709551616", "7: seed: '18446744073709551616' is too large");
  expect_with("seed:", "6: seed: is empty, wanted is a whole number");
  expect_with("warmup: {a: b}", "9: warmup: is a map, wanted is a time, e.g. 250 ms");
  expect_with("warmup: soon", "9: warmup: 'soon' is not a time, e.g. 250 ms");
  expect_with("warmup: nan s", "9: warmup: 'nan s' is not a time, e.g. 250 ms");
  expect_with("warmup: 0x5 s", "9: warmup: '0x5 s' is not a time, e.g. 250 ms");
  expect_with("warmup: 1e999 s", "9: warmup: '1e999 s' is too large");
  expect_with("warmup: 5 mss", "9: warmup: unknown unit 'mss', did you mean 'ms'?");
  expect_with("warmup: 10 s", "9: warmup: is not shorter than duration");
  expect_with("repeat: 0", "9: repeat: 0 is out of range, from 1 to 1e+06 is allowed");
  expect_with("backend: laab", "10: backend: 'laab' is not one of: sim lab; did you mean 'lab'?");
  expect_with("wire: 3", "7: wire: '3' is not one of: full sized");
  expect_with("placement: 3", "12: placement: is no map, wanted is a map of keys");
  expect_with("faults: {at: 1 s}", "9: faults: is no list, wanted is a list of maps");
  expect_with("churn: [pi4]", "8: churn: is no map, wanted is a map of names");
  expect_with("policy: 0123456789012345678901234567890123456789012345678901234567890123", "9: policy: is longer than 63 bytes");
}

static void distributions_say_how_they_are_written(void **state)
{
  (void)state;
  expect_with("churn: {pi4: {uptime: {weibul: {mean: 1 s, shape: 1}}}}",
              "24: churn.pi4.uptime: 'weibul' is no distribution, did you mean 'weibull'?");
  expect_with(
    "churn: {pi4: {uptime: {zipf: 1}}}",
    "24: churn.pi4.uptime: 'zipf' is no distribution, known are: constant uniform exponential weibull lognormal gamma pareto");
  expect_with("churn: {pi4: {uptime: {}}}",
              "23: churn.pi4.uptime: a distribution is a map of one key, e.g. {exponential: 4 min}");
  expect_with("churn: {pi4: {uptime: {exponential: 1 s, shape: 2}}}",
              "23: churn.pi4.uptime: a distribution is a map of one key, e.g. {exponential: 4 min}");
  expect_with("churn: {pi4: {uptime: {exponential: 40}}}", "37: churn.pi4.uptime.exponential: needs a unit, e.g. 250 ms");
  expect_with("churn: {pi4: {uptime: {weibull: 4 min}}}",
              "33: churn.pi4.uptime.weibull: takes two parameters, {scale: 4 min, shape: 0.6} or {mean: 4 min, shape: 0.6}");
  expect_with("churn: {pi4: {uptime: {weibull: {scale: 1 s, mean: 1 s, shape: 1}}}}",
              "33: churn.pi4.uptime.weibull: takes two parameters, {scale: 4 min, shape: 0.6} or {mean: 4 min, shape: 0.6}");
  expect_with("churn: {pi4: {uptime: {weibull: {scale: 1 s, shape: 0}}}}",
              "53: churn.pi4.uptime.weibull.shape: 0 is out of range, from 0.05 to 100 is allowed");
  expect_with("churn: {pi4: {uptime: {lognormal: {median: 1 s, sigma: x}}}}",
              "56: churn.pi4.uptime.lognormal.sigma: 'x' is not a number, e.g. 2.5");
  expect_with("churn: {pi4: {uptime: {uniform: [1 s]}}}", "33: churn.pi4.uptime.uniform: takes a list of two, e.g. [1 s, 3 s]");
  expect_with("churn: {pi4: {uptime: {uniform: [3 s, 1 s]}}}",
              "33: churn.pi4.uptime.uniform: goes from the larger to the smaller");
}

static void references_and_devices_must_exist(void **state)
{
  (void)state;
  expect_with("churn: {pi5: {uptime: 1 s}}", "9: churn.pi5: no device class is called 'pi5', did you mean 'pi4'?");
  expect_with("workload: {model: m, link: lan}", "28: workload.link: no link is called 'lan'");
  expect_with("faults: [{at: 1 s, kill: pi4/4}]", "26: faults[0].kill: 'pi4/4': there are pi4/0 to pi4/3");
  expect_with("faults: [{at: 1 s, kill: pi4/x}]", "26: faults[0].kill: 'pi4/x' is not a device, e.g. pi4/0");
  expect_with("faults: [{at: 1 s, kill: [mine, pi3]}]",
              "33: faults[0].kill[1]: no device class is called 'pi3', did you mean 'pi4'?");
  expect_with("faults: [{at: 1 s, kill: []}]", "26: faults[0].kill: names no device");
  expect_with("faults: [{at: 1 s, kill: {class: pi4, count: 5}}]", "26: faults[0].kill: wants 5 devices, 'pi4' has 4");
  expect_with("faults: [{at: 1 s, kill: {class: pi4, count: 1, share: 5 %}}]",
              "49: faults[0].kill: count and share exclude each other");
  expect_with("faults: [{at: 1 s, loss: {link: wire, rate: 5 %}}]",
              "33: faults[0].loss.link: no link is called 'wire', did you mean 'wifi'?");
}

static void keys_that_contradict_each_other_are_refused(void **state)
{
  (void)state;
  expect_with("faults: [{at: 1 s}]",
              "10: faults[0]: has none of: kill silence slow return loss partition cut flap bandwidth lie clock "
              "disk_full demand; wanted is one");
  expect_with("faults: [{at: 1 s, kill: pi4/0, silence: pi4/1}]",
              "10: faults[0]: has several of: kill silence slow return loss partition cut flap bandwidth lie clock "
              "disk_full demand; wanted is one");
  expect_with("faults: [{at: 1 s, for: 1 s, return: pi4/0}]", "20: faults[0]: this is not undone");
  expect_with("faults: [{at: 11 s, kill: pi4/0}]", "15: faults[0]: happens after the end (duration)");
  expect_with("workload: {items: 5}", "1: workload: wanted is either model or shape");
  expect_with("workload: {model: m, repeat: 2, bound: 1 s}", "33: workload: bound and repeat exclude each other");
  expect_with("workload: {shape: {input: 1 B, steps: []}}", "39: workload.shape.steps: is empty, wanted is at least one");
  expect_with("workload: {shape: {input: 1 B, steps: [{work: 1 flop, output: 1 B, weights: 1 B, lanes: 64}, "
              "{work: 1 flop, output: 1 B, weights: 1 B}]}}",
              "12: workload.shape: has 65 lanes in all its steps, at most 64 are allowed");
  expect_with("worlds: {a: {name: b}}", "14: name: cannot differ between worlds");
  expect_with("worlds: {a: {worlds: {}}}", "14: worlds: cannot differ between worlds");
  expect_with("worlds: {a: 3}", "13: worlds.a: is no map, wanted is a map of keys");
  expect_with("worlds: {a/b: {}}", "10: worlds.a/b: a name is 1 to 63 letters, digits, - or _");
  expect_with("worlds: {a: {sed: 1}}", "14: sed: unknown key, did you mean 'seed'?");
}

static void links_and_classes_are_complete_or_refused(void **state)
{
  (void)state;
  const char *bad = "swisd: 1\nname: a/b\nduration: 1 s\n"
                    "links: {l: {bandwidth: 1 Mbit, up: 1 Mbit}}\n"
                    "devices: {cray: {}, a: {class: pi44}, b: {speed: {conv: 1 Gflops}, memory: 1 GiB}}\nworkload: {model: m}\n";
  parse_bytes(bad, strlen(bad), NULL);
  expect_line("t.yml:2:7: name: a name is 1 to 63 letters, digits, - or _\n");
  expect_line("t.yml:4:13: links.l: bandwidth excludes up and down\n");
  expect_line("t.yml:5:11: devices.cray.speed: is missing, and this is no built-in class\n");
  expect_line("t.yml:5:11: devices.cray.memory: is missing, and this is no built-in class\n");
  expect_line("t.yml:5:32: devices.a: no built-in class has this name, did you mean 'pi4'?\n");
  expect_line("t.yml:5:50: devices.b.speed.dense: is missing, wanted is a speed, e.g. 24 Gflops\n");
  assert_int_equal(errors.count, 7);
}

static void unknown_worlds_and_missing_keys_name_the_worlds_there_are(void **state)
{
  (void)state;
  const char *text = "swisd: 1\nname: t\nduration: 1 s\nworkload: {model: m}\nworlds: {one: {devices: {pi4: {}}}, two: {}}\n";
  parse_bytes(text, strlen(text), NULL);
  expect_line("t.yml:1:1: devices: is missing, wanted is a map of names; worlds of this file: one two\n");
  parse_bytes(text, strlen(text), "three");
  expect_line("t.yml:5:1: (the file): no world is called 'three'; there are: one two\n");
  struct swisd_scenario s;
  assert_int_equal(swisd_scenario_parse("t.yml", text, strlen(text), "one", &s, &errors), 0);
  swisd_scenario_free(&s);
  expect_all("swisd: 2\nname: t\nduration: 1 s\ndevices: {pi4: {}}\nworkload: {model: m}\n",
             "t.yml:1:8: swisd: 2 is out of range, it must be 1\n     1 | swisd: 2\n       |        ^\n");
}

static void yaml_that_is_broken_is_located(void **state)
{
  (void)state;
  expect_all("swisd: 1\nlinks:\n  a: {latency: 5 ms\nname: t\n",
             "t.yml:4:5: (the file): broken YAML: did not find expected ',' or '}', while parsing a flow mapping that begins in "
             "line 3\n     4 | name: t\n       |     ^\n");
  expect_all("a: b: c\n", "t.yml:1:5: (the file): broken YAML: mapping values are not allowed in this context\n"
                          "     1 | a: b: c\n       |     ^\n");
  expect_all("x: *y\n", "t.yml:1:4: *y: no anchor of that name stands before it\n     1 | x: *y\n       |    ^~\n");
  expect_all("", "t.yml:1:1: (the file): is empty\n");
  expect_all("# only a comment\n", "t.yml:1:1: (the file): is empty\n     1 | # only a comment\n       | ^\n");
  expect_all("- a\n", "t.yml:1:1: (the file): is no map, wanted is a map of keys\n     1 | - a\n       | ^\n");
  expect_all("a: 1\n--- \nb: 2\n", "t.yml:2:1: ---: a second document begins, a scenario is one\n     2 | --- \n       | ^~~\n");
  expect_all("a: !!int 1\n", "t.yml:1:4: (a value): has a tag, none are known\n     1 | a: !!int 1\n       |    ^~~~~~~\n");
  expect_all("? [a]\n: 1\n", "t.yml:1:3: (a key): is a map or a list, only words can be keys\n     1 | ? [a]\n       |   ^\n");
  expect_all("a: \"x\\0y\"\n", "t.yml:1:4: (a value): holds a zero byte\n     1 | a: \"x\\0y\"\n       |    ^~~~~~\n");
  expect_all("<<: 3\n", "t.yml:1:5: <<: takes a map, or a list of maps\n     1 | <<: 3\n       |     ^\n");
}

static void bytes_that_are_not_text_are_located(void **state)
{
  (void)state;
  expect_all("name: t\nseed: \xFF\n",
             "t.yml:2:7: (the file): not UTF-8 text: invalid leading UTF-8 octet\n     2 | seed: \xFF\n       |       ^\n");
  parse_bytes("a: \0b", 5, NULL);
  expect_line("t.yml:1:4: (the file): not UTF-8 text: control characters are not allowed\n     1 | a: ?b\n");
  parse_bytes("\xFF\xFE"
              "a\0:\0",
              6, NULL);
  expect_line("t.yml:1:1: (the file): not UTF-8 text: ");
  /* Characters, not bytes, count in columns; control characters of a value are not passed on to a terminal. */
  expect_with("warmup: \xC3\xBC\xC3\xBC", "9: warmup: '\xC3\xBC\xC3\xBC' is not a time, e.g. 250 ms");
  expect_with("warmup: \"\\e[31m\"", "9: warmup: '?[31m' is not a time, e.g. 250 ms");
}

static void a_long_line_is_shown_around_its_mistake(void **state)
{
  (void)state;
  char text[4000];
  snprintf(text, sizeof text, "{x-a: %0900d, sede: 1, x-b: %0900d}", 0, 0);
  parse_bytes(text, strlen(text), NULL);
  expect_line("     1 | ...0000");
  expect_line("0000, sede: 1, x-b: 00");
  const char *caret = strstr(errors.text, "^~~~"), *sede = strstr(errors.text, ", sede: 1") + 2;
  const char *caret_line = caret, *sede_line = sede;
  for (; caret_line[-1] != '\n'; caret_line--) {
  }
  for (; sede_line[-1] != '\n'; sede_line--) {
  }
  assert_int_equal(caret - caret_line, sede - sede_line);
}

static void more_mistakes_than_fit_are_counted(void **state)
{
  (void)state;
  char *text = malloc(200000);
  size_t used = 0;
  for (int i = 0; i < 5000; i++) {
    used += (size_t)sprintf(text + used, "key-%d: 1\n", i);
  }
  parse_bytes(text, used, NULL);
  expect_line("t.yml:1:1: key-0: unknown key, known here are: swisd name ");
  assert_true(errors.count >= 5000);
  free(text);
}

/* CPU seconds since the process began: to print, never to assert. */
static double cpu_s(void) { return (double)clock() / CLOCKS_PER_SEC; }

static void expect_bomb_defused(const char *text, size_t bytes, const char *wanted)
{
  const double start = cpu_s();
  parse_bytes(text, bytes, NULL);
  expect_line(wanted);
  print_message("%s: %.3f s\n", wanted, cpu_s() - start);
}

static void bombs_are_defused(void **state)
{
  (void)state;
  enum { ROOM = 4000000 };
  char *text = malloc(ROOM);
  size_t used = (size_t)sprintf(text, "x-0: &a0 [x, x]\n");
  for (int i = 1; i < 30; i++) {
    used += (size_t)sprintf(text + used, "x-%d: &a%d [*a%d, *a%d, *a%d]\n", i, i, i - 1, i - 1, i - 1);
  }
  used += (size_t)sprintf(text + used, "faults: *a29\n");
  expect_bomb_defused(text, used, "faults[0]: is no map, wanted is a map of keys");

  used = (size_t)sprintf(text, "x-f: &f [");
  for (int i = 0; i < 30000; i++) {
    used += (size_t)sprintf(text + used, "{at: 1 s, kill: a},");
  }
  used += (size_t)sprintf(text + used, "]\nworlds:\n");
  for (int i = 0; i < 60; i++) {
    used += (size_t)sprintf(text + used, "  w%d: {faults: *f}\n", i);
  }
  expect_bomb_defused(text, used, "more than 500000 values once its aliases are followed");

  memset(text, '[', 100000);
  expect_bomb_defused(text, 100000, "nested more than 32 deep");
  memset(text, '{', 100000);
  expect_bomb_defused(text, 100000, "(a key): is a map or a list, only words can be keys");
  for (used = 0; used < 1000000; used += 2) {
    memcpy(text + used, "- ", 2);
  }
  expect_bomb_defused(text, used, "nested more than 32 deep");

  used = (size_t)sprintf(text, "x-m: &m {");
  for (int i = 0; i < 200; i++) {
    used += (size_t)sprintf(text + used, "k%d: 1,", i);
  }
  used += (size_t)sprintf(text + used, "}\nx-l:\n");
  for (int i = 0; i < 50000; i++) {
    used += (size_t)sprintf(text + used, "- {<<: *m, a: 1}\n");
  }
  expect_bomb_defused(text, used, "more than 1000000 members of maps and lists");
  expect_all("a: &a [*a]\n", "t.yml:1:8: *a: refers to what it is part of\n     1 | a: &a [*a]\n       |        ^~\n");

  for (used = 0; used + 2 < 2200000; used += 2) {
    memcpy(text + used, used ? "x," : "[ ", 2);
  }
  expect_bomb_defused(text, used, "more than 1000000 ");
  free(text);
}

static void a_file_is_refused_when_it_cannot_be_read_or_is_too_large(void **state)
{
  (void)state;
  struct swisd_scenario s;
  assert_int_equal(swisd_scenario_read("/nonexistent/a.yml", NULL, &s, &errors), -1);
  assert_string_equal(errors.text, "/nonexistent/a.yml:1:1: (the file): No such file or directory\n");
  assert_int_equal(swisd_scenario_read("/", NULL, &s, &errors), -1);
  expect_line("is no regular file");
  assert_int_equal(swisd_scenario_read("/dev/zero", NULL, &s, &errors), -1);
  expect_line("is no regular file");
  char path[] = "/tmp/swisd-large.XXXXXX";
  const int fd = mkstemp(path);
  assert_int_equal(ftruncate(fd, 16 * 1024 * 1024 + 1), 0);
  close(fd);
  assert_int_equal(swisd_scenario_read(path, NULL, &s, &errors), -1);
  expect_line("larger than 16 MiB");
  unlink(path);
}

/* Cuts, swaps, doubles and overwrites parts of a text. */
static size_t mutate(char *text, size_t bytes, size_t room, struct swisd_philox *stream)
{
  static const char *const pieces[] = {"{",    "}",     "[",     "]",  ": ",   "- ",    "\n",   "  ",     "*six", "&kad ",
                                       "<<: ", "\"",    "'",     "|",  ">",    "%",     "\xFF", "\xC3",   "\t",   "#",
                                       "!",    "---\n", "9e999", "-1", " min", "pi4/0", "x-",   "worlds:"};
  const size_t at = swisd_philox_below(stream, (uint32_t)bytes), span = swisd_philox_below(stream, 40);
  const size_t length = at + span > bytes ? bytes - at : span;
  switch (swisd_philox_below(stream, 4)) {
  case 0:
    memmove(text + at, text + at + length, bytes - at - length);
    return bytes - length;
  case 1:
    text[at] = (char)swisd_philox_u32(stream);
    return bytes;
  case 2:
    if (bytes + length > room) {
      return bytes;
    }
    memmove(text + at + length, text + at, bytes - at);
    return bytes + length;
  default: {
    const char *piece = pieces[swisd_philox_below(stream, sizeof pieces / sizeof pieces[0])];
    const size_t piece_length = strlen(piece);
    if (bytes + piece_length > room) {
      return bytes;
    }
    memmove(text + at + piece_length, text + at, bytes - at);
    memcpy(text + at, piece, piece_length);
    return bytes + piece_length;
  }
  }
}

static void five_thousand_mutations_of_the_demo_are_read_or_refused(void **state)
{
  (void)state;
  static char original[16384], text[32768];
  FILE *in = fopen("scenarios/demo.yml", "rb");
  assert_non_null(in);
  const size_t original_bytes = fread(original, 1, sizeof original, in);
  fclose(in);
  struct swisd_philox stream = swisd_philox_stream(1, 0, 0, 0);
  unsigned right = 0, wrong = 0;
  for (int i = 0; i < 5000; i++) {
    static const char *const worlds[] = {"swarm", "six", "six-sim"};
    size_t bytes = original_bytes;
    memcpy(text, original, bytes);
    for (uint32_t m = 0, mutations = 1 + swisd_philox_below(&stream, 4); m < mutations && bytes; m++) {
      bytes = mutate(text, bytes, sizeof text, &stream);
    }
    struct swisd_scenario s;
    const int status = swisd_scenario_parse("m.yml", text, bytes, worlds[i % 3], &s, &errors);
    assert_int_equal(status == 0, errors.count == 0);
    assert_true(status == 0 || strncmp(errors.text, "m.yml:", 6) == 0);
    right += status == 0;
    wrong += status != 0;
    swisd_scenario_free(&s);
  }
  print_message("%u of 5000 were right after all\n", right);
  assert_true(right > 300 && wrong > 2500); /* else the mutations were not worth it */
}

static void ten_thousand_lines_are_read_and_timed(void **state)
{
  (void)state;
  char *text = malloc(1000000);
  size_t used = (size_t)sprintf(text, "swisd: 1\nname: long\nduration: 1 h\nlinks: {l: {latency: 1 ms}}\nworkload: {model: m}\n"
                                      "devices:\n");
  for (int i = 0; i < 1000; i++) {
    used += (size_t)sprintf(text + used, "  d%d:\n    speed: %d Gflops\n    memory: 1 GiB\n    link: l\n", i, i + 1);
  }
  used += (size_t)sprintf(text + used, "faults:\n");
  for (int i = 0; i < 6000; i++) {
    used +=
      (size_t)sprintf(text + used, "  - {at: %d ms, for: 10 s, silence: [d%d/0, d%d]}\n", i * 7919 % 3600000, i % 1000, i % 7);
  }
  struct swisd_scenario s;
  const double start = cpu_s();
  const int status = swisd_scenario_parse("long.yml", text, used, NULL, &s, &errors);
  print_message("10,000 lines: %.3f s of CPU\n", cpu_s() - start);
  assert_int_equal(status, 0);
  assert_true(s.device_count == 1000 && s.fault_count == 6000 && s.target_count == 12000);
  for (uint32_t i = 1; i < s.fault_count; i++) {
    assert_true(s.faults[i - 1].at_ns <= s.faults[i].at_ns);
  }
  swisd_scenario_free(&s);
  free(text);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(all_mistakes_of_a_file_are_said_in_order_with_carets),
    cmocka_unit_test(values_of_a_wrong_kind_say_what_is_wanted),
    cmocka_unit_test(distributions_say_how_they_are_written),
    cmocka_unit_test(references_and_devices_must_exist),
    cmocka_unit_test(keys_that_contradict_each_other_are_refused),
    cmocka_unit_test(links_and_classes_are_complete_or_refused),
    cmocka_unit_test(unknown_worlds_and_missing_keys_name_the_worlds_there_are),
    cmocka_unit_test(yaml_that_is_broken_is_located),
    cmocka_unit_test(bytes_that_are_not_text_are_located),
    cmocka_unit_test(a_long_line_is_shown_around_its_mistake),
    cmocka_unit_test(more_mistakes_than_fit_are_counted),
    cmocka_unit_test(bombs_are_defused),
    cmocka_unit_test(a_file_is_refused_when_it_cannot_be_read_or_is_too_large),
    cmocka_unit_test(five_thousand_mutations_of_the_demo_are_read_or_refused),
    cmocka_unit_test(ten_thousand_lines_are_read_and_timed),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
