'use strict';
// The official OpenAPI client of DingTalk, driven line by line.

const { Config } = require('@alicloud/openapi-client');
const oauth = require('@alicloud/dingtalk/oauth2_1_0');
const robot = require('@alicloud/dingtalk/robot_1_0');
const card = require('@alicloud/dingtalk/card_1_0');
const im = require('@alicloud/dingtalk/im_1_0');
const { RuntimeOptions } = require('@alicloud/tea-util');
const $tea = require('@alicloud/tea-typescript');
const { emit, serve } = require('./lines.js');

const { endpoint } = JSON.parse(process.argv[2]);
const config = new Config({ protocol: 'http', endpoint, regionId: 'central' });
const oauthClient = new oauth.default(config);
const robotClient = new robot.default(config);
const cardClient = new card.default(config);
const imClient = new im.default(config);

// One call of a client, whose headers carry the token; args are the request's fields, as its own model knows them.
const call = (client, kit, method, name) => async ({ token, args }) => {
  const headers = new kit[`${name}Headers`]({ xAcsDingtalkAccessToken: token });
  const request = kit[`${name}Request`];
  const model = $tea.cast(args, new request());
  return (await client[`${method}WithOptions`](model, headers, new RuntimeOptions({}))).body;
};

serve({
  token: async ({ args }) => (await oauthClient.getAccessToken(new oauth.GetAccessTokenRequest(args))).body,
  one: async ({ token, args }) => {
    const headers = new robot.BatchSendOTOHeaders({ xAcsDingtalkAccessToken: token });
    const request = new robot.BatchSendOTORequest(args);
    return (await robotClient.batchSendOTOWithOptions(request, headers, new RuntimeOptions({}))).body;
  },
  group: async ({ token, args }) => {
    const headers = new robot.OrgGroupSendHeaders({ xAcsDingtalkAccessToken: token });
    const request = new robot.OrgGroupSendRequest(args);
    return (await robotClient.orgGroupSendWithOptions(request, headers, new RuntimeOptions({}))).body;
  },
  createAndDeliver: call(cardClient, card, 'createAndDeliver', 'CreateAndDeliver'),
  updateCard: call(cardClient, card, 'updateCard', 'UpdateCard'),
  registerCallback: call(cardClient, card, 'registerCallback', 'RegisterCallback'),
  sendStandard: call(imClient, im, 'sendRobotInteractiveCard', 'SendRobotInteractiveCard'),
  updateStandard: call(imClient, im, 'updateRobotInteractiveCard', 'UpdateRobotInteractiveCard'),
});
emit({ event: 'ready' });
