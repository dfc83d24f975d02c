/* See connection.h. */
#include "runtime/net/connection.h"

#include <assert.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

enum {
  OUTGOING_MAX = 4096, /* bodies waiting to leave on one connection */
  INCOMING_MAX = 256,  /* bodies of messages half here: more is no peer of ours */
  HANDSHAKE_SECONDS = 5,
  RETIRE_SECONDS = 1, /* the peer has long changed over to the other connection by then */
};

struct outgoing_body {
  struct outgoing_body *next;
  uint32_t channel;
  bool aborted;
  struct swisd_blob *blob;
  uint64_t offset, end;
};

struct incoming_body {
  struct incoming_body *next;
  uint32_t channel;
  struct swisd_blob *blob; /* NULL: refused, its data is thrown away */
  uint64_t filled, bytes;
  size_t message_count;
  uint8_t message[];
};

static void end(struct swisd_connection *connection, const char *why, bool refused)
{
  if (connection->closing)
    return;
  connection->closing = true;
  connection->host->closed(connection->host, connection, why, refused);
}

/* ---- handshake ---- */

static struct swisd_admission_claim claim(const struct swisd_connection *connection, bool ours)
{
  struct swisd_admission_claim claim = {.dialled = ours == connection->dialled,
                                        .prover = ours ? connection->own.id : connection->theirs.id,
                                        .verifier = ours ? connection->theirs.id : connection->own.id};
  memcpy(claim.binding, connection->binding, sizeof claim.binding);
  return claim;
}

static void introduce(struct swisd_connection *connection)
{
  uint8_t bytes[SWISD_FRAME_HELLO_BYTES_MAX], proofs[SWISD_PROOFS_BYTES_MAX];
  size_t count = 0;
  const int status = swisd_hello_encode(&connection->own, bytes, sizeof bytes, &count);
  assert(status == SWISD_WIRE_OK);
  const struct swisd_frame hello = {.kind = SWISD_FRAME_HELLO, .data = bytes, .data_count = (uint32_t)count};
  swisd_stream_send(connection->stream, &hello);
  const struct swisd_admission_claim own = claim(connection, true);
  const struct swisd_frame proof = {.kind = SWISD_FRAME_PROOF,
                                    .data = proofs,
                                    .data_count = (uint32_t)swisd_admission_prove(connection->admission, &own, proofs)};
  swisd_stream_send(connection->stream, &proof);
}

/* TLS stands: the peer is who its key says. */
static void on_opened(struct swisd_stream_host *host, struct swisd_id peer)
{
  struct swisd_connection *connection = (struct swisd_connection *)host;
  connection->theirs.id = peer;
  if (swisd_id_equal(peer, connection->own.id))
    end(connection, "this is the node itself", false);
  else if (!swisd_id_is_zero(connection->dialled_id) && !swisd_id_equal(connection->dialled_id, peer))
    end(connection, "another node answers there", false);
  else if (swisd_stream_binding(connection->stream, connection->binding) != 0)
    end(connection, "TLS gives no keying material", false);
  else if (connection->dialled)
    introduce(connection);
}

static void on_hello(struct swisd_connection *connection, const struct swisd_frame *frame)
{
  struct swisd_hello theirs;
  uint32_t version;
  int status = swisd_hello_decode(frame->data, frame->data_count, &theirs);
  if (status == SWISD_WIRE_OK)
    status = swisd_hello_negotiate(&connection->own, &theirs, &version);
  if (status != SWISD_WIRE_OK)
    end(connection, status == SWISD_WIRE_VERSION ? "no protocol version in common" : "a HELLO that is none", true);
  else if (!swisd_id_equal(theirs.id, connection->theirs.id))
    end(connection, "a HELLO in the name of another", true);
  else {
    connection->theirs = theirs;
    connection->greeted = true;
  }
}

