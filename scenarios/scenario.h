/* A scenario file, read and checked: what a driver (simulator or lab) is to enact.
 *
 * One file holds a base and any number of `worlds:`; a world's top-level key replaces the base's key of that name, so one
 * file drives simulation and lab. The keys, their units, bounds and defaults are one table (scenarios/schema.c); every
 * value has a dotted path (`links.wifi.latency`). scenarios/README.md is the tour, scenarios/demo.yml an example.
 *
 * Times are nanoseconds, sizes bytes, speeds FLOP/s, rates bytes/s, shares 0..1. */
#ifndef SWISD_SCENARIOS_SCENARIO_H
#define SWISD_SCENARIOS_SCENARIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "runtime/core/config.h"
#include "runtime/core/limits.h"
#include "runtime/core/types.h"
#include "scenarios/distribution.h"
#include "scenarios/table.h"

enum {
  SWISD_SCENARIO_NAME_BYTES = 64,      /* names of scenarios, worlds, links, classes, policies; terminated */
  SWISD_SCENARIO_PATH_BYTES = 256,     /* `model`, `data`; terminated */
  SWISD_SCENARIO_NO_LINK = UINT16_MAX, /* and no site */
};

enum swisd_backend { SWISD_BACKEND_SIM = 0, SWISD_BACKEND_LAB = 1 };
enum swisd_compute { SWISD_COMPUTE_MODELLED = 0, SWISD_COMPUTE_REAL = 1 };
enum swisd_wire_mode { SWISD_WIRE_FULL = 0, SWISD_WIRE_SIZED = 1 };
enum swisd_throttle { SWISD_THROTTLE_WITHHOLD = 0, SWISD_THROTTLE_QUOTA = 1, SWISD_THROTTLE_NONE = 2 };
enum swisd_leave { SWISD_LEAVE_CRASH = 0, SWISD_LEAVE_GRACEFUL = 1 };

/* An access link between a device and the rest of the world. */
struct swisd_scenario_link {
  char name[SWISD_SCENARIO_NAME_BYTES];
  struct swisd_distribution latency_s;     /* one way, one draw per device (purpose LATENCY) */
  struct swisd_distribution jitter_s;      /* added to each message, one draw each; NONE: no jitter */
  double up_bytes_per_s, down_bytes_per_s; /* 0: not limited */
  double loss;                             /* share of datagrams lost */
};

/* `count` places of one kind, each with an uplink that the devices there share. Places are numbered through all kinds. */
struct swisd_scenario_site {
  char name[SWISD_SCENARIO_NAME_BYTES];
  uint32_t first, count;
  struct swisd_distribution latency_s;
  double up_bytes_per_s, down_bytes_per_s; /* 0: not limited */
};

/* `count` devices of one kind. Devices are numbered through all classes in file order: first .. first + count - 1. */
struct swisd_scenario_class {
  char name[SWISD_SCENARIO_NAME_BYTES];
  uint32_t first, count;
  double
    flops_per_s[SWISD_KERNEL_COUNT];   /* of the whole device, nominal, before any scaling by a lab; with `sample`: their mean */
  const struct swisd_measured *sample; /* of speeds, NULL: all alike. Ask swisd_scenario_speeds() */
  char sample_column[SWISD_SCENARIO_NAME_BYTES], sample_weight[SWISD_SCENARIO_NAME_BYTES];
  double sample_unit;
  struct swisd_distribution joins_s; /* NONE: at the start */
  uint64_t memory_bytes;
  uint16_t link;                                  /* index in links, or SWISD_SCENARIO_NO_LINK */
  uint16_t site;                                  /* index in sites, or SWISD_SCENARIO_NO_LINK */
  uint16_t slots;                                 /* programs run at once, each at its share of the speed */
  struct swisd_distribution uptime_s, downtime_s; /* uptime NONE: no churn; downtime NONE: those who leave stay away.
                                                     Already divided by `faster` */
  const struct swisd_measured *trace;             /* sessions instead of those; NULL: none. Times not yet divided */
  uint64_t trace_from_ns;                         /* in the trace */
  uint64_t day_period_ns, day_peak_ns;            /* already divided by `faster`; period 0: no daily cycle */
  double day_low;
  double faster; /* what published times were divided by: print it with the results */
  uint8_t leave; /* enum swisd_leave */
};

