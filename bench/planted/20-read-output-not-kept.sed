# runtime/core/queue.c: an output that is freed while a task here still reads it goes at once
s/if (!input->here || input->owned || input->body.handle != body.handle/if (true || input->body.handle != body.handle/
