# runtime/core/queue.c: a worker takes stateful tasks of an epoch that has been fenced off
s/task->key.epoch < job->epochs\[task->key.step\]/false/
