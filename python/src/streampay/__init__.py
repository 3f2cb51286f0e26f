"""Stream for Python: pay by use over Lightning, and be paid by use. README.md has examples."""

from . import wire
from .api import Balance, Invoice, InvoiceState, Payment, Status
from .client import AsyncClient, AsyncPayingTransport, Client, PayingTransport
from .daemon import Daemon, find_daemon
from .errors import StreamError
from .money import Msat, format_amount, parse_amount
from .price import Price, Tariff
from .selling.paid import Paid, PaidApp, paid, paid_app
from .selling.request import Request, Response
from .selling.serve import Sale, selling, serve
from .streams import Event
from .wallet import AsyncWallet, Wallet

__version__ = "0.1.0"

__all__ = [
    "AsyncClient",
    "AsyncPayingTransport",
    "AsyncWallet",
    "Balance",
    "Client",
    "Daemon",
    "Event",
    "Invoice",
    "InvoiceState",
    "Msat",
    "Paid",
    "PaidApp",
    "PayingTransport",
    "Payment",
    "Price",
    "Request",
    "Response",
    "Sale",
    "Status",
    "StreamError",
    "Tariff",
    "Wallet",
    "find_daemon",
    "format_amount",
    "paid",
    "paid_app",
    "parse_amount",
    "selling",
    "serve",
    "wire",
]
