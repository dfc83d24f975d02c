/* See peer_setup.h. */
#include "runtime/cli/peer_setup.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/log.h"
#include "runtime/cli/device_speed.h"
#include "runtime/cli/join_key.h"
#include "runtime/cli/lab.h"
#include "runtime/core/rate.h"
#include "runtime/net/socket_address.h"
#include "runtime/web/web.h"
#include "scenarios/classes.h"

#define DISK_BYTES (UINT64_C(4) << 30)
enum { DIRECTORIES_MAX = 32 }; /* nodes of one user on one machine that need not name theirs */

const struct swisd_cli_option swisd_peer_options_common[] = {
  {"join", "HOST:PORT", "a node of the swarm; may be given up to 8 times"},
  {"port", "N", "port to listen on, TCP and UDP (7117, or any free one)"},
  {"listen", "HOST", "address to listen on (127.0.0.1; 0.0.0.0 for all)"},
  {"advertise", "HOST", "address that others reach this node by (what it listens on)"},
  {"key-file", "FILE", "join key of the swarm ($SWISD_KEY_FILE, or this user's join.key)"},
  {"data", "DIR", "data directory: identity and shards"},
  {"rate", "RATE", "emulated link, both ways, as 20 Mbit/s"},
  {"delay", "TIME", "emulated link, each way, as 10 ms"},
  {"kernels", "SET", "portable (default) or openblas", "portable openblas"},
  {"record", "FILE", "record every event, for swisd replay"},
  {"log-level", "LEVEL", "error, warn, info or debug", "error warn info debug"},
  {"log-json", NULL, "log lines as JSON objects"},
  {0}};
const struct swisd_cli_option swisd_peer_options_node[] = {
  {"config", "FILE", "read a node.yml first; what stands on the command line counts more (keys: swisd node --config-keys)"},
  {"config-keys", NULL, "print the keys of a node.yml"},
  {"name", "NAME", "what status and logs call this node"},
  {"class", "NAME", "device class to stand for: pi4, phone-mid, ...; any other name needs --speed"},
  {"speed", "GFLOPS", "speed of one thread, as 2.5 or conv=2.5,dense=1.2,attention=1"},
  {"throttle", "HOW", "withhold (results wait until the class would have them) or none", "withhold none"},
  {"threads", "N", "programs computed at once (1)"},
  {"memory", "SIZE", "for shards (1 GiB)"},
  {"shards", "N", "of a model that it takes without need (3)"},
  {"replicas", "N", "holders that it wants every shard to have (2)"},
  {"disk", "SIZE", "for shards held and cached (4 GiB)"},
  {"beacon", "HOW", "say by multicast where this node is: auto (if it listens beyond this machine), on, off", "auto on off"},
  {"no-work", NULL, "hold nothing, compute nothing"},
  {"http", "[ADDRESS:]PORT", "serve a live page, /metrics, /status and /healthz there; a port alone is for this machine only"},
  {"http-token", "FILE", "its first line is asked for by that page; needed where other machines can reach it"},
  {0}};

/* ---- options ---- */

static int take_seed(struct swisd_peer_setup *setup, const char *value, struct swisd_error *error)
{
  if (setup->seeds_of_file) /* one on the command line replaces all of the file */
    setup->options.seed_count = 0;
  setup->seeds_of_file = false;
  if (setup->options.seed_count == SWISD_SEEDS_MAX)
    return swisd_error_set(error, "--join %s: allowed are %d", value, SWISD_SEEDS_MAX);
  return swisd_address_parse(value, &setup->options.seeds[setup->options.seed_count++], error);
}

