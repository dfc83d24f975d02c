/* What a right scenario becomes. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/core/jobspec.h"
#include "scenarios/classes.h"
#include "scenarios/scenario.h"
#include "tests/unit/cmocka_all.h"

static struct swisd_scenario_errors errors;

static void parse(const char *text, const char *world, struct swisd_scenario *s)
{
  if (swisd_scenario_parse("t.yml", text, strlen(text), world, s, &errors) != 0) {
    fail_msg("%s", errors.text);
  }
  assert_int_equal(errors.count, 0);
  assert_string_equal(errors.text, "");
}

static const char full[] =
  "swisd: 1\n"
  "name: full\n"
  "backend: lab\n"
  "duration: 10 min\n"
  "warmup: 1.5 s\n"
  "seed: 18446744073709551615\n"
  "repeat: 3\n"
  "links:\n"
  "  wifi: {latency: {lognormal: {median: 6 ms, sigma: 0.4}}, jitter: {uniform: [1 ms, 3 ms]}, bandwidth: 40 Mbit, loss: 1 %}\n"
  "  dsl: {latency: 0.5 ms, up: 1 MB/s, down: 16 Mbit/s}\n"
  "devices:\n"
  "  pi4: {count: 4, link: wifi}\n"
  "  mine: {count: 2, speed: {conv: 3 Gflops, dense: 2 Gflops, attention: 500 Mflops}, memory: 1.5 GiB, link: dsl, slots: 2}\n"
  "  shelf: {class: pi5, count: 3, memory: 512 MiB}\n"
  "churn:\n"
  "  pi4: {uptime: {weibull: {mean: 4 min, shape: 0.5}}, downtime: {exponential: 40 s}, faster: 2, leave: graceful}\n"
  "faults:\n"
  "  - {at: 3 min, for: 10 s, silence: [pi4/3, shelf]}\n"
  "  - {at: 1 min, slow: {devices: {class: pi4, count: 2}, factor: 8}}\n"
  "  - {at: 2 min, loss: {link: dsl, rate: 20 %}}\n"
  "  - {at: 1 min, partition: {class: shelf, share: 34 %}}\n"
  "workload: {model: models/x, stages: 3, data: images, items: 100, repeat: 7, submitters: 2, link: dsl, requests: 3,\n"
  "  arrivals: {gamma: {scale: 2 s, shape: 3}}, chunk: 100 ms, verify: hash}\n"
  "placement: {slots: 4, r_min: 3}\n"
  "compute: real\n"
  "wire: sized\n"
  "throttle: quota\n"
  "view: full\n"
  "policy: p2c\n"
  "x-note: {anything: [goes, {here: 1}]}\n";

static void every_key_arrives_in_its_unit(void **state)
{
  (void)state;
  struct swisd_scenario s;
  parse(full, NULL, &s);
  assert_string_equal(s.name, "full");
  assert_string_equal(s.world, "");
  assert_int_equal(s.backend, SWISD_BACKEND_LAB);
  assert_true(s.duration_ns == UINT64_C(600000000000) && s.warmup_ns == UINT64_C(1500000000));
  assert_true(s.seed == UINT64_MAX && s.repeat == 3);
  assert_true(s.link_count == 2 && s.class_count == 3 && s.device_count == 9 && s.fault_count == 4 && s.world_count == 0);

  const struct swisd_scenario_link *wifi = &s.links[0], *dsl = &s.links[1];
  assert_string_equal(wifi->name, "wifi");
  assert_true(wifi->latency_s.kind == SWISD_DISTRIBUTION_LOGNORMAL && wifi->latency_s.a == 6e-3 && wifi->latency_s.b == 0.4);
  assert_true(wifi->jitter_s.kind == SWISD_DISTRIBUTION_UNIFORM && wifi->jitter_s.a == 1e-3 && wifi->jitter_s.b == 3e-3);
  assert_true(wifi->up_bytes_per_s == 5e6 && wifi->down_bytes_per_s == 5e6 && wifi->loss == 0.01);
  assert_true(dsl->latency_s.kind == SWISD_DISTRIBUTION_CONSTANT && dsl->latency_s.a == 0.5e-3);
  assert_true(dsl->jitter_s.kind == SWISD_DISTRIBUTION_NONE && dsl->loss == 0);
  assert_true(dsl->up_bytes_per_s == 1e6 && dsl->down_bytes_per_s == 2e6);

  const struct swisd_scenario_class *pi4 = &s.classes[0], *mine = &s.classes[1], *shelf = &s.classes[2];
  assert_true(pi4->first == 0 && pi4->count == 4 && pi4->link == 0 && pi4->slots == 1);
  assert_true(pi4->flops_per_s[0] == 24e9 && pi4->flops_per_s[2] == 24e9 && pi4->memory_bytes == UINT64_C(4) << 30);
  assert_true(mine->flops_per_s[SWISD_KERNEL_CONV] == 3e9 && mine->flops_per_s[SWISD_KERNEL_DENSE] == 2e9);
  assert_true(mine->flops_per_s[SWISD_KERNEL_ATTENTION] == 5e8 && mine->memory_bytes == UINT64_C(3) << 29 && mine->slots == 2);
  assert_true(shelf->flops_per_s[0] == 70e9 && shelf->memory_bytes == UINT64_C(512) << 20);
  assert_int_equal(shelf->link, SWISD_SCENARIO_NO_LINK);

  /* Mean 4 min, Gamma(1 + 1/0.5) = 2: scale 2 min; twice as fast: 1 min. */
  assert_true(pi4->uptime_s.kind == SWISD_DISTRIBUTION_WEIBULL && fabs(pi4->uptime_s.a - 60) < 1e-9 && pi4->uptime_s.b == 0.5);
  assert_true(pi4->downtime_s.kind == SWISD_DISTRIBUTION_EXPONENTIAL && pi4->downtime_s.a == 20 && pi4->faster == 2);
  assert_int_equal(pi4->leave, SWISD_LEAVE_GRACEFUL);
  assert_true(mine->uptime_s.kind == SWISD_DISTRIBUTION_NONE && mine->faster == 1);

  const struct swisd_scenario_workload *w = &s.workload;
  assert_string_equal(w->model, "models/x");
  assert_string_equal(w->data, "images");
  assert_true(w->stages == 3 && w->items == 100 && w->repeat == 7 && w->bound_ns == 0 && w->submitters == 2 && w->link == 1 &&
              w->requests == 3);
  assert_true(w->arrivals_s.kind == SWISD_DISTRIBUTION_GAMMA && w->arrivals_s.a == 2 && w->arrivals_s.b == 3);
  assert_true(w->chunk_ns == 100000000 && w->verify == SWISD_VERIFY_HASH);
  assert_true(s.placement_slots == 4 && s.placement_replicas_min == 3);
  assert_true(s.compute == SWISD_COMPUTE_REAL && s.wire == SWISD_WIRE_SIZED && s.throttle == SWISD_THROTTLE_QUOTA);
  assert_string_equal(s.policy, "p2c");
  swisd_scenario_free(&s);
}

