'use strict';
// The official Stream Mode client. Its gateway is a constant, so requests are led to the fake on their way out.

const axios = require('axios');
const { DWClient, TOPIC_CARD, TOPIC_ROBOT } = require('dingtalk-stream');
const { emit, logger, serve } = require('./lines.js');

console.info = logger.warn;
const options = JSON.parse(process.argv[2]);
axios.interceptors.request.use((request) => {
  request.url = request.url.replace('https://api.dingtalk.com', options.base).replace('https://oapi.dingtalk.com', options.base);
  return request;
});
const client = new DWClient({ clientId: options.clientId, clientSecret: options.clientSecret, keepAlive: true });
const report = (kind, answer) => (message) => {
  emit({ event: kind, headers: message.headers, data: JSON.parse(message.data) });
  client.socketCallBackResponse(message.headers.messageId, answer);
};
client.registerCallbackListener(TOPIC_ROBOT, report('message', null));
client.registerCallbackListener(TOPIC_CARD, report('press', options.answer));
client.registerAllEventListener((message) => {
  emit({ event: 'news', headers: message.headers });
  return { status: options.status || 'SUCCESS', message: 'ok' };
});
client.connect().then(() => {
  serve({});
  emit({ event: 'ready' });
});
