'use strict';
// A small approval bot on the official framework, over HTTP or Socket Mode. It reports every payload it was handed.

const { App } = require('@slack/bolt');
const { emit, logger, serve } = require('./lines.js');

const options = JSON.parse(process.argv[2]);
const app = new App({
  token: options.token,
  ...(options.appToken ? { appToken: options.appToken, socketMode: true } : { signingSecret: options.signingSecret }),
  clientOptions: { slackApiUrl: options.slackApiUrl },
  logger,
});

function reasonView(body) {
  return {
    type: 'modal',
    callback_id: 'gate.reject',
    private_metadata: JSON.stringify({ channel: body.channel.id, ts: body.message.ts }),
    title: { type: 'plain_text', text: 'Reject' },
    submit: { type: 'plain_text', text: 'Reject' },
    blocks: [{
      type: 'input',
      block_id: 'why',
      label: { type: 'plain_text', text: 'Reason' },
      element: { type: 'plain_text_input', action_id: 'txt', min_length: 3 },
    }],
  };
}

app.action('gate.approve', async ({ ack, body, action, client }) => {
  await ack();
  await client.chat.update({
    channel: body.channel.id,
    ts: body.message.ts,
    text: `approved by ${body.user.id}`,
    blocks: [],
  });
  emit({ event: 'action', body, action });
});

app.action('gate.reject', async ({ ack, body, action, client }) => {
  await ack();
  const opened = await client.views.open({ trigger_id: body.trigger_id, view: reasonView(body) });
  emit({ event: 'action', body, action, view: opened.view });
});

app.action('gate.whisper', async ({ ack, body, action, respond }) => {
  await ack();
  await respond({ response_type: 'ephemeral', replace_original: false, text: 'only you see this' });
  emit({ event: 'action', body, action });
});

app.action('gate.silent', async ({ body, action }) => {
  emit({ event: 'action', body, action });
});

app.command('/canary', async ({ ack, body, command }) => {
  await ack({ response_type: 'ephemeral', text: `you said ${command.text}` });
  emit({ event: 'command', body });
});

app.view('gate.reject', async ({ ack, body, view }) => {
  const reason = view.state.values.why.txt.value;
  if (reason === 'because') await ack({ response_action: 'errors', errors: { why: 'say more' } });
  else await ack();
  emit({ event: 'view', body });
});

app.event('app_mention', async ({ event, body, say }) => {
  await say({ text: `hello <@${event.user}>`, thread_ts: event.ts });
  emit({ event: 'mention', body });
});

app.event('app_home_opened', async ({ event, client }) => {
  const view = { type: 'home', blocks: [{ type: 'section', text: { type: 'mrkdwn', text: `home of <@${event.user}>` } }] };
  const published = await client.views.publish({ user_id: event.user, view });
  emit({ event: 'home', view: published.view });
});

app.start(options.appToken ? undefined : 0).then((server) => {
  serve({});
  emit({ event: 'ready', port: options.appToken ? 0 : server.address().port });
});
