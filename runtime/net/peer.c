/* See peer.h. The order of things: an event comes (from a socket, a thread, a timer, the caller) -> swisd_peer_post() steps
 * the core -> its actions are carried out -> what these cause at once waits in the queue -> the timer is set anew. */
#include "runtime/net/peer.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "runtime/base/log.h"
#include "runtime/net/clock.h"
#include "runtime/net/peer_internal.h"
#include "runtime/net/ports.h"
#include "runtime/net/socket_address.h"

enum {
  STEPS_PER_TURN = 256,   /* of the core's own wishes; then sockets get their turn */
  ACCEPTS_PER_TURN = 32,
  BUFFER_BYTES_MAX = 64 << 20, /* of shards on their way in or out: 64 ranges */
};
/* The loop stood still if it wakes this much later than it was to: far above what a loaded machine does, below the
 * suspicion time-outs that a closed lid must not trigger. */
static const uint64_t gap_ns_min = SWISD_SECOND;

struct swisd_peer_options swisd_peer_options_default(void)
{
  struct swisd_peer_options options = {.config = swisd_config_default()};
  options.kernels = swisd_kernels_portable();
  options.listen = (struct swisd_address){.family = SWISD_ADDRESS_IPV4, .bytes = {127, 0, 0, 1}};
  return options;
}

/* ---- stepping ---- */

static void step(struct swisd_peer *peer, const struct swisd_event *event, uint64_t now_ns)
{
  if (peer->recorder)
    swisd_recorder_event(peer->recorder, now_ns, event);
  swisd_node_step(peer->node, event, now_ns, &peer->actions);
  peer->steps++;
  peer->action_count += peer->actions.count;
  if (peer->recorder)
    swisd_recorder_actions(peer->recorder, &peer->actions);
  if (peer->actions.trace_count > 0)
    swisd_ledger_traces(peer->ledger, peer->node, peer->actions.traces, peer->actions.trace_count,
                        peer->actions.traces_dropped);
  if (peer->watcher && peer->actions.trace_count > 0)
    peer->watcher->traces(peer->watcher, peer->actions.traces, peer->actions.trace_count);
  swisd_peer_carry_out(peer, now_ns);
}

static void set_timer(struct swisd_peer *peer)
{
  uint64_t deadline_ns = swisd_node_deadline_ns(peer->node);
  if (deadline_ns == peer->armed_ns)
    return;
  peer->armed_ns = deadline_ns;
  struct itimerspec spec = {0};
  if (deadline_ns != SWISD_NEVER) {
    if (deadline_ns == 0)
      deadline_ns = 1; /* zero would switch it off */
    spec.it_value.tv_sec = (time_t)(deadline_ns / SWISD_SECOND);
    spec.it_value.tv_nsec = (long)(deadline_ns % SWISD_SECOND);
  }
  const int set = timerfd_settime(peer->timer_fd, TFD_TIMER_ABSTIME, &spec, NULL);
  assert(set == 0);
}

static void tell_gap(struct swisd_peer *peer, uint64_t now_ns, uint64_t gap_ns, const char *how)
{
  peer->armed_ns = SWISD_NEVER;
  peer->resumed++;
  swisd_log(SWISD_LOG_INFO, "net", "resumed after %s %.1f s", how, (double)gap_ns / 1e9);
  const struct swisd_event event = {.kind = SWISD_EVENT_RESUMED, .u.gap_ns = gap_ns};
  step(peer, &event, now_ns);
}

/* Tells the core when the loop stood still: its deadline passed long ago, and nobody came. */
static void notice_gap(struct swisd_peer *peer, uint64_t now_ns)
{
  const uint64_t suspended_ns = swisd_clock_suspended_ns();
  const uint64_t asleep_ns = suspended_ns > peer->suspended_ns ? suspended_ns - peer->suspended_ns : 0;
  if (asleep_ns >= gap_ns_min) { /* a lid was closed, whether or not a deadline passed meanwhile */
    peer->suspended_ns = suspended_ns;
    tell_gap(peer, now_ns, asleep_ns, "a suspend of");
    return;
  }
  if (peer->armed_ns == SWISD_NEVER || now_ns < peer->armed_ns || now_ns - peer->armed_ns < gap_ns_min)
    return;
  tell_gap(peer, now_ns, now_ns - peer->armed_ns, "standing still for");
}

