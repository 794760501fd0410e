"""Provider type `image-tasks`: aggregators that answer with a task's id and are asked for it."""

from __future__ import annotations

from pixroute import ProviderSpec, hookimpl


@hookimpl
def pixroute_providers() -> list[ProviderSpec]:
    """Offer the type."""
    return [
        ProviderSpec(
            name="image-tasks",
            create="pixroute_image_tasks.provider:ImageTasks",
            settings="pixroute_image_tasks.provider:ImageTasksSettings",
            summary="Aggregators that answer with a task id",
            sure="second hand",
            example={"base_url": "https://HOST/v1"},
        )
    ]
