# runtime/core/queue.c: a task starts while an input is still being fetched
/if (input->ticket || worker->fetching/,/continue;/s/continue;/{ all = input->ticket != 0; continue; }/
