# runtime/core/job_inputs.c: the body of a lagged input is numbered by the items that made it
s/sources->list\[i\].body_lo += edge->width;//;s/sources->list\[i\].body_hi += edge->width;//
