# runtime/core/results.c: work done twice is counted as duplicate and as still under way
s/job->account.under_way -= duplicate;//
