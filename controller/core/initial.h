#pragma once
/* From nothing to Initialized (T1, T2). */
#include "controller/core/draft.h"

void initial_detect(struct draft *t);
void initial_go_on(struct draft *t);
