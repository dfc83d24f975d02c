/* The status of a node as one JSON object on one line. */
#include "runtime/base/json.h"
#include "runtime/net/control.h"
#include "runtime/net/identity.h"
#include "runtime/net/peer.h"
#include "runtime/net/socket_address.h"

static void number(struct swisd_json *json, const char *key, uint64_t value)
{
  swisd_json_key(json, key);
  swisd_json_unsigned(json, value);
}

static void text(struct swisd_json *json, const char *key, const char *value)
{
  swisd_json_key(json, key);
  if (value)
    swisd_json_string(json, value);
  else
    swisd_json_null(json);
}

static void print_members(struct swisd_json *json, const struct swisd_node *node)
{
  static const char *const states[] = {"alive", "suspect", "dead", "left"};
  swisd_json_key(json, "members");
  swisd_json_array(json);
  struct swisd_member_view member;
  for (uint32_t i = 0; swisd_node_member(node, i, &member); i++) {
    if (!member.record || swisd_id_is_zero(member.record->id))
      continue;
    char id[33], address[SWISD_ADDRESS_TEXT_BYTES];
    swisd_id_text(member.record->id, id);
    swisd_json_object(json);
    text(json, "id", id);
    text(json, "state", states[member.state]);
    number(json, "incarnation", member.record->incarnation);
    swisd_json_key(json, "works");
    swisd_json_boolean(json, member.record->flags & SWISD_RECORD_WORKS);
    if (member.record->address_count > 0) {
      swisd_address_text(&member.record->addresses[0], address);
      text(json, "address", address);
    }
    number(json, "holdings", member.record->holding_count);
    swisd_json_end(json);
  }
  swisd_json_end(json);
}

static void print_core(struct swisd_json *json, const struct swisd_peer_status *status)
{
  number(json, "incarnation", status->node.incarnation);
  number(json, "members_alive", status->node.members_alive);
  number(json, "members_suspect", status->node.members_suspect);
  number(json, "members_dead", status->node.members_dead);
  number(json, "holdings", status->node.holdings);
  number(json, "jobs", status->node.jobs);
  number(json, "open_jobs", status->node.open_jobs);
  number(json, "queued", status->node.queued);
  number(json, "computing", status->node.computing);
  number(json, "outputs", status->node.outputs);
  number(json, "queue_ns", status->node.queue_ns);
  number(json, "steps", status->steps);
  number(json, "resumed", status->resumed);
  number(json, "recorded_bytes", status->recorded_bytes);
}

static void print_work(struct swisd_json *json, const struct swisd_peer_status *status)
{
  number(json, "programs_completed", status->workers.completed);
  number(json, "programs_cancelled", status->workers.cancelled);
  number(json, "busy_ns", status->workers.busy_ns);
  number(json, "overrun_ns", status->workers.overrun_ns);
  swisd_json_key(json, "slow_factor");
  swisd_json_number(json, status->workers.slow_factor);
  swisd_json_key(json, "silent");
  swisd_json_boolean(json, status->silent);
  number(json, "body_bytes", status->bodies.used_bytes);
  number(json, "body_bytes_peak", status->bodies.peak_bytes);
  number(json, "bodies_over_quota", status->bodies.refused);
  number(json, "model_memory_bytes", status->model_memory_bytes);
}

static void print_network(struct swisd_json *json, const struct swisd_peer_status *status)
{
  const struct swisd_links_status *links = &status->links;
  number(json, "streams", links->streams.open);
  number(json, "stream_bytes_sent", links->streams.bytes_sent);
  number(json, "stream_bytes_received", links->streams.bytes_received);
  number(json, "frames_bad", links->streams.frames_bad);
  number(json, "frames_skipped", links->streams.frames_skipped);
  number(json, "connections_refused", links->refused);
  number(json, "dial_failed", links->dial_failed);
  number(json, "messages_sent", links->messages_sent);
  number(json, "messages_received", links->messages_received);
  number(json, "messages_dropped", links->messages_dropped);
  number(json, "messages_bad", links->messages_bad);
  number(json, "bodies_sent", links->bodies_sent);
  number(json, "bodies_received", links->bodies_received);
  number(json, "bodies_refused", links->bodies_refused);
  number(json, "body_bytes_sent", links->body_bytes_sent);
  number(json, "body_bytes_received", links->body_bytes_received);
  const struct swisd_datagrams_status *datagrams = &status->datagrams;
  uint64_t bad = 0;
  for (int i = 0; i < SWISD_WIRE_STATUS_COUNT; i++)
    bad += datagrams->bad[i];
  number(json, "datagrams_sent", datagrams->sent);
  number(json, "datagrams_received", datagrams->received);
  number(json, "datagram_bytes_sent", datagrams->bytes_sent);
  number(json, "datagrams_forged", datagrams->forged);
  number(json, "datagrams_bad", bad);
  number(json, "datagrams_dropped", status->datagrams_dropped);
  number(json, "shards_fetched", status->transfers.shards_fetched);
  number(json, "shards_served", status->serving.shards);
  number(json, "fetches_resumed", status->transfers.resumed);
  number(json, "fetches_damaged", status->transfers.damaged);
  number(json, "fetches_failed", status->transfers.failed);
  number(json, "bodies_fetched", status->transfers.bodies_fetched);
}

void swisd_control_print_status(struct swisd_peer *peer, FILE *out)
{
  struct swisd_peer_status status;
  swisd_peer_status(peer, &status);
  char id[33], address[SWISD_ADDRESS_TEXT_BYTES];
  swisd_id_text(swisd_peer_id(peer), id);
  const struct swisd_address at = swisd_peer_address(peer);
  swisd_address_text(&at, address);
  struct swisd_json json;
  swisd_json_start(&json, out, false);
  swisd_json_object(&json);
  swisd_json_key(&json, "ok");
  swisd_json_boolean(&json, true);
  text(&json, "id", id);
  text(&json, "name", swisd_peer_options(peer)->name);
  text(&json, "class", swisd_peer_options(peer)->class_name);
  text(&json, "address", address);
  text(&json, "kernels", swisd_peer_options(peer)->kernels->name);
  number(&json, "uptime_ns", status.uptime_ns);
  print_core(&json, &status);
  print_work(&json, &status);
  print_network(&json, &status);
  print_members(&json, swisd_peer_node(peer));
  swisd_json_end(&json);
  swisd_json_finish(&json);
}
