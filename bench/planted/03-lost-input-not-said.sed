# runtime/core/queue.c: a worker whose fetch failed drops the task and sends no NACK
s/nack(node, &queued->task.key, SWISD_NACK_INPUT_LOST)->lost = queued->task.sources\[i\];//
