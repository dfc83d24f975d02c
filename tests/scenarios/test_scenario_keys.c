/* From the table of keys, for every key: a scenario that holds it right, and then wrong in each way that its row allows. The
 * message must name the key's dotted path, at the line and column where this test wrote it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "scenarios/quantity.h"
#include "scenarios/scenario.h"
#include "scenarios/schema.h"
#include "tests/unit/cmocka_all.h"

/* A scenario that is written around one key, the focus. */
struct sheet {
  char text[8192];
  size_t used;
  const struct swisd_key *focus;
  const char *focus_name, *focus_value;             /* written in place of its name and of a right value; NULL: the right ones */
  int copies;                                       /* of the focus: 0 leaves it out, 2 doubles it */
  int line, name_column, value_column, parent_line; /* where the focus was written */
  char path[128];                                   /* dotted, of the focus */
};

static struct swisd_scenario_errors errors;

/* A file that is right for a key: main() makes it. */
static const struct {
  const char *key, *text;
} files[] = {{"include", "x-: 0\n"}, {"table", "text\n1\n"}, {"trace", "0\t1\t5 10\n"}, {"matrix", "0 1\n1 0\n"}};

static void file_name(const struct swisd_key *key, char *name, size_t bytes)
{
  snprintf(name, bytes, "/tmp/swisd-%d-%s", (int)getpid(), key->name);
}

/* The key that opens a section: TARGET is opened by the value of `kill`. */
static const struct swisd_key *opener(enum swisd_section section)
{
  if (section == SWISD_SECTION_TARGET) {
    return swisd_key_find(SWISD_SECTION_FAULT, "kill");
  }
  for (size_t i = 0; i < swisd_key_count && section != SWISD_SECTION_TOP; i++) {
    if (swisd_keys[i].inner == section) {
      return &swisd_keys[i];
    }
  }
  return NULL;
}

static bool leads_to(const struct swisd_key *key, const struct swisd_key *focus)
{
  for (const struct swisd_key *k = focus; k; k = opener((enum swisd_section)k->section)) {
    if (k == key) {
      return true;
    }
  }
  return false;
}

static enum swisd_dimension dimension_of(const struct swisd_key *key) { return swisd_key_dimension(key); }

static void put(struct sheet *s, const char *text)
{
  const size_t length = strlen(text);
  assert_true(s->used + length < sizeof s->text);
  memcpy(s->text + s->used, text, length + 1);
  s->used += length;
}

static int line_now(const struct sheet *s)
{
  int line = 1;
  for (size_t i = 0; i < s->used; i++) {
    line += s->text[i] == '\n';
  }
  return line;
}

static int column_now(const struct sheet *s)
{
  size_t start = s->used;
  while (start > 0 && s->text[start - 1] != '\n') {
    start--;
  }
  return (int)(s->used - start) + 1;
}

/* A right value for a key that holds no section. */
static void sample(const struct swisd_key *key, char *value, size_t bytes)
{
  char quantity[32];
  switch (key->type) {
  case SWISD_KEY_TEXT:
    snprintf(value, bytes, "%s", strcmp(key->name, "class") == 0 ? "pi5" : "text");
    break;
  case SWISD_KEY_CHOICE:
    snprintf(value, bytes, "%.*s", (int)strcspn(key->choices, " "), key->choices);
    break;
  case SWISD_KEY_WHOLE:
    snprintf(value, bytes, "%.0f", key->min > 1 ? key->min : 1);
    break;
  case SWISD_KEY_DEVICES:
    snprintf(value, bytes, "pi4/0");
    break;
  case SWISD_KEY_LINK:
    snprintf(value, bytes, "lan");
    break;
  case SWISD_KEY_SITE:
    snprintf(value, bytes, "home");
    break;
  case SWISD_KEY_CLASS:
    snprintf(value, bytes, "pi4");
    break;
  case SWISD_KEY_FILES:
  case SWISD_KEY_FILE:
    file_name(key, value, bytes);
    break;
  case SWISD_KEY_SETTINGS:
    snprintf(value, bytes, "{seed: 5}");
    break;
  case SWISD_KEY_SWEEP:
    snprintf(value, bytes, "{seed: [5, 6]}");
    break;
  case SWISD_KEY_EXPECT:
    snprintf(value, bytes, "{items_per_s: '>= 1'}");
    break;
  default:
    swisd_quantity_format(key->min > 0 ? key->min : 0, dimension_of(key), quantity, sizeof quantity);
    snprintf(value, bytes, "%s", quantity);
  }
}

