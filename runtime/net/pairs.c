/* See pairs.h. */
#include "runtime/net/pairs.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/map.h"

enum {
  PAIRS_MAX = 1024,     /* four times the members of a lab; 900 bytes each */
  INITIATIONS_MAX = 64, /* introductions whose answers are waited for */
  PER_SECOND_MAX = 500, /* introductions looked at closely: a signature made and one checked, 150 microseconds */
};
static const uint64_t initiation_ns = 5 * SWISD_SECOND; /* an answer that comes later means nothing */
static const uint64_t alive_ns = 10 * SWISD_SECOND;     /* a session heard from within that is not given up for an older one */
static const uint64_t doubt_after_ns = 400 * SWISD_MILLISECOND;
static const uint64_t doubt_again_ns = 500 * SWISD_MILLISECOND, doubt_again_ns_max = 60 * SWISD_SECOND;

struct session {
  bool live;
  struct swisd_introduced_keys keys;
  uint64_t admitted_by; /* mark of the join key */
  uint64_t counter;     /* of the last datagram sealed */
  uint64_t made_ns;
  struct swisd_window window;
};

struct pair {
  struct swisd_id id;
  struct session sessions[2];
  int speaking;        /* which seals; -1: none yet */
  uint64_t introduced; /* counter of the last introduction taken */
  uint64_t heard_ns;   /* when something last came in a session, or it was made */
  uint64_t unheard_ns; /* when the first datagram since then went out; 0: none has */
  uint64_t doubted_ns, doubt_wait_ns;
  struct swisd_allowance allowance;
};

struct initiation {
  uint8_t nonce[SWISD_INTRODUCTION_NONCE_BYTES];
  struct swisd_id target;
  uint32_t join_key;
  uint64_t number;
  uint64_t sent_ns; /* 0: free */
};

struct swisd_pairs {
  struct swisd_introducer introducer;
  const struct swisd_admission *admission;
  uint64_t counter;     /* of introductions */
  struct swisd_map map; /* by the high half of the id */
  struct initiation initiations[INITIATIONS_MAX];
  uint64_t second_ns; /* when the count below began */
  uint32_t looked_at;
};

static struct pair *find(const struct swisd_pairs *pairs, struct swisd_id id)
{
  struct pair *pair = swisd_map_find_pointer(&pairs->map, id.hi);
  return pair && swisd_id_equal(pair->id, id) ? pair : NULL;
}

static void discard(struct swisd_pairs *pairs, struct pair *pair)
{
  swisd_map_remove(&pairs->map, pair->id.hi, NULL);
  OPENSSL_cleanse(pair, sizeof *pair);
  free(pair);
}

static void discard_the_stalest(struct swisd_pairs *pairs)
{
  struct pair *stalest = NULL;
  uint64_t key, value;
  for (uint32_t cursor = 0; swisd_map_next(&pairs->map, &cursor, &key, &value);) {
    struct pair *pair = (struct pair *)(uintptr_t)value;
    if (!stalest || pair->heard_ns < stalest->heard_ns)
      stalest = pair;
  }
  discard(pairs, stalest);
}

static struct pair *add(struct swisd_pairs *pairs, struct swisd_id id)
{
  if (pairs->map.live >= PAIRS_MAX)
    discard_the_stalest(pairs);
  struct pair *pair = swisd_map_find(&pairs->map, id.hi, NULL) ? NULL : calloc(1, sizeof *pair);
  if (!pair)
    return NULL;
  pair->id = id;
  pair->speaking = -1;
  pair->doubt_wait_ns = doubt_again_ns;
  if (swisd_map_put_pointer(&pairs->map, id.hi, pair) == 0)
    return pair;
  free(pair);
  return NULL;
}

struct swisd_pairs *swisd_pairs_open(const struct swisd_nodekey *key, const struct swisd_admission *admission,
                                     uint32_t incarnation)
{
  struct swisd_pairs *pairs = calloc(1, sizeof *pairs);
  if (!pairs || swisd_introducer_open(&pairs->introducer, key) != 0) {
    free(pairs);
    return NULL;
  }
  pairs->admission = admission;
  swisd_pairs_set_incarnation(pairs, incarnation);
  return pairs;
}

