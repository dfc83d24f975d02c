/* See status_print.h. */
#include "runtime/cli/status_print.h"

#include <string.h>

enum { NAME_BYTES = 64 };

/* Colours of a state, on terminals. */
static const char *colour_of(const struct swisd_status_style *style, const char *state)
{
  if (!style->colour)
    return "";
  if (strcmp(state, "alive") == 0 || strcmp(state, "answered") == 0)
    return "\x1b[32m";
  if (strcmp(state, "suspect") == 0 || strcmp(state, "overdue") == 0 || strcmp(state, "blocked") == 0)
    return "\x1b[33m";
  if (strcmp(state, "dead") == 0 || strcmp(state, "failed") == 0 || strcmp(state, "gone") == 0)
    return "\x1b[31m";
  return "";
}

static const char *plain(const struct swisd_status_style *style) { return style->colour ? "\x1b[0m" : ""; }

static void heading(FILE *out, const struct swisd_status_style *style, const char *line)
{
  fprintf(out, "\n%s%s%s\n", style->colour ? "\x1b[1m" : "", line, plain(style));
}

/* How much a counter grew per second since the earlier status; below 0: unknown. */
static double per_second(const json_t *status, const json_t *before, const char *key)
{
  const double seconds = (swisd_node_number(status, "uptime_ns") - swisd_node_number(before, "uptime_ns")) / 1e9;
  return before && seconds > 0 ? (swisd_node_number(status, key) - swisd_node_number(before, key)) / seconds : -1;
}

static double speed_of(const json_t *object)
{
  const json_t *speeds = json_object_get(object, "flops_per_s");
  double best = 0;
  static const char *const kernels[] = {"conv", "dense", "attention"};
  for (size_t k = 0; k < 3; k++)
    best = swisd_node_number(speeds, kernels[k]) > best ? swisd_node_number(speeds, kernels[k]) : best;
  return best;
}

static void more(FILE *out, size_t count, const struct swisd_status_style *style)
{
  if (count > style->rows_max)
    fprintf(out, "  and %zu more\n", count - style->rows_max);
}

/* ---- the node ---- */

static void print_node(FILE *out, const json_t *s)
{
  char up[SWISD_HUMAN_BYTES], name[NAME_BYTES] = "";
  const char *given = swisd_node_text(s, "name"), *class = swisd_node_text(s, "class");
  if (*given || *class)
    snprintf(name, sizeof name, " (%.24s%s%.16s)", given, *given && *class ? ", " : "", class);
  fprintf(out, "node      %.8s%s on %s, up %s\n", swisd_node_text(s, "id"), name, swisd_node_text(s, "address"),
          swisd_human_time(swisd_node_number(s, "uptime_ns"), up));
  const json_t *speeds = json_object_get(s, "flops_per_s");
  if (speed_of(s) > 0)
    fprintf(out, "speed     conv %.2f, dense %.2f, attention %.2f GFLOP/s (%s)\n", swisd_node_number(speeds, "conv") / 1e9,
            swisd_node_number(speeds, "dense") / 1e9, swisd_node_number(speeds, "attention") / 1e9,
            swisd_node_text(s, "kernels"));
  else
    fprintf(out, "speed     none: this node does not work for others\n");
  fprintf(out, "swarm     %.0f alive, %.0f suspect, %.0f dead; local health %.0f%s\n", swisd_node_number(s, "members_alive"),
          swisd_node_number(s, "members_suspect"), swisd_node_number(s, "members_dead"), swisd_node_number(s, "local_health"),
          swisd_node_number(s, "local_health") > 0 ? " (this node hears late)" : "");
}

