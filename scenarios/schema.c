/* The rows, and what can be said about a row without a file. Order matters within a section: references (link, class) are
 * looked up in what stands above them. */
#include "scenarios/schema.h"

#include <string.h>

#include "scenarios/quantity.h"
#include "scenarios/scenario.h"

#define FIELD(type, member) offsetof(struct type, member), sizeof(((struct type *)0)->member)
#define NO_FIELD 0, 0
#define YEAR_S 31557600.0

/* Which struct the keys of a section fill: TOP, WORKLOAD, SHAPE, PLACEMENT, DISTANCES: swisd_scenario. LINK: swisd_scenario_link.
 * DEVICE, SPEED, SAMPLE, CHURN, DAY: swisd_scenario_class. FAULT and what is in it: swisd_scenario_fault. STEP:
 * swisd_scenario_step. */
const struct swisd_key swisd_keys[] = {
  {SWISD_SECTION_TOP, SWISD_KEY_WHOLE, 0, SWISD_KEY_REQUIRED | SWISD_KEY_BASE_ONLY, "swisd", NO_FIELD, 1, 1, NULL, NULL,
   "version of this format"},
  {SWISD_SECTION_TOP, SWISD_KEY_TEXT, 0, SWISD_KEY_REQUIRED | SWISD_KEY_BASE_ONLY, "name", FIELD(swisd_scenario, name), 1, 63,
   NULL, NULL, "what results are filed under"},
  {SWISD_SECTION_TOP, SWISD_KEY_FILES, 0, SWISD_KEY_BASE_ONLY | SWISD_KEY_STUDY, "include", NO_FIELD, 0, 0, NULL, NULL,
   "scenario files that this one starts from; a key given here replaces theirs"},
  {SWISD_SECTION_TOP, SWISD_KEY_CHOICE, 0, 0, "backend", FIELD(swisd_scenario, backend), 0, 0, "sim", "sim lab",
   "simulated devices, or real processes"},
  {SWISD_SECTION_TOP, SWISD_KEY_TIME, 0, SWISD_KEY_REQUIRED, "duration", FIELD(swisd_scenario, duration_ns), 1e-3, YEAR_S, NULL,
   NULL, "simulated (sim) or elapsed (lab) time of a run"},
  {SWISD_SECTION_TOP, SWISD_KEY_TIME, 0, 0, "warmup", FIELD(swisd_scenario, warmup_ns), 0, YEAR_S, "0 s", NULL,
   "left out of every figure"},
  {SWISD_SECTION_TOP, SWISD_KEY_WHOLE, 0, 0, "seed", FIELD(swisd_scenario, seed), 0, 18446744073709551615.0, "1", NULL,
   "of all random draws"},
  {SWISD_SECTION_TOP, SWISD_KEY_WHOLE, 0, 0, "repeat", FIELD(swisd_scenario, repeat), 1, 1000000, "1", NULL,
   "runs with independent draws"},
  {SWISD_SECTION_TOP, SWISD_KEY_NAMED, SWISD_SECTION_LINK, 0, "links", NO_FIELD, 0, 1024, NULL, NULL, "kinds of access links"},
  {SWISD_SECTION_TOP, SWISD_KEY_NAMED, SWISD_SECTION_SITE, 0, "sites", NO_FIELD, 0, 1024, NULL, NULL,
   "kinds of places, such as homes, whose devices share an uplink; traffic inside one does not use it"},
  {SWISD_SECTION_TOP, SWISD_KEY_MAP, SWISD_SECTION_DISTANCES, SWISD_KEY_WHOLLY, "distances", NO_FIELD, 0, 0, NULL, NULL,
   "measured round trips between places; each device stands at one of them, drawn in each repeat"},
  {SWISD_SECTION_TOP, SWISD_KEY_NAMED, SWISD_SECTION_DEVICE, SWISD_KEY_REQUIRED, "devices", NO_FIELD, 1, 1024, NULL, NULL,
   "classes of devices"},
  {SWISD_SECTION_TOP, SWISD_KEY_NAMED, SWISD_SECTION_CHURN, 0, "churn", NO_FIELD, 0, 1024, NULL, NULL,
   "comings and goings, by device class"},
  {SWISD_SECTION_TOP, SWISD_KEY_LIST, SWISD_SECTION_FAULT, 0, "faults", NO_FIELD, 0, 65536, NULL, NULL,
   "scripted events, on top of churn"},
  {SWISD_SECTION_TOP, SWISD_KEY_MAP, SWISD_SECTION_WORKLOAD, SWISD_KEY_REQUIRED, "workload", NO_FIELD, 0, 0, NULL, NULL,
   "what is computed"},
  {SWISD_SECTION_TOP, SWISD_KEY_MAP, SWISD_SECTION_PLACEMENT, 0, "placement", NO_FIELD, 0, 0, NULL, NULL, "who holds what"},
  {SWISD_SECTION_TOP, SWISD_KEY_CHOICE, 0, 0, "compute", FIELD(swisd_scenario, compute), 0, 0, "modelled", "modelled real",
   "in simulation: charge time only, or run the kernels too"},
  {SWISD_SECTION_TOP, SWISD_KEY_CHOICE, 0, 0, "wire", FIELD(swisd_scenario, wire), 0, 0, NULL, "full sized",
   "in simulation: encode every message, or count its bytes (default: full up to 1000 devices)"},
  {SWISD_SECTION_TOP, SWISD_KEY_CHOICE, 0, 0, "throttle", FIELD(swisd_scenario, throttle), 0, 0, "withhold",
   "withhold quota none", "in the lab: how a process is made as slow as its class"},
  {SWISD_SECTION_TOP, SWISD_KEY_CHOICE, 0, 0, "view", NO_FIELD, 0, 0, "full", "full", "whom a node knows: everybody"},
  {SWISD_SECTION_TOP, SWISD_KEY_TEXT, 0, 0, "policy", FIELD(swisd_scenario, policy), 1, 63, "core", NULL,
   "of placement and dispatch"},
  {SWISD_SECTION_TOP, SWISD_KEY_SETTINGS, 0, SWISD_KEY_STUDY, "set", NO_FIELD, 0, 0, NULL, NULL,
   "single values that differ from what is included or stands above, by their paths"},
  {SWISD_SECTION_TOP, SWISD_KEY_SWEEP, 0, SWISD_KEY_STUDY, "sweep", NO_FIELD, 0, 0, NULL, NULL,
   "what is varied: every combination of the lists; those under zip go in step"},
  {SWISD_SECTION_TOP, SWISD_KEY_EXPECT, 0, 0, "expect", NO_FIELD, 0, 0, NULL, NULL,
   "what must come out, over the runs of each point; else swisd run exits 1"},
  {SWISD_SECTION_TOP, SWISD_KEY_NAMED, SWISD_SECTION_TOP, SWISD_KEY_BASE_ONLY | SWISD_KEY_STUDY, "worlds", NO_FIELD, 0, 64, NULL,
   NULL, "named variants: their keys replace those of the same name above"},

  {SWISD_SECTION_LINK, SWISD_KEY_TIME_DISTRIBUTION, 0, 0, "latency", FIELD(swisd_scenario_link, latency_s), 0, 60, "0 ms", NULL,
   "one way; drawn once per device"},
  {SWISD_SECTION_LINK, SWISD_KEY_TIME_DISTRIBUTION, 0, 0, "jitter", FIELD(swisd_scenario_link, jitter_s), 0, 60, NULL, NULL,
   "added to each message, drawn each time"},
  {SWISD_SECTION_LINK, SWISD_KEY_RATE, 0, 0, "bandwidth", FIELD(swisd_scenario_link, up_bytes_per_s), 1, 1e12, NULL, NULL,
   "both ways; not given: not limited"},
  {SWISD_SECTION_LINK, SWISD_KEY_RATE, 0, 0, "up", FIELD(swisd_scenario_link, up_bytes_per_s), 1, 1e12, NULL, NULL,
   "from the device; instead of bandwidth"},
  {SWISD_SECTION_LINK, SWISD_KEY_RATE, 0, 0, "down", FIELD(swisd_scenario_link, down_bytes_per_s), 1, 1e12, NULL, NULL,
   "to the device; instead of bandwidth"},
  {SWISD_SECTION_LINK, SWISD_KEY_SHARE, 0, 0, "loss", FIELD(swisd_scenario_link, loss), 0, 1, "0 %", NULL, "of the datagrams"},

  {SWISD_SECTION_SITE, SWISD_KEY_WHOLE, 0, 0, "count", FIELD(swisd_scenario_site, count), 1, 1000000, "1", NULL,
   "such places; devices are dealt out to them in turn"},
  {SWISD_SECTION_SITE, SWISD_KEY_TIME_DISTRIBUTION, 0, 0, "latency", FIELD(swisd_scenario_site, latency_s), 0, 60, "0 ms", NULL,
   "one way of the uplink, besides the devices' own; drawn once per place"},
  {SWISD_SECTION_SITE, SWISD_KEY_RATE, 0, 0, "bandwidth", FIELD(swisd_scenario_site, up_bytes_per_s), 1, 1e12, NULL, NULL,
   "both ways, shared by the devices there; not given: not limited"},
  {SWISD_SECTION_SITE, SWISD_KEY_RATE, 0, 0, "up", FIELD(swisd_scenario_site, up_bytes_per_s), 1, 1e12, NULL, NULL,
   "out of the place; instead of bandwidth"},
  {SWISD_SECTION_SITE, SWISD_KEY_RATE, 0, 0, "down", FIELD(swisd_scenario_site, down_bytes_per_s), 1, 1e12, NULL, NULL,
   "into the place; instead of bandwidth"},

  {SWISD_SECTION_DEVICE, SWISD_KEY_WHOLE, 0, 0, "count", FIELD(swisd_scenario_class, count), 1, 1000000, "1", NULL, "devices"},
  {SWISD_SECTION_DEVICE, SWISD_KEY_TEXT, 0, 0, "class", NO_FIELD, 1, 63, NULL, NULL,
   "built-in class that speed and memory come from (default: the one of this name)"},
  {SWISD_SECTION_DEVICE, SWISD_KEY_SPEEDS, SWISD_SECTION_SPEED, 0, "speed", FIELD(swisd_scenario_class, flops_per_s), 1e3, 1e15,
   NULL, NULL, "of the whole device, all slots together; single precision"},
  {SWISD_SECTION_DEVICE, SWISD_KEY_BYTES, 0, 0, "memory", FIELD(swisd_scenario_class, memory_bytes), 1048576, 1e15, NULL, NULL,
   "for shards"},
  {SWISD_SECTION_DEVICE, SWISD_KEY_LINK, 0, 0, "link", FIELD(swisd_scenario_class, link), 0, 0, NULL, NULL,
   "name of its link; not given: no delay, no limit"},
  {SWISD_SECTION_DEVICE, SWISD_KEY_SITE, 0, 0, "site", FIELD(swisd_scenario_class, site), 0, 0, NULL, NULL,
   "name of the kind of place they are at"},
  {SWISD_SECTION_DEVICE, SWISD_KEY_WHOLE, 0, 0, "slots", FIELD(swisd_scenario_class, slots), 1, 16, "1", NULL,
   "programs run at once, each at its share of the speed"},

  {SWISD_SECTION_DEVICE, SWISD_KEY_MAP, SWISD_SECTION_SAMPLE, 0, "sample", NO_FIELD, 0, 0, NULL, NULL,
   "speeds drawn from a table, one per device, instead of speed"},
  {SWISD_SECTION_DEVICE, SWISD_KEY_TIME_DISTRIBUTION, 0, 0, "joins", FIELD(swisd_scenario_class, joins_s), 0, YEAR_S, NULL, NULL,
   "when a device first appears, drawn once per device; not given: at the start"},

  {SWISD_SECTION_SPEED, SWISD_KEY_SPEED, 0, SWISD_KEY_REQUIRED, "conv",
   FIELD(swisd_scenario_class, flops_per_s[SWISD_KERNEL_CONV]), 1e3, 1e15, NULL, NULL, "convolutions"},
  {SWISD_SECTION_SPEED, SWISD_KEY_SPEED, 0, SWISD_KEY_REQUIRED, "dense",
   FIELD(swisd_scenario_class, flops_per_s[SWISD_KERNEL_DENSE]), 1e3, 1e15, NULL, NULL, "matrix products"},
  {SWISD_SECTION_SPEED, SWISD_KEY_SPEED, 0, SWISD_KEY_REQUIRED, "attention",
   FIELD(swisd_scenario_class, flops_per_s[SWISD_KERNEL_ATTENTION]), 1e3, 1e15, NULL, NULL, "attention"},

  {SWISD_SECTION_SAMPLE, SWISD_KEY_FILE, 0, SWISD_KEY_REQUIRED, "table", NO_FIELD, 1, 255, NULL, NULL,
   "CSV with a header, a kind of device in each row"},
  {SWISD_SECTION_SAMPLE, SWISD_KEY_TEXT, 0, SWISD_KEY_REQUIRED, "column", FIELD(swisd_scenario_class, sample_column), 1, 63, NULL,
   NULL, "that holds the speed"},
  {SWISD_SECTION_SAMPLE, SWISD_KEY_SPEED, 0, SWISD_KEY_REQUIRED, "unit", FIELD(swisd_scenario_class, sample_unit), 1, 1e15, NULL,
   NULL, "what a 1 in that column stands for"},
  {SWISD_SECTION_SAMPLE, SWISD_KEY_TEXT, 0, 0, "weight", FIELD(swisd_scenario_class, sample_weight), 1, 63, NULL, NULL,
   "column that says how many such devices there are; not given: rows count alike"},

  {SWISD_SECTION_CHURN, SWISD_KEY_TIME_DISTRIBUTION, 0, 0, "uptime", FIELD(swisd_scenario_class, uptime_s), 1e-6, 100 * YEAR_S,
   NULL, NULL, "length of a session"},
  {SWISD_SECTION_CHURN, SWISD_KEY_TIME_DISTRIBUTION, 0, 0, "downtime", FIELD(swisd_scenario_class, downtime_s), 1e-6,
   100 * YEAR_S, NULL, NULL, "length of an absence; not given: who leaves stays away"},
  {SWISD_SECTION_CHURN, SWISD_KEY_NUMBER, 0, 0, "faster", FIELD(swisd_scenario_class, faster), 1e-6, 1e9, "1", NULL,
   "both are divided by this, to fit long published times into a short run"},
  {SWISD_SECTION_CHURN, SWISD_KEY_CHOICE, 0, 0, "leave", FIELD(swisd_scenario_class, leave), 0, 0, "crash", "crash graceful",
   "how a session ends"},
  {SWISD_SECTION_CHURN, SWISD_KEY_FILE, 0, 0, "trace", NO_FIELD, 1, 255, NULL, NULL,
   "sessions that were measured, instead of uptime and downtime: .avt, or CSV of node,up_s,down_s sorted by node and time"},
  {SWISD_SECTION_CHURN, SWISD_KEY_TIME, 0, 0, "from", FIELD(swisd_scenario_class, trace_from_ns), 0, 100 * YEAR_S, NULL, NULL,
   "where in the trace the run begins"},
  {SWISD_SECTION_CHURN, SWISD_KEY_MAP, SWISD_SECTION_DAY, 0, "day", NO_FIELD, 0, 0, NULL, NULL,
   "absences end less often at night: a daily cycle"},

  {SWISD_SECTION_DAY, SWISD_KEY_TIME, 0, 0, "period", FIELD(swisd_scenario_class, day_period_ns), 1e-3, YEAR_S, "24 h", NULL,
   "length of a day, before faster"},
  {SWISD_SECTION_DAY, SWISD_KEY_TIME, 0, 0, "peak", FIELD(swisd_scenario_class, day_peak_ns), 0, YEAR_S, "12 h", NULL,
   "when most come back, since the start of a day, before faster; the run begins at 0"},
  {SWISD_SECTION_DAY, SWISD_KEY_SHARE, 0, SWISD_KEY_REQUIRED, "low", FIELD(swisd_scenario_class, day_low), 0.001, 1, NULL, NULL,
   "how often absences end half a day away from the peak, against then; straight lines between"},

  {SWISD_SECTION_FAULT, SWISD_KEY_TIME, 0, SWISD_KEY_REQUIRED, "at", FIELD(swisd_scenario_fault, at_ns), 0, YEAR_S, NULL, NULL,
   "since the start"},
  {SWISD_SECTION_FAULT, SWISD_KEY_TIME, 0, 0, "for", FIELD(swisd_scenario_fault, for_ns), 1e-3, YEAR_S, NULL, NULL,
   "then it is undone; not given: it lasts"},
  {SWISD_SECTION_FAULT, SWISD_KEY_TIME_DISTRIBUTION, 0, 0, "every", FIELD(swisd_scenario_fault, every_s), 1e-3, YEAR_S, NULL,
   NULL, "again and again, with such gaps; devices that are chosen are chosen anew"},
  {SWISD_SECTION_FAULT, SWISD_KEY_TIME, 0, 0, "within", FIELD(swisd_scenario_fault, within_ns), 1e-3, YEAR_S, NULL, NULL,
   "each device at a moment of its own within this time"},
  {SWISD_SECTION_FAULT, SWISD_KEY_DEVICES, 0, 0, "kill", NO_FIELD, 0, 0, NULL, NULL, "they are gone, connections reset"},
  {SWISD_SECTION_FAULT, SWISD_KEY_DEVICES, 0, 0, "silence", NO_FIELD, 0, 0, NULL, NULL, "no answer, and no reset: a closed lid"},
  {SWISD_SECTION_FAULT, SWISD_KEY_MAP, SWISD_SECTION_SLOW, 0, "slow", NO_FIELD, 0, 0, NULL, NULL, "they compute slower"},
  {SWISD_SECTION_FAULT, SWISD_KEY_DEVICES, 0, 0, "return", NO_FIELD, 0, 0, NULL, NULL, "undoes kill, silence and slow"},
  {SWISD_SECTION_FAULT, SWISD_KEY_MAP, SWISD_SECTION_LOSS, 0, "loss", NO_FIELD, 0, 0, NULL, NULL, "datagrams of a link are lost"},
  {SWISD_SECTION_FAULT, SWISD_KEY_DEVICES, 0, 0, "partition", NO_FIELD, 0, 0, NULL, NULL,
   "they hear each other, and nobody else hears them"},
  {SWISD_SECTION_FAULT, SWISD_KEY_CHOICE, 0, 0, "way", FIELD(swisd_scenario_fault, way), 0, 0, NULL, "both out in",
   "of a partition (default: both); out, they hear the others, who do not hear them; in, the reverse"},
  {SWISD_SECTION_FAULT, SWISD_KEY_DEVICES, 0, 0, "cut", NO_FIELD, 0, 0, NULL, NULL, "each of them alone is out of reach"},
  {SWISD_SECTION_FAULT, SWISD_KEY_MAP, SWISD_SECTION_FLAP, 0, "flap", NO_FIELD, 0, 0, NULL, NULL,
   "each of them is cut off and back, again and again"},
  {SWISD_SECTION_FAULT, SWISD_KEY_MAP, SWISD_SECTION_BANDWIDTH, 0, "bandwidth", NO_FIELD, 0, 0, NULL, NULL,
   "a link is slower, or faster"},
  {SWISD_SECTION_FAULT, SWISD_KEY_MAP, SWISD_SECTION_LIE, 0, "lie", NO_FIELD, 0, 0, NULL, NULL, "they answer wrongly"},
  {SWISD_SECTION_FAULT, SWISD_KEY_MAP, SWISD_SECTION_CLOCK, 0, "clock", NO_FIELD, 0, 0, NULL, NULL, "their clocks jump ahead"},
  {SWISD_SECTION_FAULT, SWISD_KEY_DEVICES, 0, 0, "disk_full", NO_FIELD, 0, 0, NULL, NULL, "they can store no further shard"},
  {SWISD_SECTION_FAULT, SWISD_KEY_NUMBER, 0, 0, "demand", FIELD(swisd_scenario_fault, factor), 0.001, 1000, NULL, NULL,
   "jobs arrive so many times as often: a flash crowd (needs workload.arrivals)"},

  {SWISD_SECTION_SLOW, SWISD_KEY_DEVICES, 0, SWISD_KEY_REQUIRED, "devices", NO_FIELD, 0, 0, NULL, NULL, "who"},
  {SWISD_SECTION_SLOW, SWISD_KEY_NUMBER, 0, SWISD_KEY_REQUIRED, "factor", FIELD(swisd_scenario_fault, factor), 1, 1e6, NULL, NULL,
   "how many times slower"},
  {SWISD_SECTION_LOSS, SWISD_KEY_LINK, 0, SWISD_KEY_REQUIRED, "link", FIELD(swisd_scenario_fault, link), 0, 0, NULL, NULL,
   "devices with this link"},
  {SWISD_SECTION_LOSS, SWISD_KEY_SHARE, 0, SWISD_KEY_REQUIRED, "rate", FIELD(swisd_scenario_fault, loss), 0, 1, NULL, NULL,
   "in place of the link's own loss"},
  {SWISD_SECTION_FLAP, SWISD_KEY_DEVICES, 0, SWISD_KEY_REQUIRED, "devices", NO_FIELD, 0, 0, NULL, NULL, "who"},
  {SWISD_SECTION_FLAP, SWISD_KEY_TIME_DISTRIBUTION, 0, SWISD_KEY_REQUIRED, "up", FIELD(swisd_scenario_fault, flap_up_s), 1e-3,
   YEAR_S, NULL, NULL, "how long a device can be reached"},
  {SWISD_SECTION_FLAP, SWISD_KEY_TIME_DISTRIBUTION, 0, SWISD_KEY_REQUIRED, "down", FIELD(swisd_scenario_fault, flap_down_s), 1e-3,
   YEAR_S, NULL, NULL, "how long it cannot"},
  {SWISD_SECTION_BANDWIDTH, SWISD_KEY_LINK, 0, SWISD_KEY_REQUIRED, "link", FIELD(swisd_scenario_fault, link), 0, 0, NULL, NULL,
   "devices with this link"},
  {SWISD_SECTION_BANDWIDTH, SWISD_KEY_NUMBER, 0, SWISD_KEY_REQUIRED, "factor", FIELD(swisd_scenario_fault, factor), 1e-4, 1e4,
   NULL, NULL, "of the link's own bandwidth: 0.1 is a tenth"},
  {SWISD_SECTION_LIE, SWISD_KEY_DEVICES, 0, SWISD_KEY_REQUIRED, "devices", NO_FIELD, 0, 0, NULL, NULL, "who"},
  {SWISD_SECTION_LIE, SWISD_KEY_SHARE, 0, 0, "share", FIELD(swisd_scenario_fault, loss), 0, 1, "100 %", NULL,
   "of their results that are wrong"},
  {SWISD_SECTION_CLOCK, SWISD_KEY_DEVICES, 0, SWISD_KEY_REQUIRED, "devices", NO_FIELD, 0, 0, NULL, NULL, "whose"},
  {SWISD_SECTION_CLOCK, SWISD_KEY_TIME, 0, SWISD_KEY_REQUIRED, "jump", FIELD(swisd_scenario_fault, jump_ns), 1e-3, 86400, NULL,
   NULL, "by how much"},
  {SWISD_SECTION_TARGET, SWISD_KEY_SITE, 0, 0, "site", FIELD(swisd_scenario_target, site), 0, 0, NULL, NULL,
   "all devices at such places, instead of class; count and share then choose places: what is there goes together"},
  {SWISD_SECTION_TARGET, SWISD_KEY_CLASS, 0, 0, "class", FIELD(swisd_scenario_target, class_index), 0, 0, NULL, NULL,
   "devices of this class"},
  {SWISD_SECTION_TARGET, SWISD_KEY_WHOLE, 0, 0, "count", FIELD(swisd_scenario_target, count), 1, 1000000, NULL, NULL,
   "so many, chosen anew in each repeat"},
  {SWISD_SECTION_TARGET, SWISD_KEY_SHARE, 0, 0, "share", NO_FIELD, 0, 1, NULL, NULL, "such a share, chosen anew in each repeat"},

  {SWISD_SECTION_WORKLOAD, SWISD_KEY_TEXT, 0, 0, "model", FIELD(swisd_scenario, workload.model), 1, 255, NULL, NULL,
   "path of a model, or the name of a built-in one"},
  {SWISD_SECTION_WORKLOAD, SWISD_KEY_WHOLE, 0, 0, "stages", FIELD(swisd_scenario, workload.stages), 1, SWISD_STEPS_MAX, "2", NULL,
   "that a language model in Hugging Face's layout is cut in"},
  {SWISD_SECTION_WORKLOAD, SWISD_KEY_MAP, SWISD_SECTION_SHAPE, 0, "shape", NO_FIELD, 0, 0, NULL, NULL,
   "a made-up model, instead of model"},
  {SWISD_SECTION_WORKLOAD, SWISD_KEY_TEXT, 0, 0, "data", FIELD(swisd_scenario, workload.data), 1, 255, NULL, NULL,
   "path of input items, or the name of a known data set"},
  {SWISD_SECTION_WORKLOAD, SWISD_KEY_WHOLE, 0, 0, "items", FIELD(swisd_scenario, workload.items), 1, 1e12, NULL, NULL,
   "of the data; not given: all there are"},
  {SWISD_SECTION_WORKLOAD, SWISD_KEY_WHOLE, 0, 0, "repeat", FIELD(swisd_scenario, workload.repeat), 1, 1e9, NULL, NULL,
   "times the stream goes through the items (default 1)"},
  {SWISD_SECTION_WORKLOAD, SWISD_KEY_TIME, 0, 0, "bound", FIELD(swisd_scenario, workload.bound_ns), 1e-3, YEAR_S, NULL, NULL,
   "instead of repeat: until the fluid bound of the run is about this"},
  {SWISD_SECTION_WORKLOAD, SWISD_KEY_WHOLE, 0, 0, "submitters", FIELD(swisd_scenario, workload.submitters), 1, 10000, "1", NULL,
   "nodes besides the devices that submit, each its share"},
  {SWISD_SECTION_WORKLOAD, SWISD_KEY_LINK, 0, 0, "link", FIELD(swisd_scenario, workload.link), 0, 0, NULL, NULL,
   "of the submitters"},
  {SWISD_SECTION_WORKLOAD, SWISD_KEY_WHOLE, 0, 0, "requests", FIELD(swisd_scenario, workload.requests), 1, 1e9, "1", NULL,
   "jobs of each submitter, one after another"},
  {SWISD_SECTION_WORKLOAD, SWISD_KEY_COUNT_DISTRIBUTION, 0, 0, "size", FIELD(swisd_scenario, workload.size), 1, 1e6, NULL, NULL,
   "items of a job, drawn for each; instead of repeat and bound"},
  {SWISD_SECTION_WORKLOAD, SWISD_KEY_TIME_DISTRIBUTION, 0, 0, "arrivals", FIELD(swisd_scenario, workload.arrivals_s), 0, YEAR_S,
   NULL, NULL, "between the starts of two jobs; not given: the next starts when one is answered"},
  {SWISD_SECTION_WORKLOAD, SWISD_KEY_TIME, 0, 0, "chunk", FIELD(swisd_scenario, workload.chunk_ns), 1e-3, 60, "250 ms", NULL,
   "a task is sized to this much of its worker's time"},
  {SWISD_SECTION_WORKLOAD, SWISD_KEY_CHOICE, 0, 0, "verify", FIELD(swisd_scenario, workload.verify), 0, 0, "none",
   "none freivalds hash", "how results are checked"},

  {SWISD_SECTION_SHAPE, SWISD_KEY_BYTES, 0, SWISD_KEY_REQUIRED, "input", FIELD(swisd_scenario, workload.in_bytes), 1, 1e9, NULL,
   NULL, "per item"},
  {SWISD_SECTION_SHAPE, SWISD_KEY_LIST, SWISD_SECTION_STEP, SWISD_KEY_REQUIRED, "steps", NO_FIELD, 1, SWISD_STEPS_MAX, NULL, NULL,
   "one after another"},
  {SWISD_SECTION_STEP, SWISD_KEY_CHOICE, 0, 0, "kernel", FIELD(swisd_scenario_step, kernel), 0, 0, "conv", "conv dense attention",
   "class of its arithmetic"},
  {SWISD_SECTION_STEP, SWISD_KEY_WHOLE, 0, 0, "lanes", FIELD(swisd_scenario_step, lanes), 1, SWISD_LANES_MAX, "1", NULL,
   "shards that it is cut in"},
  {SWISD_SECTION_STEP, SWISD_KEY_WORK, 0, SWISD_KEY_REQUIRED, "work", FIELD(swisd_scenario_step, flops), 1, 1e15, NULL, NULL,
   "per item, all lanes together"},
  {SWISD_SECTION_STEP, SWISD_KEY_BYTES, 0, SWISD_KEY_REQUIRED, "output", FIELD(swisd_scenario_step, out_bytes), 1, 1e9, NULL,
   NULL, "per item, all lanes together"},
  {SWISD_SECTION_STEP, SWISD_KEY_BYTES, 0, SWISD_KEY_REQUIRED, "weights", FIELD(swisd_scenario_step, weight_bytes), 1, 1e12, NULL,
   NULL, "of each lane"},

  {SWISD_SECTION_PLACEMENT, SWISD_KEY_WHOLE, 0, 0, "slots", FIELD(swisd_scenario, placement_slots), 1, SWISD_HOLDINGS_MAX, "3",
   NULL, "shards that a node holds (d)"},
  {SWISD_SECTION_PLACEMENT, SWISD_KEY_WHOLE, 0, 0, "r_min", FIELD(swisd_scenario, placement_replicas_min), 1, 255, "2", NULL,
   "holders below which nobody drops a shard"},

  {SWISD_SECTION_DISTANCES, SWISD_KEY_FILE, 0, SWISD_KEY_REQUIRED, "matrix", NO_FIELD, 1, 255, NULL, NULL,
   "a square of numbers, a line for each place; 0 off the diagonal is missing, and becomes the median"},
  {SWISD_SECTION_DISTANCES, SWISD_KEY_TIME, 0, 0, "unit", FIELD(swisd_scenario, distance_unit_ns), 1e-6, 1, "1 ms", NULL,
   "what a 1 in it stands for"},
};
const size_t swisd_key_count = sizeof swisd_keys / sizeof swisd_keys[0];

