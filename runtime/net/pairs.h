/* The nodes that this one shares a key for datagrams with, and how it comes to share one (introduction.h). No sockets here:
 * datagrams go in and out as bytes.
 *
 * A pair holds two sessions, because both may begin at once and because a peer that restarted begins anew: both open what comes,
 * and one seals what goes. Whoever began uses a session when the answer is there; the other when something that opens with it
 * has come, so a replayed introduction displaces nothing. */
#ifndef SWISD_NET_PAIRS_H
#define SWISD_NET_PAIRS_H

#include "runtime/net/allowance.h"
#include "runtime/net/introduction.h"

struct swisd_pairs;

/* `key` and `admission` outlive it. NULL when memory is out. */
struct swisd_pairs *swisd_pairs_open(const struct swisd_nodekey *key, const struct swisd_admission *admission,
                                     uint32_t incarnation);
void swisd_pairs_close(struct swisd_pairs *pairs);
void swisd_pairs_set_incarnation(struct swisd_pairs *pairs, uint32_t incarnation);
/* The join keys changed: sessions that a key which is gone stood for end. */
void swisd_pairs_readmit(struct swisd_pairs *pairs);

/* Seals the `count` bytes at datagram + SWISD_DATAGRAM_HEAD_BYTES for `to`; returns the bytes of the datagram, 0: there is no
 * session with it. *doubtful: nothing has come from it for a while although it was spoken to; introduce yourself again. */
size_t swisd_pairs_seal(struct swisd_pairs *pairs, struct swisd_id to, uint64_t now_ns, uint8_t *datagram, size_t count,
                        bool *doubtful);

/* Makes an introduction for `target` (zero: whoever gets it); `attempt` picks the join key when there are two, `number` comes
 * back with MET. 0: it cannot be made. */
size_t swisd_pairs_introduce(struct swisd_pairs *pairs, struct swisd_id target, uint32_t attempt, uint64_t number,
                             uint64_t now_ns, uint8_t out[SWISD_INTRODUCTION_BYTES]);

enum swisd_pairs_kind {
  SWISD_PAIRS_MESSAGE,   /* `bytes` is the message */
  SWISD_PAIRS_ANSWER,    /* an introduction: `bytes` is to be sent back to where it came from */
  SWISD_PAIRS_MET,       /* an answer to ours: from now on there is a session */
  SWISD_PAIRS_STRANGER,  /* sealed with a key that is not known here: perhaps of a session before a restart */
  SWISD_PAIRS_OTHER_KEY, /* an introduction that none of our join keys opens */
  SWISD_PAIRS_FORGED,    /* a signature that does not hold, or a session that does not open it */
  SWISD_PAIRS_REPLAYED,  /* it was here before */
  SWISD_PAIRS_IGNORED,   /* meant for another, our own, or answers nothing we asked */
  SWISD_PAIRS_KIND_COUNT,
};
struct swisd_pairs_opened {
  struct swisd_id sender; /* proven for MESSAGE, ANSWER and MET */
  uint64_t number;        /* MET: of the introduction that was answered */
  size_t count;
  uint8_t bytes[SWISD_DATAGRAM_BYTES_MAX];
};
/* Takes a datagram that was parsed. */
enum swisd_pairs_kind swisd_pairs_take(struct swisd_pairs *pairs, const struct swisd_datagram *datagram, const uint8_t *bytes,
                                       size_t count, uint64_t now_ns, struct swisd_pairs_opened *out);
/* Whether the sender of a MESSAGE may send one of that type now. */
bool swisd_pairs_allow(struct swisd_pairs *pairs, struct swisd_id sender, enum swisd_message_type type, uint64_t now_ns);

uint32_t swisd_pairs_count(const struct swisd_pairs *pairs);

#endif
