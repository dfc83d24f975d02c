/* The table of node.yml, and its reading. */
#include "scenarios/node_config.h"

#include <string.h>

#include "scenarios/settings.h"

enum { SECTION_NODE = SWISD_SETTINGS_SECTION, SECTION_SPEED, SECTION_AVAILABILITY };

#define FIELD(member) offsetof(struct swisd_node_config, member), sizeof(((struct swisd_node_config *)0)->member)
#define NO_FIELD 0, 0
#define TEXT(name, member, help)                                                                                                 \
  {                                                                                                                              \
    SECTION_NODE, SWISD_KEY_TEXT, 0, 0, name, FIELD(member), 1, sizeof(((struct swisd_node_config *)0)->member) - 1, NULL, NULL, \
      help                                                                                                                       \
  }

const struct swisd_key swisd_node_keys[] = {
  {SECTION_NODE, SWISD_KEY_WHOLE, 0, SWISD_KEY_REQUIRED, "swisd", NO_FIELD, 1, 1, NULL, NULL, "version of this format"},
  TEXT("name", name, "what status and logs call this node"),
  TEXT("listen", listen, "address to listen on (127.0.0.1; 0.0.0.0 for all)"),
  {SECTION_NODE, SWISD_KEY_WHOLE, 0, 0, "port", FIELD(port), 0, 65535, NULL, NULL, "TCP and UDP (7117, or any free one)"},
  TEXT("advertise", advertise, "address that others reach this node by (what it listens on)"),
  {SECTION_NODE, SWISD_KEY_TEXTS, 0, 0, "join", FIELD(join), 3, SWISD_NODE_TEXT_BYTES - 1, NULL, NULL,
   "nodes of the swarm, HOST:PORT each, up to 8"},
  {SECTION_NODE, SWISD_KEY_CHOICE, 0, 0, "beacon", FIELD(beacon), 0, 0, "auto", "auto on off",
   "say by multicast where this node is; auto: if it listens beyond this machine"},
  TEXT("key-file", key_file, "join key of the swarm"),
  TEXT("data", data, "data directory: identity and shards"),
  TEXT("class", class_name, "device class to stand for: pi4, phone-mid, ..."),
  {SECTION_NODE, SWISD_KEY_SPEEDS, SECTION_SPEED, 0, "speed", FIELD(flops_per_s), 1e3, 1e15, NULL, NULL,
   "of one thread; not given: measured at the start"},
  TEXT("kernels", kernels, "portable (default), openblas, or a set that swisd bench lists"),
  {SECTION_NODE, SWISD_KEY_WHOLE, 0, 0, "threads", FIELD(threads), 1, 64, NULL, NULL, "programs computed at once (1)"},
  {SECTION_NODE, SWISD_KEY_BYTES, 0, 0, "memory", FIELD(memory_bytes), 1 << 20, 1e15, NULL, NULL, "for shards (1 GiB)"},
  {SECTION_NODE, SWISD_KEY_WHOLE, 0, 0, "shards", FIELD(shards), 1, SWISD_HOLDINGS_MAX, NULL, NULL,
   "of a model that it takes without need (3)"},
  {SECTION_NODE, SWISD_KEY_WHOLE, 0, 0, "replicas", FIELD(replicas), 1, 255, NULL, NULL,
   "holders that it wants every shard to have (2)"},
  {SECTION_NODE, SWISD_KEY_BYTES, 0, SWISD_KEY_RELOAD, "disk", FIELD(disk_bytes), 1 << 20, 1e15, NULL, NULL,
   "for shards held and cached (4 GiB)"},
  {SECTION_NODE, SWISD_KEY_CHOICE, 0, 0, "work", FIELD(no_work), 0, 0, "yes", "yes no", "hold shards and compute for others"},
  TEXT("record", record, "record every event, for swisd replay"),
  TEXT("http", http, "[ADDRESS:]PORT of the live page, /metrics, /status and /healthz; a port alone is for this machine only"),
  TEXT("http-token", http_token, "file whose first line that page asks for; needed where other machines can reach it"),
  {SECTION_NODE, SWISD_KEY_CHOICE, 0, SWISD_KEY_RELOAD, "log-level", FIELD(log_level), 0, 0, NULL, "error warn info debug",
   "what is worth a line (info)"},
  {SECTION_NODE, SWISD_KEY_CHOICE, 0, SWISD_KEY_RELOAD, "log-format", FIELD(log_json), 0, 0, "text", "text json",
   "lines for people, or a JSON object each"},
  {SECTION_NODE, SWISD_KEY_MAP, SECTION_AVAILABILITY, SWISD_KEY_RELOAD, "availability", NO_FIELD, 0, 0, NULL, NULL,
   "when this device rests"},

  {SECTION_SPEED, SWISD_KEY_SPEED, 0, SWISD_KEY_REQUIRED, "conv", FIELD(flops_per_s[SWISD_KERNEL_CONV]), 1e3, 1e15, NULL, NULL,
   "convolutions"},
  {SECTION_SPEED, SWISD_KEY_SPEED, 0, SWISD_KEY_REQUIRED, "dense", FIELD(flops_per_s[SWISD_KERNEL_DENSE]), 1e3, 1e15, NULL, NULL,
   "matrix products"},
  {SECTION_SPEED, SWISD_KEY_SPEED, 0, SWISD_KEY_REQUIRED, "attention", FIELD(flops_per_s[SWISD_KERNEL_ATTENTION]), 1e3, 1e15,
   NULL, NULL, "attention"},

  {SECTION_AVAILABILITY, SWISD_KEY_SHARE, 0, SWISD_KEY_RELOAD, "user-load", FIELD(availability.user_load), 0.01, 1, NULL, NULL,
   "rest while other programs take more than this share of the processor"},
  {SECTION_AVAILABILITY, SWISD_KEY_TIME, 0, SWISD_KEY_RELOAD, "calm", FIELD(availability.calm_ns), 0, 86400, "1 min", NULL,
   "go on when no rule has held for so long"},
  {SECTION_AVAILABILITY, SWISD_KEY_TIME, 0, SWISD_KEY_RELOAD, "check", FIELD(availability.check_ns), 0.05, 3600, "5 s", NULL,
   "between two looks at the device"},
  {SECTION_AVAILABILITY, SWISD_KEY_CHOICE, 0, SWISD_KEY_RELOAD, "battery", FIELD(availability.battery), 0, 0, "ignore",
   "ignore slow pause", "what to do while the device runs on its battery"},
  {SECTION_AVAILABILITY, SWISD_KEY_CHOICE, 0, SWISD_KEY_RELOAD, "metered", FIELD(availability.metered), 0, 0, "ignore",
   "ignore slow pause", "what to do while the way out is a mobile network"},
  {SECTION_AVAILABILITY, SWISD_KEY_NUMBER, 0, SWISD_KEY_RELOAD, "temperature", FIELD(availability.temperature), 20, 150, NULL,
   NULL, "degrees Celsius above which the device rests"},
  {SECTION_AVAILABILITY, SWISD_KEY_SHARE, 0, SWISD_KEY_RELOAD, "slow", FIELD(availability.slow_share), 0.01, 1, "25 %", NULL,
   "share of the device's speed that is used when a rule says slow"},
};
const size_t swisd_node_key_count = sizeof swisd_node_keys / sizeof *swisd_node_keys;

