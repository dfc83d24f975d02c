#include "runtime/wire/wire_status.h"

const char *swisd_wire_status_name(int status)
{
  switch (status) {
  case SWISD_WIRE_OK:
    return "ok";
  case SWISD_WIRE_MORE:
    return "more";
  case SWISD_WIRE_SKIP:
    return "skip";
  case SWISD_WIRE_TRUNCATED:
    return "truncated";
  case SWISD_WIRE_OVERSIZED:
    return "oversized";
  case SWISD_WIRE_MALFORMED:
    return "malformed";
  case SWISD_WIRE_RANGE:
    return "out of range";
  case SWISD_WIRE_TYPE:
    return "unknown type";
  case SWISD_WIRE_VERSION:
    return "no common version";
  case SWISD_WIRE_TRAILING:
    return "trailing bytes";
  case SWISD_WIRE_FOREIGN:
    return "foreign";
  case SWISD_WIRE_SPACE:
    return "no space";
  default:
    return "unknown status";
  }
}