const struct swisd_key *swisd_key_find(enum swisd_section section, const char *name)
{
  for (size_t i = 0; i < swisd_key_count; i++) {
    if (swisd_keys[i].section == section && strcmp(swisd_keys[i].name, name) == 0) {
      return &swisd_keys[i];
    }
  }
  return NULL;
}

/* The first row that opens `section`; NULL for TOP and for TARGET, which a DEVICES value opens. */
static const struct swisd_key *opener_of(enum swisd_section section)
{
  for (size_t i = 0; i < swisd_key_count && section != SWISD_SECTION_TOP; i++) {
    if (swisd_keys[i].inner == section) {
      return &swisd_keys[i];
    }
  }
  return NULL;
}

void swisd_key_path(const struct swisd_key *key, char *path, size_t bytes)
{
  const struct swisd_key *chain[8];
  int depth = 0;
  for (const struct swisd_key *k = key; k && depth < 8; k = opener_of(k->section)) {
    chain[depth++] = k;
  }
  path[0] = '\0';
  if (chain[depth - 1]->section == SWISD_SECTION_TARGET) {
    snprintf(path, bytes, "<devices>.");
  }
  while (depth-- > 0) {
    const struct swisd_key *k = chain[depth];
    const size_t used = strlen(path);
    snprintf(path + used, bytes - used, "%s%s", k->name,
             depth == 0                   ? ""
             : k->type == SWISD_KEY_NAMED ? ".*."
             : k->type == SWISD_KEY_LIST  ? "[]."
                                          : ".");
  }
}