static void drain(struct swisd_peer *peer)
{
  for (int i = 0; i < STEPS_PER_TURN; i++) {
    const uint64_t now_ns = swisd_clock_now_ns();
    struct swisd_peer_queued *queued = peer->queue_first;
    if (queued) {
      peer->queue_first = queued->next;
      if (!peer->queue_first)
        peer->queue_end = &peer->queue_first;
      if (queued->message)
        queued->event.u.message.message = queued->message;
      if (queued->job_spec)
        queued->event.u.submitted.spec = queued->job_spec;
      step(peer, &queued->event, now_ns);
      free(queued->message);
      free(queued->job_spec);
      free(queued);
    } else if (swisd_node_deadline_ns(peer->node) <= now_ns) {
      const struct swisd_event event = {.kind = SWISD_EVENT_DEADLINE};
      step(peer, &event, now_ns);
    } else {
      break;
    }
  }
  if (peer->queue_first)
    event_active(peer->timer, EV_READ, 0);
  set_timer(peer);
}

static struct swisd_peer_queued *enqueue(struct swisd_peer *peer, const struct swisd_event *event)
{
  struct swisd_peer_queued *queued = calloc(1, sizeof *queued);
  assert(queued); /* a few hundred bytes: without them nothing works any more */
  queued->event = *event;
  *peer->queue_end = queued;
  peer->queue_end = &queued->next;
  return queued;
}

void swisd_peer_post(struct swisd_peer *peer, const struct swisd_event *event)
{
  if (peer->stepping) {
    assert(event->kind != SWISD_EVENT_MESSAGE && event->kind != SWISD_EVENT_MODEL);
    struct swisd_peer_queued *queued = enqueue(peer, event);
    if (event->kind == SWISD_EVENT_SUBMITTED) {
      queued->job_spec = malloc(sizeof *queued->job_spec);
      assert(queued->job_spec);
      *queued->job_spec = *event->u.submitted.spec;
    }
    return;
  }
  peer->stepping = true;
  const uint64_t now_ns = swisd_clock_now_ns();
  notice_gap(peer, now_ns);
  step(peer, event, now_ns);
  drain(peer);
  peer->stepping = false;
}

void swisd_peer_post_message(struct swisd_peer *peer, const struct swisd_message *message, struct swisd_body body)
{
  assert(peer->stepping);
  struct swisd_event event = {.kind = SWISD_EVENT_MESSAGE};
  event.u.message.from = peer->identity.id;
  event.u.message.from_address = peer->options.advertise;
  event.u.message.body = body;
  struct swisd_peer_queued *queued = enqueue(peer, &event);
  queued->message = malloc(sizeof *queued->message);
  assert(queued->message);
  *queued->message = *message;
}

static void on_timer(evutil_socket_t fd, short what, void *argument)
{
  (void)what;
  struct swisd_peer *peer = argument;
  uint64_t expirations;
  if (read(fd, &expirations, sizeof expirations) < 0 && errno != EAGAIN)
    swisd_log_limited(SWISD_LOG_ERROR, "net", "timer: %s", strerror(errno));
  if (!peer->started || peer->stepping)
    return;
  peer->stepping = true;
  notice_gap(peer, swisd_clock_now_ns());
  drain(peer);
  peer->stepping = false;
}

/* ---- what the parts tell ---- */

/* Whether the core may hear it now: nobody but its owner has written a record in it. */
static bool vouched_for(struct swisd_peer *peer, struct swisd_id from, const struct swisd_address *from_address,
                        const struct swisd_message *message, const struct swisd_trailer *trailer)
{
  return !swisd_records_concern(message->type) ||
         swisd_records_check(peer->records, from, from_address, message, trailer->bytes, trailer->count) == SWISD_RECORDS_GOOD;
}

static void on_message(struct swisd_links_host *host, struct swisd_id from, const struct swisd_message *message,
                       const struct swisd_trailer *trailer, struct swisd_blob *body)
{
  struct swisd_peer *peer = ((struct swisd_peer_links_host *)host)->peer;
  const struct swisd_address nowhere = {0};
  if (!vouched_for(peer, from, &nowhere, message, trailer)) {
    swisd_blob_drop(body);
    return;
  }
  struct swisd_event event = {.kind = SWISD_EVENT_MESSAGE};
  event.u.message.from = from;
  event.u.message.message = message;
  if (body) {
    event.u.message.body = swisd_bodies_add(peer->bodies, body);
    if (event.u.message.body.handle == 0)
      return;
  }
  swisd_peer_post(peer, &event);
}

