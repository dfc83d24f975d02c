/* swisd top: the devices and jobs a node sees, on the whole terminal, redrawn every second until q or Ctrl-C. Plain ANSI
 * sequences, at least 80 columns; what does not fit is cut, lines and rows alike. */
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "runtime/cli/node_client.h"

enum { ROUND_MS = 1000, HISTORY = 60, LINE_BYTES = 512, BAR = 20 };

struct screen {
  FILE *out; /* the frame in the making */
  uint32_t rows, columns, row;
};

struct top {
  struct swisd_node_answer now, before;
  bool has_now, has_before;
  double seconds;          /* between the two */
  double history[HISTORY]; /* items accepted (or, of a node without jobs, tasks computed) per second; a ring */
  uint32_t rounds;
};

/* ---- the terminal ---- */

static struct termios cooked;
static volatile sig_atomic_t resized, ended;

static void on_resize(int number) { (void)number, resized = 1; }
static void on_end(int number) { (void)number, ended = 1; }

static void leave_terminal(void)
{
  static const char restore[] = "\x1b[?25h\x1b[?1049l";
  if (write(STDOUT_FILENO, restore, sizeof restore - 1) >= 0)
    tcsetattr(STDIN_FILENO, TCSANOW, &cooked);
}

static bool enter_terminal(void)
{
  if (!isatty(STDOUT_FILENO) || tcgetattr(STDIN_FILENO, &cooked) != 0)
    return false;
  struct termios raw = cooked;
  raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
  tcsetattr(STDIN_FILENO, TCSANOW, &raw);
  const struct sigaction resize = {.sa_handler = on_resize}, end = {.sa_handler = on_end};
  sigaction(SIGWINCH, &resize, NULL);
  sigaction(SIGINT, &end, NULL);
  sigaction(SIGTERM, &end, NULL);
  sigaction(SIGHUP, &end, NULL);
  printf("\x1b[?1049h\x1b[?25l");
  fflush(stdout);
  return true;
}

static void measure(struct screen *screen)
{
  struct winsize size;
  screen->rows = 24;
  screen->columns = 80;
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 && size.ws_row > 0) {
    screen->rows = size.ws_row;
    screen->columns = size.ws_col;
  }
}

/* One line of the frame, cut to the width of the terminal; `attribute` is an ANSI one ("1", "31"), NULL: none. */
__attribute__((format(printf, 3, 4))) static void line(struct screen *screen, const char *attribute, const char *format, ...)
{
  if (screen->row >= screen->rows)
    return;
  char text[LINE_BYTES];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  const int columns = (int)screen->columns;
  screen->row++;
  if (attribute)
    fprintf(screen->out, "\x1b[%sm%-*.*s\x1b[0m\x1b[K", attribute, strcmp(attribute, "7") == 0 ? columns : 0, columns, text);
  else
    fprintf(screen->out, "%.*s\x1b[K", columns, text);
  if (screen->row < screen->rows)
    fprintf(screen->out, "\r\n");
}

/* ---- what happens per second ---- */

static double growth(const struct top *top, const json_t *now, const json_t *before, const char *key)
{
  if (!top->has_before || top->seconds <= 0 || !before)
    return 0;
  const double grown = swisd_node_number(now, key) - swisd_node_number(before, key);
  return grown > 0 ? grown / top->seconds : 0;
}

static double node_growth(const struct top *top, const char *key)
{
  return growth(top, top->now.json.root, top->has_before ? top->before.json.root : NULL, key);
}

/* The element of list `list` of `status` whose `key` is `value`; NULL: none. */
static const json_t *find(const json_t *status, const char *list, const char *key, const char *value)
{
  const json_t *elements = swisd_node_list(status, list);
  for (size_t i = 0; i < json_array_size(elements); i++)
    if (strcmp(swisd_node_text(json_array_get(elements, i), key), value) == 0)
      return json_array_get(elements, i);
  return NULL;
}

static double items_per_second(const struct top *top, const json_t *partner)
{
  const char *id = swisd_node_text(partner, "id");
  return growth(top, partner, top->has_before ? find(top->before.json.root, "partners", "id", id) : NULL, "accepted_items");
}

static double swarm_items_per_second(const struct top *top)
{
  const json_t *partners = swisd_node_list(top->now.json.root, "partners");
  double sum = 0;
  for (size_t p = 0; p < json_array_size(partners); p++)
    sum += items_per_second(top, json_array_get(partners, p));
  return sum;
}

/* ---- the frame ---- */

static void draw_bar(char bar[BAR + 1], double share)
{
  const int filled = share <= 0 ? 0 : share >= 1 ? BAR : (int)(share * BAR + 0.5);
  memset(bar, '|', (size_t)filled);
  memset(bar + filled, ' ', (size_t)(BAR - filled));
  bar[BAR] = '\0';
}

