"""Whether what came is a picture, and the one that was asked for."""

from __future__ import annotations

from decimal import Decimal

from attrs import evolve, field, frozen

from pixroute.cost import Cost
from pixroute.outcome import Delivered, Failure, FailureKind, Outcome, Stage, Success
from pixroute.picture import BadPicture, PictureInfo, inspect, judge
from pixroute.request import ImageRequest
from pixroute.result import Adjustment, Image
from pixroute.routing.chain import PreparedProvider


@frozen(kw_only=True)
class Checked:
    """What validation made of a success: `images` accepted, `rejected` valid but not what was asked."""

    outcome: Outcome
    images: tuple[Image, ...] = ()
    rejected: tuple[Image, ...] = ()
    adjustments: tuple[Adjustment, ...] = field(default=())


def validate(success: Success, asked: ImageRequest, prepared: PreparedProvider) -> Checked:
    """Look at every picture; some good ones among bad make a success, none make the first failure."""
    images: list[Image] = []
    rejected: list[Image] = []
    failures = list(success.failures)
    for delivered in success.pictures:
        try:
            with delivered.content.open() as source:
                info = inspect(source, delivered.content.size)
        except BadPicture as error:
            failures.append(_broken(error, delivered, prepared))
            delivered.content.discard()
            continue
        image = _image(delivered, info, success, prepared)
        if judge(info, asked.size, prepared.size_tolerance) is None:
            images.append(image)
        else:
            failures.append(evolve(_undersized(info, asked, prepared), other_route=success.other_route))
            rejected.append(image)
    if not images:
        return Checked(outcome=failures[0], rejected=tuple(rejected))
    kept = evolve(success, failures=tuple(failures)) if len(failures) > len(success.failures) else success
    adjustments = (*prepared.adjustments, *_resized(images, asked))
    return Checked(outcome=kept, images=tuple(images), rejected=tuple(rejected), adjustments=adjustments)


def at_most(checked: Checked, n: int) -> Checked:
    """Keep the first n pictures; one that came in place of another that failed leaves nothing missing."""
    if isinstance(checked.outcome, Failure):
        return checked
    kept, beyond = checked.images[:n], checked.images[n:]
    for image in beyond:
        image.content.discard()
    surplus, failures = checked.outcome.surplus + len(beyond), checked.outcome.failures
    missing = failures[: n - len(kept)]
    if not surplus and missing == failures:
        return checked
    why = f"the answer held {len(kept) + len(failures) + surplus}"
    if len(failures) > len(missing):
        why += f", of which {len(failures)} could not be taken: {failures[0].message}"
    adjustment = Adjustment("n", str(n), str(len(kept)), why.rstrip("."))
    return evolve(
        checked,
        outcome=evolve(checked.outcome, failures=missing),
        images=kept,
        adjustments=(*checked.adjustments, adjustment),
    )


def _image(delivered: Delivered, info: PictureInfo, success: Success, prepared: PreparedProvider) -> Image:
    return Image(
        content=delivered.content,
        format=info.format,
        width=info.width,
        height=info.height,
        provider=prepared.name,
        model=success.model or prepared.provider.model,
        cost=Cost(certain=_price_of_one(success, prepared), currency=prepared.currency),
        revised_prompt=delivered.revised_prompt,
    )


def _price_of_one(success: Success, prepared: PreparedProvider) -> Decimal | None:
    if success.cost is None or success.currency != prepared.currency:
        return prepared.unit_price
    return success.cost / len(success.pictures)


def _broken(error: BadPicture, delivered: Delivered, prepared: PreparedProvider) -> Failure:
    return Failure(
        kind=FailureKind.BAD_IMAGE,
        message=f"What {prepared.name} delivered is no valid picture: {error}.",
        advice="It was paid for; another upstream is tried.",
        stage=Stage.VALIDATE,
        url=delivered.url,
    )


def _undersized(info: PictureInfo, asked: ImageRequest, prepared: PreparedProvider) -> Failure:
    status = "It is not asked for this resolution for an hour."
    return Failure(
        kind=FailureKind.UNDERSIZED,
        message=f"{prepared.name} delivered {info.width}x{info.height} where {asked.size} was asked.",
        advice=prepared.provider.advice.get(FailureKind.UNDERSIZED, status),
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
