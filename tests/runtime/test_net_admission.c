/* Join keys on disk and their proofs, and what is allowed to whom. */
#include "runtime/net/admission.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/net/allowance.h"
#include "runtime/net/quota.h"
#include "runtime/wire/wire.h"
#include "tests/unit/cmocka_all.h"

static char folder[64], path[96];

static int make_folder(void **state)
{
  (void)state;
  snprintf(folder, sizeof folder, "/tmp/swisd-test-XXXXXX");
  const bool made = mkdtemp(folder) != NULL;
  snprintf(path, sizeof path, "%s/join.key", folder);
  return made ? 0 : -1;
}

static int remove_folder(void **state)
{
  (void)state;
  unlink(path);
  return rmdir(folder);
}

static void write_key(const char *text, mode_t mode)
{
  FILE *out = fopen(path, "w");
  fputs(text, out);
  fclose(out);
  chmod(path, mode);
}

static void a_key_is_made_once_and_for_its_owner_alone(void **state)
{
  (void)state;
  struct swisd_error error;
  struct swisd_admission first, second;
  struct stat status;
  assert_int_equal(swisd_admission_create(path, &error), 0);
  assert_int_equal(stat(path, &status), 0);
  assert_int_equal(status.st_mode & 0777, 0600);
  assert_int_equal(swisd_admission_open(&first, path, &error), 0);
  assert_int_equal(swisd_admission_create(path, &error), 1);
  assert_int_equal(swisd_admission_open(&second, path, &error), 0);
  assert_memory_equal(&first, &second, sizeof first);
  assert_int_equal(first.count, 1);
  unlink(path);
}

static void a_rotation_keeps_the_former_key_and_then_drops_it(void **state)
{
  (void)state;
  struct swisd_error error;
  struct swisd_admission before, both, after;
  assert_int_equal(swisd_admission_create(path, &error), 0);
  assert_int_equal(swisd_admission_open(&before, path, &error), 0);
  assert_int_equal(swisd_admission_rotate(path, false, &error), 0);
  assert_int_equal(swisd_admission_open(&both, path, &error), 0);
  assert_int_equal(both.count, 2);
  assert_memory_equal(both.keys[1], before.keys[0], SWISD_JOINKEY_BYTES);
  assert_memory_not_equal(both.keys[0], before.keys[0], SWISD_JOINKEY_BYTES);
  assert_true(swisd_admission_has(&both, swisd_admission_mark(&before, 0)));
  assert_int_equal(swisd_admission_rotate(path, true, &error), 0);
  assert_int_equal(swisd_admission_open(&after, path, &error), 0);
  assert_int_equal(after.count, 1);
  assert_memory_equal(after.keys[0], both.keys[0], SWISD_JOINKEY_BYTES);
  assert_false(swisd_admission_has(&after, swisd_admission_mark(&before, 0)));
  unlink(path);
}

static void a_key_file_that_cannot_be_used_says_why_and_changes_nothing(void **state)
{
  (void)state;
  static const char good[] = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n";
  char three[3 * sizeof good];
  snprintf(three, sizeof three, "%s%s%s", good, good, good);
  const struct {
    const char *text;
    mode_t mode;
    const char *says;
  } cases[] = {{"short\n", 0600, ":1: a join key of 5 characters; allowed are 64 hexadecimal digits"},
               {"\n\n", 0600, "no join key in it"},
               {good, 0604, "chmod 600"},
               {three, 0600, ":3: more than 2 join keys"}};
  struct swisd_admission admission = {.count = 77};
  struct swisd_error error;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    write_key(cases[i].text, cases[i].mode);
    assert_int_equal(swisd_admission_open(&admission, path, &error), -1);
    assert_non_null(strstr(error.text, path));
    assert_non_null(strstr(error.text, cases[i].says));
    assert_int_equal(admission.count, 77);
  }
  unlink(path);
  assert_int_equal(swisd_admission_open(&admission, path, &error), -1);
  assert_non_null(strstr(error.text, "cannot read the join key"));
}

static void a_passphrase_is_the_same_key_everywhere(void **state)
{
  (void)state;
  struct swisd_error error;
  struct swisd_admission one, two;
  write_key("correct horse battery staple\r\n", 0600);
  assert_int_equal(swisd_admission_open(&one, path, &error), 0);
  write_key("\ncorrect horse battery staple", 0640);
  assert_int_equal(swisd_admission_open(&two, path, &error), 0);
  assert_memory_equal(&one, &two, sizeof one);
  unlink(path);
}

