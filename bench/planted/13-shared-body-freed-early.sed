# runtime/core/job.c: an output is freed as soon as one of the pieces that share it has been used up
/^static void consume(/,/^}/s/if (!swisd_job_body_in_use(node, lane, index))//
