"""What is sold."""

from __future__ import annotations

from django.db import models


class Item(models.Model):
    id = models.AutoField(primary_key=True)
    name = models.TextField()
