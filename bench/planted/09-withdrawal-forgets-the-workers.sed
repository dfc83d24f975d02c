# runtime/core/job.c: the end of a job is not told to its workers, which learn of it when the lease runs out
s/job->closing = sub->unfinished = true; .*$/job->closing = false;/
