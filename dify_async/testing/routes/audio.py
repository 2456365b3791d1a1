"""Speech to text, and text to speech."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from dify_async.testing.api_errors import UNREADABLE, ErrorResponse, invalid, invalid_param
from dify_async.testing.ids import is_uuid, new_id
from dify_async.testing.routes.call import Call, Routes
from dify_async.testing.scenario import Workflow
from dify_async.testing.state.files import StoredFile

_LARGEST: Final = 30 * 2**20
_HEARD: Final = {"audio/mp3", "audio/m4a", "audio/wav", "audio/amr", "audio/mpga"}
_PIECE: Final = 1024


async def hear(call: Call) -> web.Response:
    """Transcribe audio. The result is always `FakeDify.transcript`."""
    fields, files = await call.form(lambda _: _LARGEST)
    user = call.named_user(fields, needed=False)
    file = next((file for file in files if file.field == "file"), None)
    if file is None:
        raise ErrorResponse(400, "bad_request_key_error", UNREADABLE)
    if not call.state.audio_enabled:
        raise invalid_param("Speech to text is not enabled")
    mime_type = (file.mime_type or "").lower()
    accepted = {*_HEARD, "audio/x-m4a"} if call.state.version.accepts_x_m4a else _HEARD
    if mime_type not in accepted:
        raise ErrorResponse(415, "unsupported_audio_type", "Audio type not allowed.")
    if len(file.content) > _LARGEST:
        raise ErrorResponse(413, "audio_too_large", "Audio size larger than 30 mb")
    audio = StoredFile(new_id(), file.name, mime_type, file.content, user, call.state.app_id)
    call.state.audio_files.append(audio)
    return call.json({"text": call.state.transcript})


async def speak(call: Call) -> web.StreamResponse:
    """Return the speech for a text, or for the answer of a message."""
    user = await call.user(needed=False)
    body = await call.body()
    text, voice, message_id = body.get("text"), body.get("voice"), body.get("message_id")
    if message_id:
        if call.on_web and not is_uuid(message_id):
            problem = "Value error, message_id must be a valid UUID [type=value_error]"
            raise invalid("TextToAudioPayload", "message_id", problem)
        message = call.state.messages.get(message_id)
        if message is None or not message.answer:
            return call.json(None)
        text = message.answer
    if not text:
        raise invalid_param("Text is required")
    if not call.state.audio_enabled and not voice:
        raise invalid_param("TTS is not enabled")
    call.state.speech_requests.append((user, text, voice))
    app = call.state.app
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