static void on_unreachable(struct swisd_links_host *host, struct swisd_id id)
{
  struct swisd_peer *peer = ((struct swisd_peer_links_host *)host)->peer;
  const bool outer = !peer->stepping;
  peer->stepping = true; /* fetches end first, and their ends wait until all have been looked at */
  swisd_transfers_unreachable(peer->transfers, id);
  if (outer)
    peer->stepping = false;
  const struct swisd_event event = {.kind = SWISD_EVENT_UNREACHABLE, .u.peer = id};
  swisd_peer_post(peer, &event);
}

static void on_link_writable(struct swisd_links_host *host, struct swisd_id id)
{
  struct swisd_peer *peer = ((struct swisd_peer_links_host *)host)->peer;
  const struct swisd_event event = {.kind = SWISD_EVENT_WRITABLE, .u.peer = id};
  swisd_peer_post(peer, &event);
}

static void on_fetch_frame(struct swisd_links_host *host, struct swisd_id from, const struct swisd_frame *frame)
{
  struct swisd_peer *peer = ((struct swisd_peer_links_host *)host)->peer;
  if (frame->kind == SWISD_FRAME_FETCH_REPLY)
    swisd_transfers_frame(peer->transfers, from, frame);
  else
    swisd_serving_frame(peer->serving, from, frame);
}

static void on_fetch_data(struct swisd_links_host *host, struct swisd_id from, const struct swisd_frame *head,
                          const uint8_t *bytes, size_t count)
{
  swisd_transfers_data(((struct swisd_peer_links_host *)host)->peer->transfers, from, head, bytes, count);
}

static void hear(struct swisd_peer *peer, struct swisd_id from, const struct swisd_address *from_address,
                 const struct swisd_message *message)
{
  struct swisd_event event = {.kind = SWISD_EVENT_MESSAGE};
  event.u.message = (struct swisd_event_message){.from = from, .from_address = *from_address, .message = message};
  swisd_peer_post(peer, &event);
}

static void on_datagram(struct swisd_datagrams_host *host, struct swisd_id from, const struct swisd_address *from_address,
                        const struct swisd_message *message, const struct swisd_trailer *trailer)
{
  struct swisd_peer *peer = ((struct swisd_peer_datagrams_host *)host)->peer;
  if (vouched_for(peer, from, from_address, message, trailer))
    hear(peer, from, from_address, message);
}

static void on_verified(struct swisd_records_host *host, struct swisd_id from, const struct swisd_address *from_address,
                        const struct swisd_message *message)
{
  struct swisd_peer *peer = ((struct swisd_peer_records_host *)host)->peer;
  if (peer->started)
    hear(peer, from, from_address, message);
}

static void on_program_event(struct swisd_programs_host *host, const struct swisd_event *event)
{
  struct swisd_peer *peer = ((struct swisd_peer_programs_host *)host)->peer;
  if (peer->started)
    swisd_peer_post(peer, event);
}

static struct swisd_answer *on_program_answer(struct swisd_programs_host *host, uint64_t number)
{
  return swisd_peer_job_answer(((struct swisd_peer_programs_host *)host)->peer, number);
}

static void on_transfer_event(struct swisd_transfers_host *host, const struct swisd_event *event)
{
  struct swisd_peer *peer = ((struct swisd_peer_transfers_host *)host)->peer;
  if (peer->started)
    swisd_peer_post(peer, event);
}

/* Members that are up and name the shard; those that mean to drop it are no use. */
static uint32_t on_transfer_sources(struct swisd_transfers_host *host, swisd_shard_id shard, struct swisd_shard_source *sources,
                                    uint32_t max)
{
  const struct swisd_peer *peer = ((struct swisd_peer_transfers_host *)host)->peer;
  struct swisd_member_view member;
  uint32_t count = 0;
  for (uint32_t i = 1; count < max && swisd_node_member(peer->node, i, &member); i++) {
    if (member.state != SWISD_MEMBER_ALIVE || member.record->address_count == 0)
      continue;
    for (uint32_t h = 0; h < member.record->holding_count; h++)
      if (member.record->holdings[h] == shard && !(member.record->holding_flags[h] & SWISD_HOLDING_DROPPING)) {
        sources[count++] = (struct swisd_shard_source){.id = member.record->id, .address = member.record->addresses[0]};
        break;
      }
  }
  return count;
}