void swisd_pairs_close(struct swisd_pairs *pairs)
{
  if (!pairs)
    return;
  uint64_t key, value;
  for (uint32_t cursor = 0; swisd_map_next(&pairs->map, &cursor, &key, &value);)
    discard(pairs, (struct pair *)(uintptr_t)value);
  swisd_map_free(&pairs->map);
  swisd_introducer_close(&pairs->introducer);
  free(pairs);
}

void swisd_pairs_set_incarnation(struct swisd_pairs *pairs, uint32_t incarnation)
{
  if ((uint32_t)(pairs->counter >> 32) < incarnation)
    pairs->counter = (uint64_t)incarnation << 32;
}

void swisd_pairs_readmit(struct swisd_pairs *pairs)
{
  uint64_t key, value;
  for (uint32_t cursor = 0; swisd_map_next(&pairs->map, &cursor, &key, &value);) {
    struct pair *pair = (struct pair *)(uintptr_t)value;
    for (int i = 0; i < 2; i++) {
      if (!pair->sessions[i].live || swisd_admission_has(pairs->admission, pair->sessions[i].admitted_by))
        continue;
      OPENSSL_cleanse(&pair->sessions[i], sizeof pair->sessions[i]);
      if (pair->speaking == i)
        pair->speaking = -1;
    }
  }
  memset(pairs->initiations, 0, sizeof pairs->initiations); /* they count the old keys */
}

/* ---- out ---- */

size_t swisd_pairs_seal(struct swisd_pairs *pairs, struct swisd_id to, uint64_t now_ns, uint8_t *datagram, size_t count,
                        bool *doubtful)
{
  struct pair *pair = find(pairs, to);
  *doubtful = false;
  if (!pair || pair->speaking < 0)
    return 0;
  struct session *session = &pair->sessions[pair->speaking];
  const struct swisd_datagram head = {
    .version = SWISD_PROTOCOL_VERSION, .sender = pairs->introducer.key->id, .counter = ++session->counter};
  swisd_datagram_write(&head, datagram);
  const struct swisd_seal seal = {
    .key = session->keys.send, .counter = session->counter, .beside = datagram, .beside_count = SWISD_DATAGRAM_HEAD_BYTES};
  swisd_seal(pairs->introducer.cipher, &seal, datagram + SWISD_DATAGRAM_HEAD_BYTES, count);
  if (pair->unheard_ns == 0)
    pair->unheard_ns = now_ns;
  if (now_ns - pair->unheard_ns >= doubt_after_ns && now_ns - pair->doubted_ns >= pair->doubt_wait_ns) {
    *doubtful = true;
    pair->doubted_ns = now_ns;
    pair->doubt_wait_ns = pair->doubt_wait_ns < doubt_again_ns_max / 2 ? 2 * pair->doubt_wait_ns : doubt_again_ns_max;
  }
  return SWISD_DATAGRAM_HEAD_BYTES + count + SWISD_DATAGRAM_TAG_BYTES;
}

static struct initiation *new_initiation(struct swisd_pairs *pairs)
{
  struct initiation *oldest = &pairs->initiations[0];
  for (uint32_t i = 1; i < INITIATIONS_MAX; i++)
    if (pairs->initiations[i].sent_ns < oldest->sent_ns)
      oldest = &pairs->initiations[i];
  return oldest;
}

size_t swisd_pairs_introduce(struct swisd_pairs *pairs, struct swisd_id target, uint32_t attempt, uint64_t number,
                             uint64_t now_ns, uint8_t out[SWISD_INTRODUCTION_BYTES])
{
  struct initiation *initiation = new_initiation(pairs);
  *initiation =
    (struct initiation){.target = target, .join_key = attempt % pairs->admission->count, .number = number, .sent_ns = now_ns};
  struct swisd_introduction introduction = {.target = target, .counter = ++pairs->counter};
  if (RAND_bytes(initiation->nonce, sizeof initiation->nonce) != 1)
    return 0;
  memcpy(introduction.nonce, initiation->nonce, sizeof introduction.nonce);
  return swisd_introduction_write(&pairs->introducer, pairs->admission->keys[initiation->join_key], &introduction, out) == 0
           ? SWISD_INTRODUCTION_BYTES
           : 0;
}

