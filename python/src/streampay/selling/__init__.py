"""Selling from Python: functions and apps that answer a gateway, which counts, is paid, and lets pass what is paid for."""
