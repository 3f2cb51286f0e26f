"""Sellers that others wrote, unmodified, each with a wallet of ours: one that speaks as LNbits does, at WALLET."""

import os

import httpx
from fastapi import FastAPI, Request
from fastapi.responses import PlainTextResponse
from l402kit import LNbitsProvider, l402_required
from lightning_toll import create_toll
from lightning_toll.nwc import InvoiceResult

WALLET = os.environ["WALLET"]


class Wallet:
    """What lightning-toll asks of a wallet."""

    async def create_invoice(self, amount_sats: int, description: str = "", expiry: int = 300) -> InvoiceResult:
        async with httpx.AsyncClient() as client:
            asked = {"out": False, "amount": amount_sats, "memo": description, "expiry": expiry}
            answer = (await client.post(f"{WALLET}/api/v1/payments", json=asked)).json()
        return InvoiceResult(invoice=answer["payment_request"], payment_hash=answer["payment_hash"])


app = FastAPI()
toll = create_toll(wallet=Wallet(), secret="a secret of forty characters or so, for it")


@app.get("/toll/{name}")
@toll.require(sats=5)
async def tolled(request: Request, name: str) -> PlainTextResponse:
    return PlainTextResponse(f"{name} for 5")


@app.get("/kit/{name}")
@l402_required(price_sats=4, lightning=LNbitsProvider("key", WALLET))
async def kit(request: Request, name: str) -> PlainTextResponse:
    return PlainTextResponse(f"{name} for 4")
