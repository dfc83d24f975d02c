/* The summary of a run: a few lines for people, one object for programs. */
#include <inttypes.h>
#include <stddef.h>

#include "runtime/base/json.h"
#include "runtime/base/runlog.h"

static const char *text(const char *maybe) { return maybe == NULL ? "" : maybe; }

static double share(double part, double whole) { return whole > 0 ? part / whole : 0; }

double swisd_runlog_bound(const struct swisd_runlog_summary *s, const char **name)
{
  const struct {
    double value;
    const char *name;
  } bounds[] = {
    {s->bound_fluid_items_per_s, "B1 fluid"},
    {s->bound_memory_items_per_s, "B2 memory"},
    {s->bound_placement_items_per_s, "B3 placement"},
    {s->bound_network_items_per_s, "B4 network"},
  };
  double least = 0;
  *name = "none";
  /* B2 and B3 equal B1 where memory and placement cost nothing: then it is B1 that applies, whatever the last digits say. */
  for (size_t i = 0; i < sizeof bounds / sizeof bounds[0]; i++)
    if (bounds[i].value > 0 && (least <= 0 || bounds[i].value < least * (1 - 1e-6)))
      least = bounds[i].value, *name = bounds[i].name;
  return least;
}

static void print_bounds(FILE *out, const struct swisd_runlog_summary *s)
{
  const char *name;
  const double bound = swisd_runlog_bound(s, &name);
  fprintf(out, "  goodput %.1f items/s", s->items_per_s);
  if (bound > 0)
    fprintf(out, ", %.1f %% of the least bound, %s", 100 * share(s->items_per_s, bound), name);
  const double values[] = {s->bound_fluid_items_per_s, s->bound_memory_items_per_s, s->bound_placement_items_per_s,
                           s->bound_network_items_per_s};
  static const char *const words[] = {"fluid", "memory", "placement", "network"};
  const char *before = " (";
  for (int b = 0; b < 4; b++)
    if (values[b] > 0) {
      fprintf(out, "%sB%d %s %.1f", before, b + 1, words[b], values[b]);
      before = ", ";
    }
  fputs(before[0] == ',' ? ")\n" : "\n", out);
}

/* Every class of the accounting, in its order, from `parts` of `whole`. */
static void print_classes(FILE *out, const double parts[SWISD_RUNLOG_OUTCOME_COUNT], double whole)
{
  for (int o = SWISD_RUNLOG_ACCEPTED; o < SWISD_RUNLOG_OUTCOME_COUNT; o++)
    fprintf(out, " %s %.1f %%,", swisd_runlog_outcome_name((enum swisd_runlog_outcome)o), 100 * share(parts[o], whole));
}

void swisd_runlog_print(FILE *out, const struct swisd_runlog_summary *s)
{
  fprintf(out, "%s%s%s seed %" PRIu64 ": %" PRIu64 " of %" PRIu64 " items answered", text(s->scenario),
          text(s->world)[0] != '\0' ? "/" : "", text(s->world), s->seed, s->items_answered, s->items_wanted);
  if (s->makespan_s > 0)
    fprintf(out, " in %.1f s", s->makespan_s);
  fputs("\n", out);
  print_bounds(out, s);
  if (s->share_known) {
    fprintf(out, "  the devices' time:");
    print_classes(out, s->share, 1);
    fprintf(out, " unfinished %.1f %%, idle %.1f %%\n", 100 * s->share[SWISD_RUNLOG_UNKNOWN], 100 * s->share_idle);
  }
  const double issued[SWISD_RUNLOG_OUTCOME_COUNT] = {
    0, s->flop_accepted, s->flop_duplicate, s->flop_lost, s->flop_rejected, s->flop_cancelled, s->flop_replayed};
  fprintf(out, "  the work issued:  ");
  print_classes(out, issued, s->flop_issued);
  fprintf(out, " under way %.1f %%\n", 100 * share(s->flop_under_way, s->flop_issued));
  fprintf(out, "  %" PRIu32 " departures, %" PRIu64 " hedges, %" PRIu64 " reissues", s->departures, s->hedges, s->reissues);
  fprintf(out, "; %" PRIu64 " messages (%.1f MB), bodies %.1f MB; %.2f s of CPU", s->messages, (double)s->message_bytes * 1e-6,
          (double)s->body_bytes * 1e-6, s->cpu_s);
  if (s->rss_bytes_max > 0)
    fprintf(out, ", %.0f MB of memory", (double)s->rss_bytes_max * 1e-6);
  fputs("\n", out);
}

static void put_text(struct swisd_json *json, const char *key, const char *value)
{
  swisd_json_key(json, key);
  swisd_json_string(json, text(value));
}

static void put_count(struct swisd_json *json, const char *key, uint64_t value)
{
  swisd_json_key(json, key);
  swisd_json_unsigned(json, value);
}

static void put_number(struct swisd_json *json, const char *key, double value)
{
  swisd_json_key(json, key);
  swisd_json_number(json, value);
}

