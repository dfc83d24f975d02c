/* The membership as its own files see it: member.c (the table), news.c (what is newer), member_life.c (start, messages, time,
 * leaving), swim.c (probing and suspicion), rumour.c (what is spread, and how often), sync.c (joining, full exchanges,
 * healing), member_check.c (invariants). */
#ifndef SWISD_CORE_MEMBERS_INTERNAL_H
#define SWISD_CORE_MEMBERS_INTERNAL_H

#include "runtime/core/internal.h"
#include "runtime/core/member.h"

enum {
  SWISD_HELPERS_MAX = 8,    /* asked to probe for us at once */
  SWISD_RELAYS_MAX = 16,    /* probes made for others at once */
  SWISD_PAGERS_MAX = 32,    /* members being sent pages at once */
  SWISD_INCOMING_MAX = 8,   /* members whose pages are coming in at once: bits of swisd_member_links.known_to */
  SWISD_TRANSMITS_MAX = 63, /* no rumour is sent more often */
  SWISD_CONFIRMERS_MAX = 8, /* swisd_member.confirmers */
  SWISD_PICKS_MAX = 16,     /* members chosen at random at once */
};

/* Incarnations beyond this one are refused, so that a forged rumour cannot use up the numbers of its victim. */
#define SWISD_INCARNATION_MAX UINT32_C(0x7fffffff)
/* Gossip goes to the dead too for so long: one that is not dead hears of it (memberlist: GossipToTheDeadTime). */
#define SWISD_GOSSIP_TO_DEAD_NS (30 * SWISD_SECOND)

enum swisd_member_list { SWISD_LIST_NONE, SWISD_LIST_UP, SWISD_LIST_DOWN };

/* What ties a slot into the structures around the table. */
struct swisd_member_links {
  uint16_t position; /* in up[] or down[]; of a free slot: the next free one */
  uint16_t timer;    /* in timers[] */
  uint16_t rumour;   /* in rumours.entries[] */
  uint8_t known_to;  /* bit b: the peer of incoming exchange b knows what we know of this member */
  uint8_t list;      /* enum swisd_member_list */
};

struct swisd_rumour_entry {
  uint16_t member, before, after;
  uint8_t transmits;
  struct swisd_id from;
};

/* What waits to be spread: at most one piece of news per member, namely what the table says of it when it is sent.
 * One list per number of transmissions: the least sent goes first (SWIM section 4.1). */
struct swisd_rumour_queue {
  struct swisd_rumour_entry *entries; /* limits.rumours_max */
  uint16_t count, free_first;
  uint64_t filled; /* bit t: list t is not empty */
  uint16_t first[SWISD_TRANSMITS_MAX + 1], last[SWISD_TRANSMITS_MAX + 1];
  uint64_t gossip_ns;  /* when the next round may go out */
  uint64_t publish_ns; /* when the own record may next be spread */
  bool publish_pending;
};

enum swisd_probe_stage { SWISD_PROBE_IDLE, SWISD_PROBE_DIRECT, SWISD_PROBE_INDIRECT };

struct swisd_probe {
  enum swisd_probe_stage stage;
  uint16_t index;
  uint32_t generation;
  struct swisd_id target;
  uint32_t sequence;
  uint64_t started_ns, timeout_ns, end_ns;
  bool heard;                  /* any message came from the target meanwhile */
  uint8_t helper_count, nacks; /* nacks: bit per helper */
  struct swisd_id helpers[SWISD_HELPERS_MAX];
};

/* A probe made for another member. */
struct swisd_relay {
  bool used, nacked;
  struct swisd_id requester, target;
  struct swisd_address requester_address;
  uint32_t sequence_theirs, sequence_ours;
  uint64_t nack_ns, end_ns;
};

/* Pages going out to one member. */
struct swisd_pager {
  bool used, reply_wanted;
  uint8_t skip; /* bit: what this incoming exchange showed to be known there is left out */
  uint16_t cursor;
  struct swisd_id to;
};

/* Pages coming in from one member. */
struct swisd_incoming {
  bool used;
  struct swisd_id from;
  uint64_t heard_ns;
};

struct swisd_members {
  struct swisd_member *table;
  struct swisd_member_links *links;
  uint16_t max, count, free_first;
  uint16_t *index; /* open addressing: slot + 1, 0 = empty */
  uint32_t index_mask;

  uint16_t *up, *down; /* indices: alive and suspect ones without the node itself; dead and left ones */
  uint16_t up_count, down_count;
  uint16_t probe_cursor; /* up[0..cursor) have been probed in this round */
  uint16_t *timers;      /* binary heap: the suspect by suspect_deadline_ns, the dead by when they are forgotten */
  uint16_t timer_count;

  uint32_t sequence;
  uint64_t probe_ns; /* when the next probe starts */
  struct swisd_probe probe;
  uint16_t verify; /* probed next, out of turn */
  uint8_t local_health;
  uint8_t relay_count;
  struct swisd_relay relays[SWISD_RELAYS_MAX];

  struct swisd_rumour_queue rumours;

  bool started, left, persist_pending, refute_pending, joined;
  uint32_t refute_above;
  uint64_t refute_ns; /* the earliest time of the next refutation */
  uint64_t refused;
  uint64_t epoch; /* raised whenever a record or a state changes */

  uint8_t seed_count, seed_next;
  struct swisd_address seeds[SWISD_SEEDS_MAX];
  uint64_t join_ns, join_backoff_ns;
  uint64_t sync_ns, heal_ns, reconnect_ns;
  uint64_t page_ns; /* when the next pages may go out */
  uint8_t pager_count, pager_turn;
  struct swisd_pager pagers[SWISD_PAGERS_MAX];
  struct swisd_incoming incoming[SWISD_INCOMING_MAX];
};

