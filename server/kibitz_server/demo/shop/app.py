"""The shop's pages."""

from flask import Flask, jsonify, request

from . import basket, catalogue, payments, search, stock

app = Flask(__name__)


@app.get("/search")
def find():
    return jsonify(search.find(request.args.get("q", "")))


@app.get("/catalogue")
def whole_catalogue():
    return catalogue.export(), 200, {"Content-Type": "application/json"}


@app.get("/suggestions")
def suggestions():
    return jsonify(basket.often_bought_together(request.args.get("item", "0")))


@app.post("/pay")
def pay():
    return jsonify(payments.pay(request.args.get("amount", "10")))


@app.post("/reserve")
def reserve():
    return jsonify(stock.reserve(request.args.get("item", "0")))
