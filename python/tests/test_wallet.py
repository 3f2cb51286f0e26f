"""The wallet against the real daemon, which has an embedded node; others pay and are paid by the command, with nodes of their own."""

from __future__ import annotations

import asyncio
import hashlib
import json
import subprocess
import threading
from collections.abc import Iterator

import pytest

import streampay
from streampay import Msat, StreamError
from streampay.wire import read_statement

from .conftest import Command


@streampay.paid(price="1 sat/KiB")
def file() -> bytes:
    return bytes(4096)


@pytest.fixture(scope="module")
def wallet(command: Command) -> Iterator[streampay.Wallet]:
    with streampay.Wallet() as wallet:
        yield wallet


@pytest.fixture(scope="module")
def url(command: Command) -> Iterator[str]:
    with streampay.selling(file, port=0) as sale:
        yield sale.url


class Payee:
    """Someone else with a node, who waits to be paid."""

    def __init__(self, command: Command, amount: str) -> None:
        argv = [*command.argv, "invoice", "create", amount, "--wait", "--json"]
        self.process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert self.process.stdout
        first = json.loads(self.process.stdout.readline())
        self.invoice: str = first["request"]

    def wait(self) -> None:
        _, said = self.process.communicate(timeout=120)
        assert self.process.returncode == 0, said.decode()


def test_who_and_what_it_is(wallet: streampay.Wallet) -> None:
    status = wallet.status()
    assert (status.network, status.is_owner) == ("regtest", True)
    assert status.url == wallet.daemon.url and len(status.public_key or "") == 66


def test_it_pays_an_invoice_once(wallet: streampay.Wallet, command: Command) -> None:
    payee = Payee(command, "21 sat")
    decoded = wallet.decode(payee.invoice)
    assert (decoded["amount"], decoded["network"]) == ("21000", "regtest")
    with pytest.raises(StreamError) as caught:
        wallet.pay(payee.invoice, max="20 sat")
    assert caught.value.status < 500
    paid = wallet.pay(payee.invoice)
    payee.wait()
    assert (paid.status, paid.amount, paid.payment_hash) == ("settled", 21_000, decoded["paymentHash"])
    assert hashlib.sha256(bytes.fromhex(paid.preimage or "")).hexdigest() == paid.payment_hash
    before = wallet.balance().sendable
    again = wallet.pay(payee.invoice)
    assert (again.status, again.preimage) == ("settled", paid.preimage)
    assert wallet.balance().sendable == before, "the second time paid again"
    assert wallet.lookup_payment(paid) == again
    hashes = [payment["paymentHash"] for payment in wallet.history(since="1h", limit=10)]
    assert hashes.count(paid.payment_hash) == 1


