#pragma once
/* What the console's page of a rollout shows beyond the rollout itself: its pods, where this program runs them, and how
 * the two versions' templates differ. */
#include "base/strbuf.h"
#include "controller/cluster/cluster.h"
#include "controller/engine.h"

/* `,"pods":[{"name","phase","ready","address","restarts"}],"changes":[{"path","from","to"}]`; what there is none of is
 * left out. all: knows every object, NULL none does. */
void console_detail(const struct cluster *workloads, const struct cluster *all, const struct rollout *r,
		    struct strbuf *b);
/* The changes alone, from the pod templates of both versions. Pure. */
void console_changes(const cJSON *stable, const cJSON *canary, struct strbuf *b);
