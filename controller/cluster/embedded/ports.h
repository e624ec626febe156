#pragma once
/* Ports of this machine for pods that have no address of their own (PORT_ANNOTATION): below those that the kernel gives
 * to outgoing connections, round and round, so that a port rests before it is used again. */
#include "controller/cluster/embedded/shelf.h"

enum { PORTS_FIRST = 20000, PORTS_COUNT = 10000 };
/* *next: where to go on; 0 at first. 0: none is free. */
unsigned port_choose(const struct shelf *s, unsigned *next);
