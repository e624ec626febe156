'use strict';
// The official Web API client and incoming webhook client, driven line by line.

const { WebClient, WebClientEvent } = require('@slack/web-api');
const { IncomingWebhook } = require('@slack/webhook');
const { emit, logger, serve } = require('./lines.js');

const options = JSON.parse(process.argv[2]);
const client = new WebClient(options.token, {
  slackApiUrl: options.slackApiUrl,
  logger,
  rejectRateLimitedCalls: Boolean(options.rejectRateLimitedCalls),
  retryConfig: { retries: options.retries || 0, factor: 1, minTimeout: 20, maxTimeout: 20 },
});
client.on(WebClientEvent.RATE_LIMITED, (seconds) => emit({ event: 'rate_limited', seconds }));

async function collect(pages, key) {
  const found = [];
  let count = 0;
  for await (const page of pages) {
    found.push(...page[key]);
    count += 1;
  }
  return { found, count };
}

serve({
  call: ({ method, args }) => client.apiCall(method, args),
  paginate: ({ method, args, key }) => collect(client.paginate(method, args), key),
  upload: ({ args, base64 }) => client.filesUploadV2({ ...args, file: Buffer.from(base64, 'base64') }),
  webhook: ({ url, args }) => new IncomingWebhook(url).send(args),
});
emit({ event: 'ready' });
