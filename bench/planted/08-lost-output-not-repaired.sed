# runtime/core/job_loss.c: an output that died with its worker is not made again
/swisd_job_trace(node, job, SWISD_TRACE_TASK_REPLAYED/,/^}/s/job->repair = true;//