static bool is(const struct swisd_key *key, enum swisd_section section, const char *name)
{
  return key->section == section && strcmp(key->name, name) == 0;
}

/* Whether a key of a fault, or what it opens, says what happens. */
static bool is_fault_kind(const struct swisd_key *key)
{
  static const char *const about[] = {"at", "for", "every", "within", "way"};
  for (size_t i = 0; i < sizeof about / sizeof about[0]; i++) {
    if (is(key, SWISD_SECTION_FAULT, about[i])) {
      return false;
    }
  }
  const struct swisd_key *faults = swisd_key_find(SWISD_SECTION_TOP, "faults");
  return key != faults && leads_to(faults, key) && key->section != SWISD_SECTION_TARGET;
}

/* What a key needs beside it that the table does not say. */
static bool wanted_beside(const struct sheet *s, const struct swisd_key *key)
{
  const bool one_way = is(s->focus, SWISD_SECTION_FAULT, "way");
  const bool traced = is(s->focus, SWISD_SECTION_CHURN, "trace") || is(s->focus, SWISD_SECTION_CHURN, "from");
  if (is(key, SWISD_SECTION_FAULT, "kill")) {
    return !is_fault_kind(s->focus) && !one_way;
  }
  if (is(key, SWISD_SECTION_FAULT, "partition")) {
    return one_way;
  }
  const bool by_site = is(s->focus, SWISD_SECTION_TARGET, "site");
  if (is(key, SWISD_SECTION_TARGET, "class")) {
    return !by_site && s->focus->section == SWISD_SECTION_TARGET && !(s->focus == key && s->copies == 0);
  }
  if (is(key, SWISD_SECTION_TOP, "sites")) {
    return s->focus->type == SWISD_KEY_SITE;
  }
  if (is(key, SWISD_SECTION_CHURN, "uptime")) {
    return !traced;
  }
  if (is(key, SWISD_SECTION_CHURN, "trace")) {
    return traced;
  }
  if (key->section == SWISD_SECTION_WORKLOAD && strcmp(key->name, "model") == 0) {
    const struct swisd_key *shape = swisd_key_find(SWISD_SECTION_WORKLOAD, "shape");
    return !leads_to(shape, s->focus) && !(s->focus == key && s->copies == 0);
  }
  return key->section == SWISD_SECTION_TOP && strcmp(key->name, "links") == 0;
}

static void write_section(struct sheet *s, enum swisd_section section, int depth);

static void write_value(struct sheet *s, const struct swisd_key *key, int depth)
{
  char value[64];
  const bool inside = key != s->focus && leads_to(key, s->focus);
  if (key == s->focus && s->focus_value) {
    put(s, s->focus_value);
    put(s, "\n");
  } else if (key->type == SWISD_KEY_MAP || (inside && (key->type == SWISD_KEY_SPEEDS || key->type == SWISD_KEY_DEVICES))) {
    put(s, "\n");
    write_section(s, key->type == SWISD_KEY_DEVICES ? SWISD_SECTION_TARGET : (enum swisd_section)key->inner, depth + 1);
  } else if (key->type == SWISD_KEY_NAMED && key->inner == SWISD_SECTION_TOP) {
    put(s, "\n  other:\n    seed: 3\n");
  } else if (key->type == SWISD_KEY_NAMED || key->type == SWISD_KEY_LIST) {
    char opening[64];
    const char *name = key->type == SWISD_KEY_LIST        ? "-"
                       : key->inner == SWISD_SECTION_LINK ? "lan:"
                       : key->inner == SWISD_SECTION_SITE ? "home:"
                                                          : "pi4:";
    snprintf(opening, sizeof opening, "\n%*s%s\n", 2 * depth + 2, "", name);
    put(s, opening);
    write_section(s, (enum swisd_section)key->inner, depth + 2);
  } else {
    sample(key, value, sizeof value);
    put(s, value);
    put(s, "\n");
  }
}

