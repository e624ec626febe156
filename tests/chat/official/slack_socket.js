'use strict';
// The official Socket Mode client. It reports what came, and acknowledges as it is told.

const { SocketModeClient } = require('@slack/socket-mode');
const { emit, logger, serve } = require('./lines.js');

const options = JSON.parse(process.argv[2]);
const client = new SocketModeClient({
  appToken: options.appToken,
  clientOptions: { slackApiUrl: options.slackApiUrl, logger },
  logger,
});

client.on('slack_event', async ({ ack, type, body, envelope_id, retry_num, accepts_response_payload }) => {
  emit({ event: 'envelope', type, body, envelope_id, retry_num, accepts_response_payload });
  if (!options.silent) await ack(accepts_response_payload ? options.answer : undefined);
});
client.on('connected', () => emit({ event: 'connected' }));

client.start().then(() => {
  serve({});
  emit({ event: 'ready' });
});
