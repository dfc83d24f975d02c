/* swisd node: a peer until it is told to go. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/log.h"
#include "runtime/cli/node_file.h"
#include "runtime/net/identity.h"
#include "runtime/net/notify.h"
#include "runtime/net/socket_address.h"
#include "runtime/web/web.h"

/* A running node: what its signals need. */
struct running {
  struct swisd_peer *peer;
  struct swisd_peer_setup setup;
  struct swisd_node_file file;
  struct swisd_web *page; /* NULL: none is served */
  bool has_terminal;
};

static void on_leave(evutil_socket_t signal_number, short what, void *argument)
{
  (void)signal_number, (void)what;
  struct running *running = argument;
  swisd_log(SWISD_LOG_INFO, "node", "leaving");
  swisd_notify("STOPPING=1\nSTATUS=leaving: what is under way is finished or handed back");
  swisd_peer_stop(running->peer);
}

/* The join key is read again, and the node.yml; or the terminal is gone, and with it whoever wanted this node. */
static void on_hangup(evutil_socket_t signal_number, short what, void *argument)
{
  struct running *running = argument;
  struct swisd_error error;
  if (running->has_terminal && !isatty(STDIN_FILENO)) {
    on_leave(signal_number, what, argument);
    return;
  }
  swisd_notify_reloading();
  if (swisd_peer_reload_keys(running->peer, &error) == 0)
    swisd_log(SWISD_LOG_INFO, "node", "read the join key again");
  else
    swisd_log(SWISD_LOG_ERROR, "node", "%s; the former join key stays", error.text);
  if (running->file.path)
    swisd_node_file_reload(&running->file, &running->setup, running->peer);
  swisd_notify("READY=1");
}

static void greet(const struct swisd_peer *peer, const struct swisd_peer_setup *setup)
{
  char id[33], at[SWISD_ADDRESS_TEXT_BYTES];
  const struct swisd_peer_options *options = swisd_peer_options(peer);
  const struct swisd_address address = swisd_peer_address(peer);
  swisd_id_text(swisd_peer_id(peer), id);
  if (!options->name) { /* each line says who speaks */
    char name[9];
    snprintf(name, sizeof name, "%.8s", id);
    swisd_log_set_name(name);
  }
  swisd_address_text(&address, at);
  swisd_log(SWISD_LOG_INFO, "node", "%.8s listens on %s, data in %s, join key %s", id, at, setup->directory, options->key_file);
  if (options->config.works)
    swisd_log(SWISD_LOG_INFO, "node", "%s kernels (class %s), conv %.2f, dense %.2f, attention %.2f GFLOP/s%s",
              options->kernels->name, options->kernels->class_name, options->flops_per_s[0] / 1e9, options->flops_per_s[1] / 1e9,
              options->flops_per_s[2] / 1e9, options->withhold ? ", held back to that" : "");
  if (options->seed_count == 0)
    swisd_log(SWISD_LOG_INFO, "node", "alone so far; another joins with: swisd node --join %s", at);
}

/* The page, when it is wanted: 0, or -1 with `error`. */
static int open_page(struct swisd_peer *peer, const struct swisd_peer_setup *setup, struct swisd_web **web,
                     struct swisd_error *error)
{
  *web = NULL;
  if (!setup->http_given)
    return setup->http_token[0] ? swisd_error_set(error, "--http-token: without --http there is no page") : 0;
  *web = swisd_web_open(peer, &setup->http, setup->http_token[0] ? setup->http_token : NULL, error);
  return *web ? 0 : -1;
}

static void greet_at_page(const struct swisd_web *web, const struct swisd_peer_setup *setup)
{
  struct swisd_address address = setup->http;
  char at[SWISD_ADDRESS_TEXT_BYTES];
  address.port = swisd_web_port(web);
  swisd_address_text(&address, at);
  swisd_log(SWISD_LOG_INFO, "node", "page at http://%s/%s", at, setup->http_token[0] ? "?token=..." : "");
}

/* 0 with a peer, 0 without (there was something to print), or the exit status after a mistake was reported. */
static int start(struct running *running, const struct swisd_command *command, int argc, char **argv)
{
  struct swisd_error error;
  for (int i = 1; i < argc; i++)
    if (strcmp(argv[i], "--config-keys") == 0) {
      swisd_node_config_print_keys(stdout);
      return SWISD_EXIT_OK;
    }
  swisd_peer_setup_init(&running->setup, false);
  const int status = swisd_node_file_open(&running->file, argc, argv, &running->setup);
  if (status != 0)
    return status;
  const int rest = swisd_options_read(command, argc, argv, &running->setup.taker);
  if (rest < 0)
    return -rest - 1;
  if (rest > 0) {
    fprintf(stderr, "swisd node: %s: no argument is expected\n", argv[1]);
    return SWISD_EXIT_USAGE;
  }
  running->peer = swisd_peer_setup_open(&running->setup, &error);
  if (!running->peer || open_page(running->peer, &running->setup, &running->page, &error) != 0)
    return swisd_cli_fail(SWISD_EXIT_USAGE, &error);
  return SWISD_EXIT_OK;
}

/* Serves until a signal ends it. */
static void serve(struct running *running)
{
  const struct {
    int number;
    event_callback_fn handler;
  } handled[] = {{SIGINT, on_leave}, {SIGTERM, on_leave}, {SIGHUP, on_hangup}};
  enum { HANDLED = sizeof handled / sizeof *handled };
  struct event *signals[HANDLED];
  struct event_base *base = swisd_peer_base(running->peer);
  for (int i = 0; i < HANDLED; i++) {
    signals[i] = evsignal_new(base, handled[i].number, handled[i].handler, running);
    event_add(signals[i], NULL);
  }
  struct swisd_watchdog *watchdog = swisd_watchdog_open(base);
  swisd_notify("READY=1\nSTATUS=taking part");
  swisd_peer_run(running->peer);
  swisd_watchdog_close(watchdog);
  for (int i = 0; i < HANDLED; i++)
    event_free(signals[i]);
}

int swisd_command_node(const struct swisd_command *command, int argc, char **argv)
{
  struct running *running = calloc(1, sizeof *running);
  if (!running) {
    fprintf(stderr, "swisd node: no memory\n");
    return SWISD_EXIT_FAILED;
  }
  running->has_terminal = isatty(STDIN_FILENO);
  int status = start(running, command, argc, argv);
  if (running->peer) {
    if (status == SWISD_EXIT_OK) {
      greet(running->peer, &running->setup);
      if (running->page)
        greet_at_page(running->page, &running->setup);
      serve(running);
    }
    swisd_web_close(running->page);
    swisd_peer_setup_close(&running->setup, running->peer);
  }
  free(running);
  return status;
}