/* All keys of a section that must be there, lead to the focus, or are it; "x-" so that none is an empty map. */
static void write_section(struct sheet *s, enum swisd_section section, int depth)
{
  char indent[32];
  snprintf(indent, sizeof indent, "%*s", 2 * depth, "");
  if (section == s->focus->section && s->parent_line == 0) {
    s->parent_line = line_now(s);
  }
  put(s, indent);
  put(s, "x-: 0\n");
  for (size_t i = 0; i < swisd_key_count; i++) {
    const struct swisd_key *key = &swisd_keys[i];
    const bool needed = key->flags & SWISD_KEY_REQUIRED || leads_to(key, s->focus) || wanted_beside(s, key);
    if (key->section != section || !needed) {
      continue;
    }
    for (int copy = 0; copy < (key == s->focus ? s->copies : 1); copy++) {
      put(s, indent);
      if (key == s->focus) {
        s->line = line_now(s);
        s->name_column = column_now(s);
      }
      put(s, key == s->focus && s->focus_name ? s->focus_name : key->name);
      put(s, ": ");
      if (key == s->focus) {
        s->value_column = column_now(s);
      }
      write_value(s, key, depth);
    }
  }
}

static void set_path(struct sheet *s)
{
  char pattern[128];
  swisd_key_path(s->focus, pattern, sizeof pattern);
  const bool link = s->focus->section == SWISD_SECTION_LINK;
  size_t used = 0;
  const char *p = pattern;
  if (strncmp(p, "<devices>", 9) == 0) {
    used = (size_t)snprintf(s->path, sizeof s->path, "faults[0].kill");
    p += 9;
  }
  for (; *p; p++) {
    if (*p == '*') {
      used += (size_t)snprintf(s->path + used, sizeof s->path - used, "%s",
                               link                                      ? "lan"
                               : s->focus->section == SWISD_SECTION_SITE ? "home"
                                                                         : "pi4");
    } else if (strncmp(p, "[]", 2) == 0) {
      used += (size_t)snprintf(s->path + used, sizeof s->path - used, "[0]");
      p++;
    } else {
      s->path[used++] = *p;
    }
  }
  s->path[used] = '\0';
}

static struct sheet *write_sheet(const struct swisd_key *focus, const char *name, const char *value, int copies)
{
  static struct sheet s;
  memset(&s, 0, sizeof s);
  s.focus = focus;
  s.focus_name = name;
  s.focus_value = value;
  s.copies = copies;
  set_path(&s);
  write_section(&s, SWISD_SECTION_TOP, 0);
  return &s;
}

static int parse(const struct sheet *s)
{
  struct swisd_scenario scenario;
  const int status = swisd_scenario_parse("k.yml", s->text, s->used, NULL, &scenario, &errors);
  swisd_scenario_free(&scenario);
  return status;
}

/* The errors of `s` hold a line "k.yml:LINE:COLUMN: PATH: ..." that contains `words`. */
static void expect(const struct sheet *s, int line, int column, const char *path, const char *words)
{
  char start[256];
  assert_int_equal(parse(s), -1);
  snprintf(start, sizeof start, "k.yml:%d:%d: %s: ", line, column, path);
  for (const char *found = errors.text; (found = strstr(found, start)); found++) {
    const char *end = strchr(found, '\n'), *hit = strstr(found, words);
    if ((found == errors.text || found[-1] == '\n') && hit && hit < end) {
      return;
    }
  }
  fail_msg("wanted: %s... %s\ngot:\n%s\nof:\n%s", start, words, errors.text, s->text);
}

static void every_key_is_read_when_it_is_right(void **state)
{
  (void)state;
  assert_true(swisd_key_count >= 50);
  for (size_t i = 0; i < swisd_key_count; i++) {
    const struct sheet *s = write_sheet(&swisd_keys[i], NULL, NULL, 1);
    if (parse(s) != 0) {
      fail_msg("%s\nof:\n%s", errors.text, s->text);
    }
  }
}

static void every_key_refuses_a_value_of_another_type(void **state)
{
  (void)state;
  for (size_t i = 0; i < swisd_key_count; i++) {
    const struct swisd_key *key = &swisd_keys[i];
    const bool container = key->type == SWISD_KEY_MAP || key->type == SWISD_KEY_NAMED || key->type == SWISD_KEY_LIST;
    const bool study = key->type == SWISD_KEY_SETTINGS || key->type == SWISD_KEY_SWEEP || key->type == SWISD_KEY_EXPECT;
    const bool list = key->type == SWISD_KEY_DEVICES || key->type == SWISD_KEY_FILES;
    const struct sheet *s = write_sheet(key, NULL, container || study ? "7" : list ? "[[a]]" : "[a]", 1);
    char path[160];
    snprintf(path, sizeof path, "%s%s", s->path, list ? "[0]" : "");
    expect(s, s->line, s->value_column + (list ? 1 : 0), path, "wanted is ");
  }
}