static void faults_are_sorted_by_time_and_know_whom_they_hit(void **state)
{
  (void)state;
  struct swisd_scenario s;
  uint32_t devices[9], other[9];
  parse(full, NULL, &s);
  const struct swisd_scenario_fault *f = s.faults;
  assert_true(f[0].kind == SWISD_FAULT_SLOW && f[0].factor == 8 && f[0].for_ns == SWISD_NEVER && f[0].order == 1);
  assert_true(f[1].kind == SWISD_FAULT_PARTITION && f[1].order == 3);
  assert_true(f[2].kind == SWISD_FAULT_LOSS && f[2].link == 1 && f[2].loss == 0.2 && f[2].target_count == 0);
  assert_true(f[3].kind == SWISD_FAULT_SILENCE && f[3].at_ns == UINT64_C(180000000000) && f[3].for_ns == UINT64_C(10000000000));

  const uint32_t silent[] = {3, 6, 7, 8};
  assert_int_equal(swisd_scenario_fault_devices(&s, &f[3], 0, devices, 9), 4);
  assert_memory_equal(devices, silent, sizeof silent);
  assert_int_equal(swisd_scenario_fault_devices(&s, &f[3], 0, devices, 2), 4);
  assert_int_equal(swisd_scenario_fault_devices(&s, &f[1], 0, devices, 9), 1); /* 34 % of 3 */
  assert_in_range(devices[0], 6, 8);

  unsigned hits[4] = {0}, differ = 0;
  for (uint32_t repeat = 0; repeat < 600; repeat++) {
    assert_int_equal(swisd_scenario_fault_devices(&s, &f[0], repeat, devices, 9), 2);
    assert_int_equal(swisd_scenario_fault_devices(&s, &f[0], repeat, other, 9), 2);
    assert_true(devices[0] < devices[1] && devices[1] < 4 && devices[0] == other[0] && devices[1] == other[1]);
    hits[devices[0]]++;
    hits[devices[1]]++;
    differ += devices[0] != 0 || devices[1] != 1;
  }
  for (int i = 0; i < 4; i++) {
    assert_in_range(hits[i], 240, 360); /* 300 expected, standard error 12 */
  }
  assert_true(differ > 400);
  swisd_scenario_free(&s);
}

