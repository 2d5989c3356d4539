"""The same with Channels, which lets only pages of ALLOWED_HOSTS in."""

from __future__ import annotations

from typing import Any

from channels.generic.websocket import WebsocketConsumer
from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import AllowedHostsOriginValidator
from django.core.handlers.asgi import ASGIHandler
from django.urls import path
from live_django.models import Person


class Register(WebsocketConsumer):  # type: ignore[misc]
    def receive(self, text_data: str | None = None, bytes_data: Any = None) -> None:
        Person.objects.create(name=text_data)
        self.send(str(Person.objects.count()))


application = ProtocolTypeRouter(
    {
        "http": ASGIHandler(),
        "websocket": AllowedHostsOriginValidator(URLRouter([path("register/", Register.as_asgi())])),
    }
)
