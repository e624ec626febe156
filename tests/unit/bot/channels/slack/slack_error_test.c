#include "bot/channels/slack/slack_error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* Every word that the protocol sheet wants handled, and what it asks for; advice: somebody must do something. */
static const struct {
	enum slack_trouble trouble;
	bool advice;
	const char *words;
} cases[] = {
	{ TROUBLE_CREDENTIAL, true,
	  "invalid_auth not_authed token_revoked token_expired account_inactive org_login_required "
	  "team_access_not_granted user_removed_from_team team_disabled forbidden_team invalid_refresh_token" },
	{ TROUBLE_SETUP, true,
	  "missing_scope not_allowed_token_type no_permission access_denied ekm_access_denied plan_upgrade_required" },
	{ TROUBLE_PLACE, true,
	  "method_not_supported_for_channel_type restricted_action channel_not_found not_in_channel is_archived "
	  "cannot_dm_bot user_not_found user_disabled messages_tab_disabled no_such_subteam subteam_not_found" },
	{ TROUBLE_GONE, false,
	  "message_not_found cant_update_message edit_window_closed cant_delete_message thread_not_found" },
	{ TROUBLE_CONTENT, false,
	  "invalid_blocks invalid_blocks_format too_many_attachments no_text invalid_arguments invalid_json "
	  "json_not_object invalid_form_data invalid_charset invalid_post_type missing_post_type metadata_too_large "
	  "duplicate_message_not_allowed" },
	{ TROUBLE_TRIGGER, true,
	  "expired_trigger_id exchanged_trigger_id invalid_trigger_id view_too_large hash_conflict not_found" },
	{ TROUBLE_SLOW, false, "ratelimited rate_limited message_limit_exceeded" },
	{ TROUBLE_THEIRS, false, "internal_error fatal_error service_unavailable request_timeout" },
};

static void every_word_has_its_meaning(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		for (const char *at = cases[i].words; *at;) {
			char word[64] = "";
			size_t n = strcspn(at, " ");
			assert_true(n < sizeof word);
			memcpy(word, at, n);
			if (slack_trouble_of(word) != cases[i].trouble ||
			    (*slack_advice(word) != '\0') != cases[i].advice)
				fail_msg("%s: trouble %d, advice \"%s\"", word, (int)slack_trouble_of(word),
					 slack_advice(word));
			assert_string_equal(slack_error_word(word), word);
			at += n + strspn(at + n, " ");
		}
}

static void what_nobody_has_described(void **state)
{
	(void)state;
	assert_int_equal(slack_trouble_of("flux_error"), TROUBLE_UNKNOWN);
	assert_string_equal(slack_advice("flux_error"), "");
	assert_string_equal(slack_error_word("<script>"), "other");
	assert_int_equal(slack_trouble_of(""), TROUBLE_UNKNOWN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_word_has_its_meaning),
		cmocka_unit_test(what_nobody_has_described),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
