/* swisd node: a peer until it is told to go. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "runtime/base/log.h"
#include "runtime/cli/peer_setup.h"
#include "runtime/net/identity.h"
#include "runtime/net/socket_address.h"

static void on_signal(evutil_socket_t signal_number, short what, void *argument)
{
  (void)signal_number, (void)what;
  swisd_log(SWISD_LOG_INFO, "node", "leaving");
  swisd_peer_stop(argument);
}

static void on_hangup(evutil_socket_t signal_number, short what, void *argument)
{
  (void)signal_number, (void)what;
  struct swisd_error error;
  if (swisd_peer_reload_keys(argument, &error) == 0)
    swisd_log(SWISD_LOG_INFO, "node", "read the join key again");
  else
    swisd_log(SWISD_LOG_ERROR, "node", "%s; the former join key stays", error.text);
}

static void greet(const struct swisd_peer *peer, const struct swisd_peer_setup *setup)
{
  char id[33], at[SWISD_ADDRESS_TEXT_BYTES];
  const struct swisd_peer_options *options = swisd_peer_options(peer);
  const struct swisd_address address = swisd_peer_address(peer);
  swisd_id_text(swisd_peer_id(peer), id);
  swisd_address_text(&address, at);
  swisd_log(SWISD_LOG_INFO, "node", "%.8s listens on %s, data in %s, join key %s", id, at, setup->directory, options->key_file);
  if (options->config.works)
    swisd_log(SWISD_LOG_INFO, "node", "%s kernels (class %s), conv %.2f, dense %.2f, attention %.2f GFLOP/s%s",
              options->kernels->name, options->kernels->class_name, options->flops_per_s[0] / 1e9, options->flops_per_s[1] / 1e9,
              options->flops_per_s[2] / 1e9, options->withhold ? ", held back to that" : "");
  if (options->seed_count == 0)
    swisd_log(SWISD_LOG_INFO, "node", "alone so far; another joins with: swisd node --join %s", at);
}

int swisd_command_node(const struct swisd_command *command, int argc, char **argv)
{
  struct swisd_peer_setup setup;
  struct swisd_error error;
  swisd_peer_setup_init(&setup, false);
  const int rest = swisd_options_read(command, argc, argv, &setup.taker);
  if (rest < 0)
    return -rest - 1;
  if (rest > 0) {
    fprintf(stderr, "swisd node: %s: no argument is expected\n", argv[1]);
    return SWISD_EXIT_USAGE;
  }
  struct swisd_peer *peer = swisd_peer_setup_open(&setup, &error);
  if (!peer)
    return swisd_cli_fail(SWISD_EXIT_USAGE, &error);
  enum { SIGNALS = 3 };
  struct event *signals[SIGNALS];
  const int numbers[SIGNALS] = {SIGINT, SIGTERM, SIGHUP};
  for (int i = 0; i < SIGNALS; i++) {
    signals[i] = evsignal_new(swisd_peer_base(peer), numbers[i], numbers[i] == SIGHUP ? on_hangup : on_signal, peer);
    event_add(signals[i], NULL);
  }
  greet(peer, &setup);
  swisd_peer_run(peer);
  for (int i = 0; i < SIGNALS; i++)
    event_free(signals[i]);
  swisd_peer_setup_close(&setup, peer);
  return SWISD_EXIT_OK;
}