static void devices_have_classes_and_names(void **state)
{
  (void)state;
  struct swisd_scenario s;
  char name[32];
  parse(full, NULL, &s);
  const uint32_t first_of[9] = {0, 0, 0, 0, 4, 4, 6, 6, 6};
  for (uint32_t device = 0; device < 9; device++) {
    assert_int_equal(swisd_scenario_class_of(&s, device)->first, first_of[device]);
  }
  swisd_scenario_device_name(&s, 5, name, sizeof name);
  assert_string_equal(name, "mine/1");
  swisd_scenario_free(&s);
}

static void a_config_takes_what_the_scenario_decides(void **state)
{
  (void)state;
  struct swisd_scenario s;
  struct swisd_config config = {.gossip_fanout = 9, .works = true};
  parse(full, NULL, &s);
  swisd_scenario_configure(&s, &s.classes[1], &config);
  assert_true(config.works && config.compute_slots == 2 && config.memory_bytes == UINT64_C(3) << 29);
  assert_true(config.shards_per_node == 4 && config.replicas_min == 3 && config.chunk_ns == 100000000);
  /* a rate is that of one of its two slots, which share the speed */
  assert_int_equal(config.rates[SWISD_KERNEL_CONV], (int)(log2(1.5e9) * 256 + 0.5));
  assert_int_equal(config.rates[SWISD_KERNEL_ATTENTION], (int)(log2(2.5e8) * 256 + 0.5));
  assert_int_equal(config.gossip_fanout, 9);
  swisd_scenario_configure(&s, NULL, &config);
  assert_true(!config.works && config.rates[0] == 0);
  swisd_scenario_free(&s);
}

static const char small[] = "swisd: 1\nname: small\nduration: 1 s\ndevices: {pi4: {}}\nworkload: {model: fashion}\n";

static void what_is_not_given_has_its_default(void **state)
{
  (void)state;
  struct swisd_scenario s;
  parse(small, NULL, &s);
  assert_true(s.backend == SWISD_BACKEND_SIM && s.warmup_ns == 0 && s.seed == 1 && s.repeat == 1 && s.device_count == 1);
  assert_true(s.placement_slots == 3 && s.placement_replicas_min == 2 && s.compute == SWISD_COMPUTE_MODELLED);
  assert_true(s.wire == SWISD_WIRE_FULL && s.throttle == SWISD_THROTTLE_WITHHOLD);
  assert_string_equal(s.policy, "core");
  assert_true(s.workload.stages == 2 && s.workload.repeat == 1 && s.workload.items == 0 && s.workload.submitters == 1 &&
              s.workload.requests == 1);
  assert_true(s.workload.chunk_ns == 250000000 && s.workload.link == SWISD_SCENARIO_NO_LINK && s.workload.verify == 0);
  swisd_scenario_free(&s);
  parse("swisd: 1\nname: many\nduration: 1 s\ndevices: {pi4: {count: 1001}}\nworkload: {model: m, bound: 2 s}\n", NULL, &s);
  assert_int_equal(s.wire, SWISD_WIRE_SIZED);
  assert_true(s.workload.repeat == 0 && s.workload.bound_ns == UINT64_C(2000000000));
  swisd_scenario_free(&s);
}

static const char shaped[] = "swisd: 1\nname: shaped\nduration: 1 s\ndevices: {pi4: {}}\nworkload:\n  shape:\n    input: 784 B\n"
                             "    steps:\n      - {work: 2 Mflop, output: 1 kB, weights: 64 KiB}\n"
                             "      - {kernel: dense, lanes: 63, work: 3 kflop, output: 40 B, weights: 1 MB}\n";

