"""Two tables."""

from __future__ import annotations

from django.db import models


class Person(models.Model):
    id = models.AutoField(primary_key=True)
    name = models.TextField()


class Motto(models.Model):
    id = models.AutoField(primary_key=True)
    text = models.TextField()
