"""A wallet: the local daemon, for the things one does by hand with Lightning."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from types import TracebackType
from typing import Any, TypeVar

import anyio
import anyio.to_thread
import httpx

from . import api
from .api import Balance, Call, Invoice, InvoiceState, Json, Payment, Status, amount_of, read_answer, unreachable
from .daemon import Daemon, ensure_daemon

T = TypeVar("T")
#: A payment may take as long as its route does.
_TIMEOUT = httpx.Timeout(30, read=300)


class Wallet:
    """The local daemon, found or started.

    It is found by the state file that `streampay proxy` writes, or by ``STREAMPAY_PROXY`` and ``STREAMPAY_TOKEN``. Where there is
    none, one is started (:func:`streampay.command.find_command`) and ends with this program.

    Amounts are given as ``sat=21``, ``msat=21000`` or a text with its unit (``"21 sat"``, ``"0.001 BTC"``), and come back as
    :class:`streampay.Msat`. Every method raises :class:`streampay.StreamError`. May be used from several threads.

    >>> wallet = streampay.Wallet()                                     # doctest: +SKIP
    >>> wallet.pay(wallet_of_bob.create_invoice(sat=21)).is_settled     # doctest: +SKIP
    True
    """

    def __init__(
        self,
        *,
        daemon: Daemon | None = None,
        start: bool = True,
        node: str | None = None,
        port: int | None = None,
    ) -> None:
        """
        :param daemon: one whose address and token are known
        :param start: start one where none is found
        :param node: which node a started one uses, as `--node` (docs/cli.md#nodes)
        :param port: where a started one listens; any free one by default
        """
        self._find = None if daemon else partial(ensure_daemon, start=start, node=node, port=port)
        self.daemon = daemon or ensure_daemon(start=start, node=node, port=port)
        self._client = httpx.Client(**_options(self.daemon))

    def __enter__(self) -> Wallet:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections. The daemon goes on, for whoever else uses it."""
        self._client.close()

    def _send(self, call: Call[T]) -> T:
        try:
            try:
                response = self._request(call)
            except httpx.ConnectError:
                if self._find is None:
                    raise
                # Nothing was sent: whoever had started the daemon has ended. Another one is found, or started.
                self.daemon = self._find()
                self._client = httpx.Client(**_options(self.daemon))
                response = self._request(call)
        except httpx.HTTPError as error:
            raise unreachable(error, call) from error
        return read_answer(call, response)

    def _request(self, call: Call[T]) -> httpx.Response:
        return self._client.request(call.method, call.url, json=call.json, params=call.params)

    def status(self) -> Status:
        """Which daemon, node, network and caller this is."""
        return self._send(api.status())

    def balance(self) -> Balance:
        """What can be sent and received now."""
        return self._send(api.balance())

    def create_invoice(
        self,
        sat: int | None = None,
        *,
        amount: str | int | None = None,
        msat: int | None = None,
        description: str | None = None,
        expires_in_s: int | None = None,
    ) -> Invoice:
        """An invoice that someone else pays. ``amount`` as an int is msat."""
        return self._send(api.create_invoice(amount_of(sat, amount, msat), description, expires_in_s))

    def pay(
        self,
        invoice: str | Invoice,
        *,
        amount: str | int | None = None,
        max: str | int | None = None,
        max_fee: str | int | None = None,
    ) -> Payment:
        """Pays an invoice, once: paid again, it says what became of the first time.

        :param amount: for an invoice that names none
        :param max: refuse an invoice for more
        :param max_fee: the most that routing may cost
        :raises StreamError: ``budget-exhausted``, ``no-route``, ``payment-unknown``, …
        """
        return self._send(api.pay(str(invoice), amount, max, max_fee))

    def lookup(self, invoice: str | Invoice) -> InvoiceState:
        """How an invoice of this wallet stands: by the invoice that was made, or its payment hash."""
        return self._send(api.look_up_invoice(_hash_of(invoice)))

    def lookup_payment(self, payment_hash: str | Payment) -> Payment:
        """What became of a payment."""
        return self._send(api.look_up_payment(_hash_of(payment_hash)))

    def decode(self, text: str | Invoice) -> Json:
        """What an invoice says, its signature checked: as `streampay decode --json`."""
        return self._send(api.decode(str(text)))

    def offers(self, url: str, *, method: str | None = None) -> Json:
        """What a seller asks: as `streampay price --json`. Costs nothing."""
        return self._send(api.offers(url, method))

    def agreements(self, status: str | None = None) -> list[Json]:
        """What was agreed on with sellers: ``status`` is ``open``, ``closed``, or nothing for all."""
        return self._send(api.agreements(status))

    def close_agreement(self, agreement: str) -> Json:
        """Closes one that was left open, and takes back what is left on it."""
        return self._send(api.close_agreement(agreement))

    def statement(self, agreement: str) -> Json:
        """The proof of what was bought and paid on a closed agreement (spec section 8)."""
        return self._send(api.statement(agreement))

    def history(self, *, since: str | None = None, limit: int | None = None) -> list[Json]:
        """The payments of the last so much time (``"24h"``), the latest so many."""
        return self._send(api.history(since, limit))

    def budgets(self) -> Json:
        """The limits, and what was spent of them."""
        return self._send(api.budgets())

    def set_budget(self, limit: str, amount: str | int | None, *, at: str | None = None) -> Json:
        """Sets a limit (``day``, ``host``, …) for everybody; ``None`` takes it away. For the owner alone."""
        return self._send(api.set_budget(limit, amount, at))

    def callers(self) -> list[Json]:
        """The programs that pay through this daemon with a token of their own. For the owner alone."""
        return self._send(api.callers())

    def add_caller(
        self,
        name: str,
        *,
        max: str | int | None = None,
        per_day: str | int | None = None,
        hosts: Mapping[str, str | int | None] | None = None,
        max_price: str | None = None,
        ahead: str | int | None = None,
        max_risk: str | int | None = None,
    ) -> str:
        """A token for another program, with a budget of its own. It is told this once. For the owner alone.

        :param max: the most that it may ever spend
        :param per_day: the most in any 24 hours
        :param hosts: where alone it may go (``"api.example.com"``), and how much it may spend there a day, or ``None``
        :param max_price: the most to accept for a unit
        :param ahead: the most to have paid for what has not come
        :param max_risk: the most to pay in one piece before anything comes, to sellers that want it so
        """
        return self._send(api.add_caller(name, max, per_day, hosts, max_price, ahead, max_risk))

    def remove_caller(self, name: str) -> None:
        """Its token opens nothing from then on."""
        self._send(api.remove_caller(name))


class AsyncWallet:
    """:class:`Wallet`, for asyncio: the same methods, to be awaited. The daemon is found or started at the first of them.

    >>> async with streampay.AsyncWallet() as wallet:                  # doctest: +SKIP
    ...     print((await wallet.balance()).sendable)
    """

    def __init__(
        self,
        *,
        daemon: Daemon | None = None,
        start: bool = True,
        node: str | None = None,
        port: int | None = None,
    ) -> None:
        self._daemon, self._start, self._node, self._port = daemon, start, node, port
        self._is_given = daemon is not None
        self._opened: httpx.AsyncClient | None = None
        self._opening = anyio.Lock()

    async def __aenter__(self) -> AsyncWallet:
        await self._client()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        if self._opened:
            await self._opened.aclose()

    async def daemon(self) -> Daemon:
        await self._client()
        assert self._daemon
        return self._daemon

    async def _client(self) -> httpx.AsyncClient:
        async with self._opening:
            if self._opened is None:
                if self._daemon is None:
                    self._daemon = await anyio.to_thread.run_sync(
                        lambda: ensure_daemon(start=self._start, node=self._node, port=self._port)
                    )
                self._opened = httpx.AsyncClient(**_options(self._daemon))
            return self._opened

    async def _send(self, call: Call[T]) -> T:
        try:
            try:
                response = await self._request(call)
            except httpx.ConnectError:
                if self._is_given:
                    raise
                # As in Wallet.
                self._daemon = self._opened = None
                response = await self._request(call)
        except httpx.HTTPError as error:
            raise unreachable(error, call) from error
        return read_answer(call, response)

    async def _request(self, call: Call[T]) -> httpx.Response:
        client = await self._client()
        return await client.request(call.method, call.url, json=call.json, params=call.params)

    async def status(self) -> Status:
        return await self._send(api.status())

    async def balance(self) -> Balance:
        return await self._send(api.balance())

    async def create_invoice(
        self,
        sat: int | None = None,
        *,
        amount: str | int | None = None,
        msat: int | None = None,
        description: str | None = None,
        expires_in_s: int | None = None,
    ) -> Invoice:
        return await self._send(api.create_invoice(amount_of(sat, amount, msat), description, expires_in_s))

    async def pay(
        self,
        invoice: str | Invoice,
        *,
        amount: str | int | None = None,
        max: str | int | None = None,
        max_fee: str | int | None = None,
    ) -> Payment:
        return await self._send(api.pay(str(invoice), amount, max, max_fee))

    async def lookup(self, invoice: str | Invoice) -> InvoiceState:
        return await self._send(api.look_up_invoice(_hash_of(invoice)))

    async def lookup_payment(self, payment_hash: str | Payment) -> Payment:
        return await self._send(api.look_up_payment(_hash_of(payment_hash)))

    async def decode(self, text: str | Invoice) -> Json:
        return await self._send(api.decode(str(text)))

    async def offers(self, url: str, *, method: str | None = None) -> Json:
        return await self._send(api.offers(url, method))

    async def agreements(self, status: str | None = None) -> list[Json]:
        return await self._send(api.agreements(status))

    async def close_agreement(self, agreement: str) -> Json:
        return await self._send(api.close_agreement(agreement))

    async def statement(self, agreement: str) -> Json:
        return await self._send(api.statement(agreement))

    async def history(self, *, since: str | None = None, limit: int | None = None) -> list[Json]:
        return await self._send(api.history(since, limit))

    async def budgets(self) -> Json:
        return await self._send(api.budgets())

    async def set_budget(self, limit: str, amount: str | int | None, *, at: str | None = None) -> Json:
        return await self._send(api.set_budget(limit, amount, at))

    async def callers(self) -> list[Json]:
        return await self._send(api.callers())

    async def add_caller(
        self,
        name: str,
        *,
        max: str | int | None = None,
        per_day: str | int | None = None,
        hosts: Mapping[str, str | int | None] | None = None,
        max_price: str | None = None,
        ahead: str | int | None = None,
        max_risk: str | int | None = None,
    ) -> str:
        return await self._send(api.add_caller(name, max, per_day, hosts, max_price, ahead, max_risk))

    async def remove_caller(self, name: str) -> None:
        await self._send(api.remove_caller(name))


def _hash_of(what: str | Invoice | Payment) -> str:
    return what if isinstance(what, str) else what.payment_hash


def _options(daemon: Daemon) -> dict[str, Any]:
    # trust_env: a proxy for the rest of the world is none for this machine.
    headers = {"authorization": f"Bearer {daemon.token}"}
    return {"base_url": daemon.url, "headers": headers, "timeout": _TIMEOUT, "trust_env": False}