/* ---- in ---- */

/* Where a new session goes: never in the place of the one that speaks. */
static int place_for(const struct pair *pair)
{
  for (int i = 0; i < 2; i++)
    if (!pair->sessions[i].live)
      return i;
  if (pair->speaking >= 0)
    return 1 - pair->speaking;
  return pair->sessions[0].made_ns <= pair->sessions[1].made_ns ? 0 : 1;
}

static int agree(struct swisd_pairs *pairs, struct pair *pair, uint32_t join_key, const struct swisd_introduction *theirs,
                 const uint8_t *own_nonce, bool began, uint64_t now_ns)
{
  struct session session = {.live = true, .admitted_by = swisd_admission_mark(pairs->admission, join_key), .made_ns = now_ns};
  if (swisd_introduction_agree(&pairs->introducer, pairs->admission->keys[join_key], theirs, own_nonce, began, &session.keys) !=
      0)
    return -1;
  const int place = place_for(pair);
  pair->sessions[place] = session;
  pair->introduced = theirs->counter;
  OPENSSL_cleanse(&session, sizeof session);
  return place;
}

static void heard(struct pair *pair, uint64_t now_ns)
{
  pair->heard_ns = now_ns;
  pair->unheard_ns = 0;
}

static bool too_many(struct swisd_pairs *pairs, uint64_t now_ns)
{
  if (now_ns - pairs->second_ns >= SWISD_SECOND) {
    pairs->second_ns = now_ns;
    pairs->looked_at = 0;
  }
  return pairs->looked_at++ >= PER_SECOND_MAX;
}

static enum swisd_pairs_kind answer(struct swisd_pairs *pairs, struct pair *pair, uint32_t join_key,
                                    const struct swisd_introduction *theirs, uint64_t now_ns, struct swisd_pairs_opened *out)
{
  struct swisd_introduction own = {.target = theirs->sender, .counter = ++pairs->counter};
  memcpy(own.answered, theirs->nonce, sizeof own.answered);
  if (RAND_bytes(own.nonce, sizeof own.nonce) != 1 || agree(pairs, pair, join_key, theirs, own.nonce, false, now_ns) < 0 ||
      swisd_introduction_write(&pairs->introducer, pairs->admission->keys[join_key], &own, out->bytes) != 0)
    return SWISD_PAIRS_FORGED;
  out->count = SWISD_INTRODUCTION_BYTES;
  return SWISD_PAIRS_ANSWER;
}

static struct initiation *answered_by(struct swisd_pairs *pairs, const struct swisd_introduction *theirs, uint64_t now_ns)
{
  for (uint32_t i = 0; i < INITIATIONS_MAX; i++) {
    struct initiation *initiation = &pairs->initiations[i];
    if (initiation->sent_ns == 0 || now_ns - initiation->sent_ns > initiation_ns ||
        memcmp(initiation->nonce, theirs->answered, sizeof initiation->nonce) != 0)
      continue;
    return swisd_id_is_zero(initiation->target) || swisd_id_equal(initiation->target, theirs->sender) ? initiation : NULL;
  }
  return NULL;
}

