/* See history.h. */
#include "runtime/web/history.h"

#include "runtime/base/json.h"
#include "runtime/net/ledger.h"

void swisd_history_take(struct swisd_history *history, const struct swisd_peer *peer)
{
  struct swisd_peer_status status;
  swisd_peer_status(peer, &status);
  const struct swisd_ledger_totals *totals = swisd_ledger_totals(swisd_peer_ledger(peer));
  history->samples[history->count++ % SWISD_HISTORY_SAMPLES] =
    (struct swisd_history_sample){.time_ns = status.uptime_ns,
                                  .items = totals->items_accepted,
                                  .flops = totals->value[SWISD_TRACE_TASK_ACCEPTED],
                                  .computed = totals->count[SWISD_TRACE_TASK_COMPUTED],
                                  .busy_ns = status.workers.busy_ns,
                                  .received = status.links.streams.bytes_received,
                                  .sent = status.links.streams.bytes_sent};
}

void swisd_history_print(const struct swisd_history *history, FILE *out)
{
  const uint64_t kept = history->count < SWISD_HISTORY_SAMPLES ? history->count : SWISD_HISTORY_SAMPLES;
  struct swisd_json json;
  swisd_json_start(&json, out, false);
  swisd_json_array(&json);
  for (uint64_t i = history->count - kept; i < history->count; i++) {
    const struct swisd_history_sample *sample = &history->samples[i % SWISD_HISTORY_SAMPLES];
    swisd_json_array(&json);
    swisd_json_number(&json, (double)sample->time_ns / 1e9);
    swisd_json_unsigned(&json, sample->items);
    swisd_json_unsigned(&json, sample->flops);
    swisd_json_unsigned(&json, sample->computed);
    swisd_json_number(&json, (double)sample->busy_ns / 1e9);
    swisd_json_unsigned(&json, sample->received);
    swisd_json_unsigned(&json, sample->sent);
    swisd_json_end(&json);
  }
  swisd_json_end(&json);
  swisd_json_finish(&json);
}
