/* Shards from several holders, over real links and real disks in one process: shared out, holders that die, lie or fall silent,
 * fetches that go on after a restart, memory that does not grow with the shard, and a disk that is full. */
#include "runtime/net/shard_fetch.h"

#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/base/philox.h"
#include "runtime/cli/lab.h"
#include "runtime/net/nodekey.h"
#include "runtime/net/ports.h"
#include "runtime/net/serving.h"
#include "runtime/net/tls.h"
#include "runtime/store/digest.h"
#include "tests/unit/cmocka_all.h"

enum { HOLDERS_MAX = 3, SHARD_BYTES = 12 * SWISD_RANGE_BYTES + 777 };

/* A node: links, a store, a disk thread; it serves, and the fetching one fetches. */
struct side {
  struct swisd_links_host links_host; /* first */
  struct event_base *base;
  char folder[96];
  struct swisd_nodekey key;
  struct swisd_tls_node *tls;
  struct swisd_admission admission;
  struct swisd_linkshape shape;
  struct swisd_links *links;
  struct swisd_bodies *bodies, *buffers;
  struct swisd_store *store;
  struct swisd_workers *disk;
  struct swisd_serving *serving;
  struct swisd_serving_host serving_host;
  struct swisd_shard_fetches *fetches;
  struct swisd_address address;
  int fd;
  struct event *listening;
};

/* What a test sees. */
static struct world {
  struct swisd_shard_fetches_host host; /* first */
  struct event_base *base;
  char folder[64];
  struct side fetcher, holders[HOLDERS_MAX];
  uint32_t holder_count;
  bool ended;
  enum swisd_status status;
  char why[512];
  void (*on_progress)(struct world *world); /* once */
  uint8_t *bytes;
  uint64_t id;
} world;

static void on_message(struct swisd_links_host *host, struct swisd_id from, const struct swisd_message *message,
                       const struct swisd_trailer *trailer, struct swisd_blob *body)
{
  (void)host, (void)from, (void)message, (void)trailer;
  swisd_blob_drop(body);
}

static void on_unreachable(struct swisd_links_host *host, struct swisd_id peer)
{
  struct side *side = (struct side *)host;
  if (side->fetches)
    swisd_shard_fetches_unreachable(side->fetches, peer);
}

static void on_writable(struct swisd_links_host *host, struct swisd_id peer) { (void)host, (void)peer; }

static void on_fetch_frame(struct swisd_links_host *host, struct swisd_id from, const struct swisd_frame *frame)
{
  struct side *side = (struct side *)host;
  if (frame->kind == SWISD_FRAME_FETCH_REPLY)
    swisd_shard_fetches_frame(side->fetches, from, frame);
  else
    swisd_serving_frame(side->serving, from, frame);
}

static void on_fetch_data(struct swisd_links_host *host, struct swisd_id from, const struct swisd_frame *head,
                          const uint8_t *bytes, size_t count)
{
  swisd_shard_fetches_data(((struct side *)host)->fetches, from, head, bytes, count);
}

static void on_listening(evutil_socket_t fd, short what, void *argument)
{
  (void)what;
  struct side *side = argument;
  const int accepted = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
  const struct swisd_address from = {.family = SWISD_ADDRESS_IPV4, .bytes = {127, 0, 0, 1}};
  if (accepted >= 0)
    swisd_links_accept(side->links, accepted, &from);
}

static void on_damaged(struct swisd_serving_host *host, swisd_shard_id shard) { (void)host, (void)shard; }

static void on_ended(struct swisd_shard_fetches_host *host, uint32_t ticket, enum swisd_status status,
                     const struct swisd_error *why)
{
  struct world *seen = (struct world *)host;
  (void)ticket;
  seen->ended = true;
  seen->status = status;
  snprintf(seen->why, sizeof seen->why, "%s", why->text);
  event_base_loopbreak(seen->base);
}

static void on_progress(struct swisd_shard_fetches_host *host, uint32_t ticket)
{
  struct world *seen = (struct world *)host;
  void (*once)(struct world *) = seen->on_progress;
  (void)ticket;
  seen->on_progress = NULL;
  if (once)
    once(seen);
}

static uint32_t on_sources(struct swisd_shard_fetches_host *host, swisd_shard_id shard, struct swisd_shard_source *sources,
                           uint32_t max)
{
  const struct world *seen = (const struct world *)host;
  (void)shard;
  uint32_t count = 0;
  for (; count < seen->holder_count && count < max; count++)
    sources[count] = (struct swisd_shard_source){seen->holders[count].key.id, seen->holders[count].address};
  return count;
}

