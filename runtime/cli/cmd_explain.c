/* swisd explain: why the tasks of a job went where they went, and what it waits for. Without --data it asks every node of this
 * user for the job, first the one that submitted it: also that of a running `swisd classify`. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/cli/node_client.h"

enum { COMMAND_BYTES = 256 };

/* ---- finding it ---- */

struct finder {
  struct swisd_directory_visitor visitor; /* first */
  const char *command;
  struct swisd_node_answer answer; /* the best so far */
  bool found, any_node;
  struct swisd_error error; /* of the latest node that answered without having it */
};

/* Asks one node; ends the search when it is the job's submitter. */
static bool visit(struct swisd_directory_visitor *visitor, const char *directory)
{
  struct finder *finder = (struct finder *)visitor;
  struct swisd_node_answer answer;
  struct swisd_error error;
  if (swisd_node_ask(directory, finder->command, &answer, &error) != 0) {
    if (strstr(error.text, "the node says")) {
      finder->any_node = true;
      finder->error = error;
    }
    return false;
  }
  finder->any_node = true;
  const bool own = swisd_node_true(answer.json.root, "own");
  if (finder->found && !own) {
    swisd_node_answer_free(&answer);
    return false;
  }
  if (finder->found)
    swisd_node_answer_free(&finder->answer);
  finder->answer = answer;
  finder->found = true;
  return own;
}

/* ---- telling ---- */

static const char *ago(double at_ns, char text[SWISD_HUMAN_BYTES]) { return swisd_human_time(fabs(at_ns), text); }

static void print_range(const json_t *o)
{
  printf("%s lane %.0f items %.0f..%.0f", swisd_node_text(o, "step"), swisd_node_number(o, "lane"), swisd_node_number(o, "lo"),
         swisd_node_number(o, "hi"));
}

static void print_head(const json_t *e)
{
  char age[SWISD_HUMAN_BYTES], elapsed[SWISD_HUMAN_BYTES];
  printf("job %s%s%s of %.8s: %s", swisd_node_text(e, "job"), *swisd_node_text(e, "model") ? ", model " : "",
         swisd_node_text(e, "model"), swisd_node_text(e, "submitter"), swisd_node_text(e, "outcome"));
  if (*swisd_node_text(e, "reason"))
    printf(" (%s)", swisd_node_text(e, "reason"));
  printf(", started %s ago, %s so far\n", swisd_human_time(swisd_node_number(e, "age_ns"), age),
         swisd_human_time(swisd_node_number(e, "elapsed_ns"), elapsed));
  if (json_object_get(e, "items"))
    printf("%.0f of %.0f items answered\n", swisd_node_number(e, "items_answered"), swisd_node_number(e, "items"));
}

static void print_part(const json_t *e)
{
  const json_t *worker = json_array_get(swisd_node_list(e, "workers"), 0);
  char spent[SWISD_HUMAN_BYTES];
  printf("\nThis node is one of its workers, so it knows its own part only: %.0f tasks came, %.0f were computed in %s, %.0f were "
         "turned away for lack of room, %.0f for another reason.\nWhy they came here, the submitter knows: swisd explain on its "
         "machine.\n",
         swisd_node_number(worker, "queued"), swisd_node_number(worker, "computed"),
         swisd_human_time(swisd_node_number(worker, "computed_ns"), spent), swisd_node_number(worker, "busy"),
         swisd_node_number(worker, "refused"));
}

static void print_workers(const json_t *e)
{
  const json_t *workers = swisd_node_list(e, "workers");
  double total = 0;
  for (size_t w = 0; w < json_array_size(workers); w++)
    total += swisd_node_number(json_array_get(workers, w), "accepted_flops");
  if (json_array_size(workers) == 0) {
    printf("\nNobody has been given anything yet.\n");
    return;
  }
  printf("\nWho got what (tasks given, and as copies or once more; what became of them; share of the accepted work):\n"
         "  WORKER    STATE    GIVEN  COPY  AGAIN  ACCEPTED  TWICE  LOST  WRONG  CANCEL  SHARE\n");
  for (size_t w = 0; w < json_array_size(workers); w++) {
    const json_t *o = json_array_get(workers, w);
    const char *id = swisd_node_text(o, "id"), *state = swisd_node_text(o, "state");
    if (!*id && swisd_node_number(o, "issued") + swisd_node_number(o, "accepted") == 0)
      continue;
    printf("  %-8.8s  %-7s  %5.0f  %4.0f  %5.0f  %8.0f  %5.0f  %4.0f  %5.0f  %6.0f  %4.0f %%\n", *id ? id : "others",
           *state ? state : "-", swisd_node_number(o, "issued"), swisd_node_number(o, "hedged"), swisd_node_number(o, "reissued"),
           swisd_node_number(o, "accepted"), swisd_node_number(o, "duplicate"), swisd_node_number(o, "lost"),
           swisd_node_number(o, "rejected"), swisd_node_number(o, "cancelled"),
           total > 0 ? 100 * swisd_node_number(o, "accepted_flops") / total : 0);
  }
}