def test_it_is_paid(wallet: streampay.Wallet, command: Command) -> None:
    invoice = wallet.create_invoice(sat=7, description="for a test")
    assert invoice.amount == 7000 and str(invoice) == invoice.invoice
    assert wallet.decode(invoice)["description"] == "for a test"
    state = wallet.lookup(invoice)
    assert (state.status, state.is_paid, state.received) == ("open", False, None)
    argv = [*command.argv, "pay", invoice.invoice, "--json"]
    done = subprocess.run(argv, capture_output=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()
    state = wallet.lookup(invoice.payment_hash)
    assert (state.status, state.is_paid, state.received) == ("settled", True, 7000)


def test_what_is_bought_is_seen_and_can_be_closed(wallet: streampay.Wallet, url: str) -> None:
    offer = wallet.offers(url)
    assert (offer["price"], offer["unit"], offer["network"]) == ("1 sat/KiB", "byte", "regtest")
    with streampay.Client(daemon=wallet.daemon) as client:
        agreement = client.get(url).headers["streampay-agreement"]
    assert agreement in [one["agreement"] for one in wallet.agreements("open")]
    closed = wallet.close_agreement(agreement)
    assert closed["state"] == "closed"
    assert agreement in [one["agreement"] for one in wallet.agreements("closed")]
    proof = wallet.statement(agreement)
    statement = read_statement(proof["statement"])
    statement.check_sums()
    assert (statement.delivered, statement.state) == (Msat(4000), "closed")
    with pytest.raises(StreamError) as caught:
        wallet.statement("ab" * 16)
    assert caught.value.code == "not-found"


def test_budgets_of_all(wallet: streampay.Wallet) -> None:
    wallet.set_budget("host", "500 sat", at="api.example.com")
    limits = wallet.budgets()["limits"]
    assert isinstance(limits, list)
    assert [(row["limit"], row["max"]) for row in limits if row.get("host") == "api.example.com"] == [("host", "500000")]
    after = wallet.set_budget("host", None, at="api.example.com")["limits"]
    assert isinstance(after, list) and not [row for row in after if row.get("host") == "api.example.com" and "max" in row]


def test_another_program_has_a_budget_of_its_own(wallet: streampay.Wallet, command: Command) -> None:
    token = wallet.add_caller("reader", max="10 sat", hosts={"api.example.com": "5 sat"})
    with streampay.Wallet(daemon=streampay.Daemon(wallet.daemon.url, token)) as reader:
        assert (reader.status().caller, reader.status().is_owner) == ("reader", False)
        assert reader.balance().sendable <= 10_000
        payee = Payee(command, "11 sat")
        with pytest.raises(StreamError) as caught:
            reader.pay(payee.invoice)
        assert caught.value.code in ("budget-exhausted", "target-refused")
        payee.process.terminate()
        payee.process.wait()
        for owners in (lambda: reader.callers(), lambda: reader.set_budget("day", "1 sat")):
            with pytest.raises(StreamError) as refused:
                owners()
            assert refused.value.code == "owner-only"
        assert reader.history() == []
        wallet.remove_caller("reader")
        with pytest.raises(StreamError) as gone:
            reader.balance()
        assert gone.value.status == 401


@pytest.mark.parametrize(
    ("text", "code"), [("lnbc1nonsense", "invoice-invalid"), ("bitcoin:bc1qxyz", "invoice-invalid"), ("", "input-invalid")]
)
def test_what_is_no_invoice(wallet: streampay.Wallet, text: str, code: str) -> None:
    for use in (wallet.decode, wallet.pay):
        with pytest.raises(StreamError) as caught:
            use(text)
        assert caught.value.code == code
        assert caught.value.hint


def test_a_wallet_is_for_several_threads(wallet: streampay.Wallet) -> None:
    made: list[str] = []
    threads = [
        threading.Thread(target=lambda i=i: made.append(wallet.create_invoice(sat=i + 1).payment_hash)) for i in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(made)) == 8


def test_the_same_asynchronously(wallet: streampay.Wallet, url: str) -> None:
    async def use() -> None:
        async with streampay.AsyncWallet() as other:
            assert await other.daemon() == wallet.daemon
            status, balance = await asyncio.gather(other.status(), other.balance())
            assert status.network == "regtest" and balance.sendable > 0
            invoice = await other.create_invoice(amount="0.00000021 BTC")
            assert invoice.amount == 21_000
            assert (await other.decode(invoice))["amount"] == "21000"
            assert (await other.lookup(invoice)).status == "open"
            assert (await other.offers(url))["price"] == "1 sat/KiB"
            assert isinstance(await other.agreements(), list)
            assert len(await other.history(limit=1)) == 1
            assert "limits" in await other.budgets()
            await other.set_budget("day", "1 000 000 sat")
            await other.set_budget("day", None)
            token = await other.add_caller("async-reader", per_day="5 sat")
            assert token.startswith("spt_")
            assert "async-reader" in [caller["name"] for caller in await other.callers()]
            await other.remove_caller("async-reader")
            with pytest.raises(StreamError) as caught:
                await other.pay("lnbc1nonsense")
            assert caught.value.code == "invoice-invalid"
            for missing in (other.lookup_payment("ab" * 32), other.close_agreement("ab" * 16), other.statement("ab" * 16)):
                with pytest.raises(StreamError) as gone:
                    await missing
                assert gone.value.status == 404

    asyncio.run(use())
