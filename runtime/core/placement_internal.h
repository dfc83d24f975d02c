/* The placement as its own files see it: placement.c (what lies here, and what the record says of it), catalogue.c (the
 * swarm's models), coverage.c (who holds what, as far as is known), placement_choice.c (what to take, move and drop) and
 * placement_fetch.c (getting it). */
#ifndef SWISD_CORE_PLACEMENT_INTERNAL_H
#define SWISD_CORE_PLACEMENT_INTERNAL_H

#include "runtime/core/internal.h"
#include "runtime/core/member.h"
#include "runtime/core/placement.h"

enum {
  SWISD_WANTS_MAX = SWISD_HOLDINGS_MAX,
  SWISD_FETCHING_MAX = 2,  /* shard transfers under way at once: more would only share the link */
  SWISD_TRANSFERS_MAX = 6, /* those, and cancelled ones whose end has not been reported yet */
  SWISD_AVOIDED_MAX = 32,
  SWISD_MODEL_QUEUE_MAX = 32,
  SWISD_MODEL_WAVES = 3,  /* times that a new model is passed on */
  SWISD_MODEL_FANOUT = 3, /* members it is passed on to each time: e^-9 of all miss it, and learn it by a SYNC */
  SWISD_MODEL_HOPS = 12,
  SWISD_HOMES = 3,
};

/* A shard that lies here, ready for use. */
struct swisd_local {
  swisd_shard_id shard;
  uint64_t bytes;       /* 0 as long as its model is unknown */
  uint64_t dropping_ns; /* since when the intent to drop it is announced */
  bool home, dropping;
  bool given;  /* not fetched: found at START, or part of a MODEL event; not bounded by memory_bytes */
  bool origin; /* of a MODEL event: this node is the source of the model, and keeps it */
};

/* What is known of one shard of a model: sums over living members and this node. Suspects' speeds count half. */
struct swisd_shard_view {
  double coverage;     /* FLOP/s of working holders that this shard's share of their work comes to */
  double holder_speed; /* FLOP/s of its working holders, whole */
  double supply;       /* sources, each divided by the shards it is asked for */
  uint16_t sources;    /* other members that it can be had from */
  uint16_t workers;    /* working holders */
  uint16_t keepers;    /* other working holders that are alive and do not mean to drop it */
  uint8_t short_ticks; /* placement ticks for which it has had too few holders, anew each time that it has fewer */
  uint8_t short_of;    /* the holders it had when it was last looked at */
};

struct swisd_model {
  struct swisd_message_model model; /* shard_count 0: a free entry */
  uint8_t hops, waves;              /* still to be passed on so often */
  uint64_t wave_ns;
  uint16_t hungry;       /* working members that hold fewer than d shards of it */
  uint16_t full_records; /* members with some of it whose records have no room: they may hold more than they name */
  struct swisd_shard_view shards[SWISD_MODEL_SHARDS_MAX];
};

struct swisd_want {
  swisd_shard_id shard; /* 0: a free entry */
  uint8_t model, index;
  uint8_t attempts;
  bool under_way;
  bool urgent; /* the shard has too few holders */
  uint64_t retry_ns;
};

struct swisd_transfer {
  uint32_t ticket; /* 0: a free entry */
  bool cancelled;
  swisd_shard_id shard;
  struct swisd_id from;
  uint64_t bytes, deadline_ns;
};

/* A source that failed is left alone for a while; with a zero source, the shard is: nobody could give it. */
struct swisd_avoided {
  struct swisd_id source;
  swisd_shard_id shard;
  uint64_t until_ns;
};

struct swisd_model_out {
  struct swisd_id to;
  swisd_model_id model;
  uint8_t hops;
};

