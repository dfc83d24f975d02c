/* See join_key.h. */
#include "runtime/cli/join_key.h"

#include <stdio.h>
#include <stdlib.h>

#include "runtime/net/admission.h"
#include "runtime/store/whole_file.h"

int swisd_join_key_find(char path[SWISD_JOIN_KEY_PATH_BYTES], struct swisd_error *error)
{
  const char *named = getenv("SWISD_KEY_FILE"), *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
  char folder[SWISD_JOIN_KEY_PATH_BYTES - 16];
  int length;
  if (named && *named) {
    length = snprintf(path, SWISD_JOIN_KEY_PATH_BYTES, "%s", named);
    return length < SWISD_JOIN_KEY_PATH_BYTES ? 0 : swisd_error_set(error, "SWISD_KEY_FILE: the path is too long");
  }
  if (data && data[0] == '/')
    length = snprintf(folder, sizeof folder, "%s/swisd", data);
  else if (home && home[0] == '/')
    length = snprintf(folder, sizeof folder, "%s/.local/share/swisd", home);
  else
    return swisd_error_set(error, "no home directory to keep the join key in: give its file with --key-file");
  if (length >= (int)sizeof folder)
    return swisd_error_set(error, "%s: the path is too long", folder);
  snprintf(path, SWISD_JOIN_KEY_PATH_BYTES, "%s/join.key", folder);
  if (swisd_folder_make(folder, error) != 0)
    return -1;
  const int created = swisd_admission_create(path, error);
  return created < 0 ? -1 : created == 0;
}
