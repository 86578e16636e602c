from fastapi import FastAPI
from work import busy_request

from kibitz_agent.integrations.asgi import KibitzMiddleware

app = FastAPI()
app.add_middleware(KibitzMiddleware)


@app.get("/")
async def index():
    return busy_request()