static void print_work(FILE *out, const json_t *s, const json_t *before)
{
  char queue[SWISD_HUMAN_BYTES], busy[SWISD_HUMAN_BYTES], sent[SWISD_HUMAN_BYTES], received[SWISD_HUMAN_BYTES];
  const double busy_share = per_second(s, before, "busy_ns") / 1e9;
  fprintf(out, "work      %.0f done, %.0f running, %.0f queued (%s); busy ", swisd_node_number(s, "programs_completed"),
          swisd_node_number(s, "computing"), swisd_node_number(s, "queued"),
          swisd_human_time(swisd_node_number(s, "queue_ns"), queue));
  if (before)
    fprintf(out, "%.0f %% of a core, %.1f tasks/s\n", 100 * (busy_share > 0 ? busy_share : 0),
            per_second(s, before, "programs_completed"));
  else
    fprintf(out, "%s in all\n", swisd_human_time(swisd_node_number(s, "busy_ns"), busy));
  fprintf(out, "holds     %.0f shards, %s in memory; fetched %.0f, served %.0f\n", swisd_node_number(s, "holdings"),
          swisd_human_scaled(swisd_node_number(s, "model_memory_bytes"), "B", sent), swisd_node_number(s, "shards_fetched"),
          swisd_node_number(s, "shards_served"));
  fprintf(out, "links     %.0f streams, %s out, %s in", swisd_node_number(s, "streams"),
          swisd_human_scaled(swisd_node_number(s, "stream_bytes_sent"), "B", sent),
          swisd_human_scaled(swisd_node_number(s, "stream_bytes_received"), "B", received));
  if (before)
    fprintf(out, "; now %s/s out, %s/s in", swisd_human_scaled(per_second(s, before, "stream_bytes_sent"), "B", sent),
            swisd_human_scaled(per_second(s, before, "stream_bytes_received"), "B", received));
  else
    fprintf(out, "; %.0f datagrams out, %.0f in", swisd_node_number(s, "datagrams_sent"),
            swisd_node_number(s, "datagrams_received"));
  fprintf(out,
          "\nrefused   %.0f connections, %.0f over quota, %.0f frames, %.0f messages, %.0f bodies\n"
          "          datagrams: %.0f bad, %.0f sealed with another key, %.0f replayed\n",
          swisd_node_number(s, "connections_refused"), swisd_node_number(s, "connections_over_quota"),
          swisd_node_number(s, "frames_bad"), swisd_node_number(s, "messages_bad") + swisd_node_number(s, "messages_limited"),
          swisd_node_number(s, "bodies_refused"),
          swisd_node_number(s, "datagrams_bad") + swisd_node_number(s, "datagrams_forged") +
            swisd_node_number(s, "datagrams_limited"),
          swisd_node_number(s, "datagrams_strange") + swisd_node_number(s, "datagrams_other_key"),
          swisd_node_number(s, "datagrams_replayed"));
  if (swisd_node_number(s, "availability_percent") < 100)
    fprintf(out, "rests     at %.0f %% of its speed: %s\n", swisd_node_number(s, "availability_percent"),
            swisd_node_text(s, "availability_why"));
  if (swisd_node_number(s, "disk_full") > 0)
    fprintf(out, "disk      full: no shard is fetched until there is room\n");
  if (swisd_node_true(s, "silent"))
    fprintf(out, "fault     silent: nothing comes, nothing goes (swisd fault resume ends that)\n");
  if (swisd_node_number(s, "slow_factor") > 1)
    fprintf(out, "fault     slowed down %.3g times (swisd fault resume ends that)\n", swisd_node_number(s, "slow_factor"));
}

/* ---- tables ---- */

static void print_suspicion(FILE *out, const json_t *member)
{
  const json_t *accusers = swisd_node_list(member, "suspected_by");
  char left[SWISD_HUMAN_BYTES];
  fprintf(out, "            suspected by");
  for (size_t a = 0; a < json_array_size(accusers) && a < 4; a++)
    fprintf(out, "%s %.8s", a ? "," : "", json_string_value(json_array_get(accusers, a)));
  fprintf(out, "; dead in %s unless heard of\n", swisd_human_time(swisd_node_number(member, "dead_in_ns"), left));
}