static void every_key_but_texts_refuses_a_word_that_means_nothing(void **state)
{
  (void)state;
  for (size_t i = 0; i < swisd_key_count; i++) {
    const struct swisd_key *key = &swisd_keys[i];
    if (key->type >= SWISD_KEY_SPEEDS && key->type != SWISD_KEY_FILES &&
        (key->type != SWISD_KEY_TEXT || strcmp(key->name, "class") == 0)) {
      const struct sheet *s = write_sheet(key, NULL, "quux", 1);
      const char *path = strcmp(s->path, "devices.pi4.class") == 0 ? "devices.pi4" : s->path;
      expect(s, s->line, s->value_column, path, "");
    }
  }
}

static void every_dimension_wants_its_unit(void **state)
{
  (void)state;
  unsigned tried = 0;
  for (size_t i = 0; i < swisd_key_count; i++) {
    const enum swisd_dimension dimension = dimension_of(&swisd_keys[i]);
    if (dimension != SWISD_DIMENSION_NONE) {
      const struct sheet *s = write_sheet(&swisd_keys[i], NULL, "5", 1);
      expect(s, s->line, s->value_column, s->path, "needs a unit, e.g. ");
      s = write_sheet(&swisd_keys[i], NULL, "5 furlongs", 1);
      expect(s, s->line, s->value_column, s->path, "unknown unit 'furlongs', ");
      tried++;
    }
  }
  assert_true(tried >= 20);
}

/* `value` in the smallest unit of the key's dimension, with all its digits. */
static void exact(const struct swisd_key *key, double value, char *text, size_t bytes)
{
  static const struct {
    const char *name;
    double factor;
  } smallest[] = {
    [SWISD_DIMENSION_NONE] = {"", 1},        [SWISD_DIMENSION_TIME] = {"ns", 1e-9},  [SWISD_DIMENSION_BYTES] = {"B", 1},
    [SWISD_DIMENSION_RATE] = {"bit", 0.125}, [SWISD_DIMENSION_SPEED] = {"flops", 1}, [SWISD_DIMENSION_WORK] = {"flop", 1},
    [SWISD_DIMENSION_SHARE] = {"%", 0.01}};
  const enum swisd_dimension d = dimension_of(key);
  snprintf(text, bytes, "%.*f %s", key->type == SWISD_KEY_WHOLE ? 0 : 6, value / smallest[d].factor, smallest[d].name);
  text[strcspn(text, " ") + (*smallest[d].name ? strlen(smallest[d].name) + 1 : 0)] = '\0';
}

static void every_bounded_key_refuses_what_is_out_of_its_range(void **state)
{
  (void)state;
  char value[512];
  unsigned tried = 0;
  for (size_t i = 0; i < swisd_key_count; i++) {
    const struct swisd_key *key = &swisd_keys[i];
    if (key->type != SWISD_KEY_WHOLE && key->type != SWISD_KEY_NUMBER && dimension_of(key) == SWISD_DIMENSION_NONE) {
      continue;
    }
    const struct sheet *s;
    if (key->max < 1e19) {
      exact(key, key->type == SWISD_KEY_WHOLE ? key->max + 1 : key->max * 1.01, value, sizeof value);
      s = write_sheet(key, NULL, value, 1);
      expect(s, s->line, s->value_column, s->path, " is out of range, ");
      tried++;
    }
    if (key->min > 0 || key->type != SWISD_KEY_WHOLE) {
      exact(key, key->type == SWISD_KEY_WHOLE ? key->min - 1 : key->min > 0 ? key->min * 0.5 : -1, value, sizeof value);
      s = write_sheet(key, NULL, value, 1);
      expect(s, s->line, s->value_column, s->path, " is out of range, ");
      tried++;
    }
  }
  assert_true(tried >= 60);
}

static void every_misspelt_key_is_recognised(void **state)
{
  (void)state;
  for (size_t i = 0; i < swisd_key_count; i++) {
    const struct swisd_key *key = &swisd_keys[i];
    char name[64], path[192], words[128];
    snprintf(name, sizeof name, "%sq", key->name);
    const struct sheet *s = write_sheet(key, name, NULL, 1);
    snprintf(path, sizeof path, "%sq", s->path);
    snprintf(words, sizeof words, "unknown key, did you mean '%s'?", key->name);
    expect(s, s->line, s->name_column, path, strlen(key->name) > 2 ? words : "unknown key, ");
  }
}

