/* The summary of a run: one line for people, one object for programs. */
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
  for (size_t i = 0; i < sizeof bounds / sizeof bounds[0]; i++)
    if (bounds[i].value > 0 && (least <= 0 || bounds[i].value < least))
      least = bounds[i].value, *name = bounds[i].name;
  return least;
}

void swisd_runlog_print(FILE *out, const struct swisd_runlog_summary *s)
{
  const char *bound_name;
  const double bound = swisd_runlog_bound(s, &bound_name);
  fprintf(out, "%s%s%s seed %" PRIu64 ": %" PRIu64 " of %" PRIu64 " items answered", text(s->scenario),
          text(s->world)[0] != '\0' ? "/" : "", text(s->world), s->seed, s->items_answered, s->items_wanted);
  if (s->makespan_s > 0)
    fprintf(out, " in %.1f s", s->makespan_s);
  fprintf(out, "; goodput %.1f items/s", s->items_per_s);
  if (bound > 0)
    fprintf(out, ", %.1f %% of %.1f (%s)", 100 * share(s->items_per_s, bound), bound, bound_name);
  fprintf(out, "; work: accepted %.1f %%, duplicate %.1f %%, lost %.1f %%, rejected %.1f %%, cancelled %.1f %%, replayed %.1f %%",
          100 * share(s->flop_accepted, s->flop_issued), 100 * share(s->flop_duplicate, s->flop_issued),
          100 * share(s->flop_lost, s->flop_issued), 100 * share(s->flop_rejected, s->flop_issued),
          100 * share(s->flop_cancelled, s->flop_issued), 100 * share(s->flop_replayed, s->flop_issued));
  fprintf(out, "; %" PRIu32 " departures, %" PRIu64 " hedges, %" PRIu64 " reissues", s->departures, s->hedges, s->reissues);
  fprintf(out, "; %" PRIu64 " messages (%.1f MB), bodies %.1f MB; %.2f s CPU, %.0f MB\n", s->messages,
          (double)s->message_bytes * 1e-6, (double)s->body_bytes * 1e-6, s->cpu_s, (double)s->rss_bytes_max * 1e-6);
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
