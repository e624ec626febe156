#include "bot/channels/slack/slack_error.h"

#include <stddef.h>

#include "base/text.h"

/* clang-format off */
#define REINSTALL "reinstall the app in the workspace and put its new bot token into the configuration"
#define SHORTEN "a template of yours makes the message larger than Slack takes; shorten it"
static const struct {
	const char *error;
	enum slack_trouble trouble;
	const char *advice;
} errors[] = {
	{ "invalid_auth", TROUBLE_CREDENTIAL, "the token is not valid: " REINSTALL },
	{ "not_authed", TROUBLE_CREDENTIAL, "the token is missing: put the app's token into the configuration" },
	{ "token_revoked", TROUBLE_CREDENTIAL, "somebody revoked the token: " REINSTALL },
	{ "token_expired", TROUBLE_CREDENTIAL, "the token has run out: configure its refresh_token, or switch token rotation off in the app" },
	{ "invalid_refresh_token", TROUBLE_CREDENTIAL, "the refresh token was used elsewhere: " REINSTALL " and its new refresh token" },
	{ "invalid_client_id", TROUBLE_CREDENTIAL, "client_id is not the one under Basic Information of the app" },
	{ "bad_client_secret", TROUBLE_CREDENTIAL, "client_secret is not the one under Basic Information of the app" },
	{ "account_inactive", TROUBLE_CREDENTIAL, "the app was removed or its account deactivated: " REINSTALL },
	{ "org_login_required", TROUBLE_CREDENTIAL, "the workspace is moving into an organisation; when it has, " REINSTALL },
	{ "team_access_not_granted", TROUBLE_CREDENTIAL, "an administrator of the organisation must grant the app access to this workspace" },
	{ "user_removed_from_team", TROUBLE_CREDENTIAL, "the bot was removed from the workspace: " REINSTALL },
	{ "team_disabled", TROUBLE_CREDENTIAL, "the workspace is disabled" },
	{ "forbidden_team", TROUBLE_CREDENTIAL, "the app may not be used in this workspace: ask its administrator" },
	{ "missing_scope", TROUBLE_SETUP, "add the scope to the app (OAuth & Permissions), then reinstall it" },
	{ "not_allowed_token_type", TROUBLE_SETUP, "bot_token must begin with xoxb- and app_token with xapp-" },
	{ "no_permission", TROUBLE_SETUP, "the app lacks a scope or an administrator forbids it: compare with deploy/slack/manifest.yaml" },
	{ "access_denied", TROUBLE_SETUP, "an administrator of the workspace forbids it: ask for the app to be approved" },
	{ "ekm_access_denied", TROUBLE_SETUP, "an administrator has suspended posting (Enterprise Key Management)" },
	{ "link_disabled", TROUBLE_SETUP, "switch Socket Mode on in the settings of the app" },
	{ "plan_upgrade_required", TROUBLE_SETUP, "user groups need a paid plan: name people in the policy instead" },
	{ "restricted_action", TROUBLE_PLACE, "a posting rule of the channel keeps the bot out: allow it there" },
	{ "restricted_action_read_only_channel", TROUBLE_PLACE, "the channel is read-only: allow the bot to post there" },
	{ "posting_to_channel_denied", TROUBLE_PLACE, "the bot may not post pictures there: allow it in the channel's rules" },
	{ "method_not_supported_for_channel_type", TROUBLE_PLACE, "route to a channel's id (C...), not to a group message" },
	{ "channel_not_found", TROUBLE_PLACE, "check the channel's id in the routes; a private one needs /invite of the bot" },
	{ "not_in_channel", TROUBLE_PLACE, "type /invite @rollcall in the channel" },
	{ "is_archived", TROUBLE_PLACE, "the channel is archived: route to another one" },
	{ "is_inactive", TROUBLE_PLACE, "the channel is frozen: route to another one" },
	{ "user_not_in_channel", TROUBLE_PLACE, "" },
	{ "cannot_dm_bot", TROUBLE_PLACE, "route to a person or a channel, not to a bot" },
	{ "user_not_found", TROUBLE_PLACE, "check the user's id in the configuration" },
	{ "users_not_found", TROUBLE_PLACE, "check the user's id in the configuration" },
	{ "user_not_visible", TROUBLE_PLACE, "the user belongs to another workspace" },
	{ "user_disabled", TROUBLE_PLACE, "the account was deactivated: take it out of the configuration" },
	{ "messages_tab_disabled", TROUBLE_PLACE, "switch the app's Messages tab on (App Home)" },
	{ "not_enabled", TROUBLE_PLACE, "switch the app's Home tab on (App Home)" },
	{ "no_such_subteam", TROUBLE_PLACE, "check the user group's id (S...) in the policies" },
	{ "subteam_not_found", TROUBLE_PLACE, "check the user group's id (S...) in the policies" },
	{ "message_not_found", TROUBLE_GONE, "" },
	{ "cant_update_message", TROUBLE_GONE, "" },
	{ "edit_window_closed", TROUBLE_GONE, "" },
	{ "cant_delete_message", TROUBLE_GONE, "" },
	{ "thread_not_found", TROUBLE_GONE, "" },
	{ "invalid_blocks", TROUBLE_CONTENT, "" },
	{ "invalid_blocks_format", TROUBLE_CONTENT, "" },
	{ "block_mismatch", TROUBLE_CONTENT, "" },
	{ "msg_too_long", TROUBLE_CONTENT, SHORTEN },
	{ "msg_blocks_too_long", TROUBLE_CONTENT, SHORTEN },
	{ "too_many_attachments", TROUBLE_CONTENT, "" },
	{ "no_text", TROUBLE_CONTENT, "" },
	{ "invalid_arguments", TROUBLE_CONTENT, "" },
	{ "invalid_json", TROUBLE_CONTENT, "" },
	{ "json_not_object", TROUBLE_CONTENT, "" },
	{ "invalid_form_data", TROUBLE_CONTENT, "" },
	{ "invalid_charset", TROUBLE_CONTENT, "" },
	{ "invalid_post_type", TROUBLE_CONTENT, "" },
	{ "missing_post_type", TROUBLE_CONTENT, "" },
	{ "invalid_metadata_format", TROUBLE_CONTENT, "" },
	{ "metadata_too_large", TROUBLE_CONTENT, "" },
	{ "duplicate_message_not_allowed", TROUBLE_CONTENT, "" },
	{ "restricted_action_thread_only_channel", TROUBLE_CONTENT, "the channel takes threads only: route to another one" },
	{ "file_not_found", TROUBLE_CONTENT, "" },
	{ "file_too_large", TROUBLE_CONTENT, "" },
	{ "storage_limit_reached", TROUBLE_CONTENT, "the workspace has no room for files: delete some" },
	{ "upload_url_expired", TROUBLE_CONTENT, "" },
	{ "expired_trigger_id", TROUBLE_TRIGGER, "press again" },
	{ "exchanged_trigger_id", TROUBLE_TRIGGER, "press again" },
	{ "invalid_trigger_id", TROUBLE_TRIGGER, "press again" },
	{ "view_too_large", TROUBLE_TRIGGER, "press again" },
	{ "hash_conflict", TROUBLE_TRIGGER, "press again" },
	{ "not_found", TROUBLE_TRIGGER, "press again" },
	{ "ratelimited", TROUBLE_SLOW, "" },
	{ "rate_limited", TROUBLE_SLOW, "" },
	{ "message_limit_exceeded", TROUBLE_SLOW, "" },
	{ "internal_error", TROUBLE_THEIRS, "" },
	{ "fatal_error", TROUBLE_THEIRS, "" },
	{ "service_unavailable", TROUBLE_THEIRS, "" },
	{ "request_timeout", TROUBLE_THEIRS, "" },
	{ "team_added_to_org", TROUBLE_THEIRS, "the workspace is moving into an organisation, which takes some minutes" },
};
/* clang-format on */

enum { ERRORS = sizeof errors / sizeof *errors };

/* ERRORS: not described. */
static size_t find(const char *error)
{
	size_t i = 0;
	while (i < ERRORS && !text_eq(errors[i].error, error))
		i++;
	return i;
}

enum slack_trouble slack_trouble_of(const char *error)
{
	size_t i = find(error);
	return i < ERRORS ? errors[i].trouble : TROUBLE_UNKNOWN;
}

const char *slack_advice(const char *error)
{
	size_t i = find(error);
	return i < ERRORS ? errors[i].advice : "";
}

const char *slack_error_word(const char *error)
{
	size_t i = find(error);
	return i < ERRORS ? errors[i].error : "other";
}
