/* Whatever is typed is a command whose texts are there, or an error that says what is wrong in valid UTF-8. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "bot/commands/command.h"

static void require(bool ok)
{
	if (!ok)
		abort();
}

static void check_command(const struct command *c, struct arena *a)
{
	require(c->id < COMMAND_COUNT && c->about <= COMMAND_COUNT && c->name && c->reason);
	require(c->weight >= 0 && c->weight <= 100 && (c->weight == 0 || c->id == COMMAND_WEIGHT));
	require(!c->override_gates || c->id == COMMAND_PROMOTE || c->id == COMMAND_WEIGHT);
	require(c->id != COMMAND_REJECT || *c->reason);
	require(!strpbrk(c->name, " \t\r\n"));
	require(*command_help(c->about, LANG_EN, a) && *command_help(c->about, LANG_ZH, a));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(arena_destroy_p) struct arena *a = arena_create(16 << 20);
	CLEANUP(free_p) char *line = malloc(size + 1);
	struct error e = { .text = "" };
	struct command c = { .id = COMMAND_COUNT };
	if (!a || !line)
		return 0;
	if (size)
		memcpy(line, data, size);
	line[size] = '\0';
	if (command_parse(line, a, &c, &e) == RC_OK)
		check_command(&c, a);
	else
		require(c.id == COMMAND_COUNT && e.text[0] && text_is_utf8(e.text, strlen(e.text)));
	return 0;
}