static void open_side(struct side *side, const char *name)
{
  struct swisd_error error;
  int udp;
  memset(side, 0, sizeof *side);
  side->base = world.base;
  snprintf(side->folder, sizeof side->folder, "%s/%s", world.folder, name);
  side->links_host = (struct swisd_links_host){.message = on_message,
                                               .unreachable = on_unreachable,
                                               .writable = on_writable,
                                               .fetch_frame = on_fetch_frame,
                                               .fetch_data = on_fetch_data};
  assert_int_equal(swisd_nodekey_make(&side->key, &error), 0);
  side->tls = swisd_tls_node_open(&side->key, &error);
  side->bodies = swisd_bodies_open(64 << 20);
  side->buffers = swisd_bodies_open(64 << 20);
  side->store = swisd_store_open(side->folder, &error);
  const struct swisd_workers_options one = {.threads = 1};
  side->disk = swisd_workers_open(side->base, &one, &error);
  assert_true(side->tls && side->store && side->disk);
  side->admission = (struct swisd_admission){.count = 1, .keys = {"the join key of all these tests"}};
  const struct swisd_address any = {.family = SWISD_ADDRESS_IPV4, .bytes = {127, 0, 0, 1}};
  assert_int_equal(swisd_ports_open(&any, &side->fd, &udp, &side->address, &error), 0);
  close(udp);
  struct swisd_links_options links = {.base = side->base,
                                      .shape = &side->shape,
                                      .bodies = side->bodies,
                                      .tls = side->tls,
                                      .admission = &side->admission,
                                      .hello = swisd_hello_default(),
                                      .host = &side->links_host};
  links.hello.id = side->key.id;
  links.hello.address_count = 1;
  links.hello.addresses[0] = side->address;
  side->links = swisd_links_open(&links);
  side->serving_host.shard_damaged = on_damaged;
  const struct swisd_serving_options serving = {.base = side->base,
                                                .links = side->links,
                                                .bodies = side->bodies,
                                                .buffers = side->buffers,
                                                .store = side->store,
                                                .disk = side->disk,
                                                .host = &side->serving_host};
  side->serving = swisd_serving_open(&serving);
  const struct swisd_shard_fetches_options fetches = {.base = side->base,
                                                      .links = side->links,
                                                      .store = side->store,
                                                      .disk = side->disk,
                                                      .buffers = side->buffers,
                                                      .host = &world.host};
  side->fetches = swisd_shard_fetches_open(&fetches);
  side->listening = event_new(side->base, side->fd, EV_READ | EV_PERSIST, on_listening, side);
  event_add(side->listening, NULL);
}

static void close_side(struct side *side)
{
  if (!side->links)
    return;
  swisd_workers_close(side->disk);
  swisd_shard_fetches_close(side->fetches);
  swisd_serving_close(side->serving);
  event_free(side->listening);
  close(side->fd);
  swisd_links_close(side->links);
  swisd_tls_node_close(side->tls);
  swisd_nodekey_free(&side->key);
  swisd_store_close(side->store);
  swisd_bodies_close(side->bodies);
  swisd_bodies_close(side->buffers);
  side->links = NULL;
}

/* A fetcher and `holders` that have the shard. */
static void open_world(uint32_t holders)
{
  struct swisd_error error;
  struct swisd_philox random = swisd_philox_stream(1, 2, 3, 4);
  memset(&world, 0, sizeof world);
  world.host = (struct swisd_shard_fetches_host){on_ended, on_progress, on_sources};
  world.base = event_base_new();
  snprintf(world.folder, sizeof world.folder, "/tmp/swisd-fetch-XXXXXX");
  assert_non_null(mkdtemp(world.folder));
  world.bytes = malloc(SHARD_BYTES);
  for (size_t i = 0; i < SHARD_BYTES; i++)
    world.bytes[i] = i % 64 == 0 ? (uint8_t)swisd_philox_u32(&random) : (uint8_t)(i / SWISD_RANGE_BYTES);
  world.id = swisd_digest_short(world.bytes, SHARD_BYTES);
  open_side(&world.fetcher, "fetcher");
  world.holder_count = holders;
  for (uint32_t i = 0; i < holders; i++) {
    char name[16];
    snprintf(name, sizeof name, "holder-%u", i);
    open_side(&world.holders[i], name);
    assert_int_equal(swisd_store_save(world.holders[i].store, SWISD_STORE_SHARD, world.id, world.bytes, SHARD_BYTES, &error), 0);
  }
}

