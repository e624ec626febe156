/* Verbs that need nothing: config, pin, version. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/cli.h"
#include "app/config.h"
#include "app/directory.h"
#include "base/crypto.h"

enum { PIN_MIN = 6, SALT_BYTES = 12 };

enum exit_code verb_config(struct cli *c)
{
	CLEANUP(free_p) char *text = config_example();
	if (!text)
		return cli_fail(c, EXIT_FAILED, "no memory");
	fputs(text, stdout);
	return EXIT_DONE;
}

/* ---- pin ---- */

enum exit_code verb_pin(struct cli *c)
{
	char pin[256], salt[32], hash[256];
	struct error e;
	if (isatty(STDIN_FILENO))
		fputs("PIN: ", stderr);
	if (!fgets(pin, sizeof pin, stdin))
		return cli_fail(c, EXIT_FAILED, "no PIN came in");
	pin[strcspn(pin, "\r\n")] = '\0';
	if (strlen(pin) < PIN_MIN)
		return cli_fail(c, EXIT_FAILED, "a PIN has %d characters or more", PIN_MIN);
	if (crypto_token(SALT_BYTES, salt, sizeof salt, &e) != RC_OK ||
	    directory_hash_pin(salt, pin, hash, sizeof hash, &e) != RC_OK)
		return cli_fail_result(c, &e);
	printf("pin_sha256: \"%s\"\n", hash);
	return EXIT_DONE;
}

/* ---- words ---- */

enum exit_code verb_version(struct cli *c)
{
	(void)c;
	puts("rollcall " ROLLCALL_VERSION);
	return EXIT_DONE;
}
