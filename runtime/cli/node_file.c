/* See node_file.h. */
#include "runtime/cli/node_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/log.h"

static const char *find_path(int argc, char **argv)
{
  static const char name[] = "--config";
  for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
    if (strcmp(argv[i], name) == 0 && i + 1 < argc)
      return argv[i + 1];
    if (strncmp(argv[i], name, sizeof name - 1) == 0 && argv[i][sizeof name - 1] == '=')
      return argv[i] + sizeof name;
  }
  return NULL;
}

static struct swisd_availability_rules rules_of(const struct swisd_node_config *config)
{
  return (struct swisd_availability_rules){.user_load = config->availability.user_load,
                                           .temperature = config->availability.temperature,
                                           .battery = config->availability.battery,
                                           .metered = config->availability.metered,
                                           .slow_share = config->availability.slow_share,
                                           .calm_ns = config->availability.calm_ns,
                                           .check_ns = config->availability.check_ns};
}

/* A text of the file as if it stood on the command line; an empty one was not given. */
static int take_text(struct swisd_peer_setup *setup, const char *name, const char *value, struct swisd_error *error)
{
  return *value ? setup->taker.take(&setup->taker, name, value, error) : 0;
}

static int take_all(struct swisd_node_config *config, struct swisd_peer_setup *setup, struct swisd_error *error)
{
  struct swisd_peer_options *options = &setup->options;
  const struct {
    const char *name, *value;
  } texts[] = {
    {"name", config->name}, {"listen", config->listen},        {"advertise", config->advertise}, {"key-file", config->key_file},
    {"data", config->data}, {"class", config->class_name},     {"kernels", config->kernels},     {"record", config->record},
    {"http", config->http}, {"http-token", config->http_token}};
  if (config->port != SWISD_NODE_PORT_NONE) {
    options->listen.port = (uint16_t)config->port;
    setup->port_given = true;
  }
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
    if (take_text(setup, texts[i].name, texts[i].value, error) != 0)
      return -1;
  for (uint8_t i = 0; i < config->join_count; i++)
    if (take_text(setup, "join", config->join[i], error) != 0)
      return -1;
  setup->seeds_of_file = config->join_count > 0;
  if (config->flops_per_s[0] > 0) {
    setup->speed_given = true;
    memcpy(options->flops_per_s, config->flops_per_s, sizeof options->flops_per_s);
  }
  if (config->threads > 0)
    options->config.compute_slots = config->threads;
  if (config->shards > 0)
    options->config.shards_per_node = config->shards;
  if (config->replicas > 0)
    options->config.replicas_min = config->replicas;
  if (config->memory_bytes > 0)
    options->config.memory_bytes = config->memory_bytes;
  if (config->disk_bytes > 0)
    options->disk_bytes = config->disk_bytes;
  options->beacon = config->beacon;
  setup->no_work |= config->no_work != 0;
  options->rest = rules_of(config);
  return 0;
}

static void set_log(const struct swisd_node_config *config, const struct swisd_peer_setup *setup)
{
  if (!setup->log_level_given)
    swisd_log_set_level(config->log_level == SWISD_NODE_LOG_NONE ? SWISD_LOG_INFO : (enum swisd_log_level)config->log_level);
  if (!setup->log_json_given)
    swisd_log_set_json(config->log_json != 0);
}

int swisd_node_file_open(struct swisd_node_file *file, int argc, char **argv, struct swisd_peer_setup *setup)
{
  *file = (struct swisd_node_file){.path = find_path(argc, argv)};
  if (!file->path)
    return 0;
  struct swisd_error error;
  struct swisd_scenario_errors *errors = malloc(sizeof *errors);
  int status = SWISD_EXIT_USAGE;
  if (!errors)
    fprintf(stderr, "swisd node: no memory\n");
  else if (swisd_node_config_read(file->path, &file->config, errors) != 0)
    fputs(errors->text, stderr);
  else if (take_all(&file->config, setup, &error) != 0)
    fprintf(stderr, "swisd node: %s: %s\n", file->path, error.text);
  else
    status = 0;
  free(errors);
  if (status == 0)
    set_log(&file->config, setup);
  return status;
}

struct changes {
  const struct swisd_peer_setup *setup;
  uint32_t applied;
};

static void on_changed(const struct swisd_key *key, const char *path, void *context)
{
  struct changes *changes = context;
  const struct swisd_peer_setup *setup = changes->setup;
  const bool overruled = (strcmp(path, "disk") == 0 && setup->disk_given) ||
                         (strcmp(path, "log-level") == 0 && setup->log_level_given) ||
                         (strcmp(path, "log-format") == 0 && setup->log_json_given);
  if (!(key->flags & SWISD_KEY_RELOAD)) {
    swisd_log(SWISD_LOG_WARN, "node", "%s: cannot change while the node runs; it takes a restart", path);
  } else if (overruled) {
    swisd_log(SWISD_LOG_WARN, "node", "%s: the command line says otherwise, and counts more", path);
  } else {
    swisd_log(SWISD_LOG_INFO, "node", "%s: changed", path);
    changes->applied++;
  }
}

void swisd_node_file_reload(struct swisd_node_file *file, const struct swisd_peer_setup *setup, struct swisd_peer *peer)
{
  struct swisd_node_config fresh;
  struct swisd_scenario_errors *errors = malloc(sizeof *errors);
  if (!errors || swisd_node_config_read(file->path, &fresh, errors) != 0) {
    if (errors)
      fputs(errors->text, stderr);
    swisd_log(SWISD_LOG_ERROR, "node", "%s has mistakes: everything stays as it was", file->path);
    free(errors);
    return;
  }
  free(errors);
  struct changes changes = {.setup = setup};
  swisd_node_config_compare(&file->config, &fresh, on_changed, &changes);
  set_log(&fresh, setup);
  if (!setup->disk_given && fresh.disk_bytes != file->config.disk_bytes)
    swisd_peer_set_disk(peer, fresh.disk_bytes > 0 ? fresh.disk_bytes : setup->options.disk_bytes);
  const struct swisd_availability_rules rules = rules_of(&fresh);
  swisd_peer_set_rest(peer, &rules);
  file->config = fresh;
  swisd_log(SWISD_LOG_INFO, "node", "%s read again: %u changes", file->path, changes.applied);
}
