# runtime/core/worker.c: a job whose submitter died is kept by its workers for days
s/job->lease_deadline_ns = node->now_ns + lease_ms \* SWISD_MILLISECOND/job->lease_deadline_ns = node->now_ns + lease_ms * SWISD_SECOND/
