#pragma once
/* What holds for the whole process. Before the first socket and the first secret in use. */
void process_prepare(void); /* SIGPIPE ignored, no core dumps: secrets reach none */