static void a_made_up_model_has_its_steps(void **state)
{
  (void)state;
  struct swisd_scenario s;
  parse(shaped, NULL, &s);
  const struct swisd_scenario_step *steps = s.workload.steps;
  assert_true(s.workload.step_count == 2 && s.workload.in_bytes == 784);
  assert_true(steps[0].kernel == SWISD_KERNEL_CONV && steps[0].lanes == 1 && steps[0].flops == 2e6 && steps[0].out_bytes == 1000);
  assert_true(steps[0].weight_bytes == 65536 && steps[1].kernel == SWISD_KERNEL_DENSE && steps[1].lanes == 63);
  swisd_scenario_free(&s);
}

static const char worlds[] = "swisd: 1\nname: w\nduration: 1 s\nrepeat: 2\nseed: 5\n"
                             "devices: {pi4: {count: 3}}\nworkload: {model: m}\n"
                             "worlds:\n  a: &a {seed: 6, devices: {pi5: {}}, faults: [{at: 1 s, kill: pi5}]}\n"
                             "  b: {<<: *a, repeat: 9}\n  c: {<<: [{seed: 8}, *a]}\n  x-ours: 1\n";

static void a_world_replaces_whole_keys_of_the_base(void **state)
{
  (void)state;
  struct swisd_scenario s;
  parse(worlds, NULL, &s);
  assert_true(s.seed == 5 && s.repeat == 2 && s.device_count == 3 && s.world_count == 3 && s.fault_count == 0);
  assert_string_equal(s.worlds[0], "a");
  assert_string_equal(s.worlds[2], "c");
  swisd_scenario_free(&s);
  parse(worlds, "a", &s);
  assert_string_equal(s.world, "a");
  assert_true(s.seed == 6 && s.repeat == 2 && s.device_count == 1 && s.class_count == 1 && s.fault_count == 1);
  assert_string_equal(s.classes[0].name, "pi5");
  swisd_scenario_free(&s);
  parse(worlds, "b", &s);
  assert_true(s.seed == 6 && s.repeat == 9 && s.device_count == 1);
  swisd_scenario_free(&s);
  parse(worlds, "c", &s);
  assert_true(s.seed == 8 && s.repeat == 2 && s.device_count == 1);
  swisd_scenario_free(&s);
}

static void a_merged_map_has_each_key_once_and_its_own_wins(void **state)
{
  (void)state;
  struct swisd_scenario s;
  parse("swisd: 1\nname: m\nduration: 1 s\nworkload: {model: m}\nx-d: &d {pi4: {count: 3}, pi5: {count: 4}}\n"
        "devices: {<<: *d, pi4: {count: 10}}\n",
        NULL, &s);
  assert_true(s.class_count == 2 && s.device_count == 14 && s.classes[0].count == 10);
  swisd_scenario_free(&s);
}

static void a_share_of_devices_is_at_least_one(void **state)
{
  (void)state;
  struct swisd_scenario s;
  parse("swisd: 1\nname: m\nduration: 1 s\nworkload: {model: m}\ndevices: {pi4: {count: 30}}\n"
        "faults: [{at: 0 s, kill: {class: pi4, share: 1 %}}, {at: 1 s, kill: {class: pi4, share: 0 %}},\n"
        "         {at: 1 s, kill: {class: pi4, share: 49 %}}]\n",
        NULL, &s);
  assert_int_equal(swisd_scenario_fault_devices(&s, &s.faults[0], 0, NULL, 0), 1);
  assert_int_equal(swisd_scenario_fault_devices(&s, &s.faults[1], 0, NULL, 0), 0);
  assert_int_equal(swisd_scenario_fault_devices(&s, &s.faults[2], 0, NULL, 0), 15);
  swisd_scenario_free(&s);
}

static void json_is_read_too(void **state)
{
  (void)state;
  struct swisd_scenario s;
  parse("{\"swisd\": 1, \"name\": \"j\", \"duration\": \"1 s\",\n\t\"devices\": {\"pi4\": {\"count\": 2}}, "
        "\"workload\": {\"model\": \"m\"}}",
        NULL, &s);
  assert_int_equal(s.device_count, 2);
  swisd_scenario_free(&s);
}