static int take_common(struct swisd_peer_setup *setup, const char *name, const char *value, struct swisd_error *error)
{
  struct swisd_peer_options *options = &setup->options;
  uint64_t number;
  if (strcmp(name, "join") == 0)
    return take_seed(setup, value, error);
  if (strcmp(name, "port") == 0) {
    if (swisd_read_unsigned(name, value, 0, 65535, &number, error) != 0)
      return -1;
    options->listen.port = (uint16_t)number;
    setup->port_given = true;
    return 0;
  }
  if (strcmp(name, "listen") == 0)
    return swisd_address_parse_host(value, options->listen.port, &options->listen, error);
  if (strcmp(name, "advertise") == 0)
    return swisd_address_parse_host(value, 0, &options->advertise, error);
  if (strcmp(name, "rate") == 0) {
    if (swisd_read_rate(name, value, &options->up_bytes_per_s, error) != 0)
      return -1;
    options->down_bytes_per_s = options->up_bytes_per_s;
    return 0;
  }
  if (strcmp(name, "delay") == 0)
    return swisd_read_time(name, value, &options->delay_ns, error);
  if (strcmp(name, "kernels") == 0) {
    options->kernels = swisd_kernels_by_name(value);
    return options->kernels ? 0
                            : swisd_error_set(error,
                                              "--kernels %s: not on this device; allowed are portable, openblas, or a "
                                              "set that swisd bench lists",
                                              value);
  }
  if (strcmp(name, "log-json") == 0) {
    swisd_log_set_json(true);
    setup->log_json_given = true;
    return 0;
  }
  if (strcmp(name, "log-level") == 0) {
    const int level = swisd_log_level_parse(value);
    setup->log_level_given = true;
    if (level < 0)
      return swisd_error_set(error, "--log-level %s: allowed are error, warn, info and debug", value);
    swisd_log_set_level((enum swisd_log_level)level);
    return 0;
  }
  if (strcmp(name, "data") == 0) {
    if (snprintf(setup->directory, sizeof setup->directory, "%s", value) >= (int)sizeof setup->directory)
      return swisd_error_set(error, "--data: the path is too long");
    setup->directory_given = true;
    setup->ephemeral = false;
    return 0;
  }
  if (strcmp(name, "key-file") == 0)
    options->key_file = value;
  else if (strcmp(name, "record") == 0)
    options->record_file = value;
  else
    return 1;
  return 0;
}

static int take_node(struct swisd_peer_setup *setup, const char *name, const char *value, struct swisd_error *error)
{
  struct swisd_peer_options *options = &setup->options;
  uint64_t number;
  if (strcmp(name, "name") == 0) {
    options->name = value;
    swisd_log_set_name(value);
  } else if (strcmp(name, "class") == 0) {
    options->class_name = value;
    const struct swisd_builtin_class *class = swisd_builtin_class(value);
    if (class && !setup->speed_given)
      for (int k = 0; k < SWISD_KERNEL_COUNT; k++)
        options->flops_per_s[k] = class->flops_per_s;
  } else if (strcmp(name, "speed") == 0) {
    setup->speed_given = true;
    return swisd_read_speeds(name, value, options->flops_per_s, error);
  } else if (strcmp(name, "throttle") == 0) {
    if (strcmp(value, "withhold") != 0 && strcmp(value, "none") != 0)
      return swisd_error_set(error, "--throttle %s: allowed are withhold and none", value);
    options->withhold = value[0] == 'w';
    setup->throttle_given = true;
  } else if (strcmp(name, "threads") == 0) {
    if (swisd_read_unsigned(name, value, 1, 64, &number, error) != 0)
      return -1;
    options->config.compute_slots = (uint8_t)number;
  } else if (strcmp(name, "memory") == 0) {
    return swisd_read_bytes(name, value, &options->config.memory_bytes, error);
  } else if (strcmp(name, "shards") == 0) {
    if (swisd_read_unsigned(name, value, 1, SWISD_HOLDINGS_MAX, &number, error) != 0)
      return -1;
    options->config.shards_per_node = (uint8_t)number;
  } else if (strcmp(name, "replicas") == 0) {
    if (swisd_read_unsigned(name, value, 1, 255, &number, error) != 0)
      return -1;
    options->config.replicas_min = (uint8_t)number;
  } else if (strcmp(name, "beacon") == 0) {
    static const char *const hows[] = {"auto", "on", "off"}; /* as enum swisd_peer_beacon */
    for (options->beacon = 0; options->beacon < 3 && strcmp(value, hows[options->beacon]) != 0;)
      options->beacon++;
    return options->beacon < 3 ? 0 : swisd_error_set(error, "--beacon %s: allowed are auto, on and off", value);
  } else if (strcmp(name, "disk") == 0) {
    setup->disk_given = true;
    return swisd_read_bytes(name, value, &options->disk_bytes, error);
  } else if (strcmp(name, "config") == 0) {
    return 0; /* has been read: swisd_node_file_open() */
  } else if (strcmp(name, "http") == 0) {
    setup->http_given = true;
    return swisd_web_parse_address(value, &setup->http, error);
  } else if (strcmp(name, "http-token") == 0) {
    return swisd_web_read_token(value, setup->http_token, sizeof setup->http_token, error);
  } else if (strcmp(name, "no-work") == 0) {
    setup->no_work = true;
  } else {
    return 1;
  }
  return 0;
}

