/* Carrying out what a step wants. Every action is either done here or handed to the part that does it; what fails comes back
 * as an event, never as an error from here. */
#include "runtime/base/log.h"
#include "runtime/net/peer_internal.h"

static void send_to_self(struct swisd_peer *peer, const struct swisd_action_send *send)
{
  struct swisd_body body = {0};
  if (send->body.handle != 0) {
    struct swisd_blob *whole = swisd_bodies_find(peer->bodies, send->body);
    struct swisd_blob *slice = whole ? swisd_blob_slice(whole, send->body_offset, send->body_length) : NULL;
    if (!slice)
      return;
    body = swisd_bodies_add(peer->bodies, slice);
    if (body.handle == 0)
      return;
  }
  swisd_peer_post_message(peer, &send->message, body);
}

void swisd_peer_send(struct swisd_peer *peer, const struct swisd_action_send *send)
{
  if (swisd_id_equal(send->to, peer->identity.id)) {
    send_to_self(peer, send);
    return;
  }
  const struct swisd_message *message = &send->message;
  uint8_t seals[SWISD_SEALS_BYTES_MAX];
  struct swisd_trailer trailer = {.bytes = seals};
  if (swisd_records_concern(message->type)) {
    peer->outgoing = *message;
    message = &peer->outgoing;
    trailer.count = swisd_records_seal(peer->records, &peer->outgoing, seals);
  }
  if (swisd_message_is_datagram(message->type)) {
    swisd_datagrams_send(peer->datagrams, send->to, &send->address, message, &trailer);
    return;
  }
  struct swisd_blob *body = send->body.handle != 0 ? swisd_bodies_find(peer->bodies, send->body) : NULL;
  if (send->body.handle != 0 && !body) {
    swisd_log_limited(SWISD_LOG_ERROR, "net", "the core sends a body that it has released");
    return;
  }
  swisd_links_send(peer->links, send->to, &send->address, message, &trailer, body, send->body_offset, send->body_length);
}

static void persist(struct swisd_peer *peer, uint32_t incarnation)
{
  struct swisd_error error;
  swisd_links_set_incarnation(peer->links, incarnation);
  swisd_datagrams_set_incarnation(peer->datagrams, incarnation);
  if (swisd_identity_persist(&peer->identity, incarnation, &error) != 0)
    swisd_log(SWISD_LOG_ERROR, "net", "%s; the node goes on, but after a restart the others may take it for dead", error.text);
}

/* Its memory is free at once; its file stays while there is room, for the day it is wanted again. */
static void drop(struct swisd_peer *peer, swisd_shard_id shard)
{
  struct swisd_error error;
  swisd_models_forget_shard(peer->models, shard);
  const enum swisd_store_status status = swisd_store_retire(peer->store, shard, &error);
  if (status != SWISD_STORE_OK && status != SWISD_STORE_NOT_FOUND)
    swisd_log(SWISD_LOG_WARN, "net", "a shard could not be put away: %s", error.text);
}

void swisd_peer_carry_out(struct swisd_peer *peer, uint64_t now_ns)
{
  const struct swisd_actions *actions = &peer->actions;
  for (uint32_t i = 0; i < actions->count; i++) {
    const struct swisd_action *action = &actions->list[i];
    switch (action->kind) {
    case SWISD_ACTION_SEND:
      swisd_peer_send(peer, &action->u.send);
      break;
    case SWISD_ACTION_COMPUTE:
      swisd_programs_start(peer->programs, &action->u.compute, now_ns);
      break;
    case SWISD_ACTION_CANCEL:
      swisd_workers_cancel(peer->workers, action->u.ticket);
      swisd_transfers_cancel(peer->transfers, action->u.ticket);
      break;
    case SWISD_ACTION_FETCH_SHARD:
    case SWISD_ACTION_FETCH_BODY:
      swisd_transfers_fetch(peer->transfers, action->kind, &action->u.fetch);
      break;
    case SWISD_ACTION_GRANT:
      swisd_links_grant(peer->links, action->u.grant.peer, action->u.grant.bytes);
      break;
    case SWISD_ACTION_DROP:
      drop(peer, action->u.drop.shard);
      break;
    case SWISD_ACTION_RELEASE:
      swisd_bodies_release(peer->bodies, action->u.release);
      break;
    case SWISD_ACTION_PERSIST:
      persist(peer, action->u.persist.incarnation);
      break;
    case SWISD_ACTION_ANSWER:
      swisd_peer_answered(peer, &action->u.answer);
      break;
    case SWISD_ACTION_FORGET:
      swisd_models_forget_job(peer->models, action->u.forget);
      break;
    }
  }
}
