"""A model behind FastAPI, as many are written: tokens as server-sent events. It knows nothing of payments."""

import asyncio
import json

from fastapi import FastAPI, HTTPException
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

WORDS = "rain falls where warm wet air climbs until it is too cold to hold its water ".split()
SECONDS_A_TOKEN = 0.01

app = FastAPI()
state = {"computed": 0, "running": 0}


class Ask(BaseModel):
    model: str = "words"
    max_tokens: int = Field(64, ge=1, le=100_000)


async def generate(count: int):
    """Stands for the call into a model, which yields one token after another."""
    state["running"] += 1
    try:
        for i in range(count):
            await asyncio.sleep(SECONDS_A_TOKEN)
            state["computed"] += 1
            yield WORDS[i % len(WORDS)] + " "
    finally:
        # Runs when the answer is whole, and when its reader has left.
        state["running"] -= 1


@app.post("/v1/chat/completions")
async def chat(ask: Ask):
    if ask.model != "words":
        raise HTTPException(503, "this model is not loaded")

    async def events():
        async for token in generate(ask.max_tokens):
            chunk = {"choices": [{"index": 0, "delta": {"content": token}, "finish_reason": None}]}
            yield f"data: {json.dumps(chunk)}\n\n"
        yield "data: [DONE]\n\n"

    return StreamingResponse(events(), media_type="text/event-stream")


@app.get("/state")
async def tell():
    return state
