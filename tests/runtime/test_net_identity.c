/* A node stays who it is, alone in its data directory. */
#include "runtime/net/identity.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "runtime/cli/lab.h"
#include "tests/unit/cmocka_all.h"

static char root[128];

static int make_root(void **state)
{
  (void)state;
  snprintf(root, sizeof root, "/tmp/swisd-test-XXXXXX");
  return mkdtemp(root) ? 0 : -1;
}

static int remove_root(void **state)
{
  (void)state;
  swisd_lab_remove(root);
  return 0;
}

static void write_file(const char *directory, const char *name, const char *text)
{
  char path[256];
  snprintf(path, sizeof path, "%s/%s", directory, name);
  FILE *out = fopen(path, "w");
  assert_non_null(out);
  fputs(text, out);
  fclose(out);
}

static void identity_and_incarnation_outlive_the_process(void **state)
{
  (void)state;
  char directory[160];
  struct swisd_identity identity;
  struct swisd_error error;
  snprintf(directory, sizeof directory, "%s/made/on/the/way", root);
  assert_int_equal(swisd_identity_open(&identity, directory, &error), 0);
  const struct swisd_id id = identity.id;
  assert_false(swisd_id_is_zero(id));
  assert_int_equal(identity.incarnation, 0);
  assert_int_equal(swisd_identity_persist(&identity, 7, &error), 0);
  swisd_identity_close(&identity);
  assert_int_equal(swisd_identity_open(&identity, directory, &error), 0);
  assert_true(swisd_id_equal(identity.id, id));
  assert_int_equal(identity.incarnation, 7);
  swisd_identity_close(&identity);
}

static void two_directories_have_two_identities(void **state)
{
  (void)state;
  char a[160], b[160];
  struct swisd_identity one, two;
  struct swisd_error error;
  snprintf(a, sizeof a, "%s/a", root);
  snprintf(b, sizeof b, "%s/b", root);
  assert_int_equal(swisd_identity_open(&one, a, &error), 0);
  assert_int_equal(swisd_identity_open(&two, b, &error), 0);
  assert_false(swisd_id_equal(one.id, two.id));
  struct swisd_identity third;
  assert_int_equal(swisd_identity_open(&third, a, &error), -1); /* a descriptor of its own: the lock holds within a process too */
  assert_non_null(strstr(error.text, "another node runs"));
  swisd_identity_close(&one);
  swisd_identity_close(&two);
}

static void files_that_are_not_what_they_should_be_are_named(void **state)
{
  (void)state;
  char directory[160];
  struct swisd_identity identity;
  struct swisd_error error;
  snprintf(directory, sizeof directory, "%s/bad", root);
  assert_int_equal(swisd_identity_open(&identity, directory, &error), 0);
  swisd_identity_close(&identity);
  write_file(directory, "incarnation", "seven\n");
  assert_int_equal(swisd_identity_open(&identity, directory, &error), -1);
  assert_non_null(strstr(error.text, "/incarnation: not a number"));
  write_file(directory, "incarnation", "7\n");
  write_file(directory, "key.pem", "a key\n");
  assert_int_equal(swisd_identity_open(&identity, directory, &error), -1);
  assert_non_null(strstr(error.text, "/key.pem: not a private key"));
  write_file(root, "file", "");
  snprintf(directory, sizeof directory, "%s/file/below", root);
  assert_int_equal(swisd_identity_open(&identity, directory, &error), -1);
  assert_non_null(strstr(error.text, "cannot make the data directory"));
}

static void a_full_disk_leaves_the_old_incarnation(void **state)
{
  (void)state;
  char directory[160];
  struct swisd_identity identity;
  struct swisd_error error;
  snprintf(directory, sizeof directory, "%s/full", root);
  assert_int_equal(swisd_identity_open(&identity, directory, &error), 0);
  assert_int_equal(swisd_identity_persist(&identity, 41, &error), 0);
  signal(SIGXFSZ, SIG_IGN);
  struct rlimit before, none;
  getrlimit(RLIMIT_FSIZE, &before);
  none = before;
  none.rlim_cur = 0;
  setrlimit(RLIMIT_FSIZE, &none);
  const int persisted = swisd_identity_persist(&identity, 42, &error);
  setrlimit(RLIMIT_FSIZE, &before);
  assert_int_equal(persisted, -1);
  assert_non_null(strstr(error.text, "cannot write"));
  swisd_identity_close(&identity);
  assert_int_equal(swisd_identity_open(&identity, directory, &error), 0);
  assert_int_equal(identity.incarnation, 41);
  swisd_identity_close(&identity);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(identity_and_incarnation_outlive_the_process),
      cmocka_unit_test(two_directories_have_two_identities),
      cmocka_unit_test(files_that_are_not_what_they_should_be_are_named),
      cmocka_unit_test(a_full_disk_leaves_the_old_incarnation),
  };
  return cmocka_run_group_tests(tests, make_root, remove_root);
}