static void every_doubled_key_is_refused(void **state)
{
  (void)state;
  for (size_t i = 0; i < swisd_key_count; i++) {
    const struct swisd_key *key = &swisd_keys[i];
    const int line = write_sheet(key, NULL, NULL, 1)->line;
    const struct sheet *s = write_sheet(key, NULL, NULL, 2);
    char words[64];
    snprintf(words, sizeof words, "given twice, first in line %d", line);
    expect(s, s->line, s->name_column, key->name, words);
  }
}

static void every_required_key_is_missed(void **state)
{
  (void)state;
  unsigned tried = 0;
  for (size_t i = 0; i < swisd_key_count; i++) {
    if (swisd_keys[i].flags & SWISD_KEY_REQUIRED) {
      const struct sheet *s = write_sheet(&swisd_keys[i], NULL, NULL, 0);
      char words[192];
      assert_int_equal(parse(s), -1);
      snprintf(words, sizeof words, ": %s: is missing, wanted is ", s->path);
      if (!strstr(errors.text, words)) {
        fail_msg("wanted: %s\ngot:\n%s\nof:\n%s", words, errors.text, s->text);
      }
      tried++;
    }
  }
  assert_true(tried >= 10);
}

static void every_default_is_a_right_value_and_every_key_is_explained(void **state)
{
  (void)state;
  for (size_t i = 0; i < swisd_key_count; i++) {
    const struct swisd_key *key = &swisd_keys[i];
    char wanted[160];
    swisd_key_wanted(key, wanted, sizeof wanted);
    assert_true(strlen(key->help) >= 3 && *wanted);
    assert_ptr_equal(swisd_key_find((enum swisd_section)key->section, key->name), key);
    if (key->fallback) {
      const struct sheet *s = write_sheet(key, NULL, key->fallback, 1);
      if (parse(s) != 0) {
        fail_msg("%s\nof:\n%s", errors.text, s->text);
      }
    }
  }
}

static char *printed(void (*print)(FILE *))
{
  char *page = NULL;
  size_t bytes;
  FILE *out = open_memstream(&page, &bytes);
  assert_non_null(out);
  print(out);
  fclose(out);
  return page;
}

static void the_reference_page_names_every_key_and_is_up_to_date(void **state)
{
  (void)state;
  static char file[1 << 17];
  char row[96];
  char *page = printed(swisd_schema_print_reference);
  for (size_t i = 0; i < swisd_key_count; i++) {
    snprintf(row, sizeof row, "| `%s` | ", swisd_keys[i].name);
    assert_non_null(strstr(page, row));
  }
  FILE *in = fopen(SWISD_SOURCE_DIRECTORY "/scenarios/REFERENCE.md", "r");
  assert_non_null(in);
  file[fread(file, 1, sizeof file - 1, in)] = '\0';
  fclose(in);
  if (strcmp(file, page) != 0) {
    fail_msg("scenarios/REFERENCE.md is out of date: swisd schema --reference > scenarios/REFERENCE.md");
  }
  free(page);
}

static void the_json_schema_names_every_key(void **state)
{
  (void)state;
  char member[96];
  char *page = printed(swisd_schema_print_json);
  for (size_t i = 0; i < swisd_key_count; i++) {
    snprintf(member, sizeof member, "\"%s\": {", swisd_keys[i].name);
    assert_non_null(strstr(page, member));
  }
  free(page);
}

int main(void)
{
  for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
    char name[64];
    file_name(&(struct swisd_key){.name = files[i].key}, name, sizeof name);
    FILE *file = fopen(name, "w");
    if (!file || fputs(files[i].text, file) < 0 || fclose(file) != 0) {
      return 1;
    }
  }
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(every_key_is_read_when_it_is_right),
    cmocka_unit_test(every_key_refuses_a_value_of_another_type),
    cmocka_unit_test(every_key_but_texts_refuses_a_word_that_means_nothing),
    cmocka_unit_test(every_dimension_wants_its_unit),
    cmocka_unit_test(every_bounded_key_refuses_what_is_out_of_its_range),
    cmocka_unit_test(every_misspelt_key_is_recognised),
    cmocka_unit_test(every_doubled_key_is_refused),
    cmocka_unit_test(every_required_key_is_missed),
    cmocka_unit_test(every_default_is_a_right_value_and_every_key_is_explained),
    cmocka_unit_test(the_reference_page_names_every_key_and_is_up_to_date),
    cmocka_unit_test(the_json_schema_names_every_key),
  };
  const int failed = cmocka_run_group_tests(tests, NULL, NULL);
  for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
    char name[64];
    file_name(&(struct swisd_key){.name = files[i].key}, name, sizeof name);
    remove(name);
  }
  return failed;
}
