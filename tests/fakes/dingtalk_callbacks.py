"""HTTP callbacks: the robot's messages, presses of cards, and encrypted events, with what may be wrong with them."""

import base64
import ctypes
import ctypes.util
import hashlib
import hmac
import json
import secrets
import struct

from tests.fakes.delivery import send

_crypto = ctypes.CDLL(ctypes.util.find_library("crypto") or "libcrypto.so.3")
for _name in ("EVP_CIPHER_CTX_new", "EVP_aes_256_cbc"):
    getattr(_crypto, _name).restype = ctypes.c_void_p


def aes(key, data, encrypt):
    """AES-256-CBC without padding; the IV is the head of the key. From the machine's OpenSSL."""
    ctx = ctypes.c_void_p(_crypto.EVP_CIPHER_CTX_new())
    out, n, m = ctypes.create_string_buffer(len(data) + 32), ctypes.c_int(), ctypes.c_int()
    assert _crypto.EVP_CipherInit_ex(ctx, ctypes.c_void_p(_crypto.EVP_aes_256_cbc()), None, key, key[:16], int(encrypt))
    _crypto.EVP_CIPHER_CTX_set_padding(ctx, 0)
    assert _crypto.EVP_CipherUpdate(ctx, out, ctypes.byref(n), data, len(data))
    assert _crypto.EVP_CipherFinal_ex(ctx, ctypes.byref(out, n.value), ctypes.byref(m))
    _crypto.EVP_CIPHER_CTX_free(ctx)
    return out.raw[:n.value + m.value]


class Envelope:
    def __init__(self, token, aes_key, owner):
        self.token, self.owner = token, owner
        self.key = base64.b64decode(aes_key + "=")

    def seal(self, timestamp, nonce, encrypted):
        return hashlib.sha1("".join(sorted([self.token, timestamp, nonce, encrypted])).encode()).hexdigest()

    def encrypt(self, text, random=None, pad=None, length=None):
        raw = text.encode()
        plain = (random or secrets.token_bytes(16)) + struct.pack("!I", len(raw) if length is None else length) + raw
        plain += self.owner.encode()
        missing = 32 - len(plain) % 32
        plain += bytes([missing if pad is None else pad]) * missing
        return base64.b64encode(aes(self.key, plain, True)).decode()

    def decrypt(self, encrypted):
        plain = aes(self.key, base64.b64decode(encrypted), False)
        plain = plain[:-plain[-1]]
        size = struct.unpack("!I", plain[16:20])[0]
        return plain[20:20 + size].decode(), plain[20 + size:].decode()


class Callbacks:
    """Mixed into FakeDingTalk: posts to the bot at `callback_url` (with the secret path)."""

    callback_url = ""

    def sign_now(self, secret, skew_ms=0):
        stamp = str(int(self.now() * 1000) + skew_ms)
        mark = hmac.new(secret.encode(), f"{stamp}\n{secret}".encode(), hashlib.sha256).digest()
        return [("timestamp", stamp), ("sign", base64.b64encode(mark).decode())]

    def post_message(self, body, secret=None, skew_ms=0, headers=None):
        app = next(iter(self.openapi.apps.values()))
        headers = self.sign_now(secret or app.secret, skew_ms) if headers is None else headers
        return send(f"{self.callback_url}/robot", json.dumps(body).encode(),
                    [("Content-Type", "application/json"), *headers])

    def post_press(self, card, label, user, corp="corp1", value=None, signed=None):
        value = value or card.buttons(user)[label]
        body = {"type": "actionCallback", "outTrackId": card.track_id, "userId": user, "userIdType": 1, "corpId": corp,
                "content": json.dumps({"cardPrivateData": {"actionIds": [value], "params": {"value": value}}})}
        headers = [("Content-Type", "application/json")]
        if signed:
            stamp = str(int(self.now() * 1000))
            mark = base64.b64encode(hmac.new(signed.encode(), stamp.encode(), hashlib.sha256).digest()).decode()
            headers += [("x-ddpaas-signature-timestamp", stamp), ("x-ddpaas-signature", mark)]
        return send(card.callback, json.dumps(body).encode(), headers)

    def post_event(self, envelope, event, old_spelling=False, signature=None, **tamper):
        stamp, nonce = str(int(self.now() * 1000)), secrets.token_hex(4)
        encrypted = envelope.encrypt(json.dumps(event), **tamper)
        seal = signature or envelope.seal(stamp, nonce, encrypted)
        names = ("signature", "timeStamp") if old_spelling else ("msg_signature", "timestamp")
        url = f"{self.callback_url}/events?{names[0]}={seal}&{names[1]}={stamp}&nonce={nonce}"
        return send(url, json.dumps({"encrypt": encrypted}).encode(), [("Content-Type", "application/json")])
