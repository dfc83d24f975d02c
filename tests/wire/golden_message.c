#include "tests/wire/golden_message.h"

#include <stdlib.h>
#include <string.h>

/* To read a line: 9x is an array of x values, c0 nil, c4 10 an id, cc cd ce cf numbers of 1, 2, 4, 8 bytes, c7 06 04 an IPv4
 * address with port. ID_A and ID_B are the ids of id_a() and id_b(). */
#define ID_A "c410 0102030405060708 1112131415161718 "
#define ID_B "c410 a1a2a3a4a5a6a7a8 b1b2b3b4b5b6b7b8 "
#define RECORD                                                                                                      \
  "99" ID_A "02 07 01 03 93 cd2208 cd22c8 00 92 c70604 c0a80109 1ce8 c71206 20010db8000000000000000000000001 01bb " \
  "92 cf0123456789abcdef cdffff c402 0102 "
#define JOB_A "92" ID_A "cf0000000200000005 "
#define KEY_A "97" JOB_A "02 01 cd012c 04 cd1000 40 "
#define BODY "94 05 06 ce00020000 cffedcba9876543210 "

static const struct {
  enum swisd_message_type type;
  const char *hex;
} golden[] = {
  {SWISD_MESSAGE_PING, "94 01 cd9cbb" ID_B "92 93 00 c0" RECORD "94 01" ID_B ID_A "02"},
  {SWISD_MESSAGE_ACK, "94 02 cd9cbb 02 91 94 03" ID_A ID_A "02"},
  {SWISD_MESSAGE_PING_REQ, "94 03 07" ID_B "c70604 c0a80109 1ce8"},
  {SWISD_MESSAGE_PROBE_NACK, "93 04 07" ID_B},
  {SWISD_MESSAGE_GOSSIP, "94 05 00 c0 90"},
  {SWISD_MESSAGE_JOIN, "92 06" RECORD},
  {SWISD_MESSAGE_SYNC, "94 07 c3 c2 91 93 00 c0" RECORD},
  {SWISD_MESSAGE_MODEL, "94 08 cfab54a98ceb1f0ad2 03 91 94 cf0123456789abcdef ce00100000 ce3b9aca00 01"},
  {SWISD_MESSAGE_JOB_OPEN, "95 14" JOB_A "cfab54a98ceb1f0ad2 cd1388 92 94 00 00 1f 01 94 02 01 40 cf0123456789abcdef"},
  {SWISD_MESSAGE_PULL, "96 15" JOB_A "02 93 cd2208 cd22c8 00 ccfa 91 cf0123456789abcdef"},
  {SWISD_MESSAGE_TASK, "99 16" KEY_A "cfab54a98ceb1f0ad2 cf0123456789abcdef 01 09 ce499602d2 ce00040000 91 98" ID_B BODY
                       "cd1000 cc80 cd1020 20 01 03"},
  {SWISD_MESSAGE_RESULT, "98 17" KEY_A "ce0ee6b280 ce499602d2 0c 01" BODY "c405 0700000001"},
  {SWISD_MESSAGE_NACK, "96 18" KEY_A "03 64 00 98 c0" BODY "00 0a 01 02 00 00"},
  {SWISD_MESSAGE_CANCEL, "93 19" KEY_A ID_B},
  {SWISD_MESSAGE_BODY_FREE, "93 1a" JOB_A "91" BODY},
  {SWISD_MESSAGE_JOB_CLOSE, "92 1b" JOB_A},
};

static struct swisd_id id_a(void) { return (struct swisd_id){UINT64_C(0x0102030405060708), UINT64_C(0x1112131415161718)}; }
static struct swisd_id id_b(void) { return (struct swisd_id){UINT64_C(0xa1a2a3a4a5a6a7a8), UINT64_C(0xb1b2b3b4b5b6b7b8)}; }
static struct swisd_job_id job_a(void) { return (struct swisd_job_id){id_a(), UINT64_C(2) << 32 | 5}; }
static struct swisd_body body(void) { return (struct swisd_body){5, 6, 131072, UINT64_C(0xfedcba9876543210)}; }

