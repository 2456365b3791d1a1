"""Speech: heard and spoken."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from dify_async.testing.calls import UNREADABLE, Call, Refused, Routes, invalid, is_uuid
from dify_async.testing.inputs import StoredFile
from dify_async.testing.records import new_id
from dify_async.testing.script import Workflow

_LARGEST: Final = 30 * 2**20
_HEARD: Final = {"audio/mp3", "audio/m4a", "audio/wav", "audio/amr", "audio/mpga"}
_PIECE: Final = 1024


async def hear(call: Call) -> web.Response:
    """Write down what was said: `FakeDify.transcript`."""
    fields, files = await call.form(lambda _: _LARGEST)
    user = call.named_user(fields, needed=False)
    file = next((file for file in files if file.field == "file"), None)
    if file is None:
        raise Refused(400, "bad_request_key_error", UNREADABLE)
    if not call.fake.audio_enabled:
        raise Refused(400, "invalid_param", "Speech to text is not enabled")
    mime_type = (file.mime_type or "").lower()
    if mime_type not in _HEARD:
        raise Refused(415, "unsupported_audio_type", "Audio type not allowed.")
    if len(file.content) > _LARGEST:
        raise Refused(413, "audio_too_large", "Audio size larger than 30 mb")
    heard = StoredFile(new_id(), file.name, mime_type, file.content, user, call.fake.app_id)
    call.fake.heard.append(heard)
    return call.json({"text": call.fake.transcript})


async def speak(call: Call) -> web.StreamResponse:
    """Say a text, or the answer of a message."""
    user = await call.user(needed=False)
    body = await call.body()
    text, voice, message_id = body.get("text"), body.get("voice"), body.get("message_id")
    if message_id:
        if call.on_web and not is_uuid(message_id):
            problem = "Value error, message_id must be a valid UUID [type=value_error]"
            raise invalid("TextToAudioPayload", "message_id", problem)
        message = call.fake.messages.get(message_id)
        if message is None or not message.answer:
            return call.json(None)
        text = message.answer
    if not text:
        raise Refused(400, "invalid_param", "Text is required")
    if not call.fake.audio_enabled and not voice:
        raise Refused(400, "invalid_param", "TTS is not enabled")
    call.fake.spoken.append((user, text, voice))
    app = call.fake.app
    speech = None if isinstance(app, Workflow) else app.speech
    return await _sent(call, speech or f"speech: {text}".encode())


async def _sent(call: Call, speech: bytes) -> web.StreamResponse:
    response = web.StreamResponse(headers={**call.headers, "Content-Type": "audio/mpeg"})
    response.enable_chunked_encoding()
    await response.prepare(call.request)
    for start in range(0, len(speech), _PIECE):
        await response.write(speech[start : start + _PIECE])
    await response.write_eof()
    return response


BOTH: Final[Routes] = [("POST", "/audio-to-text", hear), ("POST", "/text-to-audio", speak)]
