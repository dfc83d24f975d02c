# runtime/core/submitter.c: a job that is still open counts as complete with its second part
s/if (event->last \&\& !tokens)/if ((event->last || job->input_items > event->items) \&\& !tokens)/