enum swisd_fault_kind {
  SWISD_FAULT_KILL = 0,  /* SIGKILL: the node is gone, connections reset */
  SWISD_FAULT_SILENCE,   /* SIGSTOP: no answer, no reset */
  SWISD_FAULT_SLOW,      /* `factor` times slower */
  SWISD_FAULT_RETURN,    /* undoes kill, silence and slow: restarted, continued, at full speed */
  SWISD_FAULT_LOSS,      /* `loss` of the datagrams over `link` are lost */
  SWISD_FAULT_PARTITION, /* these devices hear each other, and nobody else hears them; or one way only: `way` */
  SWISD_FAULT_CUT,       /* each of these alone neither hears nor is heard */
  SWISD_FAULT_FLAP,      /* CUT again and again; swisd_scenario_unroll() turns it into those */
  SWISD_FAULT_BANDWIDTH, /* `link` has `factor` of its bandwidth */
  SWISD_FAULT_LIE,       /* `loss` of their results are wrong */
  SWISD_FAULT_CLOCK,     /* their clocks jump ahead by `jump_ns` */
  SWISD_FAULT_DISK_FULL, /* they can store no further shard */
  SWISD_FAULT_DEMAND,    /* jobs arrive `factor` times as often */
  SWISD_FAULT_KIND_COUNT,
};
enum swisd_fault_way { SWISD_WAY_BOTH = 0, SWISD_WAY_OUT, SWISD_WAY_IN };

/* A scripted event. Ask swisd_scenario_fault_devices() whom it hits. */
struct swisd_scenario_fault {
  uint64_t at_ns;
  uint64_t for_ns;                   /* after this it is undone (a killed device returns); SWISD_NEVER: it lasts */
  uint8_t kind;                      /* enum swisd_fault_kind */
  uint8_t way;                       /* PARTITION: enum swisd_fault_way */
  double factor;                     /* SLOW, BANDWIDTH, DEMAND */
  double loss;                       /* LOSS, LIE: 0..1 */
  uint16_t link;                     /* LOSS, BANDWIDTH: index in links */
  uint64_t jump_ns;                  /* CLOCK */
  struct swisd_distribution every_s; /* NONE: once. Gone after swisd_scenario_unroll(), as are the next three */
  uint64_t within_ns;
  struct swisd_distribution flap_up_s, flap_down_s;
  uint32_t target_first, target_count; /* in targets[] of the scenario */
  uint32_t order;                      /* its index in the file */
  uint32_t occurrence;                 /* of those of `every`, from 0 */
};

/* Whom a fault hits: devices of one class. */
struct swisd_scenario_target {
  uint16_t class_index;
  uint16_t site; /* index in sites: places are meant, and all devices there; SWISD_SCENARIO_NO_LINK: devices of the class */
  bool random;   /* `count` of the class, chosen anew in each repeat; otherwise first .. first + count - 1 in the class */
  uint32_t first, count;
};

/* One step of a made-up model: `lanes` shards of `weight_bytes` each, which together do `flops` per item. */
struct swisd_scenario_step {
  uint8_t kernel; /* enum swisd_kernel_class */
  uint8_t lanes;
  double flops;          /* per item, all lanes together */
  uint64_t out_bytes;    /* per item, all lanes together */
  uint64_t weight_bytes; /* of each lane */
};

struct swisd_scenario_workload {
  char model[SWISD_SCENARIO_PATH_BYTES]; /* path, or a built-in name; empty: the made-up shape below */
  char data[SWISD_SCENARIO_PATH_BYTES];  /* input items: path, or a built-in name; may be empty for a shape */
  uint32_t stages;                       /* that a language model in Hugging Face's layout is cut in */
  struct swisd_scenario_step steps[SWISD_STEPS_MAX];
  uint32_t step_count;
  uint64_t in_bytes;                    /* of the shape, per item */
  uint64_t items;                       /* in the data; 0: all there are */
  uint64_t repeat;                      /* times the stream goes through the items; 0: until `bound_ns` */
  uint64_t bound_ns;                    /* with repeat 0: repeat until the fluid bound of the whole run is about this */
  uint32_t submitters;                  /* nodes besides the devices that submit and do not compute; each submits its share */
  uint16_t link;                        /* theirs: index in links, or SWISD_SCENARIO_NO_LINK */
  uint32_t requests;                    /* jobs of each submitter, one after another */
  struct swisd_distribution size;       /* items of a job; NONE: the stream is shared out among the jobs */
  struct swisd_distribution arrivals_s; /* gap between the starts of two jobs; NONE: the next one starts when one is answered */
  uint64_t chunk_ns;
  uint8_t verify; /* enum swisd_verify of runtime/core/jobspec.h */
};

