"""The new API (api.dingtalk.com) of an internal app: access tokens, sending as the app robot."""

import json
import secrets
from dataclasses import dataclass, field

from tests.fakes.http_server import json_answer

PARAM_BYTES = 15_000
MAX_USERS = 20
MSG_KEYS = {
    "sampleText": ("content",),
    "sampleMarkdown": ("title", "text"),
    "sampleImageMsg": ("photoURL",),
    "sampleLink": ("title", "text", "messageUrl", "picUrl"),
    "sampleActionCard": ("title", "text", "singleTitle", "singleURL"),
    **{f"sampleActionCard{n}": ("title", "text", *(f"{key}{i}" for i in range(1, n + 1)
                                                  for key in ("actionTitle", "actionURL"))) for n in range(2, 6)},
    "sampleActionCard6": ("title", "text", "buttonTitle1", "buttonUrl1", "buttonTitle2", "buttonUrl2"),
    "sampleFile": ("mediaId", "fileName", "fileType"),
    "sampleAudio": ("mediaId", "duration"),
    "sampleVideo": ("duration", "videoMediaId", "videoType", "picMediaId"),
}


class Failure(Exception):
    def __init__(self, status, code, message, **more):
        super().__init__(code)
        self.status = status
        self.code = code
        self.message = message
        self.more = more

    def answer(self):
        return json_answer({"code": self.code, "message": self.message, "requestid": secrets.token_hex(16).upper(),
                            **self.more}, self.status)


@dataclass(eq=False)
class AppMessage:
    """A message of the app robot: to one person or to a group."""

    key: str
    msg_key: str
    param: dict
    to_user: str = ""
    conversation: str = ""
    recalled: bool = False
    time: float = 0.0

    @property
    def plain(self):
        return "\n".join(str(value) for value in self.param.values())


@dataclass
class App:
    """One internal app of the organisation and what its robot may reach."""

    key: str
    secret: str
    permissions: set = field(default_factory=lambda: {"qyapi_robot_sendmsg"})
    token: str = ""
    token_born: float = 0.0
    serial: int = 0
    revoked: set = field(default_factory=set)