static void on_shard_damaged(struct swisd_serving_host *host, swisd_shard_id shard)
{
  struct swisd_peer *peer = ((struct swisd_peer_serving_host *)host)->peer;
  const struct swisd_event event = {.kind = SWISD_EVENT_SHARD_LOST, .u.shard = shard};
  if (peer->started)
    swisd_peer_post(peer, &event);
}

static void on_holding_lost(struct swisd_holdings_host *host, swisd_shard_id shard)
{
  struct swisd_peer *peer = ((struct swisd_peer_holdings_host *)host)->peer;
  const struct swisd_event event = {.kind = SWISD_EVENT_SHARD_LOST, .u.shard = shard};
  if (peer->started)
    swisd_peer_post(peer, &event);
}

static void on_listening(evutil_socket_t fd, short what, void *argument)
{
  (void)what;
  struct swisd_peer *peer = argument;
  for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
    struct sockaddr_storage from;
    socklen_t length = sizeof from;
    const int accepted = accept4(fd, (struct sockaddr *)&from, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (accepted < 0) {
      if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
        swisd_log_limited(SWISD_LOG_WARN, "net", "cannot accept a connection: %s", strerror(errno));
      return;
    }
    const struct swisd_address address = swisd_address_from_socket(&from);
    swisd_links_accept(peer->links, accepted, &address);
  }
}

/* ---- opening and closing ---- */

static int open_admission(struct swisd_peer *peer, struct swisd_error *error)
{
  if (!peer->options.key_file)
    return swisd_error_set(error, "no join key: give the file of one; swisd keygen makes it");
  return swisd_admission_open(&peer->admission, peer->options.key_file, error);
}

static int open_storage(struct swisd_peer *peer, struct swisd_error *error)
{
  char folder[640];
  snprintf(folder, sizeof folder, "%s/store", peer->identity.directory);
  peer->store = swisd_store_open(folder, error);
  if (!peer->store)
    return -1;
  swisd_store_limit(peer->store, peer->options.disk_bytes);
  const struct swisd_config *config = &peer->options.config;
  peer->models = swisd_models_open(peer->store, peer->options.kernels);
  peer->bodies = swisd_bodies_open(config->body_bytes_max + config->body_bytes_max / 4); /* the core's plus what is in flight */
  peer->inputs = swisd_bodies_open(UINT64_MAX);
  peer->buffers = swisd_bodies_open(BUFFER_BYTES_MAX);
  return peer->models && peer->bodies && peer->inputs && peer->buffers ? 0 : swisd_error_set(error, "out of memory");
}

static int open_threads(struct swisd_peer *peer, struct swisd_error *error)
{
  struct swisd_workers_options options = {.threads = peer->options.config.compute_slots, .withhold = peer->options.withhold};
  memcpy(options.flops_per_s, peer->options.flops_per_s, sizeof options.flops_per_s);
  peer->workers = swisd_workers_open(peer->base, &options, error);
  const struct swisd_workers_options one = {.threads = 1};
  peer->disk = peer->workers ? swisd_workers_open(peer->base, &one, error) : NULL;
  peer->verifiers = peer->disk ? swisd_workers_open(peer->base, &one, error) : NULL;
  if (!peer->verifiers)
    return -1;
  peer->programs_host.host = (struct swisd_programs_host){.event = on_program_event, .answer = on_program_answer};
  peer->programs_host.peer = peer;
  peer->programs = swisd_programs_open(&peer->programs_host.host, peer->bodies, peer->models, peer->workers,
                                       peer->options.kernels);
  return peer->programs ? 0 : swisd_error_set(error, "out of memory");
}