enum swisd_expect_statistic {
  SWISD_EXPECT_MEAN = 0,
  SWISD_EXPECT_MEDIAN,
  SWISD_EXPECT_MIN,
  SWISD_EXPECT_MAX,
  SWISD_EXPECT_P05,
  SWISD_EXPECT_P95,
};
enum swisd_expect_operation {
  SWISD_EXPECT_AT_MOST = 0,
  SWISD_EXPECT_AT_LEAST,
  SWISD_EXPECT_BELOW,
  SWISD_EXPECT_ABOVE,
  SWISD_EXPECT_EQUAL,
};

/* What must hold of each point's runs together. */
struct swisd_scenario_expect {
  char metric[SWISD_SCENARIO_NAME_BYTES]; /* scenarios/metric.h */
  char text[SWISD_SCENARIO_NAME_BYTES];   /* as it was written */
  uint8_t statistic, operation;           /* the enums above */
  double value;                           /* in the metric's unit */
};

struct swisd_scenario {
  char name[SWISD_SCENARIO_NAME_BYTES];
  char world[SWISD_SCENARIO_NAME_BYTES]; /* empty: the base */
  uint8_t backend;                       /* enum swisd_backend */
  uint64_t duration_ns, warmup_ns;
  uint64_t seed;
  uint32_t repeat; /* runs: repeat 0 .. repeat - 1 */

  uint32_t link_count, site_count, class_count, device_count, fault_count, target_count, world_count, expect_count;
  struct swisd_scenario_link *links;
  struct swisd_scenario_site *sites;
  struct swisd_scenario_class *classes;
  struct swisd_scenario_fault *faults; /* by time, then in file order */
  struct swisd_scenario_target *targets;
  char (*worlds)[SWISD_SCENARIO_NAME_BYTES]; /* every world of the file, whichever was read */

  struct swisd_scenario_expect *expects;
  struct swisd_measured **tables; /* kept for those who point at them */
  uint32_t table_count;
  const struct swisd_measured *distances; /* NULL: none */
  uint64_t distance_unit_ns;

  struct swisd_scenario_workload workload;
  uint32_t placement_slots, placement_replicas_min;
  uint8_t compute, wire, throttle;        /* enums above; `view` has one value yet */
  char policy[SWISD_SCENARIO_NAME_BYTES]; /* "core": the core's own */
};

/* All that is wrong with a file, as text for a person: for each mistake
 * `file:line:column: key: what is wrong, what is allowed`, the source line, a caret. */
struct swisd_scenario_errors {
  uint32_t count; /* all, also those that found no room in `text` */
  uint32_t used;
  char text[32768]; /* always terminated */
};

/* Reads `path` (at most 16 MiB) and fills `scenario` from its base and, unless NULL, the world of that name.
 * 0, or -1 with at least one error and a zeroed scenario; the reader never stops at the first mistake, except in broken
 * YAML. On success the caller owns the scenario and frees it. Both outputs are overwritten. */
int swisd_scenario_read(const char *path, const char *world, struct swisd_scenario *scenario,
                        struct swisd_scenario_errors *errors);

/* The same from memory; `name` stands for the file in messages. */
int swisd_scenario_parse(const char *name, const char *text, size_t bytes, const char *world, struct swisd_scenario *scenario,
                         struct swisd_scenario_errors *errors);

void swisd_scenario_free(struct swisd_scenario *scenario); /* also of a zeroed one */

/* The class of device 0 .. device_count - 1. */
const struct swisd_scenario_class *swisd_scenario_class_of(const struct swisd_scenario *scenario, uint32_t device);

/* "pi4/3": how files, figures and messages name a device. Truncates to `bytes`. */
void swisd_scenario_device_name(const struct swisd_scenario *scenario, uint32_t device, char *name, size_t bytes);

