/* The peer as its own files see it: peer.c (life and events), peer_actions.c (what the core wants), peer_jobs.c (answers). */
#ifndef SWISD_NET_PEER_INTERNAL_H
#define SWISD_NET_PEER_INTERNAL_H

#include "runtime/net/beacon.h"
#include "runtime/net/control.h"
#include "runtime/net/holdings.h"
#include "runtime/net/identity.h"
#include "runtime/net/peer.h"
#include "runtime/net/programs.h"
#include "runtime/net/recorder.h"
#include "runtime/net/records.h"
#include "runtime/net/remembered.h"

enum { SWISD_PEER_JOBS_MAX = 16 };

struct swisd_peer_job_slot {
  struct swisd_peer_job *job; /* NULL: free */
  struct swisd_answer answer; /* rows NULL for tokens */
};

/* An event waiting for its turn, in order of coming. */
struct swisd_peer_queued {
  struct swisd_peer_queued *next;
  struct swisd_event event;
  struct swisd_message *message;   /* of a MESSAGE to the node itself: owned */
  struct swisd_job_spec *job_spec; /* of a SUBMITTED: owned */
};

/* What each part calls back, told apart by a struct of its own; `peer` leads back from it. */
struct swisd_peer_links_host { struct swisd_links_host host; struct swisd_peer *peer; };
struct swisd_peer_datagrams_host { struct swisd_datagrams_host host; struct swisd_peer *peer; };
struct swisd_peer_records_host { struct swisd_records_host host; struct swisd_peer *peer; };
struct swisd_peer_programs_host { struct swisd_programs_host host; struct swisd_peer *peer; };
struct swisd_peer_transfers_host { struct swisd_transfers_host host; struct swisd_peer *peer; };
struct swisd_peer_serving_host { struct swisd_serving_host host; struct swisd_peer *peer; };
struct swisd_peer_availability_host { struct swisd_availability_host host; struct swisd_peer *peer; };
struct swisd_peer_beacon_host { struct swisd_beacon_host host; struct swisd_peer *peer; };
struct swisd_peer_holdings_host { struct swisd_holdings_host host; struct swisd_peer *peer; };

struct swisd_peer {
  struct swisd_peer_options options;
  struct event_base *base;
  struct swisd_identity identity;
  struct swisd_admission admission;
  struct swisd_tls_node *tls;
  struct swisd_linkshape shape;
  struct swisd_address address; /* where it listens */
  int listen_fd;
  struct event *listening;

  struct swisd_node *node;
  struct swisd_actions actions;
  bool started, stopping;
  bool stepping; /* inside a step or its actions: what happens meanwhile is queued */
  struct swisd_peer_queued *queue_first, **queue_end;
  int timer_fd; /* CLOCK_BOOTTIME, absolute */
  struct event *timer, *stop_timer, *remember_timer;
  bool farewell; /* STOP has been said */
  uint64_t drain_end_ns;
  uint64_t armed_ns; /* what the timer is set to; SWISD_NEVER: off */
  uint64_t suspended_ns; /* so far, as last seen */
  uint64_t start_ns;
  struct swisd_peer_watcher *watcher;
  struct swisd_ledger *ledger;
  struct swisd_recorder *recorder;
  struct swisd_control *control;

  struct swisd_store *store;
  struct swisd_models *models;
  struct swisd_bodies *bodies, *inputs, *buffers; /* of the core; of jobs here; ranges of shards on their way */
  struct swisd_workers *workers, *disk;
  struct swisd_programs *programs;
  struct swisd_workers *verifiers; /* their one thread */
  struct swisd_records *records;
  struct swisd_message outgoing; /* scratch: a message that is being sealed */
  struct swisd_links *links;
  struct swisd_datagrams *datagrams;
  struct swisd_transfers *transfers;
  struct swisd_serving *serving;
  struct swisd_peer_links_host links_host;
  struct swisd_peer_datagrams_host datagrams_host;
  struct swisd_peer_records_host records_host;
  struct swisd_peer_programs_host programs_host;
  struct swisd_peer_transfers_host transfers_host;
  struct swisd_peer_serving_host serving_host;
  struct swisd_peer_holdings_host holdings_host;
  struct swisd_peer_availability_host availability_host;
  struct swisd_availability *availability;
  uint8_t availability_percent;
  char availability_why[SWISD_WHY_BYTES];
  double slow_factor; /* by a fault; the level of availability comes on top */
  struct swisd_remembered remembered;
  struct swisd_peer_beacon_host beacon_host;
  struct swisd_beacon *beacon;
  uint64_t knock_ns; /* the last JOIN because of a beacon */

  uint64_t job_number_next;
  struct swisd_peer_job_slot jobs[SWISD_PEER_JOBS_MAX];
  uint64_t steps, action_count, resumed;
};

/* Gives an event to the core, now or, when a step is under way, right after it. Pointers in it live during the call only,
 * so events that carry any, other than SUBMITTED, must not be posted from inside a step; swisd_peer_post_message() copies. */
void swisd_peer_post(struct swisd_peer *peer, const struct swisd_event *event);
/* A message of the node to itself: copied. */
void swisd_peer_post_message(struct swisd_peer *peer, const struct swisd_message *message, struct swisd_body body);

/* Sends as a SEND of the core is sent: sealed, by datagram or stream. */
void swisd_peer_send(struct swisd_peer *peer, const struct swisd_action_send *send);

/* Carries out all actions of the step just taken. */
void swisd_peer_carry_out(struct swisd_peer *peer, uint64_t now_ns);

/* ---- peer_life.c: resting, leaving, remembering ---- */
int swisd_peer_life_open(struct swisd_peer *peer, struct swisd_error *error);
void swisd_peer_life_close(struct swisd_peer *peer);
/* Seeds of START: those that were asked for, then peers remembered from earlier runs. */
void swisd_peer_add_remembered(struct swisd_peer *peer, struct swisd_event_start *start);

/* ANSWER, and where COMMIT puts rows. */
void swisd_peer_answered(struct swisd_peer *peer, const struct swisd_action_answer *answer);
struct swisd_answer *swisd_peer_job_answer(struct swisd_peer *peer, uint64_t number);
void swisd_peer_jobs_close(struct swisd_peer *peer); /* frees what is left of jobs that have not ended */

#endif