static int open_network(struct swisd_peer *peer, int udp_fd, struct swisd_error *error)
{
  peer->records_host = (struct swisd_peer_records_host){{.verified = on_verified}, peer};
  peer->records = swisd_records_open(&peer->identity.key, peer->verifiers, &peer->records_host.host);
  if (!peer->records)
    return swisd_error_set(error, "out of memory");
  peer->datagrams_host = (struct swisd_peer_datagrams_host){{.datagram = on_datagram}, peer};
  const struct swisd_datagrams_options datagrams = {.base = peer->base, .shape = &peer->shape, .key = &peer->identity.key,
                                                    .admission = &peer->admission, .host = &peer->datagrams_host.host,
                                                    .incarnation = peer->identity.incarnation};
  peer->datagrams = swisd_datagrams_open(&datagrams, udp_fd);
  peer->links_host.host = (struct swisd_links_host){.message = on_message, .unreachable = on_unreachable,
                                                    .writable = on_link_writable, .fetch_frame = on_fetch_frame,
                                                    .fetch_data = on_fetch_data};
  peer->links_host.peer = peer;
  peer->tls = swisd_tls_node_open(&peer->identity.key, error);
  if (!peer->tls)
    return -1;
  struct swisd_links_options links = {.base = peer->base, .shape = &peer->shape, .bodies = peer->bodies, .tls = peer->tls,
                                      .admission = &peer->admission, .hello = swisd_hello_default(),
                                      .host = &peer->links_host.host};
  links.hello.features = SWISD_HELLO_DATAGRAMS;
  links.hello.id = peer->identity.id;
  links.hello.incarnation = peer->identity.incarnation;
  links.hello.address_count = 1;
  links.hello.addresses[0] = peer->options.advertise;
  peer->links = swisd_links_open(&links);
  if (!peer->links || !peer->datagrams)
    return swisd_error_set(error, "out of memory");
  peer->transfers_host = (struct swisd_peer_transfers_host){{.event = on_transfer_event, .sources = on_transfer_sources}, peer};
  const struct swisd_transfers_options transfers = {.base = peer->base, .links = peer->links, .bodies = peer->bodies,
                                                    .models = peer->models, .store = peer->store, .disk = peer->disk,
                                                    .buffers = peer->buffers, .host = &peer->transfers_host.host};
  peer->transfers = swisd_transfers_open(&transfers);
  peer->serving_host = (struct swisd_peer_serving_host){{.shard_damaged = on_shard_damaged}, peer};
  peer->holdings_host = (struct swisd_peer_holdings_host){{.lost = on_holding_lost}, peer};
  const struct swisd_serving_options serving = {.base = peer->base, .links = peer->links, .bodies = peer->bodies,
                                                .buffers = peer->buffers, .store = peer->store, .disk = peer->disk,
                                                .host = &peer->serving_host.host};
  peer->serving = swisd_serving_open(&serving);
  peer->listening = event_new(peer->base, peer->listen_fd, EV_READ | EV_PERSIST, on_listening, peer);
  if (!peer->transfers || !peer->serving || !peer->listening || event_add(peer->listening, NULL) != 0)
    return swisd_error_set(error, "out of memory");
  return 0;
}

static uint32_t class_number(const char *name)
{
  uint32_t hash = 2166136261u; /* FNV-1a: equal names, equal numbers */
  for (; *name; name++)
    hash = (hash ^ (uint8_t)*name) * 16777619u;
  return hash;
}

static int open_core(struct swisd_peer *peer, struct swisd_error *error)
{
  struct swisd_config *config = &peer->options.config;
  config->id = peer->identity.id;
  config->addresses[0] = peer->options.advertise;
  config->address_count = 1;
  config->kernels_class = class_number(peer->options.kernels->class_name);
  uint64_t seed;
  if (RAND_bytes((unsigned char *)&seed, sizeof seed) != 1)
    return swisd_error_set(error, "OpenSSL has no randomness");
  const size_t bytes = (swisd_node_size(&config->limits) + 63) / 64 * 64;
  peer->node = aligned_alloc(64, bytes);
  peer->ledger = swisd_ledger_open(config->id);
  if (!peer->node || !peer->ledger)
    return swisd_error_set(error, "out of memory");
  memset(peer->node, 0, bytes);
  swisd_node_init(peer->node, config, seed);
  if (peer->options.record_file) {
    peer->recorder = swisd_recorder_open(peer->base, peer->options.record_file, config, seed, error);
    if (!peer->recorder)
      return -1;
  }
  peer->timer_fd = timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC);
  if (peer->timer_fd >= 0)
    peer->timer = event_new(peer->base, peer->timer_fd, EV_READ | EV_PERSIST, on_timer, peer);
  if (!peer->timer || event_add(peer->timer, NULL) != 0)
    return swisd_error_set(error, "cannot make a timer: %s", strerror(errno));
  return 0;
}