static void on_proof(struct swisd_connection *connection, const struct swisd_frame *frame)
{
  const struct swisd_admission_claim theirs = claim(connection, false);
  const int key = swisd_admission_verify(connection->admission, &theirs, frame->data, frame->data_count);
  if (key < 0) {
    end(connection, "another join key", true);
    return;
  }
  connection->admitted_by = swisd_admission_mark(connection->admission, (uint32_t)key);
  if (!connection->dialled)
    introduce(connection);
  connection->proven = true;
  event_del(connection->timer);
  connection->host->proven(connection->host, connection);
}

/* ---- bodies that come with messages ---- */

static void incoming_free(struct swisd_connection *connection, struct incoming_body **link)
{
  struct incoming_body *incoming = *link;
  *link = incoming->next;
  connection->incoming_count--;
  swisd_blob_drop(incoming->blob);
  free(incoming);
}

static struct incoming_body **incoming_find(struct swisd_connection *connection, uint32_t channel)
{
  for (struct incoming_body **link = &connection->incoming; *link; link = &(*link)->next)
    if ((*link)->channel == channel)
      return link;
  return NULL;
}

static void on_message_body(struct swisd_connection *connection, const struct swisd_frame *frame)
{
  if (connection->incoming_count >= INCOMING_MAX || incoming_find(connection, frame->channel)) {
    end(connection, "too many bodies at once", false);
    return;
  }
  struct swisd_blob *blob = connection->host->admit(connection->host, connection, frame->u.body.bytes);
  if (frame->u.body.bytes == 0) {
    if (blob)
      connection->host->message(connection->host, connection, frame->data, frame->data_count, blob);
    return;
  }
  struct incoming_body *incoming = calloc(1, sizeof *incoming + frame->data_count);
  if (!incoming) {
    swisd_blob_drop(blob);
    end(connection, "out of memory", false);
    return;
  }
  incoming->channel = frame->channel;
  incoming->blob = blob;
  incoming->bytes = frame->u.body.bytes;
  incoming->message_count = frame->data_count;
  memcpy(incoming->message, frame->data, frame->data_count);
  incoming->next = connection->incoming;
  connection->incoming = incoming;
  connection->incoming_count++;
}

static void on_body_data(struct swisd_connection *connection, const struct swisd_frame *head, const uint8_t *bytes, size_t count)
{
  struct incoming_body **link = incoming_find(connection, head->channel);
  if (!link) {
    end(connection, "data of a body that was not announced", false);
    return;
  }
  struct incoming_body *incoming = *link;
  if (head->flags & SWISD_FRAME_ABORT) {
    incoming_free(connection, link);
    return;
  }
  if (count > incoming->bytes - incoming->filled) {
    end(connection, "a body longer than announced", false);
    return;
  }
  if (incoming->blob && count > 0)
    memcpy(incoming->blob->data + incoming->filled, bytes, count);
  incoming->filled += count;
  if (incoming->filled < incoming->bytes)
    return;
  *link = incoming->next; /* out of the list first: the host may close the connection */
  connection->incoming_count--;
  if (incoming->blob)
    connection->host->message(connection->host, connection, incoming->message, incoming->message_count, incoming->blob);
  free(incoming);
}

/* ---- the stream's host ---- */

static void on_frame(struct swisd_stream_host *host, const struct swisd_frame *frame)
{
  struct swisd_connection *connection = (struct swisd_connection *)host;
  if (!connection->greeted) {
    if (frame->kind == SWISD_FRAME_HELLO)
      on_hello(connection, frame);
    else
      end(connection, "something else than a HELLO", true);
    return;
  }
  if (!connection->proven) {
    if (frame->kind == SWISD_FRAME_PROOF)
      on_proof(connection, frame);
    else
      end(connection, "something else than a PROOF", true);
    return;
  }
  switch (frame->kind) {
  case SWISD_FRAME_MESSAGE:
    connection->host->message(connection->host, connection, frame->data, frame->data_count, NULL);
    break;
  case SWISD_FRAME_MESSAGE_BODY:
    on_message_body(connection, frame);
    break;
  case SWISD_FRAME_FETCH_SHARD:
  case SWISD_FRAME_FETCH_BODY:
  case SWISD_FRAME_FETCH_MANIFEST:
  case SWISD_FRAME_FETCH_REPLY:
  case SWISD_FRAME_FETCH_CANCEL:
    connection->host->fetch_frame(connection->host, connection, frame);
    break;
  case SWISD_FRAME_PING:
    if (!(frame->flags & SWISD_FRAME_REPLY)) {
      const struct swisd_frame answer = {.kind = SWISD_FRAME_PING, .flags = SWISD_FRAME_REPLY, .channel = frame->channel};
      swisd_stream_send(connection->stream, &answer);
    }
    break;
  default: /* GRANT: the core's credits already say what may be sent; a second HELLO or PROOF means nothing */
    break;
  }
}

