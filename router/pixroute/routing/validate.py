"""Whether what came is a picture, and the one that was asked for."""

from __future__ import annotations

from attrs import field, frozen

from pixroute.outcome import Delivered, Failure, FailureKind, Outcome, Stage, Success
from pixroute.picture import BadPicture, inspect, judge
from pixroute.request import ImageRequest
from pixroute.result import Adjustment, Cost, Image
from pixroute.routing.chain import Contender


@frozen(kw_only=True)
class Checked:
    """What validation made of a success: `images` accepted, `rejected` valid but not what was asked."""

    outcome: Outcome
    images: tuple[Image, ...] = ()
    rejected: tuple[Image, ...] = ()
    adjustments: tuple[Adjustment, ...] = field(default=())


def validate(success: Success, asked: ImageRequest, contender: Contender) -> Checked:
    """Look at every picture; some good ones among bad make a success, none make the first failure."""
    images, rejected, failures = [], [], list(success.failures)
    for delivered in success.pictures:
        result = _look(delivered, success, asked, contender)
        if isinstance(result, Failure):
            failures.append(result)
            delivered.content.discard()
        elif (failure := _too_small(result, asked, contender)) is not None:
            failures.append(failure)
            rejected.append(result)
        else:
            images.append(result)
    if not images:
        return Checked(outcome=failures[0], rejected=tuple(rejected))
    kept = Success(
        pictures=success.pictures,
        failures=tuple(failures),
        model=success.model,
        usage=success.usage,
        provider_request_id=success.provider_request_id,
    )
    adjustments = (*contender.adjustments, *_resized(images, asked))
    return Checked(outcome=kept, images=tuple(images), rejected=tuple(rejected), adjustments=adjustments)


def _look(delivered: Delivered, success: Success, asked: ImageRequest, contender: Contender) -> Image | Failure:
    try:
        with delivered.content.open() as source:
            info = inspect(source, delivered.content.size)
    except BadPicture as error:
        return Failure(
            kind=FailureKind.BAD_IMAGE,
            message=f"What {contender.name} delivered is no valid picture: {error}.",
            advice="It was paid for; another upstream is tried.",
            stage=Stage.VALIDATE,
        )
    return Image(
        content=delivered.content,
        format=info.format,
        width=info.width,
        height=info.height,
        provider=contender.name,
        model=success.model or contender.provider.model,
        cost=Cost(certain=contender.unit_price, currency=contender.currency),
        revised_prompt=delivered.revised_prompt,
    )


def _too_small(image: Image, asked: ImageRequest, contender: Contender) -> Failure | None:
    shortfall = judge(image, asked.size, contender.size_tolerance)
    if shortfall is None:
        return None
    return Failure(
        kind=FailureKind.UNDERSIZED,
        message=f"{contender.name} delivered {image.width}x{image.height} where {asked.size} was asked.",
        advice=contender.provider.advice.get(
            FailureKind.UNDERSIZED, "It is not asked for this resolution for an hour."
        ),
        stage=Stage.VALIDATE,
    )


def _resized(images: list[Image], asked: ImageRequest) -> list[Adjustment]:
    size = asked.size
    if size is None or not size.width:
        return []
    return [
        Adjustment("size", str(size), f"{image.width}x{image.height}", f"{image.provider} makes no other of this shape")
        for image in images
        if (image.width, image.height) != (size.width, size.height)
    ]
