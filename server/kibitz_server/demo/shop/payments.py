"""Payments through a provider far away."""

import ssl


class PaymentClient:
    """The provider's client: it loads all certificates of the machine when it is made."""

    def __init__(self):
        self.context = ssl.create_default_context()

    def charge(self, amount):
        return {"charged": amount, "protocol": self.context.protocol.name}


def pay(amount):
    """Makes a client for every payment instead of keeping one."""
    return PaymentClient().charge(amount)
