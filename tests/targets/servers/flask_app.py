from flask import Flask
from work import busy_request

from kibitz_agent.integrations.flask import Kibitz

app = Flask("a_flask_app")
Kibitz(app)


@app.get("/")
def index():
    return busy_request()
