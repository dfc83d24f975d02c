# runtime/core/placement_choice.c: a shard is dropped however few others keep it
s/keepers_least(placement, local->shard) < node->config.replicas_min/false/
s/return view->keepers >= node->config.replicas_min \&\&/return true \&\&/
