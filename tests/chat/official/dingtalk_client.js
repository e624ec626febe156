'use strict';
// The official OpenAPI client of DingTalk, driven line by line.

const { Config } = require('@alicloud/openapi-client');
const oauth = require('@alicloud/dingtalk/oauth2_1_0');
const robot = require('@alicloud/dingtalk/robot_1_0');
const { RuntimeOptions } = require('@alicloud/tea-util');
const { emit, serve } = require('./lines.js');

const { endpoint } = JSON.parse(process.argv[2]);
const config = new Config({ protocol: 'http', endpoint, regionId: 'central' });
const oauthClient = new oauth.default(config);
const robotClient = new robot.default(config);

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
});
emit({ event: 'ready' });