static void draw_history(struct screen *screen, const struct top *top, const char *what)
{
  static const char levels[] = "_.:-=+*#@";
  const uint32_t kept = top->rounds < HISTORY ? top->rounds : HISTORY;
  char text[HISTORY + 1] = "";
  double most = 0;
  for (uint32_t i = 0; i < kept; i++)
    most = top->history[i] > most ? top->history[i] : most;
  for (uint32_t i = 0; i < kept; i++) {
    const double value = top->history[(top->rounds - kept + i) % HISTORY];
    const int level = most > 0 ? (int)(value / most * ((double)sizeof levels - 2) + 0.5) : 0;
    text[i] = levels[level];
  }
  char peak[SWISD_HUMAN_BYTES];
  line(screen, NULL, "%-5s [%-60s] %s/s", what, text, swisd_human_scaled(most, "", peak));
}

static void draw_head(struct screen *screen, struct top *top)
{
  const json_t *s = top->now.json.root;
  char up[SWISD_HUMAN_BYTES], in[SWISD_HUMAN_BYTES], out[SWISD_HUMAN_BYTES], queue[SWISD_HUMAN_BYTES], bar[BAR + 1];
  const double busy = node_growth(top, "busy_ns") / 1e9;
  draw_bar(bar, busy);
  line(screen, "7", " swisd top   %.8s %.20s  %s  up %s", swisd_node_text(s, "id"), swisd_node_text(s, "name"),
       swisd_node_text(s, "address"), swisd_human_time(swisd_node_number(s, "uptime_ns"), up));
  line(screen, NULL, "swarm %.0f alive, %.0f suspect, %.0f dead    jobs %.0f mine, %.0f of others    shards %.0f",
       swisd_node_number(s, "members_alive"), swisd_node_number(s, "members_suspect"), swisd_node_number(s, "members_dead"),
       swisd_node_number(s, "jobs"), swisd_node_number(s, "open_jobs"), swisd_node_number(s, "holdings"));
  line(screen, NULL, "busy  [%s] %3.0f %%   %5.1f tasks/s   queue %s", bar, busy * 100, node_growth(top, "programs_completed"),
       swisd_human_time(swisd_node_number(s, "queue_ns"), queue));
  line(screen, NULL, "links %.0f streams   %s/s in   %s/s out", swisd_node_number(s, "streams"),
       swisd_human_scaled(node_growth(top, "stream_bytes_received"), "B", in),
       swisd_human_scaled(node_growth(top, "stream_bytes_sent"), "B", out));
  draw_history(screen, top, json_array_size(swisd_node_list(s, "partners")) ? "items" : "tasks");
}

static double best_speed(const json_t *object)
{
  static const char *const kernels[] = {"conv", "dense", "attention"};
  const json_t *speeds = json_object_get(object, "flops_per_s");
  double best = 0;
  for (size_t k = 0; k < 3; k++)
    best = swisd_node_number(speeds, kernels[k]) > best ? swisd_node_number(speeds, kernels[k]) : best;
  return best;
}

static void draw_member(struct screen *screen, const struct top *top, const json_t *member)
{
  const char *id = swisd_node_text(member, "id"), *state = swisd_node_text(member, "state"), *attribute = NULL;
  const json_t *partner = find(top->now.json.root, "partners", "id", id);
  char rtt[SWISD_HUMAN_BYTES] = "-", given[16] = "-", items[SWISD_HUMAN_BYTES] = "-", speed[SWISD_HUMAN_BYTES] = "-";
  if (swisd_node_number(member, "rtt_ns") > 0)
    swisd_human_time(swisd_node_number(member, "rtt_ns"), rtt);
  if (swisd_node_true(member, "works"))
    snprintf(speed, sizeof speed, "%.2f", best_speed(partner ? partner : member) / 1e9);
  if (partner) {
    snprintf(given, sizeof given, "%.0f", swisd_node_number(partner, "under_way"));
    swisd_human_scaled(items_per_second(top, partner), "", items);
    if (strcmp(state, "alive") == 0 && swisd_node_true(partner, "overdue"))
      state = "overdue";
  }
  if (strcmp(state, "suspect") == 0 || strcmp(state, "overdue") == 0)
    attribute = "33";
  else if (strcmp(state, "dead") == 0 || strcmp(state, "left") == 0)
    attribute = "31";
  line(screen, attribute, "%c%.8s  %-7s  %-6s  %7s  %6.0f  %5s  %7s  %s", swisd_node_true(member, "self") ? '*' : ' ', id, state,
       rtt, speed, swisd_node_number(member, "holdings"), given, items, swisd_node_text(member, "address"));
}