static struct event_base *open_base(void)
{
  struct event_config *config = event_config_new();
  if (!config)
    return NULL;
  event_config_set_flag(config, EVENT_BASE_FLAG_PRECISE_TIMER); /* timers in microseconds: chunks are sized by time */
  event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);        /* one thread touches the base */
  struct event_base *base = event_base_new_with_config(config);
  event_config_free(config);
  return base;
}

static void start(struct swisd_peer *peer)
{
  struct swisd_event event = {.kind = SWISD_EVENT_START};
  struct swisd_event_start *with = &event.u.start;
  with->incarnation = peer->identity.incarnation;
  with->seed_count = peer->options.seed_count;
  memcpy(with->seeds, peer->options.seeds, sizeof with->seeds);
  swisd_peer_add_remembered(peer, with);
  with->holding_count = swisd_holdings_choose(peer->store, peer->options.config.memory_bytes, with->holdings);
  peer->started = true;
  swisd_peer_post(peer, &event);
  swisd_holdings_check(peer->store, peer->disk, &peer->holdings_host.host, with->holdings, with->holding_count);
}

struct swisd_peer *swisd_peer_open(const struct swisd_peer_options *options, struct swisd_error *error)
{
  struct swisd_peer *peer = calloc(1, sizeof *peer);
  if (!peer) {
    swisd_error_set(error, "out of memory");
    return NULL;
  }
  peer->options = *options;
  peer->listen_fd = peer->timer_fd = peer->identity.lock_fd = -1;
  peer->queue_end = &peer->queue_first;
  peer->armed_ns = SWISD_NEVER;
  peer->start_ns = swisd_clock_now_ns();
  peer->job_number_next = 1;
  peer->suspended_ns = swisd_clock_suspended_ns();
  peer->shape = (struct swisd_linkshape){.up_bytes_per_s = options->up_bytes_per_s, .down_bytes_per_s = options->down_bytes_per_s,
                                         .delay_ns = options->delay_ns, .random = swisd_philox_stream(peer->start_ns, 0, 0, 0)};
  peer->base = open_base();
  int udp_fd = -1;
  if (!peer->base)
    swisd_error_set(error, "libevent cannot start");
  else if (swisd_identity_open(&peer->identity, options->data_directory, error) == 0 &&
           open_admission(peer, error) == 0 &&
           swisd_ports_open(&options->listen, &peer->listen_fd, &udp_fd, &peer->address, error) == 0) {
    if (peer->options.advertise.family == SWISD_ADDRESS_NONE)
      peer->options.advertise = peer->address;
    else if (peer->options.advertise.port == 0)
      peer->options.advertise.port = peer->address.port;
    if (open_storage(peer, error) == 0 && open_threads(peer, error) == 0 && open_network(peer, udp_fd, error) == 0 &&
        open_core(peer, error) == 0 && (peer->control = swisd_control_open(peer, peer->identity.directory, error)) != NULL) {
      start(peer);
      if (swisd_peer_life_open(peer, error) == 0)
        return peer;
    }
  }
  swisd_peer_close(peer);
  return NULL;
}