/* ---- member.c ---- */
uint32_t swisd_members_lookup(const struct swisd_members *members, struct swisd_id id); /* SWISD_MEMBER_NONE: unknown */
/* A slot for `record`, in no list yet; SWISD_MEMBER_NONE when the table is full. */
uint32_t swisd_members_slot_take(struct swisd_members *members, const struct swisd_record *record);
void swisd_members_slot_free(struct swisd_node *node, uint32_t index);
void swisd_members_list_enter(struct swisd_members *members, uint32_t index, enum swisd_member_list list);
void swisd_members_timer_set(struct swisd_members *members, const struct swisd_config *config, uint32_t index);
void swisd_members_timer_clear(struct swisd_members *members, const struct swisd_config *config, uint32_t index);
void swisd_members_timer_moved(struct swisd_members *members, const struct swisd_config *config, uint32_t index);
/* Up to `wanted` distinct members (at most SWISD_PICKS_MAX) other than `except`; also those who died lately, if so wished. */
uint32_t swisd_members_pick(struct swisd_node *node, uint32_t purpose, uint32_t wanted, uint32_t except, bool dead_too,
                            uint16_t *picks);
/* When the member's timer fires. */
static inline uint64_t swisd_member_timer_ns(const struct swisd_member *member, const struct swisd_config *config)
{
  return member->state == SWISD_MEMBER_SUSPECT ? member->suspect_deadline_ns : member->changed_ns + config->dead_keep_ns;
}

/* ---- news.c ---- */
/* Takes or refuses one piece of news that `sender` told, in a SYNC or not. True when it changed the table. */
bool swisd_members_news(struct swisd_node *node, const struct swisd_rumour *rumour, struct swisd_id sender, bool sync);
/* Moves a member to `state`, from whatever it was, and tells everybody concerned; `from` says so; `spread` it or not. */
void swisd_member_become(struct swisd_node *node, uint32_t index, enum swisd_member_state state, struct swisd_id from,
                         bool spread);
/* `from` suspects it as well. True when that counted. */
bool swisd_member_confirm(struct swisd_node *node, uint32_t index, struct swisd_id from);
/* Raises the own incarnation above `above`: SWIM's refutation. Not more than once per gossip interval, so that two nodes that
 * share an identity cannot drive each other (and everybody's rumours) in circles; then it is done later. */
void swisd_members_refute(struct swisd_node *node, uint32_t above);

/* ---- swim.c ---- */
void swisd_probe_pump(struct swisd_node *node);
uint64_t swisd_probe_deadline_ns(const struct swisd_node *node);
void swisd_probe_ping(struct swisd_node *node, const struct swisd_event_message *event);
void swisd_probe_ack(struct swisd_node *node, const struct swisd_event_message *event);
void swisd_probe_request(struct swisd_node *node, const struct swisd_event_message *event);
void swisd_probe_nack(struct swisd_node *node, const struct swisd_event_message *event);
void swisd_probe_nudge(struct swisd_node *node, uint32_t index); /* a PING out of turn, whose answer is not waited for */
void swisd_probe_forget(struct swisd_node *node);                /* the clock jumped */
void swisd_local_health_change(struct swisd_node *node, int32_t by);
uint64_t swisd_suspicion_ns(const struct swisd_node *node, uint32_t confirmations); /* how long until it ends in DEAD */
uint32_t swisd_suspicion_confirmations(const struct swisd_node *node);              /* K, or 0 in a swarm too small for K */

/* ---- rumour.c ---- */
void swisd_rumours_init(struct swisd_node *node);
void swisd_rumour_push(struct swisd_node *node, uint32_t index, struct swisd_id from, bool urgent);
void swisd_rumour_drop(struct swisd_node *node, uint32_t index);
void swisd_rumour_of(const struct swisd_node *node, uint32_t index, enum swisd_member_state state, struct swisd_id from,
                     struct swisd_rumour *out);
/* Fills `out`: first what the receiver must know of itself (buddy system), then the least sent rumours that fit. */
void swisd_rumours_fill(struct swisd_node *node, struct swisd_id to, struct swisd_rumours *out);
void swisd_rumours_pump(struct swisd_node *node);
uint64_t swisd_rumours_deadline_ns(const struct swisd_node *node);
void swisd_rumours_take(struct swisd_node *node, const struct swisd_rumours *rumours, struct swisd_id sender);
uint32_t swisd_rumour_transmits(const struct swisd_node *node);
void swisd_rumours_spread_self(struct swisd_node *node); /* soon: not more often than the swarm can bear */

/* ---- sync.c ---- */
void swisd_sync_start(struct swisd_node *node, const struct swisd_event_start *start);
void swisd_sync_pump(struct swisd_node *node);
uint64_t swisd_sync_deadline_ns(const struct swisd_node *node);
void swisd_sync_join(struct swisd_node *node, const struct swisd_event_message *event);
void swisd_sync_page(struct swisd_node *node, const struct swisd_event_message *event);
bool swisd_sync_begin(struct swisd_node *node, struct swisd_id to, bool reply_wanted, uint8_t skip);
void swisd_sync_alone(struct swisd_node *node);                /* nobody is left: back to the seeds */
void swisd_sync_heal(struct swisd_node *node, uint32_t index); /* one thought dead spoke to us */
void swisd_sync_forget(struct swisd_node *node);               /* the clock jumped */

#endif