static void draw_job(struct screen *screen, const struct top *top, const json_t *job)
{
  const char *name = swisd_node_text(job, "job");
  const json_t *own = find(top->now.json.root, "own_jobs", "job", name);
  const json_t *earlier = top->has_before ? find(top->before.json.root, "job_log", "job", name) : NULL;
  const char *outcome = swisd_node_text(job, "outcome");
  const bool running = strcmp(outcome, "running") == 0;
  char age[SWISD_HUMAN_BYTES], bar[BAR + 1];
  swisd_human_time(swisd_node_number(job, "age_ns") - (running ? 0 : swisd_node_number(job, "idle_ns")), age);
  if (own && swisd_node_number(own, "items") > 0) {
    const double share = swisd_node_number(own, "items_answered") / swisd_node_number(own, "items");
    draw_bar(bar, share);
    line(screen, running ? NULL : "2", " %-16.16s %-8s %-6s [%s] %3.0f %%  %.12s", name, outcome, age, bar, share * 100,
         swisd_node_text(own, "model"));
  } else {
    line(screen, running ? NULL : "2", " %-16.16s %-8s %-6s %.0f tasks done here, %.1f/s", name, outcome, age,
         swisd_node_number(job, "computed"), growth(top, job, earlier, "computed"));
  }
}

static void draw(struct top *top)
{
  char *frame = NULL;
  size_t bytes = 0;
  struct screen screen = {.out = open_memstream(&frame, &bytes)};
  if (!screen.out)
    return;
  measure(&screen);
  fprintf(screen.out, "\x1b[H");
  draw_head(&screen, top);
  const json_t *members = swisd_node_list(top->now.json.root, "members"), *jobs = swisd_node_list(top->now.json.root, "job_log");
  const size_t job_rows = json_array_size(jobs) < 5 ? json_array_size(jobs) : 5;
  line(&screen, NULL, "%s", "");
  line(&screen, "1", " MEMBER    STATE    RTT     GFLOP/s  SHARDS  GIVEN  ITEMS/s  ADDRESS");
  for (size_t m = 0; m < json_array_size(members); m++) {
    if (screen.row + job_rows + 4 > screen.rows && m + 1 < json_array_size(members)) {
      line(&screen, NULL, " and %zu more", json_array_size(members) - m);
      break;
    }
    draw_member(&screen, top, json_array_get(members, m));
  }
  if (job_rows) {
    line(&screen, NULL, "%s", "");
    line(&screen, "1", " JOB              STATE    FOR");
    for (size_t j = 0; j < job_rows; j++)
      draw_job(&screen, top, json_array_get(jobs, j));
  }
  while (screen.row + 1 < screen.rows)
    line(&screen, NULL, "%s", "");
  line(&screen, "2", " q quits   * this node   GIVEN: tasks of this node's jobs it works on");
  fclose(screen.out);
  fwrite(frame, 1, bytes, stdout);
  fflush(stdout);
  free(frame);
}

/* ---- rounds ---- */

static int look(const struct swisd_node_client *client, struct top *top, struct swisd_error *error)
{
  struct swisd_node_answer answer;
  if (swisd_node_ask(client->directory, "{\"command\":\"status\"}", &answer, error) != 0)
    return -1;
  if (top->has_before)
    swisd_node_answer_free(&top->before);
  top->before = top->now;
  top->has_before = top->has_now;
  top->now = answer;
  top->has_now = true;
  if (top->has_before) {
    top->seconds =
      (swisd_node_number(top->now.json.root, "uptime_ns") - swisd_node_number(top->before.json.root, "uptime_ns")) / 1e9;
    const bool submits = json_array_size(swisd_node_list(top->now.json.root, "partners")) > 0;
    top->history[top->rounds++ % HISTORY] = submits ? swarm_items_per_second(top) : node_growth(top, "programs_completed");
  }
  return 0;
}

static int watch(const struct swisd_node_client *client, struct top *top, struct swisd_error *error)
{
  while (!ended) {
    draw(top);
    resized = 0;
    struct pollfd key = {.fd = STDIN_FILENO, .events = POLLIN};
    const int ready = poll(&key, 1, ROUND_MS);
    char pressed = 0;
    if (ready > 0 && (read(STDIN_FILENO, &pressed, 1) <= 0 || pressed == 'q' || pressed == 'Q'))
      break;
    if (!ended && !resized && ready == 0 && look(client, top, error) != 0)
      return SWISD_EXIT_FAILED;
  }
  return SWISD_EXIT_OK;
}

int swisd_command_top(const struct swisd_command *command, int argc, char **argv)
{
  struct swisd_node_client client = swisd_node_client_default();
  const int rest = swisd_options_read(command, argc, argv, &client.taker);
  if (rest < 0)
    return -rest - 1;
  if (rest > 0) {
    fprintf(stderr, "swisd top: %s: no argument is expected\n", argv[1]);
    return SWISD_EXIT_USAGE;
  }
  static struct top top;
  struct swisd_error error;
  if (look(&client, &top, &error) != 0)
    return swisd_cli_fail(SWISD_EXIT_FAILED, &error);
  if (!enter_terminal()) {
    fprintf(stderr, "swisd top: this is no terminal; swisd status --watch prints line by line\n");
    swisd_node_answer_free(&top.now);
    return SWISD_EXIT_USAGE;
  }
  const int status = watch(&client, &top, &error);
  leave_terminal();
  swisd_node_answer_free(&top.now);
  if (top.has_before)
    swisd_node_answer_free(&top.before);
  return status == SWISD_EXIT_OK ? status : swisd_cli_fail(status, &error);
}