static int close_world(void **state)
{
  (void)state;
  if (!world.base)
    return 0;
  close_side(&world.fetcher);
  for (uint32_t i = 0; i < HOLDERS_MAX; i++)
    close_side(&world.holders[i]);
  event_base_free(world.base);
  free(world.bytes);
  swisd_lab_remove(world.folder);
  memset(&world, 0, sizeof world);
  return 0;
}

static void start_fetch(uint32_t ticket, uint32_t from)
{
  const struct swisd_action_fetch action = {.ticket = ticket,
                                            .from = world.holders[from].key.id,
                                            .address = world.holders[from].address,
                                            .shard = world.id,
                                            .bytes = SHARD_BYTES};
  world.ended = false;
  assert_int_equal(swisd_shard_fetch_start(world.fetcher.fetches, &action, NULL), SWISD_OK);
}

static enum swisd_status fetch_from(uint32_t from)
{
  start_fetch(1, from);
  while (!world.ended)
    event_base_dispatch(world.base);
  return world.status;
}

static void assert_whole(void)
{
  struct swisd_store_mapping mapping;
  struct swisd_error error;
  assert_int_equal(swisd_store_map(world.fetcher.store, SWISD_STORE_SHARD, world.id, &mapping, &error), SWISD_STORE_OK);
  assert_int_equal(mapping.byte_count, SHARD_BYTES);
  assert_memory_equal(mapping.bytes, world.bytes, SHARD_BYTES);
  swisd_store_unmap(&mapping);
}

static uint64_t served_by(uint32_t holder) { return swisd_serving_status(world.holders[holder].serving).shards; }

static void a_shard_comes_from_several_holders_at_once(void **state)
{
  (void)state;
  open_world(3);
  assert_int_equal(fetch_from(1), SWISD_OK);
  assert_whole();
  assert_true(served_by(0) > 0 && served_by(1) > 0 && served_by(2) > 0);
  assert_int_equal(swisd_shard_fetches_status(world.fetcher.fetches).shared, 1);
  /* Eight ranges on their way in, whatever the shard's size. */
  assert_true(swisd_bodies_status(world.fetcher.buffers).peak_bytes <= 8 * SWISD_RANGE_BYTES);
  assert_int_equal(swisd_bodies_status(world.fetcher.buffers).used_bytes, 0);
  /* Here already, then in the cache: nothing is asked of anybody. */
  struct swisd_error error;
  assert_int_equal(fetch_from(1), SWISD_OK);
  assert_int_equal(swisd_store_retire(world.fetcher.store, world.id, &error), SWISD_STORE_OK);
  assert_int_equal(fetch_from(1), SWISD_OK);
  assert_int_equal(swisd_shard_fetches_status(world.fetcher.fetches).recalled, 2);
  assert_whole();
}

static void holder_0_dies(struct world *seen) { close_side(&seen->holders[0]); }

static void a_holder_that_dies_is_replaced_by_the_others(void **state)
{
  (void)state;
  open_world(2);
  world.on_progress = holder_0_dies;
  assert_int_equal(fetch_from(0), SWISD_OK);
  assert_whole();
  assert_true(swisd_shard_fetches_status(world.fetcher.fetches).sources_lost >= 1);
}

static void holder_0_falls_silent(struct world *seen)
{
  seen->holders[0].shape.silent = true;
  swisd_links_kick(seen->holders[0].links);
}

static void a_silent_holder_holds_nobody_up(void **state)
{
  (void)state;
  open_world(2);
  world.on_progress = holder_0_falls_silent;
  assert_int_equal(fetch_from(0), SWISD_OK);
  assert_whole();
  const struct swisd_shard_fetches_status status = swisd_shard_fetches_status(world.fetcher.fetches);
  assert_true(status.sources_lost + status.asked_twice >= 1);
}

static void the_last_holder_dies(struct world *seen)
{
  close_side(&seen->holders[0]);
  seen->holder_count = 0;
}