static void churn_alternates_and_depends_on_seed_repeat_and_device_alone(void **state)
{
  (void)state;
  struct swisd_scenario s;
  parse(full, NULL, &s);
  uint64_t first[3];
  for (uint32_t repeat = 0; repeat < 3; repeat++) {
    struct swisd_scenario_churn a = swisd_scenario_churn_start(&s, repeat, 2), b = swisd_scenario_churn_start(&s, repeat, 2);
    first[repeat] = a.change_ns;
    uint64_t before = 0;
    for (int i = 0; i < 100; i++) {
      assert_true(a.up == (i % 2 == 0) && a.change_ns >= before + 1000000 && a.change_ns == b.change_ns);
      before = a.change_ns;
      swisd_scenario_churn_next(&a);
      swisd_scenario_churn_next(&b);
    }
  }
  assert_true(first[0] != first[1] && first[1] != first[2]);
  struct swisd_scenario_churn none = swisd_scenario_churn_start(&s, 0, 4);
  assert_true(none.up && none.change_ns == SWISD_NEVER);
  swisd_scenario_churn_next(&none);
  assert_true(none.up);
  swisd_scenario_free(&s);
}

static void builtin_classes_are_distinct_and_name_their_evidence(void **state)
{
  (void)state;
  for (size_t i = 0; i < swisd_builtin_class_count; i++) {
    const struct swisd_builtin_class *c = &swisd_builtin_classes[i];
    assert_ptr_equal(swisd_builtin_class(c->name), c);
    assert_true(c->flops_per_s >= 1e9 && c->memory_bytes >= 256e6 && *c->device && *c->source);
  }
  assert_null(swisd_builtin_class("cray"));
}

/* Departures of one repeat of the swarm. */
static unsigned departures(const struct swisd_scenario *s, uint32_t repeat)
{
  unsigned count = 0;
  for (uint32_t device = 0; device < s->device_count; device++) {
    struct swisd_scenario_churn churn = swisd_scenario_churn_start(s, repeat, device);
    while (churn.change_ns < s->duration_ns) {
      count += churn.up;
      swisd_scenario_churn_next(&churn);
    }
  }
  return count;
}

static void the_demo_has_a_swarm_of_200_and_six_twice(void **state)
{
  (void)state;
  struct swisd_scenario s, six;
  const char *path = "scenarios/demo.yml";
  assert_int_equal(swisd_scenario_read(path, "swarm", &s, &errors), 0);
  assert_true(s.device_count == 200 && s.repeat == 5 && s.duration_ns == 120 * SWISD_SECOND && s.backend == SWISD_BACKEND_SIM);
  assert_true(s.world_count == 3 && s.workload.submitters >= 2 && s.class_count >= 5);
  for (uint32_t repeat = 0; repeat < 5; repeat++) {
    assert_in_range(departures(&s, repeat), 40, 120);
  }
  swisd_scenario_free(&s);
  assert_int_equal(swisd_scenario_read(path, "six", &six, &errors), 0);
  assert_int_equal(swisd_scenario_read(path, "six-sim", &s, &errors), 0);
  assert_true(six.backend == SWISD_BACKEND_LAB && s.backend == SWISD_BACKEND_SIM);
  assert_true(six.device_count == 6 && s.device_count == 6 && six.fault_count == 5 && s.fault_count == 5);
  assert_memory_equal(six.faults, s.faults, 5 * sizeof *s.faults);
  assert_memory_equal(&six.workload, &s.workload, sizeof s.workload);
  swisd_scenario_free(&six);
  swisd_scenario_free(&s);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(every_key_arrives_in_its_unit),
    cmocka_unit_test(faults_are_sorted_by_time_and_know_whom_they_hit),
    cmocka_unit_test(devices_have_classes_and_names),
    cmocka_unit_test(a_config_takes_what_the_scenario_decides),
    cmocka_unit_test(what_is_not_given_has_its_default),
    cmocka_unit_test(a_made_up_model_has_its_steps),
    cmocka_unit_test(a_world_replaces_whole_keys_of_the_base),
    cmocka_unit_test(a_merged_map_has_each_key_once_and_its_own_wins),
    cmocka_unit_test(a_share_of_devices_is_at_least_one),
    cmocka_unit_test(json_is_read_too),
    cmocka_unit_test(churn_alternates_and_depends_on_seed_repeat_and_device_alone),
    cmocka_unit_test(builtin_classes_are_distinct_and_name_their_evidence),
    cmocka_unit_test(the_demo_has_a_swarm_of_200_and_six_twice),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