static void print_members(FILE *out, const json_t *s, const struct swisd_status_style *style)
{
  const json_t *members = swisd_node_list(s, "members");
  heading(out, style, "  MEMBER    STATE    SINCE   RTT     INC  SHARDS  GFLOP/s  ADDRESS");
  for (size_t i = 0; i < json_array_size(members) && i < style->rows_max; i++) {
    const json_t *m = json_array_get(members, i);
    const char *state = swisd_node_text(m, "state");
    char since[SWISD_HUMAN_BYTES], rtt[SWISD_HUMAN_BYTES] = "-", speed[SWISD_HUMAN_BYTES] = "-";
    if (swisd_node_number(m, "rtt_ns") > 0)
      swisd_human_time(swisd_node_number(m, "rtt_ns"), rtt);
    if (swisd_node_true(m, "works"))
      snprintf(speed, sizeof speed, "%.2f", speed_of(m) / 1e9);
    fprintf(out, "%c %.8s  %s%-7s%s  %-6s  %-6s  %3.0f  %6.0f  %7s  %s\n", swisd_node_true(m, "self") ? '*' : ' ',
            swisd_node_text(m, "id"), colour_of(style, state), state, plain(style),
            swisd_human_time(swisd_node_number(m, "age_ns"), since), rtt, swisd_node_number(m, "incarnation"),
            swisd_node_number(m, "holdings"), speed, swisd_node_text(m, "address"));
    if (strcmp(state, "suspect") == 0)
      print_suspicion(out, m);
  }
  more(out, json_array_size(members), style);
}

static const char *here_of(const json_t *shard)
{
  return swisd_node_true(shard, "dropping") ? "dropping"
         : swisd_node_true(shard, "home")   ? "home"
         : swisd_node_true(shard, "held")   ? "yes"
         : swisd_node_true(shard, "wanted") ? "wanted"
                                            : "";
}

static void print_models(FILE *out, const json_t *s, const struct swisd_status_style *style)
{
  const json_t *models = swisd_node_list(s, "models");
  for (size_t m = 0; m < json_array_size(models); m++) {
    const json_t *model = json_array_get(models, m);
    const json_t *shards = swisd_node_list(model, "shards");
    char line[128], bytes[SWISD_HUMAN_BYTES], rate[SWISD_HUMAN_BYTES];
    const char *name = swisd_node_text(model, "name");
    snprintf(line, sizeof line, "  SHARD (%.24s)%*s SIZE     HOLDERS  COVERAGE  HERE",
             *name ? name : swisd_node_text(model, "id"), (int)(24 - strlen(*name ? name : swisd_node_text(model, "id")) % 25),
             "");
    heading(out, style, line);
    for (size_t i = 0; i < json_array_size(shards) && i < style->rows_max; i++) {
      const json_t *h = json_array_get(shards, i);
      const double holders = swisd_node_number(h, "holders"), suspects = swisd_node_number(h, "suspect_holders");
      char count[24];
      snprintf(count, sizeof count, suspects > 0 ? "%.0f (%.0f?)" : "%.0f", holders, suspects);
      fprintf(out, "  %-16s  %-9s         %-9s %s%-7s%s  %-8s  %s\n", swisd_node_text(h, "id"), swisd_node_text(h, "kernel"),
              swisd_human_scaled(swisd_node_number(h, "bytes"), "B", bytes),
              holders - suspects < 2 ? colour_of(style, holders - suspects < 1 ? "dead" : "suspect") : "", count, plain(style),
              swisd_human_scaled(swisd_node_number(h, "items_per_s"), "/s", rate), here_of(h));
    }
    more(out, json_array_size(shards), style);
  }
}

static const char *partner_state(const json_t *p)
{
  return !swisd_node_true(p, "here")     ? "gone"
         : swisd_node_true(p, "suspect") ? "suspect"
         : swisd_node_true(p, "overdue") ? "overdue"
         : swisd_node_true(p, "blocked") ? "blocked"
                                         : "here";
}

static void print_partners(FILE *out, const json_t *s, const struct swisd_status_style *style)
{
  const json_t *partners = swisd_node_list(s, "partners");
  if (json_array_size(partners) == 0)
    return;
  heading(out, style, "  WORKER    STATE    ASKS  GIVEN  NEXT DUE  LATE    GFLOP/s  ACCEPTED  ITEMS");
  for (size_t i = 0; i < json_array_size(partners) && i < style->rows_max; i++) {
    const json_t *p = json_array_get(partners, i);
    const json_t *due = json_object_get(p, "first_due_in_ns");
    const char *state = partner_state(p);
    char next[SWISD_HUMAN_BYTES] = "-", late[SWISD_HUMAN_BYTES], items[SWISD_HUMAN_BYTES];
    const double left = json_number_value(due);
    if (json_is_number(due) && left < 0) {
      char by[SWISD_HUMAN_BYTES];
      snprintf(next, sizeof next, "-%.20s", swisd_human_time(-left, by));
    } else if (json_is_number(due)) {
      swisd_human_time(left, next);
    }
    fprintf(out, "  %.8s  %s%-7s%s  %4.0f  %5.0f  %-8s  %-6s  %7.2f  %8.0f  %s\n", swisd_node_text(p, "id"),
            colour_of(style, state), state, plain(style), swisd_node_number(p, "credits"), swisd_node_number(p, "under_way"),
            next, swisd_human_time(swisd_node_number(p, "late_ns"), late), speed_of(p) / 1e9, swisd_node_number(p, "accepted"),
            swisd_human_scaled(swisd_node_number(p, "accepted_items"), "", items));
  }
  more(out, json_array_size(partners), style);
}

