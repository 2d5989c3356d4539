"""The tables, and one row: what flushing takes away and serialized_rollback brings back."""

from __future__ import annotations

from typing import Any

from django.db import migrations, models


def add_motto(apps: Any, schema_editor: Any) -> None:
    apps.get_model("live_django", "Motto").objects.using(schema_editor.connection.alias).create(text="from a migration")


class Migration(migrations.Migration):
    operations = [
        migrations.CreateModel("Person", [("id", models.AutoField(primary_key=True)), ("name", models.TextField())]),
        migrations.CreateModel("Motto", [("id", models.AutoField(primary_key=True)), ("text", models.TextField())]),
        migrations.RunPython(add_motto),
    ]