/* A bound that was not computed is null. */
static void put_bound(struct swisd_json *json, const char *key, double value)
{
  swisd_json_key(json, key);
  if (value > 0)
    swisd_json_number(json, value);
  else
    swisd_json_null(json);
}

static void put_share(struct swisd_json *json, const char *key, bool known, double value)
{
  swisd_json_key(json, key);
  if (known)
    swisd_json_number(json, value);
  else
    swisd_json_null(json);
}

static void put_names(struct swisd_json *json, const struct swisd_runlog_summary *s)
{
  char digest[17];
  snprintf(digest, sizeof digest, "%016" PRIx64, s->digest);
  put_text(json, "scenario", s->scenario);
  put_text(json, "world", s->world);
  put_text(json, "backend", s->backend);
  put_text(json, "policy", s->policy);
  put_count(json, "seed", s->seed);
  put_count(json, "repeat", s->repeat);
  put_text(json, "digest", s->digest == 0 ? "" : digest);
  put_number(json, "duration_s", s->duration_s);
  put_count(json, "devices", s->devices);
  put_count(json, "submitters", s->submitters);
  put_count(json, "departures", s->departures);
  put_count(json, "returns", s->returns);
}

static void put_results(struct swisd_json *json, const struct swisd_runlog_summary *s)
{
  const char *bound_name;
  const double bound = swisd_runlog_bound(s, &bound_name);
  put_count(json, "jobs", s->jobs);
  put_count(json, "jobs_answered", s->jobs_answered);
  put_count(json, "jobs_failed", s->jobs_failed);
  put_count(json, "items_wanted", s->items_wanted);
  put_count(json, "items_answered", s->items_answered);
  put_count(json, "items_wrong", s->items_wrong);
  put_bound(json, "makespan_s", s->makespan_s);
  put_number(json, "window_from_s", s->window_from_s);
  put_number(json, "window_to_s", s->window_to_s);
  put_number(json, "items_per_s", s->items_per_s);
  put_bound(json, "bound_fluid_items_per_s", s->bound_fluid_items_per_s);
  put_bound(json, "bound_fluid_makespan_s", s->bound_fluid_makespan_s);
  put_bound(json, "bound_memory_items_per_s", s->bound_memory_items_per_s);
  put_bound(json, "bound_placement_items_per_s", s->bound_placement_items_per_s);
  put_bound(json, "bound_network_items_per_s", s->bound_network_items_per_s);
  put_text(json, "bound", bound_name);
  put_bound(json, "bound_items_per_s", bound);
  put_bound(json, "goodput_of_bound", share(s->items_per_s, bound));
  put_bound(json, "goodput_of_fluid", share(s->items_per_s, s->bound_fluid_items_per_s));
}

static void put_account(struct swisd_json *json, const struct swisd_runlog_summary *s)
{
  put_number(json, "flop_issued", s->flop_issued);
  put_number(json, "flop_accepted", s->flop_accepted);
  put_number(json, "flop_duplicate", s->flop_duplicate);
  put_number(json, "flop_lost", s->flop_lost);
  put_number(json, "flop_rejected", s->flop_rejected);
  put_number(json, "flop_cancelled", s->flop_cancelled);
  put_number(json, "flop_replayed", s->flop_replayed);
  put_number(json, "flop_under_way", s->flop_under_way);
  put_number(json, "share_accepted", share(s->flop_accepted, s->flop_issued));
  put_number(json, "share_duplicate", share(s->flop_duplicate, s->flop_issued));
  put_number(json, "share_lost", share(s->flop_lost, s->flop_issued));
  put_number(json, "share_rejected", share(s->flop_rejected, s->flop_issued));
  put_number(json, "share_cancelled", share(s->flop_cancelled, s->flop_issued));
  put_number(json, "share_replayed", share(s->flop_replayed, s->flop_issued));
  static const char *const keys[SWISD_RUNLOG_OUTCOME_COUNT] = {"time_unfinished", "time_accepted",  "time_duplicate", "time_lost",
                                                               "time_rejected",   "time_cancelled", "time_replayed"};
  for (int o = 0; o < SWISD_RUNLOG_OUTCOME_COUNT; o++)
    put_share(json, keys[o], s->share_known, s->share[o]);
  put_share(json, "time_idle", s->share_known, s->share_idle);
  put_count(json, "hedges", s->hedges);
  put_count(json, "reissues", s->reissues);
  put_count(json, "messages", s->messages);
  put_count(json, "message_bytes", s->message_bytes);
  put_count(json, "bodies", s->bodies);
  put_count(json, "body_bytes", s->body_bytes);
  put_number(json, "cpu_s", s->cpu_s);
  put_count(json, "rss_bytes_max", s->rss_bytes_max);
}

void swisd_runlog_print_json(FILE *out, const struct swisd_runlog_summary *summary)
{
  struct swisd_json json;
  swisd_json_start(&json, out, true);
  swisd_json_object(&json);
  put_names(&json, summary);
  put_results(&json, summary);
  put_account(&json, summary);
  swisd_json_end(&json);
  swisd_json_finish(&json);
}
