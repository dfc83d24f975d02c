/* From the pieces that a task brings to the value that a step starts from. Pieces come from other nodes: every size is checked
 * before a byte is read, and an item that no piece covers is an error, never a guess. */
#include <string.h>

#include "kernels/program_internal.h"

enum swisd_program_status swisd_gather_check(const struct swisd_program_call *call)
{
  for (size_t i = 0; i < call->input_count; i++) {
    const struct swisd_program_input *piece = &call->inputs[i];
    if (piece->edge >= call->step->edge_count ||
        piece->lane >= swisd_model_edge_lanes(call->model, call->step_index, piece->edge)) {
      return SWISD_PROGRAM_INPUT;
    }
    const uint64_t bytes = swisd_model_piece_bytes(call->model, call->step_index, piece->edge, piece->lane);
    if (piece->lo >= piece->hi || !piece->bytes || piece->byte_count / bytes != piece->hi - piece->lo ||
        piece->byte_count % bytes) {
      return SWISD_PROGRAM_INPUT;
    }
  }
  return SWISD_PROGRAM_OK;
}

/* Where item `item` of an edge's lane lies; NULL when no piece has it. */
static const uint8_t *find_item(const struct swisd_program_call *call, unsigned edge, unsigned lane, uint64_t item,
                                uint64_t item_bytes)
{
  for (size_t i = 0; i < call->input_count; i++) {
    const struct swisd_program_input *piece = &call->inputs[i];
    if (piece->edge == edge && piece->lane == lane && piece->lo <= item && item < piece->hi) {
      return (const uint8_t *)piece->bytes + (item - piece->lo) * item_bytes;
    }
  }
  return NULL;
}

/* Pixels of one lane into the combined value: `channels` of each pixel's `stride` floats; `sum` adds instead of storing. */
static void place_pixels(const uint8_t *from, enum swisd_value_type type, size_t pixels, size_t channels, size_t stride,
                         float *out, bool sum)
{
  if (type == SWISD_VALUE_U8) {
    for (size_t p = 0; p < pixels; p++) {
      for (size_t c = 0; c < channels; c++) {
        out[p * stride + c] = (float)from[p * channels + c];
      }
    }
  } else if (sum) {
    for (size_t i = 0; i < pixels * channels; i++) {
      float value;
      memcpy(&value, from + 4 * i, sizeof value);
      out[i] += value;
    }
  } else if (channels == stride) {
    memcpy(out, from, pixels * channels * sizeof *out);
  } else {
    for (size_t p = 0; p < pixels; p++) {
      memcpy(out + p * stride, from + 4 * p * channels, channels * sizeof *out);
    }
  }
}

enum swisd_program_status swisd_gather_rows(const struct swisd_program_call *call, unsigned edge, uint64_t row_lo,
                                            uint64_t row_hi, float *out)
{
  const struct swisd_edge *e = &call->step->edges[edge];
  const struct swisd_shape whole = swisd_model_edge_shape(call->model, call->step_index, edge);
  const unsigned lanes = swisd_model_edge_lanes(call->model, call->step_index, edge);
  const bool sum = lanes > 1 && e->combine == SWISD_MODEL_REDUCE;
  size_t channel = 0;
  for (unsigned lane = 0; lane < lanes; lane++) {
    const struct swisd_shape part = e->from == SWISD_MODEL_FROM_INPUT ? whole : call->model->steps[e->from].lanes[lane].out;
    const uint64_t row_bytes = swisd_shape_bytes(part) / part.height;
    for (uint64_t row = row_lo; row < row_hi;) {
      const uint64_t item = row / whole.height, item_end = (item + 1) * whole.height, end = item_end < row_hi ? item_end : row_hi;
      const uint8_t *from = find_item(call, edge, lane, item, swisd_shape_bytes(part));
      if (!from) {
        return SWISD_PROGRAM_INPUT;
      }
      place_pixels(from + (row - item * whole.height) * row_bytes, part.type, (end - row) * whole.width, part.channels,
                   whole.channels, out + (row - row_lo) * whole.width * whole.channels + channel, sum && lane > 0);
      row = end;
    }
    channel += sum ? 0 : part.channels;
  }
  return SWISD_PROGRAM_OK;
}

enum swisd_program_status swisd_gather_tokens(const struct swisd_program_call *call, uint64_t lo, uint64_t hi, uint32_t *out)
{
  for (uint64_t item = lo; item < hi; item++) {
    const uint8_t *from = find_item(call, 0, 0, item, 4);
    if (!from) {
      return SWISD_PROGRAM_INPUT;
    }
    memcpy(&out[item - lo], from, 4);
    if (out[item - lo] >= call->model->llama.vocab) {
      return SWISD_PROGRAM_INPUT;
    }
  }
  return SWISD_PROGRAM_OK;
}
