/* swisd keygen: join keys, their rotation, and identities before a node first runs. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "runtime/cli/commands.h"
#include "runtime/cli/join_key.h"
#include "runtime/net/admission.h"
#include "runtime/net/identity.h"

struct keygen {
  struct swisd_option_taker taker; /* first */
  const char *key_file, *data;
  bool rotate, retire;
};

static int take(struct swisd_option_taker *taker, const char *name, const char *value, struct swisd_error *error)
{
  struct keygen *keygen = (struct keygen *)taker;
  (void)error;
  if (strcmp(name, "key-file") == 0)
    keygen->key_file = value;
  else if (strcmp(name, "data") == 0)
    keygen->data = value;
  else if (strcmp(name, "rotate") == 0)
    keygen->rotate = true;
  else
    keygen->retire = true;
  return 0;
}

static int join_key(const struct keygen *keygen, struct swisd_error *error)
{
  char path[SWISD_JOIN_KEY_PATH_BYTES];
  bool made = false;
  if (keygen->key_file) {
    if (snprintf(path, sizeof path, "%s", keygen->key_file) >= (int)sizeof path)
      return swisd_error_set(error, "--key-file: the path is too long");
  } else {
    const int found = swisd_join_key_find(path, error);
    if (found < 0)
      return -1;
    made = found == 1;
  }
  if (keygen->rotate || keygen->retire) {
    if (swisd_admission_rotate(path, keygen->retire, error) != 0)
      return -1;
  } else {
    const int created = swisd_admission_create(path, error); /* 1: there is one */
    if (created < 0)
      return -1;
    made |= created == 0;
  }
  struct swisd_admission admission;
  if (swisd_admission_open(&admission, path, error) != 0)
    return -1;
  printf("join key  %016" PRIx64 "  %s%s\n", swisd_admission_mark(&admission, 0), path,
         made             ? "  (new)"
         : keygen->rotate ? "  (new, in front of the former)"
                          : "");
  if (admission.count > 1)
    printf("besides   %016" PRIx64 "  until: swisd keygen --retire\n", swisd_admission_mark(&admission, 1));
  return 0;
}

static int identity(const struct keygen *keygen, struct swisd_error *error)
{
  struct swisd_identity identity;
  char id[33];
  if (swisd_identity_open(&identity, keygen->data, error) != 0)
    return -1;
  swisd_id_text(identity.id, id);
  printf("node      %s  %s/key.pem\n", id, keygen->data);
  swisd_identity_close(&identity);
  return 0;
}

int swisd_command_keygen(const struct swisd_command *command, int argc, char **argv)
{
  struct keygen keygen = {.taker.take = take};
  struct swisd_error error;
  const int rest = swisd_options_read(command, argc, argv, &keygen.taker);
  if (rest < 0)
    return -rest - 1;
  if (rest > 0 || (keygen.rotate && keygen.retire)) {
    fprintf(stderr, "swisd keygen: %s\n",
            rest > 0 ? "no argument is expected" : "--rotate and --retire are two steps, one after the other");
    return SWISD_EXIT_USAGE;
  }
  if (join_key(&keygen, &error) != 0 || (keygen.data && identity(&keygen, &error) != 0))
    return swisd_cli_fail(SWISD_EXIT_USAGE, &error);
  return SWISD_EXIT_OK;
}