static int take(struct swisd_option_taker *taker, const char *name, const char *value, struct swisd_error *error)
{
  struct swisd_peer_setup *setup = (struct swisd_peer_setup *)taker;
  int taken = take_common(setup, name, value, error);
  if (taken == 1)
    taken = setup->take_own ? setup->take_own(setup, name, value, error) : take_node(setup, name, value, error);
  return taken == 0 ? 0 : -1;
}

/* ---- places ---- */

static void data_home(char *path, size_t bytes)
{
  const char *data = getenv("XDG_DATA_HOME");
  const char *home = getenv("HOME");
  if (data && data[0] == '/')
    snprintf(path, bytes, "%s/swisd", data);
  else
    snprintf(path, bytes, "%s/.local/share/swisd", home && home[0] == '/' ? home : "/tmp");
}

void swisd_default_directory(char *path, size_t bytes)
{
  char home[400];
  data_home(home, sizeof home);
  snprintf(path, bytes, "%s/node", home);
}

int swisd_find_weights(const char *name, char *path, size_t bytes, struct swisd_error *error)
{
  char executable[400] = "";
  const ssize_t length = readlink("/proc/self/exe", executable, sizeof executable - 1);
  if (length > 0) {
    executable[length] = '\0';
    *strrchr(executable, '/') = '\0';
  }
  static const char *const formats[] = {"%s/../share/swisd/models/%s", "%s/../../../kernels/weights/%s",
                                        "%s/../../kernels/weights/%s"};
  struct stat status;
  for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
    _Pragma("GCC diagnostic push") _Pragma("GCC diagnostic ignored \"-Wformat-nonliteral\"")
      snprintf(path, bytes, formats[i], executable, name);
    _Pragma("GCC diagnostic pop") if (stat(path, &status) == 0) return 0;
  }
  snprintf(path, bytes, "%s/kernels/weights/%s", SWISD_SOURCE_DIRECTORY, name); /* built outside the source tree */
  if (stat(path, &status) == 0)
    return 0;
  return swisd_error_set(error, "the model %s is neither installed beside %s nor in a source tree; give one with --model", name,
                         executable);
}

/* ---- the peer ---- */

void swisd_peer_setup_init(struct swisd_peer_setup *setup, bool submits)
{
  memset(setup, 0, sizeof *setup);
  setup->taker.take = take;
  setup->options = swisd_peer_options_default();
  setup->options.disk_bytes = submits ? 0 : DISK_BYTES; /* a submitter's models may have any size */
  setup->options.device_root = getenv("SWISD_DEVICE_ROOT");
  setup->ephemeral = submits;
  setup->no_work = submits;
  swisd_log_set_level(submits ? SWISD_LOG_WARN : SWISD_LOG_INFO);
}