static void a_proof_serves_one_key_one_session_one_direction_and_one_pair(void **state)
{
  (void)state;
  const struct swisd_admission ours = {.count = 2, .keys = {{1}, {2}}}, theirs = {.count = 2, .keys = {{3}, {2}}},
                               others = {.count = 1, .keys = {{3}}};
  const struct swisd_admission_claim claim = {.dialled = true, .prover = {1, 2}, .verifier = {3, 4}, .binding = {5}};
  uint8_t proofs[SWISD_PROOFS_BYTES_MAX];
  const size_t count = swisd_admission_prove(&ours, &claim, proofs);
  assert_int_equal(count, 64);
  assert_int_equal(swisd_admission_verify(&ours, &claim, proofs, count), 0);
  assert_int_equal(swisd_admission_verify(&theirs, &claim, proofs, count), 1);
  assert_int_equal(swisd_admission_verify(&others, &claim, proofs, count), -1);
  struct swisd_admission_claim changed[4] = {claim, claim, claim, claim};
  changed[0].dialled = false;
  changed[1].prover.lo++;
  changed[2].verifier.hi++;
  changed[3].binding[31]++;
  for (int i = 0; i < 4; i++)
    assert_int_equal(swisd_admission_verify(&ours, &changed[i], proofs, count), -1);
  for (size_t bytes = 0; bytes < count; bytes++) /* of any other length only whole ones */
    assert_int_equal(swisd_admission_verify(&ours, &claim, proofs, bytes), bytes == 32 ? 0 : -1);
}

static void an_address_may_open_so_many_connections_and_no_more(void **state)
{
  (void)state;
  struct swisd_quota *quota = calloc(1, sizeof *quota);
  const struct swisd_address one = {.family = SWISD_ADDRESS_IPV4, .bytes = {10, 0, 0, 1}},
                             two = {.family = SWISD_ADDRESS_IPV4, .bytes = {10, 0, 0, 2}};
  struct swisd_address six = {.family = SWISD_ADDRESS_IPV6, .bytes = {0x20, 1, 0xd, 0xb8, [15] = 1}};
  uint64_t now_ns = 50 * SWISD_SECOND;
  int taken = 0;
  for (int i = 0; i < 100; i++)
    taken += swisd_quota_open(quota, &one, now_ns);
  assert_int_equal(taken, SWISD_QUOTA_HALF_OPEN);
  assert_true(swisd_quota_open(quota, &two, now_ns));
  for (int i = 0; i < SWISD_QUOTA_HALF_OPEN; i++)
    swisd_quota_failed(quota, &one);
  for (taken = 0; swisd_quota_open(quota, &one, now_ns); taken++)
    swisd_quota_failed(quota, &one);
  assert_int_equal(taken, SWISD_QUOTA_BURST - SWISD_QUOTA_HALF_OPEN);
  now_ns += SWISD_SECOND;
  for (taken = 0; swisd_quota_open(quota, &one, now_ns); taken++)
    swisd_quota_failed(quota, &one);
  assert_int_equal(taken, SWISD_QUOTA_PER_SECOND);
  for (int i = 0; i < 1000; i++) { /* members cost nothing */
    assert_true(swisd_quota_open(quota, &two, now_ns));
    swisd_quota_proven(quota, &two);
  }
  for (taken = 0; swisd_quota_open(quota, &six, now_ns); taken++, six.bytes[15]++) /* one /64 is one address */
    swisd_quota_failed(quota, &six);
  assert_int_equal(taken, SWISD_QUOTA_BURST);
  for (uint32_t i = 0; i < 100000; i++) { /* more addresses than there are accounts */
    const struct swisd_address from = {.family = SWISD_ADDRESS_IPV4,
                                       .bytes = {1, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i}};
    if (swisd_quota_open(quota, &from, now_ns))
      swisd_quota_failed(quota, &from);
  }
  free(quota);
}

static void a_peer_may_send_so_many_messages_of_a_type(void **state)
{
  (void)state;
  struct swisd_allowance allowance = {0};
  uint64_t now_ns = 50 * SWISD_SECOND;
  int taken = 0;
  for (int i = 0; i < 1000; i++)
    taken += swisd_allowance_take(&allowance, SWISD_MESSAGE_JOIN, now_ns);
  assert_int_equal(taken, 20);
  assert_true(swisd_allowance_take(&allowance, SWISD_MESSAGE_PING, now_ns));
  now_ns += SWISD_SECOND;
  for (taken = 0; swisd_allowance_take(&allowance, SWISD_MESSAGE_JOIN, now_ns);)
    taken++;
  assert_int_equal(taken, 5);
  assert_false(swisd_allowance_take(&allowance, (enum swisd_message_type)77, now_ns));
  for (uint32_t type = 0; type < SWISD_ALLOWANCE_TYPES; type++) { /* each type there is has a bucket */
    const bool exists = strcmp(swisd_message_type_name((enum swisd_message_type)type), "unknown") != 0;
    assert_int_equal(swisd_allowance_take(&allowance, (enum swisd_message_type)type, now_ns + 1000 * SWISD_SECOND), exists);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_key_is_made_once_and_for_its_owner_alone),
    cmocka_unit_test(a_rotation_keeps_the_former_key_and_then_drops_it),
    cmocka_unit_test(a_key_file_that_cannot_be_used_says_why_and_changes_nothing),
    cmocka_unit_test(a_passphrase_is_the_same_key_everywhere),
    cmocka_unit_test(a_proof_serves_one_key_one_session_one_direction_and_one_pair),
    cmocka_unit_test(an_address_may_open_so_many_connections_and_no_more),
    cmocka_unit_test(a_peer_may_send_so_many_messages_of_a_type),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
