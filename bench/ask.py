"""What we add to an ask beside the model call itself: `Sleeptime.ask` on SQLite, less the time inside the model."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from statistics import median, quantiles

from pydantic_ai.messages import ModelMessage, ModelResponse
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.models.wrapper import WrapperModel
from pydantic_ai.settings import ModelSettings

from bench.figure import Figure
from sleeptime.app import Sleeptime
from sleeptime.core.context import Context, Part
from sleeptime.core.note import LearnedContext, Note, NoteKind
from sleeptime.models.scripted import ScriptedModel
from sleeptime.store.store import Store

PARTS, NOTES, REPEATS, WARM_UP = 20, 20, 300, 20


class TimedModel(WrapperModel):
    """Adds up the seconds spent inside the wrapped model."""

    inside_s = 0.0

    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        """Answer, and count the time it takes."""
        began = time.perf_counter()
        response = await super().request(messages, model_settings, model_request_parameters)
        self.inside_s += time.perf_counter() - began
        return response


async def measure() -> list[Figure]:
    """Median overhead of an ask on a context of `PARTS` parts and `NOTES` notes, on each route that calls a model."""
    parts = tuple(Part(f"part {i}", f"part {i}. " + "Some words of text. " * 48) for i in range(PARTS))
    context = Context("asked", parts)
    notes = tuple(Note(NoteKind.FACT, f"Statement {i}.", depends_on=(parts[i].sha256,)) for i in range(NOTES))
    figures = []
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder) / 'bench.db'}"
        async with await Store.open(url) as store:
            await store.add_context(context)
            learned = LearnedContext(context.name, context.version, notes, "notes", "bench")
            await store.make_live(context.name, await store.stage(learned))
        model = TimedModel(ScriptedModel(lambda messages, parameters: "an answer"))
        async with Sleeptime(model=model, database=url) as sleeptime:
            for route in ("notes", "full"):
                figures.append(await _overhead(sleeptime, model, route))
    return figures


async def _overhead(sleeptime: Sleeptime, model: TimedModel, route: str) -> Figure:
    took_ms = []
    for i in range(WARM_UP + REPEATS):
        model.inside_s, began = 0.0, time.perf_counter()
        await sleeptime.ask("asked", f"What is statement {i}?", route=route)
        took_ms.append(1e3 * (time.perf_counter() - began - model.inside_s))
    counted = took_ms[WARM_UP:]
    p90 = quantiles(counted, n=10)[-1]
    detail = f"median of {REPEATS}, 90 % within {p90:.2f} ms; {PARTS} parts, {NOTES} notes"
    return Figure(f"ask beside the model call, route {route}", median(counted), "ms", detail)