class OpenApi:
    def __init__(self, now, complain):
        self.now = now
        self.complain = complain
        self.apps = {}
        self.users = set()
        self.conversations = set()
        self.flow_controlled = set()
        self.token_life = 7200.0
        self.messages = []
        self.routes = {
            ("POST", "/v1.0/oauth2/accessToken"): (self.access_token, False),
            ("POST", "/v1.0/robot/oToMessages/batchSend"): (self.send_to_users, True),
            ("POST", "/v1.0/robot/groupMessages/send"): (self.send_to_group, True),
            ("POST", "/v1.0/robot/otoMessages/batchRecall"): (self.recall, True),
            ("POST", "/v1.0/robot/groupMessages/recall"): (self.recall, True),
        }

    # -- the door -------------------------------------------------------------------------------

    def handle(self, request):
        try:
            found = self.routes.get((request.method, request.path))
            if found is None:
                raise Failure(404, "InvalidAction.NotFound", "Specified api is not found")
            run, needs_token = found
            app = self.app_of(request) if needs_token else None
            return json_answer(run(read_body(request), app))
        except Failure as failure:
            return failure.answer()

    def app_of(self, request):
        given = request.headers.get("x-acs-dingtalk-access-token", "")
        for app in self.apps.values():
            alive = self.now() - app.token_born < self.token_life
            if given and given == app.token and alive and given not in app.revoked:
                if "qyapi_robot_sendmsg" not in app.permissions:
                    raise Failure(403, "Forbidden.AccessDenied.AccessTokenPermissionDenied", "没有调用该接口的权限",
                                  accessdenieddetail={"requiredScopes": ["qyapi_robot_sendmsg"]})
                return app
        raise Failure(401, "InvalidAuthentication", "不合法的access_token")

    # -- tokens ---------------------------------------------------------------------------------

    def current_token(self, app):
        """The token in use while over half its life is left, otherwise a new one."""
        age = self.now() - app.token_born
        if not app.token or app.token in app.revoked or age > self.token_life / 2:
            app.serial += 1
            app.token, app.token_born, age = f"tok-{app.key}-{app.serial}", self.now(), 0
        return app.token, int(self.token_life - age)

    def access_token(self, body, _app):
        app = self.apps.get(body.get("appKey"))
        if app is None or app.secret != body.get("appSecret"):
            raise Failure(400, "invalidClientIdOrSecret", "无效的clientId或者clientSecret")
        token, left = self.current_token(app)
        return {"accessToken": token, "expireIn": left}

    def old_token(self, request):
        """GET /gettoken of the old API."""
        app = self.apps.get(request.query.get("appkey"))
        if app is None or app.secret != request.query.get("appsecret"):
            return json_answer({"errcode": 40089, "errmsg": "不合法的corpid或corpsecret"})
        token, left = self.current_token(app)
        return json_answer({"errcode": 0, "errmsg": "ok", "access_token": token, "expires_in": left})

    # -- messages -------------------------------------------------------------------------------

    def read_message(self, body, app):
        if not body.get("robotCode"):
            raise Failure(400, "invalidParameter.robotCode.empty", "robotCode is empty")
        if body["robotCode"] != app.key:
            raise Failure(400, "invalidParameter.robotCode.notExsit", "robot is not exist")
        msg_key, text = body.get("msgKey"), body.get("msgParam")
        if msg_key not in MSG_KEYS:
            raise Failure(400, "miss.param.msgKey" if not msg_key else "invalidParameter.msgKey.invalid", "msgKey")
        if not isinstance(text, str):
            raise Failure(400, "miss.param.msgParam" if text is None else "invalidParameter.msgParam.invalid",
                          "msgParam must be text")
        if len(text.encode()) > PARAM_BYTES:
            raise Failure(400, "invalidParameter.msgParam.tooLong", "msgParam is too long")
        try:
            param = json.loads(text)
        except ValueError:
            raise Failure(400, "invalidParameter.msgParam.invalid", "msgParam is not JSON") from None
        for key in MSG_KEYS[msg_key]:
            if not isinstance(param, dict) or key not in param:
                raise Failure(400, f"miss.param.{key}", f"{key} is missing")
        return msg_key, param

    def keep(self, key, msg_key, param, **target):
        self.messages.append(AppMessage(key, msg_key, param, time=self.now(), **target))

    def send_to_users(self, body, app):
        users = body.get("userIds")
        if not isinstance(users, list) or not users:
            raise Failure(400, "miss.param.userIds", "userIds is missing")
        if len(users) > MAX_USERS:
            raise Failure(400, "invalidParameter.userIds.overMax", "userIds over 20")
        msg_key, param = self.read_message(body, app)
        key = secrets.token_urlsafe(16)
        invalid = [user for user in users if user not in self.users]
        held = [user for user in users if user in self.flow_controlled and user not in invalid]
        for user in users:
            if user not in invalid and user not in held:
                self.keep(key, msg_key, param, to_user=user)
        return {"processQueryKey": key, "invalidStaffIdList": invalid, "flowControlledStaffIdList": held}

    def send_to_group(self, body, app):
        conversation = body.get("openConversationId")
        if not conversation:
            raise Failure(400, "miss.openConversationId", "openConversationId is missing")
        msg_key, param = self.read_message(body, app)
        if conversation not in self.conversations:
            raise Failure(400, "invalid.openConversationId", "openConversationId is invalid")
        key = secrets.token_urlsafe(16)
        self.keep(key, msg_key, param, conversation=conversation)
        return {"processQueryKey": key}

    def recall(self, body, _app):
        done, failed = [], {}
        for key in body.get("processQueryKeys") or ():
            found = [m for m in self.messages if m.key == key]
            for message in found:
                message.recalled = True
            if found:
                done.append(key)
            else:
                failed[key] = "not found"
        return {"successResult": done, "failedResult": failed}


def read_body(request):
    try:
        body = json.loads(request.body)
    except ValueError:
        raise Failure(400, "InvalidParameter.JsonFormat", "body is not JSON") from None
    if not isinstance(body, dict):
        raise Failure(400, "InvalidParameter.JsonFormat", "body is not an object")
    return body
