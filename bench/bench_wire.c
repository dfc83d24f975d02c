/* What a message costs to size, encode, decode and digest. "typical" ones are made by hand; the others are the mean over 64
 * random messages of their type, which are larger than real ones. Each figure is the best of several rounds, on one core:
 * what it can do, undisturbed. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "runtime/wire/message_fields.h"
#include "runtime/wire/wire.h"
#include "tests/wire/random_message.h"

enum { MESSAGES = 64, ROUNDS = 9, BATCH_NS = 10000000 };

static struct swisd_message messages[MESSAGES], decoded;
static uint8_t bytes[MESSAGES][SWISD_WIRE_BYTES_MAX];
static size_t counts[MESSAGES];
static volatile uint64_t sink; /* so that no work is optimised away */

static uint64_t now_ns(void)
{
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void do_size(unsigned i) { sink += swisd_wire_size(&messages[i]); }

static void do_encode(unsigned i)
{
  size_t written;
  sink += (uint64_t)swisd_wire_encode(&messages[i], bytes[i], sizeof bytes[i], &written);
}

static void do_decode(unsigned i) { sink += (uint64_t)swisd_wire_decode(bytes[i], counts[i], &decoded); }

static void do_digest(unsigned i)
{
  sink += swisd_fields_digest(0, swisd_message_fields(messages[i].type), &messages[i].u);
}

/* Best mean over a batch of about BATCH_NS, per message. */
static double measure(void (*work)(unsigned), unsigned count)
{
  double best = 1e18;
  uint64_t repeats = 1;
  for (int round = 0; round < ROUNDS;) {
    const uint64_t start = now_ns();
    for (uint64_t r = 0; r < repeats; r++)
      for (unsigned i = 0; i < count; i++)
        work(i);
    const uint64_t took = now_ns() - start;
    if (took < BATCH_NS / 2 && round == 0) {
      repeats *= 2;
      continue;
    }
    const double each = (double)took / ((double)repeats * count);
    if (each < best)
      best = each;
    round++;
  }
  return best;
}

static void row(const char *name, unsigned count)
{
  size_t total = 0;
  for (unsigned i = 0; i < count; i++) {
    if (swisd_wire_encode(&messages[i], bytes[i], sizeof bytes[i], &counts[i]) != SWISD_WIRE_OK)
      printf("%s: not encodable\n", name);
    total += counts[i];
  }
  const double size = measure(do_size, count), encode = measure(do_encode, count);
  const double decode = measure(do_decode, count), digest = measure(do_digest, count);
  printf("%-26s %7zu %8.0f %8.0f %8.0f %8.0f %10.0f\n", name, total / count, size, encode, decode, digest, encode + decode);
}

static struct swisd_record typical_record(struct swisd_philox *random, unsigned number)
{
  struct swisd_record record = {.id = swisd_random_id(random), .incarnation = 2, .version = 7 + number, .address_count = 1,
    .flags = SWISD_RECORD_WORKS, .holding_count = 3, .kernels_class = 3, .rates = {8712, 8904, 8500}};
  record.addresses[0] = (struct swisd_address){.family = SWISD_ADDRESS_IPV4, .bytes = {192, 168, 1, 9}, .port = 7400};
  for (unsigned i = 0; i < 3; i++)
    record.holdings[i] = swisd_philox_u64(random);
  return record;
}

/* A probe that carries three rumours: two records and a suspicion. */
static void typical_ping(struct swisd_philox *random)
{
  struct swisd_message *message = &messages[0];
  memset(message, 0, sizeof *message);
  message->type = SWISD_MESSAGE_PING;
  message->u.ping.sequence = 40123;
  message->u.ping.target = swisd_random_id(random);
  message->u.ping.rumours.count = 3;
  for (unsigned i = 0; i < 2; i++) {
    struct swisd_rumour *rumour = &message->u.ping.rumours.list[i];
    rumour->record = typical_record(random, i);
    rumour->subject = rumour->record.id;
    rumour->incarnation = rumour->record.incarnation;
  }
  message->u.ping.rumours.list[2] = (struct swisd_rumour){.state = SWISD_MEMBER_SUSPECT, .subject = swisd_random_id(random),
    .incarnation = 1, .from = swisd_random_id(random)};
}

/* A task with inputs from two workers. */
static void typical_task(struct swisd_philox *random)
{
  struct swisd_message *message = &messages[0];
  memset(message, 0, sizeof *message);
  message->type = SWISD_MESSAGE_TASK;
  message->u.task = (struct swisd_message_task){
    .key = {.job = {swisd_random_id(random), UINT64_C(1) << 32 | 5}, .step = 2, .lane = 1, .attempt = 17, .lo = 4096, .hi = 4160},
    .model = swisd_philox_u64(random), .shard = swisd_philox_u64(random), .kernel = SWISD_KERNEL_DENSE,
    .flops = 1234567890, .out_bytes = 262144, .source_count = 2};
  for (unsigned i = 0; i < 2; i++)
    message->u.task.sources[i] = (struct swisd_source){.owner = swisd_random_id(random),
      .body = {.handle = 90 + i, .generation = 12, .bytes = 131072}, .body_lo = 4096, .body_hi = 4224, .lo = 4096, .hi = 4160,
      .lane = (uint8_t)i};
}

int main(void)
{
  struct swisd_philox random = swisd_philox_stream(1, 0, 0, 0);
  printf("nanoseconds per message\n%-26s %7s %8s %8s %8s %8s %10s\n", "message", "bytes", "size", "encode", "decode", "digest",
         "enc + dec");
  typical_ping(&random);
  row("typical ping, 3 rumours", 1);
  typical_task(&random);
  row("typical task, 2 sources", 1);
  for (unsigned t = 0; t < SWISD_MESSAGE_TYPES; t++) {
    char name[32];
    for (unsigned i = 0; i < MESSAGES; i++)
      swisd_random_message(&random, swisd_message_types[t], &messages[i]);
    snprintf(name, sizeof name, "random %s", swisd_message_type_name((int)swisd_message_types[t]));
    row(name, MESSAGES);
  }
  return 0;
}
