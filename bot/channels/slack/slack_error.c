#include "bot/channels/slack/slack_error.h"

#include <stddef.h>

#include "base/text.h"

/* clang-format off */
static const struct {
	const char *error;
	enum slack_trouble trouble;
} errors[] = {
	{ "invalid_auth", TROUBLE_CREDENTIAL },
	{ "not_authed", TROUBLE_CREDENTIAL },
	{ "token_revoked", TROUBLE_CREDENTIAL },
	{ "token_expired", TROUBLE_CREDENTIAL },
	{ "account_inactive", TROUBLE_CREDENTIAL },
	{ "org_login_required", TROUBLE_CREDENTIAL },
	{ "team_access_not_granted", TROUBLE_CREDENTIAL },
	{ "user_removed_from_team", TROUBLE_CREDENTIAL },
	{ "team_disabled", TROUBLE_CREDENTIAL },
	{ "missing_scope", TROUBLE_SETUP },
	{ "not_allowed_token_type", TROUBLE_SETUP },
	{ "no_permission", TROUBLE_SETUP },
	{ "access_denied", TROUBLE_SETUP },
	{ "ekm_access_denied", TROUBLE_SETUP },
	{ "restricted_action", TROUBLE_PLACE }, /* a posting rule of one channel: the others may go on */
	{ "method_not_supported_for_channel_type", TROUBLE_PLACE },
	{ "channel_not_found", TROUBLE_PLACE },
	{ "not_in_channel", TROUBLE_PLACE },
	{ "is_archived", TROUBLE_PLACE },
	{ "is_inactive", TROUBLE_PLACE },
	{ "user_not_in_channel", TROUBLE_PLACE },
	{ "cannot_dm_bot", TROUBLE_PLACE },
	{ "user_not_found", TROUBLE_PLACE },
	{ "user_disabled", TROUBLE_PLACE },
	{ "messages_tab_disabled", TROUBLE_PLACE },
	{ "message_not_found", TROUBLE_GONE },
	{ "cant_update_message", TROUBLE_GONE },
	{ "edit_window_closed", TROUBLE_GONE },
	{ "cant_delete_message", TROUBLE_GONE },
	{ "thread_not_found", TROUBLE_GONE },
	{ "invalid_blocks", TROUBLE_CONTENT },
	{ "invalid_blocks_format", TROUBLE_CONTENT },
	{ "block_mismatch", TROUBLE_CONTENT },
	{ "msg_too_long", TROUBLE_CONTENT },
	{ "msg_blocks_too_long", TROUBLE_CONTENT },
	{ "too_many_attachments", TROUBLE_CONTENT },
	{ "no_text", TROUBLE_CONTENT },
	{ "invalid_arguments", TROUBLE_CONTENT },
	{ "invalid_json", TROUBLE_CONTENT },
	{ "json_not_object", TROUBLE_CONTENT },
	{ "invalid_form_data", TROUBLE_CONTENT },
	{ "invalid_charset", TROUBLE_CONTENT },
	{ "invalid_post_type", TROUBLE_CONTENT },
	{ "missing_post_type", TROUBLE_CONTENT },
	{ "invalid_metadata_format", TROUBLE_CONTENT },
	{ "metadata_too_large", TROUBLE_CONTENT },
	{ "duplicate_message_not_allowed", TROUBLE_CONTENT },
	{ "restricted_action_thread_only_channel", TROUBLE_CONTENT },
	{ "expired_trigger_id", TROUBLE_TRIGGER },
	{ "exchanged_trigger_id", TROUBLE_TRIGGER },
	{ "invalid_trigger_id", TROUBLE_TRIGGER },
	{ "ratelimited", TROUBLE_SLOW },
	{ "rate_limited", TROUBLE_SLOW },
	{ "message_limit_exceeded", TROUBLE_SLOW },
	{ "internal_error", TROUBLE_THEIRS },
	{ "fatal_error", TROUBLE_THEIRS },
	{ "service_unavailable", TROUBLE_THEIRS },
	{ "request_timeout", TROUBLE_THEIRS },
	{ "team_added_to_org", TROUBLE_THEIRS },
};
/* clang-format on */

enum slack_trouble slack_trouble_of(const char *error)
{
	for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
		if (text_eq(errors[i].error, error))
			return errors[i].trouble;
	return TROUBLE_UNKNOWN;
}
