/* The table of inventories, and its reading. */
#include "scenarios/inventory.h"

#include <string.h>

#include "scenarios/settings.h"

enum { SECTION_INVENTORY = SWISD_SETTINGS_SECTION + 20, SECTION_HOST };

#define FIELD(member) offsetof(struct swisd_inventory, member), sizeof(((struct swisd_inventory *)0)->member)
#define HOST_FIELD(member) offsetof(struct swisd_inventory_host, member), sizeof(((struct swisd_inventory_host *)0)->member)
#define NO_FIELD 0, 0
enum { PATH = SWISD_INVENTORY_PATH_BYTES - 1, TEXT = SWISD_INVENTORY_TEXT_BYTES - 1 };

const struct swisd_key swisd_inventory_keys[] = {
  {SECTION_INVENTORY, SWISD_KEY_WHOLE, 0, SWISD_KEY_REQUIRED, "swisd", NO_FIELD, 1, 1, NULL, NULL, "version of this format"},
  {SECTION_INVENTORY, SWISD_KEY_TEXT, 0, 0, "program", FIELD(program), 1, PATH, "swisd", NULL, "swisd on the hosts"},
  {SECTION_INVENTORY, SWISD_KEY_TEXT, 0, 0, "push", FIELD(push), 1, PATH, NULL, NULL,
   "a program here that is sent to every host and used there: a static one"},
  {SECTION_INVENTORY, SWISD_KEY_TEXT, 0, 0, "directory", FIELD(directory), 1, PATH, "swisd-lab", NULL,
   "of the lab on the hosts, seen from the home directory"},
  {SECTION_INVENTORY, SWISD_KEY_TEXT, 0, SWISD_KEY_REQUIRED, "key-file", FIELD(key_file), 1, PATH, NULL, NULL,
   "join key of the swarm, here; sent to every host"},
  {SECTION_INVENTORY, SWISD_KEY_TEXT, 0, 0, "config", FIELD(config), 1, PATH, NULL, NULL, "a node.yml for every host, here"},
  {SECTION_INVENTORY, SWISD_KEY_TEXTS, 0, 0, "ssh", FIELD(ssh), 1, PATH, NULL, NULL,
   "more arguments of ssh, as [-F, ssh_config], up to 16"},
  {SECTION_INVENTORY, SWISD_KEY_NAMED, SECTION_HOST, SWISD_KEY_REQUIRED, "hosts", NO_FIELD, 1, SWISD_INVENTORY_HOSTS_MAX, NULL,
   NULL, "the hosts"},

  {SECTION_HOST, SWISD_KEY_TEXT, 0, 0, "ssh", HOST_FIELD(ssh), 1, TEXT, NULL, NULL,
   "how ssh reaches it, host or user@host; its name when not given"},
  {SECTION_HOST, SWISD_KEY_TEXT, 0, SWISD_KEY_REQUIRED, "address", HOST_FIELD(address), 1, TEXT, NULL, NULL,
   "that its node listens on and the others reach it by"},
  {SECTION_HOST, SWISD_KEY_WHOLE, 0, 0, "port", HOST_FIELD(port), 1, 65535, "7117", NULL, "of its node, TCP and UDP"},
  {SECTION_HOST, SWISD_KEY_TEXT, 0, 0, "config", HOST_FIELD(config), 1, PATH, NULL, NULL, "a node.yml instead of the common one"},
};
const size_t swisd_inventory_key_count = sizeof swisd_inventory_keys / sizeof *swisd_inventory_keys;

static void *host_of(struct swisd_reader *reader, enum swisd_section section, uint32_t node)
{
  struct swisd_inventory *inventory = reader->base;
  (void)section;
  if (inventory->host_count == SWISD_INVENTORY_HOSTS_MAX)
    return NULL; /* the bound of the table complains */
  struct swisd_inventory_host *host = &inventory->hosts[inventory->host_count++];
  snprintf(host->name, sizeof host->name, "%s", swisd_document_text(reader->document, node));
  return host;
}

static void finish(struct swisd_reader *reader, void *base)
{
  struct swisd_inventory *inventory = base;
  swisd_settings_path(reader, inventory->push, sizeof inventory->push);
  swisd_settings_path(reader, inventory->key_file, sizeof inventory->key_file);
  swisd_settings_path(reader, inventory->config, sizeof inventory->config);
  for (uint32_t i = 0; i < inventory->host_count; i++) {
    struct swisd_inventory_host *host = &inventory->hosts[i];
    swisd_settings_path(reader, host->config, sizeof host->config);
    _Static_assert(sizeof host->name <= sizeof host->ssh, "a name is a host");
    if (!*host->ssh)
      memcpy(host->ssh, host->name, sizeof host->name);
  }
}

static struct swisd_settings settings(void)
{
  return (struct swisd_settings){.keys = swisd_inventory_keys,
                                 .key_count = swisd_inventory_key_count,
                                 .top = SECTION_INVENTORY,
                                 .element = host_of,
                                 .finish = finish};
}

int swisd_inventory_parse(const char *name, const char *text, size_t bytes, struct swisd_inventory *inventory,
                          struct swisd_scenario_errors *errors)
{
  const struct swisd_settings table = settings();
  memset(inventory, 0, sizeof *inventory);
  return swisd_settings_parse(&table, name, text, bytes, inventory, errors);
}

int swisd_inventory_read(const char *path, struct swisd_inventory *inventory, struct swisd_scenario_errors *errors)
{
  const struct swisd_settings table = settings();
  memset(inventory, 0, sizeof *inventory);
  return swisd_settings_read(&table, path, inventory, errors);
}