static void on_data(struct swisd_stream_host *host, const struct swisd_frame *head, const uint8_t *bytes, size_t count)
{
  struct swisd_connection *connection = (struct swisd_connection *)host;
  if (!connection->proven)
    end(connection, "data before a PROOF", true);
  else if (head->kind == SWISD_FRAME_BODY_DATA)
    on_body_data(connection, head, bytes, count);
  else
    connection->host->fetch_data(connection->host, connection, head, bytes, count);
}

static void outgoing_pop(struct swisd_connection *connection, struct outgoing_body **first, struct outgoing_body ***last)
{
  struct outgoing_body *body = *first;
  *first = body->next;
  if (!*first)
    *last = first;
  connection->outgoing_count--;
  swisd_blob_drop(body->blob);
  free(body);
}

/* The two kinds of bodies take turns. The piece's blob is safe until the caller has taken its own reference, because a body
 * is only popped on the call after its last piece. */
static bool on_next(struct swisd_stream_host *host, uint32_t bytes_max, struct swisd_stream_piece *piece)
{
  struct swisd_connection *connection = (struct swisd_connection *)host;
  while (connection->messages_first && connection->messages_first->offset == connection->messages_first->end)
    outgoing_pop(connection, &connection->messages_first, &connection->messages_end);
  while (connection->fetches_first && connection->fetches_first->offset == connection->fetches_first->end &&
         !connection->fetches_first->aborted)
    outgoing_pop(connection, &connection->fetches_first, &connection->fetches_end);
  const bool fetch = connection->fetches_first && (connection->fetch_turn || !connection->messages_first);
  struct outgoing_body *body = fetch ? connection->fetches_first : connection->messages_first;
  connection->fetch_turn = !fetch;
  if (!body) {
    connection->host->drained(connection->host, connection);
    return false;
  }
  *piece = (struct swisd_stream_piece){.blob = body->blob, .offset = body->offset};
  piece->frame.kind = fetch ? SWISD_FRAME_FETCH_DATA : SWISD_FRAME_BODY_DATA;
  piece->frame.channel = body->channel;
  if (body->aborted) {
    piece->frame.flags = SWISD_FRAME_ABORT;
    body->aborted = false;
    body->offset = body->end;
    return true;
  }
  const uint64_t left = body->end - body->offset;
  piece->frame.data_count = left < bytes_max ? (uint32_t)left : bytes_max;
  body->offset += piece->frame.data_count;
  if (fetch && body->offset < body->end && body->next) { /* shards take turns: each asker sees its own advance */
    connection->fetches_first = body->next;
    body->next = NULL;
    *connection->fetches_end = body;
    connection->fetches_end = &body->next;
  }
  return true;
}

static void on_closed(struct swisd_stream_host *host, const char *why)
{
  struct swisd_connection *connection = (struct swisd_connection *)host;
  const bool unproven = !connection->proven;
  if (unproven && connection->dialled && !swisd_id_is_zero(connection->theirs.id))
    why = "it ended the connection after our proof: another join key there, or too many connections";
  end(connection, why, unproven && !connection->dialled);
}

static void on_timer(evutil_socket_t fd, short what, void *argument)
{
  (void)fd, (void)what;
  struct swisd_connection *connection = argument;
  if (connection->retired)
    swisd_stream_finish(connection->stream);
  else
    end(connection, "no HELLO and PROOF in time", !connection->dialled);
}

