# runtime/core/submitter.c: a job whose shard has found a holder again fails all the same when its patience is over
s/job->orphan_since_ns = SWISD_NEVER;/;/