static struct swisd_node_config nothing(void)
{
  struct swisd_node_config config = {.port = SWISD_NODE_PORT_NONE, .log_level = SWISD_NODE_LOG_NONE};
  config.availability.calm_ns = 60 * SWISD_SECOND;
  config.availability.check_ns = 5 * SWISD_SECOND;
  config.availability.slow_share = 0.25;
  return config;
}

static void finish(struct swisd_reader *reader, void *base)
{
  struct swisd_node_config *config = base;
  while (config->join_count < SWISD_SEEDS_MAX && *config->join[config->join_count]) {
    config->join_count++;
  }
  swisd_settings_path(reader, config->key_file, sizeof config->key_file);
  swisd_settings_path(reader, config->data, sizeof config->data);
  swisd_settings_path(reader, config->record, sizeof config->record);
  swisd_settings_path(reader, config->http_token, sizeof config->http_token);
}

static struct swisd_settings settings(void)
{
  return (struct swisd_settings){
    .keys = swisd_node_keys, .key_count = swisd_node_key_count, .top = SECTION_NODE, .finish = finish};
}

int swisd_node_config_parse(const char *name, const char *text, size_t bytes, struct swisd_node_config *config,
                            struct swisd_scenario_errors *errors)
{
  const struct swisd_settings table = settings();
  *config = nothing();
  return swisd_settings_parse(&table, name, text, bytes, config, errors);
}

int swisd_node_config_read(const char *path, struct swisd_node_config *config, struct swisd_scenario_errors *errors)
{
  const struct swisd_settings table = settings();
  *config = nothing();
  return swisd_settings_read(&table, path, config, errors);
}

static const char *prefix_of(const struct swisd_key *key)
{
  return key->section == SECTION_AVAILABILITY ? "availability." : key->section == SECTION_SPEED ? "speed." : "";
}

void swisd_node_config_compare(const struct swisd_node_config *before, const struct swisd_node_config *after,
                               void (*changed)(const struct swisd_key *key, const char *path, void *context), void *context)
{
  for (size_t k = 0; k < swisd_node_key_count; k++) {
    const struct swisd_key *key = &swisd_node_keys[k];
    char path[64];
    snprintf(path, sizeof path, "%s%s", prefix_of(key), key->name);
    if (key->bytes && key->section != SECTION_SPEED &&
        memcmp((const char *)before + key->offset, (const char *)after + key->offset, key->bytes) != 0) {
      changed(key, path, context);
    }
  }
}

void swisd_node_config_print_keys(FILE *out)
{
  for (size_t k = 0; k < swisd_node_key_count; k++) {
    const struct swisd_key *key = &swisd_node_keys[k];
    char path[64], wanted[160];
    if (key->section == SECTION_SPEED) {
      continue;
    }
    snprintf(path, sizeof path, "%s%s", prefix_of(key), key->name);
    swisd_key_wanted(key, wanted, sizeof wanted);
    fprintf(out, "  %-26s %s\n  %-26s   %s%s%s%s\n", path, key->help, "", key->type == SWISD_KEY_MAP ? "a map" : wanted,
            key->fallback ? "; default " : "", key->fallback ? key->fallback : "",
            key->flags & SWISD_KEY_RELOAD ? "; may change while the node runs" : "");
  }
}
