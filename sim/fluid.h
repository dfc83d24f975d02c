/* The fluid model of a simulated world, behind one small table, and what backend and models share. Private to sim. */
#ifndef SWISD_SIM_FLUID_H
#define SWISD_SIM_FLUID_H

#include <simgrid/forward.h>
#include <stdio.h>

#include "sim/backend.h"

struct swisd_sim_activity;

struct swisd_sim_fluid {
  /* Builds the model's own world from sim->config. */
  void (*start)(struct swisd_sim *sim);
  /* Calls swisd_sim_loop(sim), in whatever context the model needs, until it returns. */
  void (*run)(struct swisd_sim *sim);
  /* Brings the model's clock to `time_ns`; false when something ended before, which is in the queue now. Called only while
   * something is active. */
  bool (*advance)(struct swisd_sim *sim, uint64_t time_ns);
  void (*begin)(struct swisd_sim *sim, struct swisd_sim_activity *activity); /* its end: swisd_sim_activity_ended() */
  void (*cancel)(struct swisd_sim *sim, struct swisd_sim_activity *activity);
  void (*speed)(struct swisd_sim *sim, uint32_t host, double factor);
  void (*bandwidth)(struct swisd_sim *sim, uint32_t host);                    /* in the host already */
  void (*freeze)(struct swisd_sim *sim, struct swisd_sim_activity *activity); /* activity->frozen has changed */
};

extern const struct swisd_sim_fluid swisd_sim_fluid_simgrid, swisd_sim_fluid_formula;

/* A job as the models see it. It lives as long as somebody refers to it: its lists (while live), each actor, its event. */
struct swisd_sim_activity {
  struct swisd_sim_job job; /* first: the driver's pointer and ours are one */
  struct swisd_sim *sim;
  bool live, frozen;
  bool is_message; /* a control message in flight as a transfer, when `everything` is set: on no list */
  uint32_t references;
  double amount;                        /* seconds of a slot, or bytes */
  struct swisd_sim_activity *companion; /* of a transfer between sites: what their uplinks carry of it; ours to release */
  struct swisd_sim_activity *principal; /* the other way, on no list; NULL once it is gone */
  bool over;                            /* SIMGRID: it has ended, and its companion or principal has not */
  unsigned char *message;
  uint32_t turn;
  uint64_t extra_ns;
  /* SIMGRID */
  sg_actor_t sender, receiver; /* NULL once gone; computing has a sender alone */
  sg_mailbox_t mailbox;
  /* FORMULA */
  double left_s, rate; /* from since_ns on; left_s at full speed */
  uint64_t since_ns;
  uint32_t ends; /* counts reschedulings, so that an end that no longer holds is known */
  /* lists: [0] of the sender or computer (and of the unused), [1] of the receiver */
  struct swisd_sim_activity *next[2], **link[2];
};

struct swisd_sim_host_state {
  struct swisd_sim_activity *activities[2];
  uint64_t uplink_free_ns; /* with `serialise` */
  double factor;
  bool frozen;
  sg_host_t simgrid;
};

struct swisd_sim {
  struct swisd_sim_config config;
  const struct swisd_sim_fluid *fluid;
  struct swisd_sim_handler *handler;
  void (*prepare)(struct swisd_sim_handler *handler);
  struct swisd_sim_heap heap;
  struct swisd_sim_host_state *hosts;
  struct swisd_sim_activity *free_activities;
  uint64_t now_ns, until_ns;
  uint32_t active; /* activities under way */
  bool stopped;
  struct swisd_sim_counts counts;
  /* SIMGRID */
  sg_sem_t wake;           /* the loop sleeps on it */
  uint64_t wake_ns;        /* until then; UINT64_MAX: it does not sleep */
  sg_mailbox_t *mailboxes; /* SimGrid never frees one: they are used again */
  uint32_t mailbox_count, mailbox_capacity, mailbox_total;
};

void swisd_sim_loop(struct swisd_sim *sim);
/* Puts the end of a live activity into the queue. */
void swisd_sim_activity_ended(struct swisd_sim_activity *activity, uint64_t time_ns);
void swisd_sim_activity_release(struct swisd_sim_activity *activity); /* one reference less */
/* The host that stands for a site's uplink; for one that is none, the one that stands for everything else. */
uint32_t swisd_sim_gateway(const struct swisd_sim *sim, uint32_t site);
bool swisd_sim_crosses(const struct swisd_sim *sim, uint32_t from, uint32_t to);      /* whether an uplink lies between them */
double swisd_sim_distance_s(const struct swisd_sim *sim, uint32_t from, uint32_t to); /* besides their own links */
double swisd_sim_latency_s(const struct swisd_sim *sim, uint32_t from, uint32_t to);

/* Writes the platform of `config` as SimGrid XML. Host i is "h<i>"; the loop lives on "driver". */
void swisd_sim_write_platform(const struct swisd_sim_config *config, FILE *out);

/* LV08's share of a link that TCP payload can fill; the closed forms use it too. */
#define SWISD_SIM_BANDWIDTH_FACTOR 0.97
/* What "not limited" stands for. */
#define SWISD_SIM_BANDWIDTH_UNLIMITED 1.25e9

#endif