static const uint64_t shard = UINT64_C(0x0123456789abcdef), model = UINT64_C(0xab54a98ceb1f0ad2);

static struct swisd_task_key key_a(void)
{
  return (struct swisd_task_key){.job = job_a(), .step = 2, .lane = 1, .attempt = 300, .epoch = 4, .lo = 4096, .hi = 4160};
}

static void ipv4_fill(struct swisd_address *address)
{
  static const uint8_t bytes[] = {192, 168, 1, 9};
  address->family = SWISD_ADDRESS_IPV4;
  memcpy(address->bytes, bytes, sizeof bytes);
  address->port = 7400;
}

static void record_fill(struct swisd_record *record)
{
  static const uint8_t ipv6[] = {0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  record->id = id_a();
  record->incarnation = 2;
  record->version = 7;
  record->address_count = 2;
  ipv4_fill(&record->addresses[0]);
  record->addresses[1].family = SWISD_ADDRESS_IPV6;
  memcpy(record->addresses[1].bytes, ipv6, sizeof ipv6);
  record->addresses[1].port = 443;
  record->flags = SWISD_RECORD_WORKS;
  record->kernels_class = 3;
  record->rates[SWISD_KERNEL_CONV] = 8712;
  record->rates[SWISD_KERNEL_DENSE] = 8904;
  record->holding_count = 2;
  record->holdings[0] = shard;
  record->holdings[1] = 65535;
  record->holding_flags[0] = SWISD_HOLDING_HOME;
  record->holding_flags[1] = SWISD_HOLDING_DROPPING;
}

static void alive_fill(struct swisd_rumour *rumour)
{
  record_fill(&rumour->record);
  rumour->subject = rumour->record.id;
  rumour->incarnation = rumour->record.incarnation;
}

static void gone_fill(struct swisd_rumour *rumour, enum swisd_member_state state, struct swisd_id from)
{
  rumour->state = (uint8_t)state;
  rumour->from = from;
  rumour->subject = id_a();
  rumour->incarnation = 2;
}

static void membership_fill(struct swisd_message *out)
{
  switch (out->type) {
  case SWISD_MESSAGE_PING:
    out->u.ping.sequence = 40123;
    out->u.ping.target = id_b();
    out->u.ping.rumours.count = 2;
    alive_fill(&out->u.ping.rumours.list[0]);
    gone_fill(&out->u.ping.rumours.list[1], SWISD_MEMBER_SUSPECT, id_b());
    break;
  case SWISD_MESSAGE_ACK:
    out->u.ack.sequence = 40123;
    out->u.ack.incarnation = 2;
    out->u.ack.rumours.count = 1;
    gone_fill(&out->u.ack.rumours.list[0], SWISD_MEMBER_LEFT, id_a());
    break;
  case SWISD_MESSAGE_PING_REQ:
    ipv4_fill(&out->u.ping_req.address);
    /* fall through */
  case SWISD_MESSAGE_PROBE_NACK:
    out->u.ping_req.sequence = 7;
    out->u.ping_req.target = id_b();
    break;
  case SWISD_MESSAGE_JOIN:
    record_fill(&out->u.join.record);
    break;
  case SWISD_MESSAGE_SYNC:
    out->u.sync.reply_wanted = true;
    out->u.sync.count = 1;
    alive_fill(&out->u.sync.list[0]);
    break;
  case SWISD_MESSAGE_MODEL:
    out->u.model.model = model;
    out->u.model.hops = 3;
    out->u.model.shard_count = 1;
    out->u.model.shards[0].shard = shard;
    out->u.model.shards[0].bytes = 1048576;
    out->u.model.shards[0].flops_per_item = 1000000000;
    out->u.model.shards[0].kernel = SWISD_KERNEL_DENSE;
    break;
  default: /* an empty GOSSIP */
    break;
  }
}

static void open_fill(struct swisd_message_job_open *open)
{
  open->job = job_a();
  open->model = model;
  open->lease_ms = 5000;
  open->lane_count = 2;
  open->lanes[0].backlog = 31;
  open->lanes[0].shard = 1;
  open->lanes[1].step = 2;
  open->lanes[1].lane = 1;
  open->lanes[1].backlog = 64;
  open->lanes[1].shard = shard;
}

static void pull_fill(struct swisd_message_pull *pull)
{
  pull->job = job_a();
  pull->credits = 2;
  pull->rates[SWISD_KERNEL_CONV] = 8712;
  pull->rates[SWISD_KERNEL_DENSE] = 8904;
  pull->queue_ms = 250;
  pull->holding_count = 1;
  pull->holdings[0] = shard;
}

static void task_fill(struct swisd_message_task *task)
{
  task->key = key_a();
  task->model = model;
  task->shard = shard;
  task->kernel = SWISD_KERNEL_DENSE;
  task->flags = SWISD_TASK_RETURN | SWISD_TASK_TOKENS;
  task->flops = 1234567890;
  task->out_bytes = 262144;
  task->source_count = 1;
  task->sources[0].owner = id_b();
  task->sources[0].body = body();
  task->sources[0].body_lo = 4096;
  task->sources[0].body_hi = 4224;
  task->sources[0].lo = 4128;
  task->sources[0].hi = 4160;
  task->sources[0].edge = 1;
  task->sources[0].lane = 3;
}

static void result_fill(struct swisd_message_result *result)
{
  result->key = key_a();
  result->compute_ns = 250000000;
  result->flops = 1234567890;
  result->queue_ms = 12;
  result->credits = 1;
  result->output = body();
  result->inlined.count = 5;
  result->inlined.bytes[0] = 7;
  result->inlined.bytes[4] = 1;
}

static void nack_fill(struct swisd_message_nack *nack)
{
  nack->key = key_a();
  nack->reason = SWISD_NACK_INPUT_LOST;
  nack->delay_ms = 100;
  nack->lost.body = body();
  nack->lost.body_hi = 10;
  nack->lost.lo = 1;
  nack->lost.hi = 3;
}

void swisd_golden_message(enum swisd_message_type type, struct swisd_message *out)
{
  memset(out, 0, sizeof *out);
  out->type = type;
  switch (type) {
  case SWISD_MESSAGE_JOB_OPEN:
    open_fill(&out->u.job_open);
    break;
  case SWISD_MESSAGE_PULL:
    pull_fill(&out->u.pull);
    break;
  case SWISD_MESSAGE_TASK:
    task_fill(&out->u.task);
    break;
  case SWISD_MESSAGE_RESULT:
    result_fill(&out->u.result);
    break;
  case SWISD_MESSAGE_NACK:
    nack_fill(&out->u.nack);
    break;
  case SWISD_MESSAGE_CANCEL:
    out->u.cancel.key = key_a();
    out->u.cancel.source = id_b();
    break;
  case SWISD_MESSAGE_BODY_FREE:
    out->u.body_free.job = job_a();
    out->u.body_free.count = 1;
    out->u.body_free.bodies[0] = body();
    break;
  case SWISD_MESSAGE_JOB_CLOSE:
    out->u.job_close.job = job_a();
    break;
  default:
    membership_fill(out);
  }
}

static unsigned digit(char c)
{
  static const char digits[] = "0123456789abcdef";
  const char *at = strchr(digits, c);
  if (at == NULL || c == '\0')
    abort();
  return (unsigned)(at - digits);
}

size_t swisd_hex(const char *hex, uint8_t *out, size_t capacity)
{
  size_t count = 0;
  for (; *hex != '\0'; hex++) {
    if (*hex == ' ' || *hex == '\n')
      continue;
    if (count == capacity)
      abort();
    out[count++] = (uint8_t)(digit(hex[0]) << 4 | digit(hex[1]));
    hex++;
  }
  return count;
}

size_t swisd_golden_bytes(enum swisd_message_type type, uint8_t *out, size_t capacity)
{
  for (size_t i = 0; i < sizeof golden / sizeof golden[0]; i++)
    if (golden[i].type == type)
      return swisd_hex(golden[i].hex, out, capacity);
  return 0;
}
