/* Join keys in a swarm of real processes: who has none stays out, changing them disturbs nobody, and noise costs no memory. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/philox.h"
#include "runtime/net/introduction.h"
#include "tests/runtime/swarm.h"

enum { NODES = 3 };

static void classify(const struct swarm *swarm, const char *name, int expected)
{
  const char *const arguments[] = {"classify", "--join", swarm->seed, "--items", "60", "--check", NULL};
  if (swarm_has_fashion())
    assert_int_equal(swarm_run(swarm, name, arguments, 30), expected);
}

static void a_node_with_another_key_stays_out(void **state)
{
  (void)state;
  struct swarm swarm;
  char wrap[SWARM_PATH_BYTES + 64], log[32];
  swarm_start(&swarm, 2, "2");
  snprintf(wrap, sizeof wrap, "SWISD_KEY_FILE= XDG_DATA_HOME=%s/elsewhere exec \"$@\"", swarm.directory);
  swarm_start_node(&swarm, 2, "2", wrap);
  snprintf(log, sizeof log, "node-2.log");
  assert_true(swarm_wait_for(&swarm, 2, "/uptime_ns", 0, 10));
  assert_true(swarm_wait_for(&swarm, 0, "/datagrams_other_key", 1, 10));
  assert_true(swarm_file_says(&swarm, log, "made a join key in"));
  assert_true(swarm_wait_for(&swarm, 2, "/introductions_unanswered", 1, 20));
  assert_true(swarm_file_will_say(&swarm, log, "nobody answers at", 10));
  assert_true(swarm_file_says(&swarm, "node-0.log", "with another join key"));
  assert_true(swarm_status(&swarm, 0, "/members_alive") == 1);
  assert_true(swarm_status(&swarm, 2, "/members_alive") == 0);
  swarm_end(&swarm);
}

static uint32_t times_read(const struct swarm *swarm, const char *log)
{
  char *text = swarm_read(swarm, log, NULL);
  uint32_t count = 0;
  for (const char *at = text; (at = strstr(at, "read the join key again")) != NULL; at++)
    count++;
  free(text);
  return count;
}

static void keygen_makes_what_is_not_there_and_leaves_what_is(void **state)
{
  (void)state;
  struct swarm swarm;
  char key[SWARM_PATH_BYTES];
  swarm_start(&swarm, 1, "2");
  swarm_path(&swarm, "fresh.key", key);
  const char *const made[] = {"keygen", "--key-file", key, NULL}, *const named[] = {"keygen", NULL};
  assert_int_equal(swarm_run(&swarm, "first", made, 10), 0);
  assert_true(swarm_file_says(&swarm, "first.out", "(new)"));
  assert_int_equal(swarm_run(&swarm, "second", made, 10), 0);
  assert_false(swarm_file_says(&swarm, "second.out", "(new)"));
  unlink(key);
  setenv("SWISD_KEY_FILE", key, 1);
  assert_int_equal(swarm_run(&swarm, "third", named, 10), 0);
  assert_true(swarm_file_says(&swarm, "third.out", "(new)"));
  swarm_end(&swarm);
}

static void hang_up(const struct swarm *swarm)
{
  for (uint32_t i = 0; i < NODES; i++) {
    char log[32];
    snprintf(log, sizeof log, "node-%u.log", i);
    const uint32_t before = times_read(swarm, log);
    swisd_lab_signal(&swarm->nodes[i], SIGHUP);
    for (int wait = 0; wait < 1000 && times_read(swarm, log) == before; wait++)
      usleep(5000);
    assert_int_equal(times_read(swarm, log), before + 1);
  }
}

static void the_key_is_changed_without_a_pause_and_the_former_one_is_worth_nothing(void **state)
{
  (void)state;
  struct swarm swarm;
  char old_key[SWARM_PATH_BYTES], key[SWARM_PATH_BYTES], wrap[SWARM_PATH_BYTES + 64];
  swarm_start(&swarm, NODES, "2");
  swarm_path(&swarm, "old.key", old_key);
  swarm_path(&swarm, "join.key", key);
  char *text = swarm_read(&swarm, "join.key", NULL);
  FILE *out = fopen(old_key, "w");
  fputs(text, out);
  fclose(out);
  free(text);
  chmod(old_key, 0600);
  static const char *const rotate[] = {"keygen", "--rotate", NULL}, *const retire[] = {"keygen", "--retire", NULL};
  assert_int_equal(swarm_run(&swarm, "rotate", rotate, 10), 0);
  assert_true(swarm_file_says(&swarm, "rotate.out", "besides"));
  hang_up(&swarm);
  classify(&swarm, "between", 0);
  assert_int_equal(swarm_run(&swarm, "retire", retire, 10), 0);
  hang_up(&swarm);
  classify(&swarm, "after", 0);
  for (uint32_t i = 0; i < NODES; i++)
    assert_true(swarm_status(&swarm, i, "/members_alive") == NODES - 1);
  const double refused = swarm_status(&swarm, 0, "/datagrams_other_key");
  snprintf(wrap, sizeof wrap, "SWISD_KEY_FILE=%s exec \"$@\"", old_key);
  swarm_start_node(&swarm, NODES, "2", wrap);
  assert_true(swarm_wait_for(&swarm, 0, "/datagrams_other_key", refused + 2, 10));
  assert_true(swarm_status(&swarm, 0, "/members_alive") == NODES - 1);
  swarm_end(&swarm);
}

static double resident_kib(const struct swarm *swarm, uint32_t node)
{
  char path[64], line[256];
  double kib = 0;
  snprintf(path, sizeof path, "/proc/%d/status", (int)swarm->nodes[node].pid);
  FILE *in = fopen(path, "re");
  while (in && fgets(line, sizeof line, in))
    if (sscanf(line, "VmRSS: %lf", &kib) == 1)
      break;
  if (in)
    fclose(in);
  return kib;
}

static void a_storm_of_datagrams_costs_no_memory(void **state)
{
  (void)state;
  enum { STORM = 30000, BATCH = 200 };
  struct swarm swarm;
  swarm_start(&swarm, 2, "2");
  classify(&swarm, "before", 0); /* whatever grows with work has grown */
  const double before_kib = resident_kib(&swarm, 0);
  const struct sockaddr_in to = {.sin_family = AF_INET,
                                 .sin_port = htons((uint16_t)atoi(strchr(swarm.seed, ':') + 1)),
                                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  struct swisd_philox random = swisd_philox_stream(11, 0, 0, 0);
  uint8_t bytes[SWISD_DATAGRAM_BYTES_MAX];
  double seen = 0;
  for (int i = 0; i < STORM; i++) {
    const size_t count = i % 3 == 2 ? SWISD_INTRODUCTION_BYTES : 60 + swisd_philox_below(&random, 1100);
    for (size_t b = 0; b < count; b += 4)
      memcpy(bytes + b, &(uint32_t){swisd_philox_u32(&random)}, count - b < 4 ? count - b : 4);
    if (i % 3 != 0)
      memcpy(bytes, i % 3 == 1 ? "Sw\x01\x00" : "Sw\x01\x01", 4); /* each from another sender */
    assert_true(sendto(fd, bytes, count, 0, (const struct sockaddr *)&to, sizeof to) > 0);
    if (i % BATCH == BATCH - 1) { /* what the system drops tests nothing */
      assert_true(swarm_wait_for(&swarm, 0, "/datagrams_received", seen + BATCH / 2, 10));
      seen = swarm_status(&swarm, 0, "/datagrams_received");
    }
  }
  close(fd);
  assert_true(swarm_status(&swarm, 0, "/datagrams_strange") > STORM / 4);
  assert_true(swarm_status(&swarm, 0, "/datagrams_other_key") > STORM / 4);
  assert_true(resident_kib(&swarm, 0) - before_kib < 1024);
  assert_true(swarm_status(&swarm, 0, "/members_alive") == 1);
  classify(&swarm, "after", 0);
  swarm_end(&swarm);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test_teardown(a_node_with_another_key_stays_out, swarm_teardown),
    cmocka_unit_test_teardown(keygen_makes_what_is_not_there_and_leaves_what_is, swarm_teardown),
    cmocka_unit_test_teardown(the_key_is_changed_without_a_pause_and_the_former_one_is_worth_nothing, swarm_teardown),
    cmocka_unit_test_teardown(a_storm_of_datagrams_costs_no_memory, swarm_teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