static enum swisd_pairs_kind take_introduction(struct swisd_pairs *pairs, const struct swisd_datagram *datagram,
                                               const uint8_t *bytes, size_t count, uint64_t now_ns,
                                               struct swisd_pairs_opened *out)
{
  static const uint8_t none[SWISD_INTRODUCTION_NONCE_BYTES];
  struct swisd_introduction theirs;
  const int join_key = swisd_introduction_read(&pairs->introducer, pairs->admission, datagram, bytes, count, &theirs);
  if (join_key < 0)
    return SWISD_PAIRS_OTHER_KEY;
  const bool begins = memcmp(theirs.answered, none, sizeof none) == 0;
  const struct swisd_id own = pairs->introducer.key->id;
  struct initiation *initiation = begins ? NULL : answered_by(pairs, &theirs, now_ns);
  const bool for_us = swisd_id_equal(theirs.target, own) || (begins && swisd_id_is_zero(theirs.target));
  if (swisd_id_equal(theirs.sender, own) || !for_us || (!begins && !initiation))
    return SWISD_PAIRS_IGNORED;
  struct pair *pair = find(pairs, theirs.sender);
  /* The counter rises over the sender's life; only one that lost its disk begins again, and then its session has died. */
  if (pair && theirs.counter <= pair->introduced && now_ns - pair->heard_ns < alive_ns)
    return SWISD_PAIRS_REPLAYED;
  if (too_many(pairs, now_ns))
    return SWISD_PAIRS_IGNORED;
  if (!swisd_introduction_holds(&theirs))
    return SWISD_PAIRS_FORGED;
  if (!pair)
    pair = add(pairs, theirs.sender);
  if (!pair)
    return SWISD_PAIRS_IGNORED;
  if (begins)
    return answer(pairs, pair, (uint32_t)join_key, &theirs, now_ns, out);
  const int place = agree(pairs, pair, initiation->join_key, &theirs, initiation->nonce, true, now_ns);
  initiation->sent_ns = 0;
  out->number = initiation->number;
  if (place < 0)
    return SWISD_PAIRS_FORGED;
  pair->speaking = place;
  heard(pair, now_ns);
  return SWISD_PAIRS_MET;
}

static enum swisd_pairs_kind take_message(struct swisd_pairs *pairs, const struct swisd_datagram *datagram, const uint8_t *bytes,
                                          uint64_t now_ns, struct swisd_pairs_opened *out)
{
  struct pair *pair = find(pairs, datagram->sender);
  if (!pair)
    return SWISD_PAIRS_STRANGER;
  for (int turn = 0; turn < 2; turn++) { /* the one that speaks first: nearly always it */
    const int i = pair->speaking == 1 ? 1 - turn : turn;
    struct session *session = &pair->sessions[i];
    const struct swisd_seal seal = {
      .key = session->keys.receive, .counter = datagram->counter, .beside = bytes, .beside_count = SWISD_DATAGRAM_HEAD_BYTES};
    if (!session->live || !swisd_unseal(pairs->introducer.cipher, &seal, datagram->message, datagram->message_count, out->bytes))
      continue;
    if (!swisd_window_take(&session->window, datagram->counter))
      return SWISD_PAIRS_REPLAYED;
    pair->speaking = i;
    pair->doubt_wait_ns = doubt_again_ns;
    heard(pair, now_ns);
    out->count = datagram->message_count;
    return SWISD_PAIRS_MESSAGE;
  }
  return SWISD_PAIRS_STRANGER;
}

enum swisd_pairs_kind swisd_pairs_take(struct swisd_pairs *pairs, const struct swisd_datagram *datagram, const uint8_t *bytes,
                                       size_t count, uint64_t now_ns, struct swisd_pairs_opened *out)
{
  out->sender = datagram->sender;
  out->count = 0;
  if (swisd_id_equal(datagram->sender, pairs->introducer.key->id))
    return SWISD_PAIRS_IGNORED;
  return datagram->flags & SWISD_DATAGRAM_INTRODUCTION ? take_introduction(pairs, datagram, bytes, count, now_ns, out)
                                                       : take_message(pairs, datagram, bytes, now_ns, out);
}

bool swisd_pairs_allow(struct swisd_pairs *pairs, struct swisd_id sender, enum swisd_message_type type, uint64_t now_ns)
{
  struct pair *pair = find(pairs, sender);
  return pair && swisd_allowance_take(&pair->allowance, type, now_ns);
}

uint32_t swisd_pairs_count(const struct swisd_pairs *pairs) { return pairs->map.live; }
