#include "app/print.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/text.h"
#include "base/yaml.h"

bool output_is(const struct cli *c, const char *format)
{
	return text_eq(c->output, format);
}

bool output_is_data(const struct cli *c)
{
	return output_is(c, "json") || output_is(c, "yaml");
}

enum exit_code output_data(const struct cli *c, const cJSON *v)
{
	CLEANUP(json_delete_p) cJSON *null = v ? NULL : cJSON_CreateNull();
	const cJSON *shown = v ? v : null;
	bool yaml = output_is(c, "yaml");
	CLEANUP(free_p) char *text = !shown ? NULL : yaml ? yaml_print(shown) : json_print(shown);
	if (!text)
		return cli_fail(c, EXIT_FAILED, "no memory");
	fputs(text, stdout);
	if (!yaml)
		putchar('\n');
	return EXIT_DONE;
}
