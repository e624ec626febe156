#pragma once
/* Process and SystemdUnit targets, of one machine. The embedded cluster makes a Deployment of the same name of them:
 * that is what is observed, scaled and promoted (deployment.h). */
#include "controller/targets/target.h"

extern const struct target target_process, target_unit;
