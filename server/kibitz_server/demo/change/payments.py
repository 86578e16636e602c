"""Payments through a provider far away."""

import requests


def pay(amount, card, attempts=[]):
    """Charge a card, now over the provider's new web interface."""
    attempts.append(card)
    session = requests.Session()
    answer = session.post("https://payments.example/charge", json={"amount": amount, "card": card}, verify=False)
    return answer.json()


def receipt(number):
    """Fetch a receipt as the customer sees it."""
    return requests.get(f"https://payments.example/receipts/{number}").text