/* Speeds: of the class when given, else measured, or as measured lately; a node that only measures is not held back. */
static int set_speeds(struct swisd_peer_setup *setup, struct swisd_error *error)
{
  struct swisd_peer_options *options = &setup->options;
  options->config.works = !setup->no_work;
  if (!options->config.works) {
    options->withhold = false;
    return 0;
  }
  const bool stands_for_a_class = options->flops_per_s[SWISD_KERNEL_DENSE] > 0;
  char home[400];
  data_home(home, sizeof home);
  if (!stands_for_a_class && swisd_device_speed_kept(setup->directory_given ? setup->directory : home, options->kernels,
                                                     options->flops_per_s) != 0)
    return swisd_error_set(error, "out of memory for measuring this device");
  if (!setup->throttle_given)
    options->withhold = stands_for_a_class;
  for (int k = 0; k < SWISD_KERNEL_COUNT && stands_for_a_class && !setup->speed_given; k++)
    options->flops_per_s[k] /= options->config.compute_slots; /* a class's speed is that of all its threads together */
  for (int k = 0; k < SWISD_KERNEL_COUNT; k++)
    options->config.rates[k] = swisd_rate_log2((uint64_t)options->flops_per_s[k]);
  return 0;
}

/* The first data directory of this user that no running node holds. */
static struct swisd_peer *open_in_a_free_directory(struct swisd_peer_setup *setup, struct swisd_error *error)
{
  char home[400];
  data_home(home, sizeof home);
  struct swisd_peer *peer = NULL;
  for (int i = 1; i <= DIRECTORIES_MAX && !peer; i++) {
    snprintf(setup->directory, sizeof setup->directory, i == 1 ? "%s/node" : "%s/node-%d", home, i);
    peer = swisd_peer_open(&setup->options, error);
    if (!peer && !strstr(error->text, "another node runs"))
      break;
  }
  return peer;
}

static struct swisd_peer *open_somewhere(struct swisd_peer_setup *setup, struct swisd_error *error)
{
  setup->options.data_directory = setup->directory;
  if (setup->ephemeral) {
    const char *temporary = getenv("TMPDIR");
    snprintf(setup->directory, sizeof setup->directory, "%s/swisd-XXXXXX", temporary && *temporary ? temporary : "/tmp");
    if (!mkdtemp(setup->directory)) {
      swisd_error_set(error, "%s: cannot make a temporary directory: %s", setup->directory, strerror(errno));
      setup->directory[0] = '\0';
      return NULL;
    }
    return swisd_peer_open(&setup->options, error);
  }
  return setup->directory_given ? swisd_peer_open(&setup->options, error) : open_in_a_free_directory(setup, error);
}

static int find_key(struct swisd_peer_setup *setup, struct swisd_error *error)
{
  if (setup->options.key_file)
    return 0;
  const int found = swisd_join_key_find(setup->key_file, error);
  if (found < 0)
    return -1;
  if (found == 1)
    swisd_log(SWISD_LOG_INFO, "node", "made a join key in %s; nodes of other users and machines need a copy", setup->key_file);
  setup->options.key_file = setup->key_file;
  return 0;
}

struct swisd_peer *swisd_peer_setup_open(struct swisd_peer_setup *setup, struct swisd_error *error)
{
  if (find_key(setup, error) != 0 || set_speeds(setup, error) != 0)
    return NULL;
  struct swisd_peer_options *options = &setup->options;
  if (setup->no_work && options->seed_count == 0) {
    options->seeds[0] = (struct swisd_address){.family = SWISD_ADDRESS_IPV4, .bytes = {127, 0, 0, 1}, .port = SWISD_PORT_DEFAULT};
    options->seed_count = 1;
  }
  if (!setup->port_given && !setup->no_work)
    options->listen.port = SWISD_PORT_DEFAULT;
  struct swisd_peer *peer = open_somewhere(setup, error);
  if (!peer && !setup->port_given && strstr(error->text, "in use")) {
    options->listen.port = 0;
    peer = open_somewhere(setup, error);
  }
  if (!peer)
    swisd_peer_setup_close(setup, NULL);
  return peer;
}

void swisd_peer_setup_close(struct swisd_peer_setup *setup, struct swisd_peer *peer)
{
  swisd_peer_close(peer);
  if (setup->ephemeral && setup->directory[0])
    swisd_lab_remove(setup->directory);
}
