/* libFuzzer: the head of a request, and who may look. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "runtime/web/guard.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  struct swisd_http_request request;
  const int read = swisd_http_request_read((const char *)data, size, &request);
  assert(read <= (int)size && (read >= 0 || (read <= -400 && read >= -505)));
  if (read <= 0)
    return 0;
  const char *reason;
  const int status = swisd_guard_check(&request, "0123456789abcdef", &reason);
  assert(status == 0 || (status >= 400 && status <= 403));
  assert(status != 0 || strcmp(request.token, "0123456789abcdef") == 0);
  return 0;
}
