# runtime/core/queue.c: the body of a TASK that was doubled on the way is not released
s/swisd_out_release(node, event->body); \/\* doubled on the way \*\//\/* doubled on the way *\//
