/* Inventories of labs: what is read, and what is said about what cannot be. */
#include "scenarios/inventory.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/cmocka_all.h"

static struct swisd_scenario_errors errors;
static struct swisd_inventory inventory;

static int read_text(const char *text)
{
  return swisd_inventory_parse("shelf/inventory.yml", text, strlen(text), &inventory, &errors);
}

static void every_key_reaches_its_field(void **state)
{
  (void)state;
  assert_int_equal(read_text("swisd: 1\nprogram: /usr/bin/swisd\npush: swisd-arm\nkey-file: join.key\nconfig: node.yml\n"
                             "directory: lab\nssh: [-F, config]\nhosts:\n"
                             "  pi-01: {ssh: pi@10.0.0.1, address: 10.0.0.1, port: 7000, config: one.yml}\n"
                             "  pi-02: {address: 'fd77::2'}\n"),
                   0);
  assert_string_equal(inventory.program, "/usr/bin/swisd");
  assert_string_equal(inventory.push, "shelf/swisd-arm"); /* a path here is seen from the file's folder */
  assert_string_equal(inventory.key_file, "shelf/join.key");
  assert_string_equal(inventory.config, "shelf/node.yml");
  assert_string_equal(inventory.directory, "lab"); /* one there is not */
  assert_string_equal(inventory.ssh[0], "-F");
  assert_string_equal(inventory.ssh[1], "config");
  assert_int_equal(inventory.host_count, 2);
  assert_string_equal(inventory.hosts[0].name, "pi-01");
  assert_string_equal(inventory.hosts[0].ssh, "pi@10.0.0.1");
  assert_int_equal(inventory.hosts[0].port, 7000);
  assert_string_equal(inventory.hosts[0].config, "shelf/one.yml");
  assert_string_equal(inventory.hosts[1].ssh, "pi-02"); /* its name, when nothing else is said */
  assert_string_equal(inventory.hosts[1].address, "fd77::2");
  assert_int_equal(inventory.hosts[1].port, 7117);
}

static void all_mistakes_are_said_at_once_with_their_places(void **state)
{
  (void)state;
  assert_int_equal(
    read_text("swisd: 1\nkey: a\nhosts:\n  a: {adress: 10.0.0.1}\n  b: {address: x, port: 70000}\n  c d: {address: y}\n"), -1);
  assert_non_null(strstr(errors.text, "shelf/inventory.yml:2:1: key: unknown key"));
  assert_non_null(strstr(errors.text, "key-file: is missing"));
  assert_non_null(strstr(errors.text, "shelf/inventory.yml:4:7: hosts.a.adress: unknown key, did you mean 'address'?"));
  assert_non_null(strstr(errors.text, "shelf/inventory.yml:5:25: hosts.b.port: 70000 is out of range"));
  assert_non_null(strstr(errors.text, "shelf/inventory.yml:6:3: hosts.c d: a name is 1 to 63 letters"));
}

static void without_hosts_there_is_no_lab(void **state)
{
  (void)state;
  assert_int_equal(read_text("swisd: 1\nkey-file: k\nhosts: {}\n"), -1);
  assert_int_equal(read_text(""), -1);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(every_key_reaches_its_field),
    cmocka_unit_test(all_mistakes_are_said_at_once_with_their_places),
    cmocka_unit_test(without_hosts_there_is_no_lab),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
