"""Provider type `image-tasks`: aggregators that answer with a task's id and are asked for it."""

from __future__ import annotations

from pixroute import ProviderSpec, hookimpl
from pixroute_image_tasks.provider import ImageTasks, ImageTasksSettings


@hookimpl
def pixroute_providers() -> list[ProviderSpec]:
    """Offer the type."""
    return [
        ProviderSpec(
            name="image-tasks",
            create=ImageTasks,
            settings=ImageTasksSettings,
            summary="Aggregators that answer with a task id",
            sure="second hand",
            example={"base_url": "https://HOST/v1"},
        )
    ]