/* The own job of that name among those of the core; NULL when it has none. */
static const json_t *own_job(const json_t *s, const char *name)
{
  const json_t *jobs = swisd_node_list(s, "own_jobs");
  for (size_t j = 0; j < json_array_size(jobs); j++)
    if (strcmp(swisd_node_text(json_array_get(jobs, j), "job"), name) == 0)
      return json_array_get(jobs, j);
  return NULL;
}

static void print_jobs(FILE *out, const json_t *s, const json_t *before, const struct swisd_status_style *style)
{
  const json_t *jobs = swisd_node_list(s, "job_log");
  if (json_array_size(jobs) == 0)
    return;
  heading(out, style, "  JOB              OF      STATE     FOR      BY  PROGRESS");
  for (size_t i = 0; i < json_array_size(jobs) && i < style->rows_max; i++) {
    const json_t *j = json_array_get(jobs, i);
    const json_t *own = own_job(s, swisd_node_text(j, "job"));
    const bool ended = strcmp(swisd_node_text(j, "outcome"), "running") != 0;
    const double ns = swisd_node_number(j, "age_ns") - (ended ? swisd_node_number(j, "idle_ns") : 0);
    char age[SWISD_HUMAN_BYTES], progress[96];
    if (own && swisd_node_number(own, "items") > 0) {
      const double answered = swisd_node_number(own, "items_answered"), items = swisd_node_number(own, "items");
      char done[SWISD_HUMAN_BYTES], all[SWISD_HUMAN_BYTES];
      int used = items < 1e5 ? snprintf(progress, sizeof progress, "%.0f of %.0f items", answered, items)
                             : snprintf(progress, sizeof progress, "%s of %s items", swisd_human_scaled(answered, "", done),
                                        swisd_human_scaled(items, "", all));
      const json_t *earlier = before ? own_job(before, swisd_node_text(j, "job")) : NULL;
      const double seconds = (swisd_node_number(s, "uptime_ns") - swisd_node_number(before, "uptime_ns")) / 1e9;
      if (earlier && seconds > 0 && !ended)
        snprintf(progress + used, sizeof progress - (size_t)used, ", %.0f/s",
                 (answered - swisd_node_number(earlier, "items_answered")) / seconds);
      else if (ns > 0)
        snprintf(progress + used, sizeof progress - (size_t)used, ", %.0f/s", answered / (ns / 1e9));
    } else {
      char spent[SWISD_HUMAN_BYTES];
      snprintf(progress, sizeof progress, "%.0f tasks here, %s", swisd_node_number(j, "computed"),
               swisd_human_time(swisd_node_number(j, "computed_ns"), spent));
    }
    const char *outcome = swisd_node_text(j, "outcome");
    fprintf(out, "  %-15.15s  %-6s  %s%-8s%s  %-6s  %3.0f  %s\n", swisd_node_text(j, "job"),
            swisd_node_true(j, "own") ? "mine" : "others", colour_of(style, outcome), outcome, plain(style),
            swisd_human_time(ns, age), swisd_node_number(j, "workers"), progress);
  }
  more(out, json_array_size(jobs), style);
}

void swisd_status_print(FILE *out, const json_t *status, const json_t *before, const struct swisd_status_style *style)
{
  print_node(out, status);
  print_work(out, status, before);
  print_members(out, status, style);
  print_jobs(out, status, before, style);
  print_partners(out, status, style);
  print_models(out, status, style);
}