static void what_came_before_a_restart_is_not_fetched_again(void **state)
{
  (void)state;
  struct swisd_error error;
  open_world(1);
  world.on_progress = the_last_holder_dies;
  assert_int_equal(fetch_from(0), SWISD_ERROR_UNREACHABLE);
  const uint64_t before = swisd_shard_fetches_status(world.fetcher.fetches).bytes;
  assert_true(before > 0 && before < SHARD_BYTES);
  close_side(&world.fetcher); /* and the process ends */
  open_side(&world.fetcher, "fetcher");
  open_side(&world.holders[1], "holder-1");
  assert_int_equal(swisd_store_save(world.holders[1].store, SWISD_STORE_SHARD, world.id, world.bytes, SHARD_BYTES, &error), 0);
  assert_int_equal(fetch_from(1), SWISD_OK);
  assert_whole();
  const struct swisd_shard_fetches_status status = swisd_shard_fetches_status(world.fetcher.fetches);
  assert_int_equal(status.resumed, before >= SWISD_RANGE_BYTES);
  assert_true(status.bytes + before < SHARD_BYTES + 3 * SWISD_RANGE_BYTES);
}

static void damage(uint32_t holder)
{
  char path[160];
  snprintf(path, sizeof path, "%s/shards/%016llx.bin", world.holders[holder].folder, (unsigned long long)world.id);
  FILE *file = fopen(path, "r+b");
  assert_non_null(file);
  for (long at = 100; at < SHARD_BYTES; at += SWISD_RANGE_BYTES) { /* in each range: whichever it is asked for */
    assert_int_equal(fseek(file, at, SEEK_SET), 0);
    assert_int_not_equal(fputc(0xA5, file), EOF);
  }
  fclose(file);
}

/* Holder 1 wrote its shard itself, so it believes in it; then its disk went bad. */
static void one_liar_among_several_spoils_nothing(void **state)
{
  (void)state;
  open_world(2);
  damage(1);
  assert_int_equal(fetch_from(0), SWISD_OK); /* together they are wrong, then holder 0 alone is asked */
  assert_whole();
  assert_true(served_by(1) > 0);
}

static void a_liar_that_the_core_named_is_known_as_one(void **state)
{
  (void)state;
  open_world(2);
  damage(1);
  assert_int_equal(fetch_from(1), SWISD_ERROR_DIGEST);
  assert_int_equal(fetch_from(0), SWISD_OK);
  assert_whole();
}

static void a_full_disk_ends_a_fetch_and_room_lets_it_go_on(void **state)
{
  (void)state;
  struct rlimit was, small;
  open_world(1);
  assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
  small = was;
  small.rlim_cur = SHARD_BYTES / 2;
  void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
  const enum swisd_status status = fetch_from(0);
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
  signal(SIGXFSZ, handler);
  assert_int_equal(status, SWISD_ERROR_SPACE);
  assert_non_null(strstr(world.why, "cannot be written"));
  assert_int_equal(served_by(0), 0); /* nothing was fetched in vain */
  swisd_store_limit(world.fetcher.store, 1 << 20);
  assert_int_equal(fetch_from(0), SWISD_ERROR_SPACE);
  assert_non_null(strstr(world.why, "disk quota"));
  swisd_store_limit(world.fetcher.store, 0);
  assert_int_equal(fetch_from(0), SWISD_OK);
  assert_whole();
}

static void a_cancelled_fetch_is_over_at_once_and_may_begin_again(void **state)
{
  (void)state;
  open_world(2);
  for (uint32_t ticket = 1; ticket <= 20; ticket++) { /* at any moment of opening, asking, writing */
    start_fetch(ticket, 0);
    for (uint32_t turn = 0; turn < ticket && !world.ended; turn++)
      event_base_loop(world.base, EVLOOP_ONCE);
    const bool was_over = world.ended;
    swisd_shard_fetch_cancel(world.fetcher.fetches, ticket);
    assert_true(was_over || world.status == SWISD_ERROR_CANCELLED || !world.ended);
    while (!world.ended)
      event_base_dispatch(world.base);
  }
  assert_int_equal(fetch_from(0), SWISD_OK);
  assert_whole();
}

int main(void)
{
#define FETCH(test) cmocka_unit_test_teardown(test, close_world)
  const struct CMUnitTest tests[] = {
    FETCH(a_shard_comes_from_several_holders_at_once),
    FETCH(a_holder_that_dies_is_replaced_by_the_others),
    FETCH(a_silent_holder_holds_nobody_up),
    FETCH(what_came_before_a_restart_is_not_fetched_again),
    FETCH(one_liar_among_several_spoils_nothing),
    FETCH(a_liar_that_the_core_named_is_known_as_one),
    FETCH(a_full_disk_ends_a_fetch_and_room_lets_it_go_on),
    FETCH(a_cancelled_fetch_is_over_at_once_and_may_begin_again),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
