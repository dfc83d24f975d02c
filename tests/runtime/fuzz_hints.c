/* libFuzzer target: where peers are said to be, by the file of remembered ones and by beacons of whoever has the join key. Built
 * with -DSWISD_FUZZ=ON (preset `fuzz`). The first byte chooses. */
#include <stdlib.h>
#include <string.h>

#include "runtime/net/beacon.h"
#include "runtime/net/remembered.h"
#include "runtime/net/socket_address.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
  static const struct swisd_admission admission = {.count = 2, .keys = {"one", "two"}};
  static struct swisd_remembered peers;
  char text[SWISD_ADDRESS_TEXT_BYTES];
  struct swisd_address address;
  struct swisd_id id;
  if (count == 0)
    return 0;
  if (bytes[0] & 1) {
    swisd_remembered_parse((const char *)bytes + 1, count - 1, &peers);
    for (uint32_t i = 0; i < peers.count; i++) {
      swisd_address_text(&peers.list[i], text);
      if (peers.list[i].port == 0 || peers.count > SWISD_REMEMBERED_MAX)
        abort();
    }
  } else if (swisd_beacon_read(&admission, bytes + 1, count - 1, &id, &address) && address.port == 0) {
    abort();
  }
  return 0;
}
