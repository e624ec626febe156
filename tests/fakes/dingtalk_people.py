"""The older API (oapi.dingtalk.com) of an app: people, roles, departments, pictures."""

import secrets

from tests.fakes.http_server import json_answer

PNG = b"\x89PNG\r\n\x1a\n"


class People:
    """Mixed into OpenApi: needs users, apps, now, token_life."""

    def __init__(self):
        self.roles = {}
        self.departments = {}
        self.unions = {}  # unionId -> staff id
        self.pictures = {}
        self.old_routes = {
            "/topapi/v2/user/get": self.user,
            "/topapi/user/getbyunionid": self.by_union,
            "/topapi/role/simplelist": self.role,
            "/topapi/user/listid": self.department,
        }

    def old_handle(self, request):
        given = request.query.get("access_token", "")
        known = any(given == app.token and given not in app.revoked and self.now() - app.token_born < self.token_life
                    for app in self.apps.values())
        if not given or not known:
            return json_answer({"errcode": 88, "errmsg": "ding talk error", "sub_code": "40014",
                                "sub_msg": "不合法的access_token"})
        if request.path == "/media/upload":
            return json_answer(self.upload(request))
        run = self.old_routes.get(request.path)
        if run is None:
            return json_answer({"errcode": 22, "errmsg": "Invalid method"})
        return json_answer({"request_id": secrets.token_hex(8), **run(request.json())})

    def user(self, body):
        if body.get("userid") not in self.users:
            return {"errcode": 60121, "errmsg": "找不到该用户"}
        return {"errcode": 0, "errmsg": "ok", "result": {"userid": body["userid"], "name": body["userid"]}}

    def by_union(self, body):
        staff = self.unions.get(body.get("unionid"))
        if staff is None:
            return {"errcode": 60121, "errmsg": "找不到该用户"}
        return {"errcode": 0, "errmsg": "ok", "result": {"userid": staff, "contact_type": 0}}

    def role(self, body):
        members = self.roles.get(body.get("role_id"))
        if members is None:
            return {"errcode": 60011, "errmsg": "no permission"}
        begin, size = body.get("offset", 0), min(body.get("size", 20), 200)
        page = members[begin:begin + size]
        return {"errcode": 0, "errmsg": "ok", "result": {"hasMore": begin + size < len(members),
                                                         "list": [{"userid": each, "name": each} for each in page]}}

    def department(self, body):
        return {"errcode": 0, "errmsg": "ok", "result": {"userid_list": self.departments.get(body.get("dept_id"), [])}}

    def upload(self, request):
        mark = request.headers.get("Content-Type", "").partition("boundary=")[2].encode()
        parts = request.body.split(b"--" + mark) if mark else []
        found = [part for part in parts if b'name="media"' in part and b"filename=" in part]
        if not found or request.query.get("type") != "image":
            return {"errcode": 40035, "errmsg": "缺少参数 media"}
        picture = found[0].partition(b"\r\n\r\n")[2][:-2]
        if not picture.startswith(PNG) or len(picture) > 1_000_000:
            return {"errcode": 40005, "errmsg": "invalid file type"}
        name = f"@lAL{secrets.token_hex(8)}"
        self.pictures[name] = picture
        return {"errcode": 0, "errmsg": "ok", "media_id": name, "type": "image", "created_at": 1700000000000}