static void print_waits(const json_t *e)
{
  const json_t *waits = swisd_node_list(e, "waits_for");
  if (strcmp(swisd_node_text(e, "outcome"), "running") != 0)
    return;
  printf("\nWhat it waits for now:\n");
  for (size_t i = 0; i < json_array_size(waits); i++)
    printf("  %s\n", json_string_value(json_array_get(waits, i)));
  if (json_array_size(waits) == 0)
    printf("  nothing\n");
  const json_t *under_way = swisd_node_list(e, "under_way");
  for (size_t i = 0; i < json_array_size(under_way) && i < 12; i++) {
    const json_t *o = json_array_get(under_way, i);
    const double due = swisd_node_number(o, "due_in_ns");
    char since[SWISD_HUMAN_BYTES], left[SWISD_HUMAN_BYTES];
    printf("  %.8s has ", swisd_node_text(o, "worker"));
    print_range(o);
    printf(" for %s, %s %s%s%s%s\n", swisd_human_time(swisd_node_number(o, "since_ns"), since), due < 0 ? "late by" : "due in",
           ago(due, left), swisd_node_true(o, "copy") ? ", a copy" : "",
           swisd_node_true(o, "copies_wanted") ? ", copies of it are wanted" : "",
           swisd_node_true(o, "unwanted") ? ", no longer awaited" : "");
  }
  if (json_array_size(under_way) > 12)
    printf("  and %zu more tasks under way\n", json_array_size(under_way) - 12);
}

static void print_reason(const json_t *o)
{
  const char *reason = swisd_node_text(o, "reason"), *instead = swisd_node_text(o, "instead_of");
  if (strcmp(reason, "asked") == 0)
    printf("it asked for work, and of what it holds this had most ready (%.0f items left)", swisd_node_number(o, "ready_items"));
  else if (strcmp(reason, "overdue") == 0)
    printf("a copy: %.8s is overdue with it, and this one would be done first", *instead ? instead : "its worker");
  else if (strcmp(reason, "lost") == 0)
    printf("once more: %.8s lost or failed it, and this one would be done first", *instead ? instead : "its worker");
  else
    printf("its state lives there");
}

static void print_decisions(const json_t *e)
{
  const json_t *decisions = swisd_node_list(e, "decisions");
  if (json_array_size(decisions) == 0)
    return;
  printf("\nThe latest decisions, newest first:\n");
  for (size_t i = 0; i < json_array_size(decisions) && i < 12; i++) {
    const json_t *o = json_array_get(decisions, i), *others = swisd_node_list(o, "others");
    char when[SWISD_HUMAN_BYTES];
    printf("  %s ago: ", ago(swisd_node_number(o, "at_ns"), when));
    print_range(o);
    printf(" to %.8s\n    because ", swisd_node_text(o, "worker"));
    print_reason(o);
    printf("\n");
    for (size_t a = 0; a < json_array_size(others); a++) {
      const json_t *other = json_array_get(others, a);
      printf("%s%.8s (%s", a ? ", " : "    not ", swisd_node_text(other, "id"), swisd_node_text(other, "not_because"));
      if (json_object_get(other, "free_after_ns"))
        printf(", free in %s", swisd_human_time(swisd_node_number(other, "free_after_ns"), when));
      printf(")%s", a + 1 == json_array_size(others) ? "\n" : "");
    }
  }
}

static void print_events(const json_t *e)
{
  const json_t *events = swisd_node_list(e, "events");
  if (json_array_size(events) == 0)
    return;
  printf("\nWhat happened to it, newest first:\n");
  for (size_t i = 0; i < json_array_size(events); i++) {
    const json_t *o = json_array_get(events, i);
    char when[SWISD_HUMAN_BYTES];
    printf("  %s ago: ", ago(swisd_node_number(o, "at_ns"), when));
    if (json_object_get(o, "step")) {
      printf("%s ", swisd_node_text(o, "kind"));
      print_range(o);
      printf(*swisd_node_text(o, "worker") ? ", worker %.8s\n" : "\n", swisd_node_text(o, "worker"));
    } else {
      printf("%s\n", swisd_node_text(o, "text"));
    }
  }
}

