#pragma once
/* What must be there whatever the phase: services, source, scaler, router objects (K4-K13), and is it ready. */
#include "controller/core/draft.h"

/* Adds what is missing. false: the tick ends here, the reason has been said. */
bool objects_keep(struct draft *t);
/* Services, source and scaler only: before the apex and the router may be touched. */
void objects_begin(struct draft *t);
/* Router objects; false: they cannot be made, said. */
bool objects_route(struct draft *t);
/* Trouble that may repeat: said once an interval. */
void objects_trouble(struct draft *t, const char *text);
/* While Initializing: nothing is wrong (any more). */
void objects_untroubled(struct draft *t);
bool has_scaler(const struct canary *c);
