# runtime/core/placement_fetch.c: a shard that arrived damaged is held like any other
s/if (event->status != SWISD_OK) {/if (event->status != SWISD_OK \&\& event->status != SWISD_ERROR_DIGEST) {/
