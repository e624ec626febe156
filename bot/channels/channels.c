#include "bot/channels/channels.h"

#include <string.h>

#include "base/text.h"
#include "bot/channels/dingtalk/dingapp.h"
#include "bot/channels/dingtalk/dingtalk.h"
#include "bot/channels/slack/slack.h"
#include "bot/channels/teams/teams.h"

/* Every platform that takes cards. */
static const struct channel_ops *const platforms[] = { &slack_ops, &dingtalk_ops, &dingapp_ops, &teams_ops };

const struct channel_ops *channels_platform(const char *platform)
{
	for (size_t i = 0; i < sizeof platforms / sizeof *platforms; i++)
		if (text_eq(platforms[i]->platform, platform))
			return platforms[i];
	return NULL;
}

/* "slack:C024" begins with "slack" and a colon, and something follows. */
static bool belongs(const char *destination, const char *platform)
{
	size_t len = strlen(platform);
	return strncmp(destination, platform, len) == 0 && destination[len] == ':' && destination[len + 1];
}

enum result channels_check(const char *destination, struct error *e)
{
	const char *names[sizeof platforms / sizeof *platforms + 1] = { NULL };
	for (size_t i = 0; i < sizeof platforms / sizeof *platforms; i++) {
		if (belongs(destination, platforms[i]->platform))
			return RC_OK;
		names[i] = platforms[i]->platform;
	}
	char word[32] = "", shown[TEXT_SHOWN];
	size_t len = strcspn(destination, ":");
	memcpy(word, destination, len < sizeof word ? len : sizeof word - 1);
	const char *near = text_nearest(word, names);
	return error_set(e, RC_INVALID,
			 "channel \"%s\" is not of the form slack:C012AB3CD, dingtalk:ROBOT, dingtalk-app:CONVERSATION "
			 "or teams:CHANNEL%s%s%s",
			 text_show(destination, strlen(destination), shown), near ? ", did you mean " : "",
			 near ? near : "", near ? ":..." : "");
}

struct channel *channels_find(struct channel *const *channels, const char *destination)
{
	for (; *channels; channels++)
		if (belongs(destination, (*channels)->ops->platform))
			return *channels;
	return NULL;
}

void channels_register(struct channel *const *channels, struct outbox *o)
{
	for (; *channels; channels++) {
		const struct channel_ops *ops = (*channels)->ops;
		char prefix[32] = "";
		size_t len = strlen(ops->platform);
		memcpy(prefix, ops->platform, len < sizeof prefix - 1 ? len : sizeof prefix - 2);
		prefix[strlen(prefix)] = ':';
		outbox_platform(o, prefix, ops->spacing_ms, ops->per_minute, ops->per_minute_channel, ops->deliver,
				*channels);
		outbox_platform_updates(o, ops->updates_per_minute);
	}
}