static void tell(const struct finder *finder, bool json)
{
  const json_t *e = finder->answer.json.root;
  if (json) {
    printf("%s\n", finder->answer.raw);
    return;
  }
  print_head(e);
  if (!swisd_node_true(e, "own")) {
    print_part(e);
    print_events(e);
    return;
  }
  print_workers(e);
  print_waits(e);
  print_events(e);
  print_decisions(e);
}

/* ---- without a name ---- */

struct lister {
  struct swisd_directory_visitor visitor; /* first */
  bool json, any_node;
  size_t printed;
};

static bool list(struct swisd_directory_visitor *visitor, const char *directory)
{
  struct lister *lister = (struct lister *)visitor;
  struct swisd_node_answer answer;
  struct swisd_error error;
  if (swisd_node_ask(directory, "{\"command\":\"status\"}", &answer, &error) != 0)
    return false;
  lister->any_node = true;
  const json_t *jobs = swisd_node_list(answer.json.root, "job_log");
  for (size_t j = 0; j < json_array_size(jobs); j++) {
    const json_t *o = json_array_get(jobs, j);
    char age[SWISD_HUMAN_BYTES];
    if (lister->json) {
      char *text = json_dumps(o, JSON_COMPACT);
      printf("%s\n", text ? text : "{}");
      free(text);
    } else {
      if (lister->printed == 0)
        printf("JOB               STATE     STARTED      SEEN BY\n");
      printf("%-16s  %-8s  %s ago%*s  %.8s, %s\n", swisd_node_text(o, "job"), swisd_node_text(o, "outcome"),
             swisd_human_time(swisd_node_number(o, "age_ns"), age), (int)(7 - strlen(age) % 8), "",
             swisd_node_text(answer.json.root, "id"), swisd_node_true(o, "own") ? "its submitter" : "a worker of it");
    }
    lister->printed++;
  }
  swisd_node_answer_free(&answer);
  return false;
}

static int list_jobs(const struct swisd_node_client *client)
{
  struct lister lister = {.visitor.visit = list, .json = client->json};
  if (client->directory_given)
    list(&lister.visitor, client->directory);
  else
    swisd_node_directories(&lister.visitor);
  if (!lister.any_node) {
    fprintf(stderr, "swisd explain: no node of this user runs here (--data names one elsewhere)\n");
    return SWISD_EXIT_FAILED;
  }
  if (lister.printed == 0)
    fprintf(stderr, "no node of this user has seen a job yet\n");
  else if (!client->json)
    fprintf(stderr, "\nswisd explain JOB says more; the beginning of a name is enough, and `latest` is a name\n");
  return SWISD_EXIT_OK;
}

/* A job's name holds letters, digits, dash and dot; anything else is not one. */
static bool is_name(const char *text) { return *text && strlen(text) < 64 && strspn(text, "0123456789abcdef-.") == strlen(text); }

int swisd_command_explain(const struct swisd_command *command, int argc, char **argv)
{
  struct swisd_node_client client = swisd_node_client_default();
  const int rest = swisd_options_read(command, argc, argv, &client.taker);
  if (rest < 0)
    return -rest - 1;
  if (rest == 0)
    return list_jobs(&client);
  const bool latest = strcmp(argv[1], "latest") == 0;
  if (rest > 1 || !(latest || is_name(argv[1]))) {
    fprintf(stderr, "swisd explain: %s: allowed is one job, as 3fa2b1c4-1.7, the beginning of one, or latest\n",
            argv[rest > 1 ? 2 : 1]);
    return SWISD_EXIT_USAGE;
  }
  char line[COMMAND_BYTES];
  snprintf(line, sizeof line, "{\"command\":\"explain\",\"job\":\"%s\"}", latest ? "" : argv[1]);
  struct finder finder = {.visitor.visit = visit, .command = line};
  if (client.directory_given) {
    if (swisd_node_ask(client.directory, line, &finder.answer, &finder.error) != 0)
      return swisd_cli_fail(SWISD_EXIT_FAILED, &finder.error);
    finder.found = true;
  } else {
    swisd_node_directories(&finder.visitor);
  }
  if (!finder.found) {
    if (!finder.any_node)
      swisd_error_set(&finder.error, "no node of this user runs here (--data names one elsewhere)");
    return swisd_cli_fail(SWISD_EXIT_FAILED, &finder.error);
  }
  tell(&finder, client.json);
  swisd_node_answer_free(&finder.answer);
  return SWISD_EXIT_OK;
}
