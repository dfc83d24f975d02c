/* See availability.h. */
#include "runtime/net/availability.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/log.h"
#include "runtime/net/clock.h"

struct swisd_availability {
  struct swisd_availability_rules rules;
  struct swisd_availability_host *host;
  char root[256];
  struct event *timer;
  struct swisd_device_memory memory;
  uint8_t level;
  uint64_t better_since_ns; /* the rules have asked for more than `level` since then; 0: they do not */
  bool told_missing;
};

uint8_t swisd_availability_level(const struct swisd_availability_rules *rules, const struct swisd_device_state *state,
                                 char why[SWISD_WHY_BYTES])
{
  uint8_t level = 100;
  char text[SWISD_WHY_BYTES] = "";
  const double slow = rules->slow_share * 100;
  const uint8_t slow_level = slow < 1 ? 1 : slow > 100 ? 100 : (uint8_t)slow;
  const struct {
    bool holds;
    uint8_t rest;
    const char *name;
  } list[] = {
    {state->on_battery, rules->battery, "on battery"},
    {state->metered, rules->metered, "on a metered network"},
  };
  for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
    const uint8_t asked = !list[i].holds || list[i].rest == SWISD_REST_IGNORE ? 100
                          : list[i].rest == SWISD_REST_SLOW                   ? slow_level
                                                                              : 0;
    if (asked < level) {
      level = asked;
      snprintf(text, sizeof text, "%s", list[i].name);
    }
  }
  if (level > 0 && rules->temperature > 0 && state->temperature_known && state->temperature > rules->temperature) {
    level = 0;
    snprintf(text, sizeof text, "%.0f degrees, allowed are %.0f", state->temperature, rules->temperature);
  }
  if (level > 0 && rules->user_load > 0 && state->load_known && state->others_load > rules->user_load) {
    level = 0;
    snprintf(text, sizeof text, "others take %.0f %% of the processor, allowed are %.0f %%", state->others_load * 100,
             rules->user_load * 100);
  }
  if (why)
    memcpy(why, text, sizeof text);
  return level;
}

static bool has_rules(const struct swisd_availability_rules *rules)
{
  return rules->user_load > 0 || rules->temperature > 0 || rules->battery != SWISD_REST_IGNORE ||
         rules->metered != SWISD_REST_IGNORE;
}

/* A rule without a sensor is no mistake, but somebody who wrote it wants to know. */
static void tell_missing(const struct swisd_availability *availability, const struct swisd_device_state *state)
{
  const struct swisd_availability_rules *rules = &availability->rules;
  if (rules->battery != SWISD_REST_IGNORE && !state->battery_known)
    swisd_log(SWISD_LOG_INFO, "availability", "no battery here: that rule has nothing to do");
  if (rules->temperature > 0 && !state->temperature_known)
    swisd_log(SWISD_LOG_INFO, "availability", "no temperature to be read here (hwmon, thermal): that rule has nothing to do");
  if (rules->metered != SWISD_REST_IGNORE && !state->network_known)
    swisd_log(SWISD_LOG_INFO, "availability", "no default route here: the rule for metered networks waits for one");
}

static void settle(struct swisd_availability *availability, uint8_t level, const char *why)
{
  availability->level = level;
  availability->better_since_ns = 0;
  availability->host->changed(availability->host, level, why);
}

static void look(struct swisd_availability *availability)
{
  struct swisd_device_state state;
  char why[SWISD_WHY_BYTES];
  const uint64_t now_ns = swisd_clock_now_ns();
  swisd_device_look(availability->root, swisd_device_own_ns(), &availability->memory, &state);
  if (!availability->told_missing) {
    availability->told_missing = true;
    tell_missing(availability, &state);
  }
  const uint8_t level = swisd_availability_level(&availability->rules, &state, why);
  if (level < availability->level) {
    settle(availability, level, why);
  } else if (level == availability->level) {
    availability->better_since_ns = 0;
  } else if (availability->better_since_ns == 0 && availability->rules.calm_ns > 0) {
    availability->better_since_ns = now_ns;
  } else if (now_ns - availability->better_since_ns >= availability->rules.calm_ns) {
    settle(availability, level, why);
  }
}

static void set_timer(struct swisd_availability *availability)
{
  const uint64_t check_ns = availability->rules.check_ns;
  const struct timeval every = {.tv_sec = (time_t)(check_ns / 1000000000u),
                                .tv_usec = (suseconds_t)(check_ns % 1000000000u / 1000)};
  event_del(availability->timer);
  if (has_rules(&availability->rules) && check_ns > 0)
    event_add(availability->timer, &every);
}

static void on_timer(evutil_socket_t fd, short what, void *argument)
{
  (void)fd, (void)what;
  look(argument);
}

struct swisd_availability *swisd_availability_open(struct event_base *base, const char *root,
                                                   const struct swisd_availability_rules *rules,
                                                   struct swisd_availability_host *host)
{
  struct swisd_availability *availability = calloc(1, sizeof *availability);
  if (!availability)
    return NULL;
  availability->host = host;
  availability->level = 100;
  snprintf(availability->root, sizeof availability->root, "%s", root);
  availability->timer = event_new(base, -1, EV_PERSIST, on_timer, availability);
  if (!availability->timer) {
    free(availability);
    return NULL;
  }
  swisd_availability_change(availability, rules);
  return availability;
}

void swisd_availability_close(struct swisd_availability *availability)
{
  if (!availability)
    return;
  event_free(availability->timer);
  free(availability);
}

void swisd_availability_change(struct swisd_availability *availability, const struct swisd_availability_rules *rules)
{
  availability->rules = *rules;
  availability->told_missing = false;
  set_timer(availability);
  if (has_rules(rules))
    look(availability);
  else if (availability->level < 100)
    settle(availability, 100, "no rule any more");
}
