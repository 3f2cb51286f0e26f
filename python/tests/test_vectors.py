"""The vectors of `spec/`, which hold for every implementation.

Read here: money, tariff (costs, offers, playing time), challenge, credential, agreement, receipt, problem, statement (all but
signatures), negotiation (credit).

Not read, because this package leaves it to the daemon: message and bolt11 (signatures on secp256k1), proof (made of both), macaroon and
schemes (what is paid by other schemes), the policies and strategies of negotiation, and the counting of usage in tariff.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import streampay
from streampay import wire
from streampay.errors import from_problem, to_problem
from streampay.money import format_amount, parse_amount, parse_wire_msat
from streampay.price import Counts, Price, Tariff

VECTORS = Path(__file__).parents[2] / "spec" / "vectors"
COVERED = {"money", "tariff", "challenge", "credential", "agreement", "receipt", "problem", "statement", "negotiation"}
LEFT_TO_THE_DAEMON = {"message", "bolt11", "proof", "macaroon", "schemes"}

#: Statements that add up: whose they are, and whether they were changed, shows in the signature alone.
ONLY_BY_SIGNATURE = {
    "marked unsigned",
    "marked unsigned, with a signature",
    "no signature",
    "another payee",
    "reopened under the old signature",
    "a later time",
    "a member added",
}

pytestmark = pytest.mark.skipif(not VECTORS.is_dir(), reason="spec/vectors is not beside this folder")
Row = dict[str, Any]


def read(name: str) -> dict[str, Any]:
    vectors: dict[str, Any] = json.loads((VECTORS / f"{name}.json").read_text("utf-8"))
    return vectors


def refuses(rows: list[Row], reader: Callable[[Any], object]) -> None:
    assert rows
    for row in rows:
        with pytest.raises(streampay.StreamError) as caught:
            reader(row["input"])
            pytest.fail(f"{row['name']} was taken")
        assert caught.value.code == row["error"], row["name"]


def test_every_file_is_covered_or_named_as_left_out() -> None:
    assert {file.stem for file in VECTORS.glob("*.json")} == COVERED | LEFT_TO_THE_DAEMON


def test_money() -> None:
    vectors = read("money")
    for row in vectors["amounts"]:
        assert parse_amount(row["input"]) == int(row["msat"]), row
    for row in vectors["amountsPrinted"]:
        assert format_amount(int(row["msat"])) == row["text"]
        assert parse_amount(row["text"]) == int(row["msat"])
    for row in vectors["wireAmounts"]:
        assert parse_wire_msat(row["input"]) == int(row["msat"])
    refuses(vectors["amountsRefused"], parse_amount)
    refuses(vectors["wireAmountsRefused"], parse_wire_msat)


def test_prices() -> None:
    vectors = read("money")
    for row in vectors["prices"]:
        price = Price.parse(row["input"])
        assert (str(price.msat), str(price.per), price.unit) == (row["amount"], row["per"], row["unitType"]), row
        assert str(price) == row["printed"]
        assert Price.parse(str(price)) == price
    refuses(vectors["pricesRefused"], Price.parse)
    refuses(vectors["unitsRefused"], lambda unit: Price(1, 1, unit))
    for row in vectors["costs"]:
        price, steps = Price.parse(row["price"]), int(row["steps"])
        assert (int(price.cost_down(steps)), int(price.cost_up(steps))) == (int(row["charged"]), int(row["covered"]))
    for row in vectors["stepsCovered"]:
        assert Price.parse(row["price"]).steps_for(int(row["amount"])) == int(row["steps"])
    for row in vectors["comparisons"]:
        assert Price.parse(row["a"]).compare(Price.parse(row["b"])) == row["order"], row


def test_tariffs_and_playing_time() -> None:
    vectors = read("tariff")
    template = read("agreement")["accepted"]
    for row in vectors["costs"]:
        listed = {**template, "amount": "1", "per": "1", "unitType": "msat", "tariff": row["tariff"]}
        offer = wire.read_offer(listed)
        assert isinstance(offer.tariff, Tariff)
        assert str(offer.tariff) == row["printed"]
        counts = Counts(**{name: int(value) for name, value in row["counts"].items()})
        assert int(offer.tariff.cost(counts)) == int(row["cost"]), row
        assert wire.offer_json(offer) == listed
    refuses(vectors["offersRefused"], wire.read_offer)
    for row in vectors["plays"]:
        play = wire.read_play(row["header"], row["length"])
        assert play
        assert [(str(play.steps(int(at["bytes"])))) for at in row["steps"]] == [at["steps"] for at in row["steps"]]
    for row in vectors["playsRefused"]:
        assert wire.read_play(row["header"], row["length"]) is None, row


def test_challenges() -> None:
    vectors = read("challenge")
    for row in vectors["ids"]:
        assert wire.challenge_id(bytes.fromhex(row["secret"]), row["parameters"]) == row["id"]
    for row in vectors["challenges"]:
        [challenge] = wire.parse_challenges(row["header"])
        assert wire.verify_challenge(bytes.fromhex(row["secret"]), challenge)
        assert challenge.expires == row["expires"]
        assert wire.canonical_json(wire.offer_json(challenge.offer)) == row["canonical"]
        assert wire.find_offer(row["header"]) == challenge.offer
    for row in vectors["headers"]:
        assert [each.json() for each in wire.parse_challenges(row["header"])] == row["challenges"], row["name"]
    for row in vectors["verification"]:
        echoed = wire.Challenge(**row["echoed"])
        assert wire.verify_challenge(bytes.fromhex(row["secret"]), echoed) is row["valid"]
    refuses(vectors["headersRefused"], wire.parse_challenges)
    refuses(vectors["offersRefused"], wire.read_offer)


def test_credentials() -> None:
    vectors = read("credential")
    for row in vectors["credentials"]:
        credential = wire.parse_credential(row["header"])
        assert credential.challenge.json() == vectors["challenge"]
        assert credential.payload == row["payload"]
        assert credential.header() == row["header"]
        assert "cdcd" not in repr(credential), "the secret of an agreement in a repr"
    refuses(vectors["refused"], wire.parse_credential)


def test_agreements() -> None:
    vectors = read("agreement")
    accepted = wire.read_agreement(vectors["agreement"])
    assert wire.agreement_json(accepted) == vectors["agreement"]
    assert accepted.secret not in repr(accepted)
    offer = wire.read_offer(vectors["accepted"])
    for row in vectors["differences"]:
        assert wire.differing_terms(offer, wire.read_agreement(row["got"]).agreement) == row["differs"]
    refuses(vectors["refused"], wire.read_agreement)


def test_statements() -> None:
    vectors = read("statement")
    wire.read_statement(vectors["open"]).check_sums()
    for row in vectors["closing"]:
        statement = wire.read_statement(row["statement"])
        statement.check_sums()
        assert statement.signing_text() == row["signed"]
        assert statement.json() == row["statement"]
    taken = set()
    for row in vectors["refused"]:
        try:
            wire.read_statement(row["input"]).check_sums()
            taken.add(row["name"])
        except streampay.StreamError as error:
            assert error.code == row["error"], row["name"]
    assert taken == ONLY_BY_SIGNATURE


def test_receipts() -> None:
    vectors = read("receipt")
    for row in vectors["receipts"]:
        assert wire.parse_receipt(row["header"]).header() == row["header"]
        assert wire.canonical_json(wire.decode_json(row["header"], "seller-failed")) == row["canonical"]
    refuses(vectors["refused"], wire.parse_receipt)


def test_problems() -> None:
    vectors = read("problem")
    for document in vectors["problems"]:
        error = from_problem(document)
        assert error and error.code == document["code"]
        assert error.details == {"amount": "1000"}
        assert to_problem(error).items() >= document.items(), "the type and the status of a code"
    for row in vectors["foreign"]:
        error = from_problem(row["document"])
        assert (error.code if error else None) == row["code"]


def test_credit_of_negotiation() -> None:
    vectors = read("negotiation")

    def credit(row: Row) -> wire.Credit:
        return wire.Credit(*(int(row[name]) for name in ("start", "max", "ramp")))

    for row in vectors["creditAt"]:
        assert int(credit(row["credit"]).at(int(row["paid"]))) == int(row["is"])
    for row in vectors["creditWithin"]:
        assert credit(row["a"]).within(credit(row["b"])) is row["within"]