enum swisd_dimension swisd_key_dimension(const struct swisd_key *key)
{
  switch (key->type) {
  case SWISD_KEY_TIME:
  case SWISD_KEY_TIME_DISTRIBUTION:
    return SWISD_DIMENSION_TIME;
  case SWISD_KEY_BYTES:
    return SWISD_DIMENSION_BYTES;
  case SWISD_KEY_RATE:
    return SWISD_DIMENSION_RATE;
  case SWISD_KEY_SPEED:
  case SWISD_KEY_SPEEDS:
    return SWISD_DIMENSION_SPEED;
  case SWISD_KEY_WORK:
    return SWISD_DIMENSION_WORK;
  case SWISD_KEY_SHARE:
    return SWISD_DIMENSION_SHARE;
  default:
    return SWISD_DIMENSION_NONE;
  }
}

void swisd_key_wanted(const struct swisd_key *key, char *text, size_t bytes)
{
  static const char *const words[] = {
    [SWISD_KEY_MAP] = "a map",
    [SWISD_KEY_NAMED] = "a map of names",
    [SWISD_KEY_LIST] = "a list of maps",
    [SWISD_KEY_SPEEDS] = "a speed, e.g. 24 Gflops, or one for each of conv, dense, attention",
    [SWISD_KEY_TEXT] = "a text",
    [SWISD_KEY_TEXTS] = "a text, or a list of them",
    [SWISD_KEY_WHOLE] = "a whole number",
    [SWISD_KEY_TIME_DISTRIBUTION] = "a time, e.g. 250 ms, or a distribution, e.g. {exponential: 4 min}",
    [SWISD_KEY_COUNT_DISTRIBUTION] = "a number, e.g. 100, or a distribution, e.g. {poisson: 100}",
    [SWISD_KEY_DEVICES] = "devices, e.g. pi4/0, or {class: pi4, count: 2}, or a list of those",
    [SWISD_KEY_LINK] = "the name of a link",
    [SWISD_KEY_SITE] = "the name of a site",
    [SWISD_KEY_CLASS] = "the name of a device class",
    [SWISD_KEY_FILE] = "the path of a file",
    [SWISD_KEY_FILES] = "the path of a scenario file, or a list of them",
    [SWISD_KEY_SETTINGS] = "a map of paths with values, e.g. {links.wifi.latency: 5 ms}",
    [SWISD_KEY_SWEEP] = "a map of paths with lists of values, e.g. {devices.pi4.count: [4, 8]}",
    [SWISD_KEY_EXPECT] = "a map of results with comparisons, e.g. {completed: '>= 99 %', detect_p95_s: 'max < 3 s'}",
  };
  if (key->type == SWISD_KEY_CHOICE) {
    snprintf(text, bytes, "one of: %s", key->choices);
  } else if (key->type < sizeof words / sizeof words[0] && words[key->type]) {
    snprintf(text, bytes, "%s", words[key->type]);
  } else {
    snprintf(text, bytes, "%s", swisd_quantity_wanted(swisd_key_dimension(key)));
  }
}
