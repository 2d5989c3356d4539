"""The URLs of the views."""

from __future__ import annotations

from django.urls import path
from live_django import views

urlpatterns = [
    path("people/", views.people),
    path("add/", views.add),
    path("add-async/", views.add_async),
    path("add-when-told/", views.add_when_told),
    path("add-at-the-end/", views.add_at_the_end),
    path("about/", views.about),
    path("ask-people/", views.ask_people),
    path("fail/", views.fail),
    path("ticks/", views.ticks),
]