/* The devices that `fault` hits in `repeat`, ascending, each once, up to `capacity`; returns how many there are. */
uint32_t swisd_scenario_fault_devices(const struct swisd_scenario *scenario, const struct swisd_scenario_fault *fault,
                                      uint32_t repeat, uint32_t *devices, uint32_t capacity);

/* The scripted events of one repeat, one by one: `every`, `within` and FLAP are played out, by time. Fills `unrolled` with the
 * scenario and lists of its own; everything else stays the scenario's, which must outlive it. */
void swisd_scenario_unroll(const struct swisd_scenario *scenario, uint32_t repeat, struct swisd_scenario *unrolled);
void swisd_scenario_unrolled_free(struct swisd_scenario *unrolled);

/* The place of a device, numbered through all sites; UINT32_MAX: none. And how many places there are. */
uint32_t swisd_scenario_site_of(const struct swisd_scenario *scenario, uint32_t device);
uint32_t swisd_scenario_site_places(const struct swisd_scenario *scenario);

/* The speed of one device in one repeat, per kernel class. */
void swisd_scenario_speeds(const struct swisd_scenario *scenario, uint32_t repeat, uint32_t device,
                           double flops_per_s[SWISD_KERNEL_COUNT]);
/* Where device or submitter `node` stands in `distances`, and how long one way between two such places is. */
uint32_t swisd_scenario_place(const struct swisd_scenario *scenario, uint32_t repeat, uint32_t node);
double swisd_scenario_distance_s(const struct swisd_scenario *scenario, uint32_t a, uint32_t b);

/* When a job that would arrive `gap_s` after `from_ns` arrives, with the DEMAND faults of an unrolled scenario. */
uint64_t swisd_scenario_arrival_ns(const struct swisd_scenario *unrolled, uint64_t from_ns, double gap_s);

/* Sets what a scenario decides in `config` (which the caller has filled with defaults): works, compute_slots, rates,
 * memory, placement, chunk. `device_class` NULL: a submitter. */
void swisd_scenario_configure(const struct swisd_scenario *scenario, const struct swisd_scenario_class *device_class,
                              struct swisd_config *config);

/* What random streams are for: swisd_philox_stream(seed, repeat, device, purpose). Part of what a seed means: append only.
 * Submitter i counts as device device_count + i. */
enum swisd_purpose {
  SWISD_PURPOSE_CHURN = 1,
  SWISD_PURPOSE_LATENCY = 2,
  SWISD_PURPOSE_JITTER = 3,
  SWISD_PURPOSE_LOSS = 4,
  SWISD_PURPOSE_FAULT = 5, /* device: the fault's index in the file */
  SWISD_PURPOSE_ARRIVAL = 6,
  SWISD_PURPOSE_NODE = 7,     /* the node's own seed */
  SWISD_PURPOSE_PLATFORM = 8, /* whatever else a driver draws once per device */
  SWISD_PURPOSE_EVERY = 9,    /* device: the fault's index, as for the next two */
  SWISD_PURPOSE_WITHIN = 10,
  SWISD_PURPOSE_FLAP = 11,
  SWISD_PURPOSE_SAMPLE = 12,
  SWISD_PURPOSE_PLACE = 13,
  SWISD_PURPOSE_JOIN = 14,
  SWISD_PURPOSE_TRACE = 15, /* device: the class's first */
  SWISD_PURPOSE_SIZE = 16,
  SWISD_PURPOSE_LIE = 17,
  SWISD_PURPOSE_SITE = 18, /* device: the place */
};

/* The comings and goings of one device, the same in every driver: sessions and absences in turn, from time 0 on. */
struct swisd_scenario_churn {
  struct swisd_philox stream;
  const struct swisd_scenario_class *device_class;
  uint32_t span, span_end; /* of a trace: its next session */
  bool up;                 /* now */
  uint64_t change_ns;      /* when `up` changes next; SWISD_NEVER: it does not */
};

struct swisd_scenario_churn swisd_scenario_churn_start(const struct swisd_scenario *scenario, uint32_t repeat, uint32_t device);
void swisd_scenario_churn_next(struct swisd_scenario_churn *churn); /* to the state after change_ns */

#endif