struct swisd_placement {
  struct swisd_model *models; /* limits.models_max */
  uint16_t *index;            /* open addressing over shards of all models: model * SWISD_MODEL_SHARDS_MAX + shard + 1 */
  uint32_t index_mask;
  struct swisd_local *locals;
  uint16_t local_count, local_max;
  struct swisd_want wants[SWISD_WANTS_MAX];
  struct swisd_transfer transfers[SWISD_TRANSFERS_MAX];
  struct swisd_avoided avoided[SWISD_AVOIDED_MAX];
  uint8_t avoided_next;
  struct swisd_model_out queue[SWISD_MODEL_QUEUE_MAX];
  uint8_t queue_first, queue_count;
  uint64_t queue_dropped;
  uint64_t tick_ns;                       /* when placement is thought over next */
  uint64_t move_ns;                       /* the cooldown ends */
  uint64_t space_ns;                      /* the disk was full: nothing is fetched before */
  uint32_t recent_joins;                  /* members that came lately: halved each tick */
  double speed_total[SWISD_KERNEL_COUNT]; /* of all working members, this node included */
  uint64_t view_epoch;                    /* the membership's epoch that the view was made of */
  bool stale;                             /* what lies here has changed since */
};

/* ---- catalogue.c ---- */
uint32_t swisd_catalogue_index_size(uint32_t models_max);
/* -1: unknown */
int swisd_catalogue_find(const struct swisd_placement *placement, const struct swisd_limits *limits, swisd_model_id model);
/* Takes a model; its entry, or -1 when it is unsound or the catalogue full. `*fresh`: it was unknown. */
int swisd_catalogue_take(struct swisd_node *node, const struct swisd_message_model *model, bool *fresh);
/* Walks the places of a shard in all models: start with *cursor = 0; false at the end. */
bool swisd_catalogue_next(const struct swisd_placement *placement, swisd_shard_id shard, uint32_t *cursor, uint32_t *model,
                          uint32_t *index);
void swisd_catalogue_send_all(struct swisd_node *node, struct swisd_id to);
void swisd_catalogue_pump(struct swisd_node *node);
uint64_t swisd_catalogue_deadline_ns(const struct swisd_node *node);

/* ---- coverage.c ---- */
void swisd_coverage_update(struct swisd_node *node);
/* Shards of a model that a node is to hold: d, or all of a small model. */
uint32_t swisd_coverage_target(const struct swisd_node *node, const struct swisd_model *model);
/* Items per second that the holders of a shard can do: what balances is this, whatever the shard's own work. */
double swisd_coverage_rate(const struct swisd_model *model, uint32_t index);
double swisd_coverage_rate_mean(const struct swisd_model *model); /* if all coverage were spread evenly over the work */
double swisd_coverage_work(const struct swisd_model *model, uint32_t index);    /* FLOP per item, at least 1 */
double swisd_coverage_speed(const struct swisd_record *record, uint8_t kernel); /* FLOP/s */

/* ---- placement.c ---- */
struct swisd_local *swisd_local_find(struct swisd_placement *placement, swisd_shard_id shard);
const struct swisd_local *swisd_local_peek(const struct swisd_placement *placement, swisd_shard_id shard);
bool swisd_local_add(struct swisd_node *node, swisd_shard_id shard, bool given, bool origin);
void swisd_local_remove(struct swisd_node *node, struct swisd_local *local);
/* Writes the own record's holdings anew. True when they changed: then the record is to be published. */
bool swisd_local_advertise(struct swisd_node *node);
uint64_t swisd_local_bytes(const struct swisd_placement *placement);    /* what lies here or is on its way */
void swisd_placement_soon(struct swisd_node *node, uint64_t within_ns); /* think again at a random moment within */

/* ---- placement_choice.c ---- */
void swisd_choice_tick(struct swisd_node *node);

/* ---- placement_fetch.c ---- */
bool swisd_want_add(struct swisd_node *node, uint32_t model, uint32_t index, bool urgent);
/* It lies here now, however it came: ends what was under way to get it. */
void swisd_want_end(struct swisd_node *node, swisd_shard_id shard);
bool swisd_want_is_vain(const struct swisd_node *node, swisd_shard_id shard); /* nobody could give it lately */
struct swisd_want *swisd_want_find(struct swisd_placement *placement, swisd_shard_id shard);
void swisd_fetch_pump(struct swisd_node *node);
uint64_t swisd_fetch_deadline_ns(const struct swisd_node *node);

#endif