void swisd_peer_close(struct swisd_peer *peer)
{
  if (!peer)
    return;
  peer->started = false;
  swisd_peer_life_close(peer);
  swisd_control_close(peer->control);
  swisd_workers_close(peer->workers);
  swisd_workers_close(peer->disk);
  swisd_workers_close(peer->verifiers);
  swisd_programs_close(peer->programs);
  swisd_transfers_close(peer->transfers);
  swisd_serving_close(peer->serving);
  swisd_links_close(peer->links);
  swisd_tls_node_close(peer->tls);
  swisd_datagrams_close(peer->datagrams);
  swisd_records_close(peer->records);
  while (peer->queue_first) {
    struct swisd_peer_queued *queued = peer->queue_first;
    peer->queue_first = queued->next;
    free(queued->message);
    free(queued->job_spec);
    free(queued);
  }
  swisd_peer_jobs_close(peer);
  swisd_recorder_close(peer->recorder);
  swisd_models_close(peer->models);
  swisd_store_close(peer->store);
  swisd_bodies_close(peer->bodies);
  swisd_bodies_close(peer->inputs);
  swisd_bodies_close(peer->buffers);
  struct event *events[] = {peer->listening, peer->timer};
  for (size_t i = 0; i < sizeof events / sizeof *events; i++)
    if (events[i])
      event_free(events[i]);
  if (peer->listen_fd >= 0)
    close(peer->listen_fd);
  if (peer->timer_fd >= 0)
    close(peer->timer_fd);
  swisd_identity_close(&peer->identity);
  swisd_ledger_close(peer->ledger);
  free(peer->node);
  if (peer->base)
    event_base_free(peer->base);
  free(peer);
}

/* ---- running ---- */

void swisd_peer_run(struct swisd_peer *peer)
{
  event_base_dispatch(peer->base);
}

void swisd_peer_break(struct swisd_peer *peer)
{
  event_base_loopbreak(peer->base);
}

struct event_base *swisd_peer_base(struct swisd_peer *peer) { return peer->base; }
const struct swisd_node *swisd_peer_node(const struct swisd_peer *peer) { return peer->node; }
const struct swisd_peer_options *swisd_peer_options(const struct swisd_peer *peer) { return &peer->options; }
struct swisd_id swisd_peer_id(const struct swisd_peer *peer) { return peer->identity.id; }
struct swisd_address swisd_peer_address(const struct swisd_peer *peer) { return peer->address; }
const struct swisd_ledger *swisd_peer_ledger(const struct swisd_peer *peer) { return peer->ledger; }
void swisd_peer_watch(struct swisd_peer *peer, struct swisd_peer_watcher *watcher) { peer->watcher = watcher; }

int swisd_peer_reload_keys(struct swisd_peer *peer, struct swisd_error *error)
{
  if (open_admission(peer, error) != 0)
    return -1;
  swisd_links_readmit(peer->links);
  swisd_datagrams_readmit(peer->datagrams);
  return 0;
}

/* ---- faults ---- */

void swisd_peer_silence(struct swisd_peer *peer, bool silent)
{
  peer->shape.silent = silent;
  swisd_links_kick(peer->links);
}

void swisd_peer_loss(struct swisd_peer *peer, double share) { peer->shape.datagram_loss = share; }

int swisd_peer_cut(struct swisd_peer *peer, const struct swisd_id *peers, uint32_t count)
{
  if (count > SWISD_LINKSHAPE_CUTS_MAX)
    return -1;
  memcpy(peer->shape.cuts, peers, count * sizeof *peers);
  peer->shape.cut_count = count;
  swisd_links_kick(peer->links);
  return 0;
}

void swisd_peer_status(const struct swisd_peer *peer, struct swisd_peer_status *out)
{
  memset(out, 0, sizeof *out);
  out->uptime_ns = swisd_clock_now_ns() - peer->start_ns;
  swisd_node_status(peer->node, &out->node);
  out->bodies = swisd_bodies_status(peer->bodies);
  out->workers = swisd_workers_status(peer->workers);
  out->links = swisd_links_status(peer->links);
  out->datagrams = swisd_datagrams_status(peer->datagrams);
  out->records = swisd_records_status(peer->records);
  out->transfers = swisd_transfers_status(peer->transfers);
  out->serving = swisd_serving_status(peer->serving);
  swisd_store_usage(peer->store, &out->store);
  out->steps = peer->steps;
  out->actions = peer->action_count;
  out->resumed = peer->resumed;
  out->recorded_bytes = swisd_recorder_bytes(peer->recorder);
  out->datagrams_dropped = peer->shape.datagrams_dropped;
  out->model_memory_bytes = swisd_models_memory_bytes(peer->models);
  out->silent = peer->shape.silent;
  out->beacon = swisd_beacon_status(peer->beacon);
  out->availability_percent = peer->availability_percent;
  memcpy(out->availability_why, peer->availability_why, sizeof out->availability_why);
  out->stopping = peer->stopping;
}