/* ---- life ---- */

struct swisd_connection *swisd_connection_open(struct event_base *base, struct swisd_streams *streams, int fd, bool dialled,
                                               struct swisd_id dialled_id, const struct swisd_hello *hello,
                                               const struct swisd_admission *admission, struct swisd_connection_host *host)
{
  struct swisd_connection *connection = calloc(1, sizeof *connection);
  if (!connection) {
    evutil_closesocket(fd);
    return NULL;
  }
  *connection = (struct swisd_connection){
    .stream_host = {.opened = on_opened, .frame = on_frame, .data = on_data, .next = on_next, .closed = on_closed},
    .dialled_id = dialled_id,
    .dialled = dialled,
    .own = *hello,
    .host = host,
    .admission = admission};
  connection->messages_end = &connection->messages_first;
  connection->fetches_end = &connection->fetches_first;
  connection->stream = swisd_stream_open(streams, fd, dialled, &connection->stream_host);
  connection->timer = evtimer_new(base, on_timer, connection);
  if (!connection->stream || !connection->timer) {
    swisd_connection_close(connection);
    return NULL;
  }
  const struct timeval patience = {.tv_sec = HANDSHAKE_SECONDS};
  event_add(connection->timer, &patience);
  return connection;
}

void swisd_connection_close(struct swisd_connection *connection)
{
  connection->closing = true;
  swisd_stream_close(connection->stream);
  if (connection->timer)
    event_free(connection->timer);
  while (connection->messages_first)
    outgoing_pop(connection, &connection->messages_first, &connection->messages_end);
  while (connection->fetches_first)
    outgoing_pop(connection, &connection->fetches_first, &connection->fetches_end);
  while (connection->incoming)
    incoming_free(connection, &connection->incoming);
  free(connection);
}

static int outgoing_add(struct swisd_connection *connection, bool fetch, uint32_t channel, struct swisd_blob *blob,
                        uint64_t offset, uint64_t end_offset)
{
  struct outgoing_body *body = connection->outgoing_count < OUTGOING_MAX ? calloc(1, sizeof *body) : NULL;
  if (!body)
    return -1;
  *body = (struct outgoing_body){.channel = channel, .blob = swisd_blob_keep(blob), .offset = offset, .end = end_offset};
  struct outgoing_body ***last = fetch ? &connection->fetches_end : &connection->messages_end;
  **last = body;
  *last = &body->next;
  connection->outgoing_count++;
  swisd_stream_pump(connection->stream);
  return 0;
}

int swisd_connection_send(struct swisd_connection *connection, const struct swisd_frame *frame, struct swisd_blob *body,
                          uint64_t offset)
{
  if (frame->kind != SWISD_FRAME_MESSAGE_BODY)
    return swisd_stream_send(connection->stream, frame);
  assert(offset <= body->bytes && frame->u.body.bytes <= body->bytes - offset);
  if (connection->outgoing_count >= OUTGOING_MAX)
    return -1;
  struct swisd_frame numbered = *frame;
  numbered.channel = connection->channel_next++;
  if (swisd_stream_send(connection->stream, &numbered) != 0)
    return -1;
  return frame->u.body.bytes > 0 ? outgoing_add(connection, false, numbered.channel, body, offset, offset + frame->u.body.bytes)
                                 : 0;
}

int swisd_connection_send_data(struct swisd_connection *connection, uint32_t channel, struct swisd_blob *blob)
{
  return outgoing_add(connection, true, channel, blob, 0, blob->bytes);
}

void swisd_connection_cancel_data(struct swisd_connection *connection, uint32_t channel)
{
  for (struct outgoing_body *body = connection->fetches_first; body; body = body->next)
    if (body->channel == channel)
      body->aborted = true;
  swisd_stream_pump(connection->stream);
}

void swisd_connection_retire(struct swisd_connection *connection)
{
  connection->retired = true;
  const struct timeval soon = {.tv_sec = RETIRE_SECONDS};
  event_add(connection->timer, &soon);
}
