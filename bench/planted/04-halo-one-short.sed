# runtime/core/job_inputs.c: a halo lacks its last row, except at the end of an image
s/? item + edge->width + 1 : end;/? item + edge->width : end;/
